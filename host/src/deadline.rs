//! When everything that an operation does has to be over.

use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// Says to all calls of a plugin that they are to end.
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

/// Why it is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Over {
    TimedOut,
    Cancelled,
}

/// One deadline holds for all that an operation does: waiting, retries and proof included. It comes at once when the plugin is cancelled.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline<'a> {
    /// `None`: never.
    at: Option<Instant>,
    cancellation: &'a Cancellation,
}

impl<'a> Deadline<'a> {
    /// `None` and what is too far off to be told are never.
    pub(crate) fn after(limit: Option<Duration>, cancellation: &'a Cancellation) -> Self {
        let at = limit.and_then(|limit| Instant::now().checked_add(limit));
        Self { at, cancellation }
    }

    pub(crate) async fn passed(self) -> Over {
        let timed_out = async {
            match self.at {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        let mut cancelled = self.cancellation.0.subscribe();
        tokio::select! {
            biased;
            _ = cancelled.wait_for(|cancelled| *cancelled) => Over::Cancelled,
            () = timed_out => Over::TimedOut,
        }
    }

    /// What the future comes to, or why it isn't done in time.
    pub(crate) async fn hold<F: Future>(self, future: F) -> Result<F::Output, Over> {
        // What is cancelled doesn't begin.
        if *self.cancellation.0.borrow() {
            return Err(Over::Cancelled);
        }
        tokio::select! {
            biased;
            output = future => Ok(output),
            over = self.passed() => Err(over),
        }
    }

    /// Whether it hasn't passed after this wait.
    pub(crate) fn allows(self, wait: Duration) -> bool {
        let in_time =
            self.at.is_none_or(|at| Instant::now().checked_add(wait).is_some_and(|then| then < at));
        in_time && !*self.cancellation.0.borrow()
    }
}
