//! What stands out on a terminal. Where there is none, or NO_COLOR is set, the streams take it out again.

use anstyle::{AnsiColor, Color, Style};

pub(super) const ERROR: Style = of(AnsiColor::Red).bold();
pub(super) const WARNING: Style = of(AnsiColor::Yellow).bold();
pub(super) const HINT: Style = of(AnsiColor::Cyan).bold();
pub(super) const DONE: Style = of(AnsiColor::Green).bold();
/// The name of a value.
pub(super) const NAME: Style = Style::new().dimmed();

const fn of(color: AnsiColor) -> Style {
    Style::new().fg_color(Some(Color::Ansi(color)))
}

/// A text in this style.
pub(super) fn styled(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}
