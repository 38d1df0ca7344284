//! When everything that an operation does has to be over.

use std::time::Duration;
use tokio::time::Instant;

/// `None`: never. One deadline holds for all that an operation does: waiting, retries and proof included.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline(Option<Instant>);

impl Deadline {
    /// `None` and what is too far off to be told are never.
    pub(crate) fn after(limit: Option<Duration>) -> Self {
        Self(limit.and_then(|limit| Instant::now().checked_add(limit)))
    }

    pub(crate) async fn passed(self) {
        match self.0 {
            Some(at) => tokio::time::sleep_until(at).await,
            None => std::future::pending().await,
        }
    }

    /// What the future comes to, or `None` when it isn't done in time.
    pub(crate) async fn hold<F: Future>(self, future: F) -> Option<F::Output> {
        tokio::select! {
            biased;
            output = future => Some(output),
            () = self.passed() => None,
        }
    }

    /// Whether it hasn't passed after this wait.
    pub(crate) fn allows(self, wait: Duration) -> bool {
        self.0.is_none_or(|at| Instant::now().checked_add(wait).is_some_and(|then| then < at))
    }
}
