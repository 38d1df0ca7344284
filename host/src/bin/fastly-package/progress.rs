//! How far an upload is, on a terminal.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;

/// A bar with size, rate and time left; nothing where stderr is no terminal.
pub(crate) fn bar(size: u64, quiet: bool) -> ProgressBar {
    if quiet || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(Some(size), ProgressDrawTarget::stderr_with_hz(10));
    let template = "{bar:30} {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} {wide_msg}";
    // The template is a constant: it parses or a test fails.
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}

/// Moves the bar. All read is not all sent: the rest is said in words.
pub(crate) fn advance(bar: &ProgressBar, read: u64) {
    bar.set_position(read);
    if bar.length() == Some(read) {
        bar.set_message("waiting for the API");
    } else {
        bar.set_message(format!("{} left", indicatif::HumanDuration(bar.eta())));
    }
}
