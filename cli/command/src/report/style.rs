//! Styles. They are stripped if the output is not a terminal or NO_COLOR is set.

use anstyle::{AnsiColor, Color, Style};

pub(super) const ERROR: Style = of(AnsiColor::Red).bold();
pub(super) const WARNING: Style = of(AnsiColor::Yellow).bold();
pub(super) const HINT: Style = of(AnsiColor::Cyan).bold();
pub(super) const STATUS: Style = of(AnsiColor::Green).bold();
/// The label of a value.
pub(super) const LABEL: Style = Style::new().dimmed();

const fn of(color: AnsiColor) -> Style {
    Style::new().fg_color(Some(Color::Ansi(color)))
}

/// Applies a style to a text.
pub(super) fn styled(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}
