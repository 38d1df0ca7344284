//! How far an upload is, on a terminal.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;

const SENDING: &str =
    "{bar:30} {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} {eta} left";
/// What was read is handed on, but the last of it may still be on its way.
const SENT: &str = "{bar:30} {binary_total_bytes}, waiting for the API";

/// A bar with size, rate and time left; nothing before it begins, and nothing where stderr is no terminal.
#[derive(Clone)]
pub(crate) struct Progress(ProgressBar);

impl Default for Progress {
    fn default() -> Self {
        Self(ProgressBar::hidden())
    }
}

impl Progress {
    pub(crate) fn begin(&self, size: u64, quiet: bool) {
        self.0.set_length(size);
        self.style(SENDING);
        if !quiet && std::io::stderr().is_terminal() {
            self.0.set_draw_target(ProgressDrawTarget::stderr_with_hz(10));
            self.0.reset();
        }
    }

    /// Moves the bar to what was read; a retry begins at the beginning.
    pub(crate) fn advance(&self, read: u64) {
        if read < self.0.position() {
            self.style(SENDING);
            self.0.reset();
        }
        self.0.set_position(read);
        if self.0.length() == Some(read) {
            self.style(SENT);
            self.0.tick();
        }
    }

    /// Takes the bar away while something is printed.
    pub(crate) fn suspend(&self, print: impl FnOnce()) {
        self.0.suspend(print);
    }

    pub(crate) fn clear(&self) {
        self.0.finish_and_clear();
    }

    fn style(&self, template: &str) {
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.0.set_style(style);
        }
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
