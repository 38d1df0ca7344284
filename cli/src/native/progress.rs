//! The progress of an upload: a bar on a terminal, or with `--verbose` a line every few seconds.

use fastly_package_command::report::Report;
use indicatif::{DecimalBytes, HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::time::Duration;

const SENDING: &str =
    "{bar:30} {decimal_bytes}/{decimal_total_bytes} {decimal_bytes_per_sec} {eta} left";
/// Everything was read, but the end may not have been sent yet.
const SENT: &str = "{bar:30} {decimal_total_bytes}, {msg}";

/// The interval between two lines.
const LINE_INTERVAL: Duration = Duration::from_secs(5);
/// The interval between two drawings of a bar that doesn't move.
const DRAW_INTERVAL: Duration = Duration::from_millis(200);

/// The progress of an upload. Nothing is shown before it begins.
#[derive(Clone)]
pub(crate) struct Progress {
    /// Its message is empty until everything was read.
    bar: ProgressBar,
    display: Display,
}

/// How the progress is shown.
#[derive(Clone, Copy)]
enum Display {
    None,
    Bar,
    Lines,
}

impl Progress {
    pub(crate) fn new(report: Report) -> Self {
        Self::with_display(match std::io::stderr().is_terminal() {
            _ if report.quiet => Display::None,
            // Log lines would tear a bar apart.
            _ if report.verbose => Display::Lines,
            true => Display::Bar,
            false => Display::None,
        })
    }

    fn with_display(display: Display) -> Self {
        Self { bar: ProgressBar::hidden(), display }
    }

    pub(crate) fn begin(&self, size: u64) {
        self.bar.set_length(size);
        self.show(SENDING, "");
        if let Display::Bar = self.display {
            self.bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(10));
            self.bar.reset();
        }
    }

    /// Moves the bar to the number of bytes read. A retry begins at 0.
    pub(crate) fn advance(&self, read: u64) {
        if read < self.bar.position() {
            self.restart();
        }
        self.bar.set_position(read);
        if self.bar.length() == Some(read) {
            self.show(SENT, "waiting for the API");
        }
    }

    /// Shows that the package is about to be sent again.
    pub(crate) fn restart(&self) {
        self.show(SENDING, "");
        self.bar.reset();
    }

    /// Shows that a GET verifies what is stored.
    pub(crate) fn verify(&self) {
        self.show(SENT, "verifying");
    }

    /// Runs an upload and shows its progress at intervals: in a printed line, or by drawing the bar, whose drawings in quick succession are skipped.
    pub(crate) async fn run<T>(&self, upload: impl Future<Output = T>, print: impl Fn(&str)) -> T {
        let interval = match self.display {
            Display::None => return upload.await,
            Display::Bar => DRAW_INTERVAL,
            Display::Lines => LINE_INTERVAL,
        };
        let mut upload = std::pin::pin!(upload);
        loop {
            match tokio::time::timeout(interval, upload.as_mut()).await {
                Ok(ended) => return ended,
                Err(_) if matches!(self.display, Display::Lines) => print(&self.line()),
                Err(_) => self.bar.tick(),
            }
        }
    }

    fn line(&self) -> String {
        let (bar, message) = (&self.bar, self.bar.message());
        let size = DecimalBytes(bar.length().unwrap_or_default());
        if !message.is_empty() {
            return format!("sent {size}, {message}");
        }
        let (read, rate) = (DecimalBytes(bar.position()), DecimalBytes(bar.per_sec() as u64));
        format!("sent {read} of {size}, {rate}/s, {} left", HumanDuration(bar.eta()))
    }

    /// Hides the bar while something is printed.
    pub(crate) fn suspend(&self, print: impl FnOnce()) {
        self.bar.suspend(print);
    }

    pub(crate) fn clear(&self) {
        self.bar.finish_and_clear();
    }

    fn show(&self, template: &str, message: &'static str) {
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.bar.set_style(style);
        }
        self.bar.set_message(message);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    #[test]
    fn the_templates_are_well_formed() {
        for template in [SENDING, SENT] {
            ProgressStyle::with_template(template).unwrap();
        }
    }

    /// Returns the lines that are printed during an upload of 10 MB that stalls twice while it is sent, and once after.
    async fn printed(display: Display) -> Vec<String> {
        let lines = RefCell::new(Vec::new());
        let progress = Progress::with_display(display);
        progress.begin(10_000_000);
        let upload = async {
            for read in [2_000_000, 4_000_000, 10_000_000] {
                progress.advance(read);
                tokio::time::sleep(LINE_INTERVAL * 11 / 10).await;
            }
            progress.verify();
            tokio::time::sleep(LINE_INTERVAL).await;
        };
        progress.run(upload, |line| lines.borrow_mut().push(line.to_owned())).await;
        lines.into_inner()
    }

    #[tokio::test(start_paused = true)]
    async fn a_line_every_few_seconds_shows_the_progress() {
        let printed = printed(Display::Lines).await;
        assert!(printed[0].starts_with("sent 2.00 MB of 10.00 MB, "), "{printed:?}");
        assert!(printed[0].ends_with(" left"), "{printed:?}");
        assert!(printed[1].starts_with("sent 4.00 MB of 10.00 MB, "), "{printed:?}");
        assert_eq!(
            printed[2..],
            ["sent 10.00 MB, waiting for the API", "sent 10.00 MB, verifying"]
        );
    }

    #[tokio::test(start_paused = true)]
    async fn no_lines_are_printed_without_verbose() {
        assert!(printed(Display::None).await.is_empty());
        assert!(printed(Display::Bar).await.is_empty());
    }
}
