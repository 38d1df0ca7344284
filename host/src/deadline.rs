//! Deadlines and cancellation of calls.

use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// Cancels all calls of a plugin when it becomes `true`.
pub(crate) type Cancellation = watch::Sender<bool>;

/// Why a call is interrupted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Interrupted {
    /// The time limit elapsed.
    TimedOut(Duration),
    Cancelled,
}

/// A time limit, counted from a moment. The one that elapses first is the least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TimeLimit {
    elapses_at: Instant,
    limit: Duration,
}

impl TimeLimit {
    /// Counts from `start`. `None` if it elapses too far in the future to be represented.
    pub(crate) fn new(start: Instant, limit: Duration) -> Option<Self> {
        Some(Self { elapses_at: start.checked_add(limit)?, limit })
    }
}

/// The deadline of an operation, for everything that it does. It elapses at once when the plugin is cancelled.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline<'a> {
    /// `None` if it never elapses.
    pub(crate) earliest: Option<TimeLimit>,
    pub(crate) cancellation: &'a Cancellation,
}

impl Deadline<'_> {
    pub(crate) async fn elapsed(self) -> Interrupted {
        let timed_out = async {
            match self.earliest {
                Some(TimeLimit { elapses_at, limit }) => {
                    tokio::time::sleep_until(elapses_at).await;
                    limit
                }
                None => std::future::pending().await,
            }
        };
        let mut cancelled = self.cancellation.subscribe();
        tokio::select! {
            biased;
            _ = cancelled.wait_for(|cancelled| *cancelled) => Interrupted::Cancelled,
            limit = timed_out => Interrupted::TimedOut(limit),
        }
    }

    /// Runs a future until it is done or the deadline elapses.
    pub(crate) async fn run<F: Future>(self, future: F) -> Result<F::Output, Interrupted> {
        // Without this, a future that is ready at once would run after the interruption.
        if !self.has_time_for(Duration::ZERO) {
            return Err(self.elapsed().await);
        }
        tokio::select! {
            biased;
            output = future => Ok(output),
            interrupted = self.elapsed() => Err(interrupted),
        }
    }

    /// Returns whether the deadline has not elapsed after this wait.
    pub(crate) fn has_time_for(self, wait: Duration) -> bool {
        let is_in_time = self.earliest.is_none_or(|TimeLimit { elapses_at, .. }| {
            Instant::now().checked_add(wait).is_some_and(|wait_ends_at| wait_ends_at < elapses_at)
        });
        is_in_time && !*self.cancellation.borrow()
    }
}
