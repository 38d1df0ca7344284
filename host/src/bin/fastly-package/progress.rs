//! How far an upload is: a bar on a terminal, a line every few seconds elsewhere where that is asked for.

use fastly_package_words::report::Report;
use indicatif::{DecimalBytes, HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

const SENDING: &str =
    "{bar:30} {decimal_bytes}/{decimal_total_bytes} {decimal_bytes_per_sec} {eta} left";
/// What was read is handed on, but the last of it may still be on its way.
const SENT: &str = "{bar:30} {decimal_total_bytes}, waiting for the API";
const VERIFYING: &str = "{bar:30} {decimal_total_bytes}, verifying";

/// From line to line.
const LINES: Duration = Duration::from_secs(5);
/// From one drawing of the bar to the next, where nothing moves.
const DRAWINGS: Duration = Duration::from_millis(200);

/// An upload on its way. Nothing is shown before it begins.
#[derive(Clone)]
pub(crate) struct Progress(Arc<State>);

struct State {
    bar: ProgressBar,
    shown: Mutex<Shown>,
    verifying: AtomicBool,
}

/// How it is shown.
#[derive(Clone, Copy)]
enum Shown {
    Not,
    Bar,
    Lines,
}

impl Shown {
    fn interval(self) -> Option<Duration> {
        match self {
            Self::Not => None,
            Self::Bar => Some(DRAWINGS),
            Self::Lines => Some(LINES),
        }
    }
}

impl Default for Progress {
    fn default() -> Self {
        Self(Arc::new(State {
            bar: ProgressBar::hidden(),
            shown: Mutex::new(Shown::Not),
            verifying: AtomicBool::new(false),
        }))
    }
}

impl Progress {
    pub(crate) fn begin(&self, size: u64, report: Report) {
        let bar = &self.0.bar;
        bar.set_length(size);
        self.style(SENDING);
        let shown = match std::io::stderr().is_terminal() {
            _ if report.quiet => Shown::Not,
            // A bar would stand in the middle of traces.
            _ if report.verbose => Shown::Lines,
            true => Shown::Bar,
            false => Shown::Not,
        };
        if let Shown::Bar = shown {
            bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(10));
            bar.reset();
        }
        self.show(shown);
    }

    fn show(&self, shown: Shown) {
        *self.0.shown.lock().unwrap_or_else(PoisonError::into_inner) = shown;
    }

    /// Moves the bar to what was read; a retry begins at the beginning.
    pub(crate) fn advance(&self, read: u64) {
        let bar = &self.0.bar;
        if read < bar.position() {
            self.again();
        }
        bar.set_position(read);
        if bar.length() == Some(read) {
            self.style(SENT);
            bar.tick();
        }
    }

    /// What was sent isn't stored, and is about to be sent again.
    pub(crate) fn again(&self) {
        self.0.verifying.store(false, Ordering::Relaxed);
        self.style(SENDING);
        self.0.bar.reset();
    }

    /// A GET is to show what is stored.
    pub(crate) fn verify(&self) {
        self.0.verifying.store(true, Ordering::Relaxed);
        self.style(VERIFYING);
        self.0.bar.tick();
    }

    /// Runs an upload, and shows how far it is: in a line that is said, or by drawing the bar again, since one that is drawn too soon
    /// after another is left out.
    pub(crate) async fn beside<T>(&self, upload: impl Future<Output = T>, say: impl Fn(&str)) -> T {
        let shown = *self.0.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(interval) = shown.interval() else { return upload.await };
        let mut upload = std::pin::pin!(upload);
        loop {
            match tokio::time::timeout(interval, upload.as_mut()).await {
                Ok(ended) => return ended,
                Err(_) if matches!(shown, Shown::Lines) => say(&self.line()),
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

    /// Takes the bar away while something is printed.
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

    /// What is said of an upload of 10 MB that stops twice on its way, and once when it is sent.
    async fn said(shown: Shown) -> Vec<String> {
        let said = RefCell::new(Vec::new());
        let progress = Progress::default();
        progress.begin(10_000_000, QUIET);
        progress.show(shown);
        let upload = async {
            for read in [2_000_000, 4_000_000, 10_000_000] {
                progress.advance(read);
                tokio::time::sleep(LINES * 11 / 10).await;
            }
            progress.verify();
            tokio::time::sleep(LINES).await;
        };
        progress.beside(upload, |line| said.borrow_mut().push(line.to_owned())).await;
        said.into_inner()
    }

    #[tokio::test(start_paused = true)]
    async fn each_few_seconds_a_line_says_how_far_it_is() {
        let said = said(Shown::Lines).await;
        assert!(said[0].starts_with("sent 2.00 MB of 10.00 MB, "), "{said:?}");
        assert!(said[0].ends_with(" left"), "{said:?}");
        assert!(said[1].starts_with("sent 4.00 MB of 10.00 MB, "), "{said:?}");
        assert_eq!(said[2..], ["sent 10.00 MB, waiting for the API", "sent 10.00 MB, verifying"]);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_is_told_who_did_not_ask() {
        assert!(said(Shown::Not).await.is_empty());
        assert!(said(Shown::Bar).await.is_empty());
    }
}
