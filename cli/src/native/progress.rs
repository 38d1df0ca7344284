//! The progress of an upload: a bar on a terminal, or with `--verbose` a line every few seconds.

use fastly_package_command::report::Report;
use indicatif::{DecimalBytes, HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

const SENDING: &str =
    "{bar:30} {decimal_bytes}/{decimal_total_bytes} {decimal_bytes_per_sec} {eta} left";
/// Everything was read, but the end may not have been sent yet.
const SENT: &str = "{bar:30} {decimal_total_bytes}, waiting for the API";
const VERIFYING: &str = "{bar:30} {decimal_total_bytes}, verifying";

/// The interval between two lines.
const LINE_INTERVAL: Duration = Duration::from_secs(5);
/// The interval between two drawings of a bar that doesn't move.
const DRAW_INTERVAL: Duration = Duration::from_millis(200);

/// The progress of an upload. Nothing is shown before it begins.
#[derive(Clone)]
pub(crate) struct Progress(Arc<ProgressState>);

struct ProgressState {
    bar: ProgressBar,
    display: Mutex<Display>,
    verifying: AtomicBool,
}

/// How the progress is shown.
#[derive(Clone, Copy)]
enum Display {
    None,
    Bar,
    Lines,
}

impl Display {
    fn interval(self) -> Option<Duration> {
        match self {
            Self::None => None,
            Self::Bar => Some(DRAW_INTERVAL),
            Self::Lines => Some(LINE_INTERVAL),
        }
    }
}

impl Default for Progress {
    fn default() -> Self {
        Self(Arc::new(ProgressState {
            bar: ProgressBar::hidden(),
            display: Mutex::new(Display::None),
            verifying: AtomicBool::new(false),
        }))
    }
}

impl Progress {
    pub(crate) fn begin(&self, size: u64, report: Report) {
        let bar = &self.0.bar;
        bar.set_length(size);
        self.style(SENDING);
        let display = match std::io::stderr().is_terminal() {
            _ if report.quiet => Display::None,
            // Log lines would tear a bar apart.
            _ if report.verbose => Display::Lines,
            true => Display::Bar,
            false => Display::None,
        };
        if let Display::Bar = display {
            bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(10));
            bar.reset();
        }
        self.show(display);
    }

    fn show(&self, display: Display) {
        *self.0.display.lock().unwrap_or_else(PoisonError::into_inner) = display;
    }

    /// Moves the bar to the number of bytes read. A retry begins at 0.
    pub(crate) fn advance(&self, read: u64) {
        let bar = &self.0.bar;
        if read < bar.position() {
            self.restart();
        }
        bar.set_position(read);
        if bar.length() == Some(read) {
            self.style(SENT);
            bar.tick();
        }
    }

    /// Shows that the package is about to be sent again.
    pub(crate) fn restart(&self) {
        self.0.verifying.store(false, Ordering::Relaxed);
        self.style(SENDING);
        self.0.bar.reset();
    }

    /// Shows that a GET verifies what is stored.
    pub(crate) fn verify(&self) {
        self.0.verifying.store(true, Ordering::Relaxed);
        self.style(VERIFYING);
        self.0.bar.tick();
    }

    /// Runs an upload and shows its progress at intervals: in a printed line, or by drawing the bar, whose drawings in quick succession are skipped.
    pub(crate) async fn run<T>(&self, upload: impl Future<Output = T>, print: impl Fn(&str)) -> T {
        let display = *self.0.display.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(interval) = display.interval() else { return upload.await };
        let mut upload = std::pin::pin!(upload);
        loop {
            match tokio::time::timeout(interval, upload.as_mut()).await {
                Ok(ended) => return ended,
                Err(_) if matches!(display, Display::Lines) => print(&self.line()),
                Err(_) => self.0.bar.tick(),
            }
        }
    }

    fn line(&self) -> String {
        let bar = &self.0.bar;
        let (read, size) = (bar.position(), bar.length().unwrap_or_default());
        match (read == size, self.0.verifying.load(Ordering::Relaxed)) {
            (_, true) => format!("sent {}, verifying", DecimalBytes(size)),
            (true, false) => format!("sent {}, waiting for the API", DecimalBytes(size)),
            (false, false) => format!(
                "sent {} of {}, {}/s, {} left",
                DecimalBytes(read),
                DecimalBytes(size),
                DecimalBytes(bar.per_sec() as u64),
                HumanDuration(bar.eta())
            ),
        }
    }

    /// Hides the bar while something is printed.
    pub(crate) fn suspend(&self, print: impl FnOnce()) {
        self.0.bar.suspend(print);
    }

    pub(crate) fn clear(&self) {
        self.0.bar.finish_and_clear();
    }

    fn style(&self, template: &str) {
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.0.bar.set_style(style);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    #[test]
    fn the_templates_are_well_formed() {
        for template in [SENDING, SENT, VERIFYING] {
            ProgressStyle::with_template(template).unwrap();
        }
    }

    use crate::system::SYSTEM;
    const QUIET: Report =
        Report { json: false, quiet: true, verbose: false, upload: true, system: SYSTEM };

    /// Returns the lines that are printed during an upload of 10 MB that stalls twice while it is sent, and once after.
    async fn printed(display: Display) -> Vec<String> {
        let lines = RefCell::new(Vec::new());
        let progress = Progress::default();
        progress.begin(10_000_000, QUIET);
        progress.show(display);
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
