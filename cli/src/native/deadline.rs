//! The time limit of the command, `--timeout`.

use fastly_package_command::call_error::CallError;
use fastly_package_core::error::{ErrorKind, TimeoutPhase};
use std::time::{Duration, Instant};

/// A time limit, counted from a moment.
#[derive(Clone, Copy)]
pub(crate) struct Deadline {
    start: Instant,
    timeout: Option<Duration>,
}

impl Deadline {
    /// Counts from now.
    pub(crate) fn new(timeout: Option<Duration>) -> Self {
        Self { start: Instant::now(), timeout }
    }

    pub(super) fn start(self) -> Instant {
        self.start
    }

    pub(super) fn timeout(self) -> Option<Duration> {
        self.timeout
    }

    /// Returns the remaining time. `None` if there is no limit.
    pub(super) fn remaining(self) -> Option<Duration> {
        Some(self.timeout?.saturating_sub(self.start.elapsed()))
    }

    /// Runs a future until the deadline.
    pub(super) async fn run<F: Future>(self, future: F) -> Result<F::Output, CallError> {
        let (Some(timeout), Some(remaining)) = (self.timeout, self.remaining()) else {
            return Ok(future.await);
        };
        tokio::time::timeout(remaining, future).await.map_err(|_| {
            let kind = ErrorKind::Timeout(TimeoutPhase::Total);
            CallError::new(kind, format!("timed out after {timeout:?}"))
        })
    }

    /// Waits for the deadline.
    pub(super) async fn elapsed(self) {
        match self.remaining() {
            Some(remaining) => tokio::time::sleep(remaining).await,
            None => std::future::pending().await,
        }
    }
}
