//! Deadlines and cancellation of calls.

use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// Cancels all calls of a plugin.
#[derive(Debug)]
pub(crate) struct Cancellation(watch::Sender<bool>);

impl Default for Cancellation {
    fn default() -> Self {
        Self(watch::Sender::new(false))
    }
}

impl Cancellation {
    pub(crate) fn cancel(&self) {
        self.0.send_replace(true);
    }
}

/// Why a call is interrupted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Interrupted {
    /// The time limit elapsed.
    TimedOut(Duration),
    Cancelled,
}

/// A time limit, counted from a moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TimeLimit {
    limit: Duration,
    /// `None` if it is too far in the future to be represented.
    elapses_at: Option<Instant>,
}

impl TimeLimit {
    /// Counts from `start`.
    pub(crate) fn new(start: Instant, limit: Duration) -> Self {
        Self { limit, elapses_at: start.checked_add(limit) }
    }
}

/// The deadline of an operation, for everything that it does. It elapses at once when the plugin is cancelled.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline<'a> {
    /// `None` if it never elapses.
    earliest: Option<(Instant, Duration)>,
    cancellation: &'a Cancellation,
}

impl<'a> Deadline<'a> {
    /// Returns the deadline of the limit that elapses first.
    pub(crate) fn new(
        limits: impl IntoIterator<Item = TimeLimit>,
        cancellation: &'a Cancellation,
    ) -> Self {
        let limits = limits.into_iter().filter_map(|it| Some((it.elapses_at?, it.limit)));
        Self { earliest: limits.min(), cancellation }
    }

    pub(crate) async fn elapsed(self) -> Interrupted {
        let timed_out = async {
            match self.earliest {
                Some((at, limit)) => {
                    tokio::time::sleep_until(at).await;
                    limit
                }
                None => std::future::pending().await,
            }
        };
        let mut cancelled = self.cancellation.0.subscribe();
        tokio::select! {
            biased;
            _ = cancelled.wait_for(|cancelled| *cancelled) => Interrupted::Cancelled,
            limit = timed_out => Interrupted::TimedOut(limit),
        }
    }

    /// Runs a future until it is done or the deadline elapses.
    pub(crate) async fn run<F: Future>(self, future: F) -> Result<F::Output, Interrupted> {
        // Without this, a future that is ready at once would run after the interruption.
        if self.is_cancelled() {
            return Err(Interrupted::Cancelled);
        }
        if let Some((at, limit)) = self.earliest
            && at <= Instant::now()
        {
            return Err(Interrupted::TimedOut(limit));
        }
        tokio::select! {
            biased;
            output = future => Ok(output),
            interrupted = self.elapsed() => Err(interrupted),
        }
    }

    /// Returns whether the deadline has not elapsed after this wait.
    pub(crate) fn has_time_for(self, wait: Duration) -> bool {
        let is_in_time = self.earliest.is_none_or(|(at, _)| {
            Instant::now().checked_add(wait).is_some_and(|wait_ends_at| wait_ends_at < at)
        });
        is_in_time && !self.is_cancelled()
    }

    fn is_cancelled(self) -> bool {
        *self.cancellation.0.borrow()
    }
}
