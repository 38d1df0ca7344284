//! How far an upload is, on a terminal.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;

const SENDING: &str =
    "{bar:30} {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} {eta} left";
/// What was read is handed on, but the last of it may still be on its way.
const SENT: &str = "{bar:30} {binary_total_bytes}, waiting for the API";

/// A bar with size, rate and time left; nothing where stderr is no terminal.
pub(crate) fn bar(size: u64, quiet: bool) -> ProgressBar {
    if quiet || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let target = ProgressDrawTarget::stderr_with_hz(10);
    styled(ProgressBar::with_draw_target(Some(size), target), SENDING)
}

/// Moves the bar to what was read.
pub(crate) fn advance(bar: &ProgressBar, read: u64) {
    bar.set_position(read);
    if bar.length() == Some(read) {
        styled(bar.clone(), SENT).tick();
    }
}

fn styled(bar: ProgressBar, template: &str) -> ProgressBar {
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_templates_are_well_formed() {
        for template in [SENDING, SENT] {
            ProgressStyle::with_template(template).unwrap();
        }
    }
}
