//! So many bytes a second, for a slow reader or a slow writer.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// How much of a second's bytes may move at once: small enough to be even, large enough not to wake for
/// every byte.
const STEPS_A_SECOND: u64 = 20;

/// Lets bytes pass at a rate.
pub(crate) struct Pace {
    bytes_per_second: u64,
    started: Instant,
    moved: u64,
    sleep: Pin<Box<Sleep>>,
}

impl Pace {
    /// A rate of 0 is taken for 1: "never" is another fault.
    pub(crate) fn new(bytes_per_second: u64) -> Self {
        let started = Instant::now();
        Self {
            bytes_per_second: bytes_per_second.max(1),
            started,
            moved: 0,
            sleep: Box::pin(sleep_until(started)),
        }
    }

    /// How many bytes may move now, at least one; pending until one may.
    pub(crate) fn poll_allowance(&mut self, cx: &mut Context<'_>) -> Poll<usize> {
        let due = self.started
            + Duration::from_secs_f64(self.moved as f64 / self.bytes_per_second as f64);
        if self.sleep.deadline() != due {
            self.sleep.as_mut().reset(due);
        }
        self.sleep.as_mut().poll(cx).map(|()| {
            let step = (self.bytes_per_second / STEPS_A_SECOND).max(1);
            usize::try_from(step).unwrap_or(usize::MAX)
        })
    }

    /// Counts bytes that moved.
    pub(crate) fn moved(&mut self, bytes: usize) {
        self.moved += bytes as u64;
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_thousand_bytes_at_a_hundred_a_second_take_ten_seconds() {
        let started = Instant::now();
        let mut pace = Pace::new(100);
        let mut left = 1000;
        while left > 0 {
            let allowed = poll_fn(|cx| pace.poll_allowance(cx)).await.min(left);
            pace.moved(allowed);
            left -= allowed;
        }
        let elapsed = started.elapsed();
        assert!(
            elapsed > Duration::from_millis(9_900) && elapsed <= Duration::from_secs(10),
            "{elapsed:?}"
        );
    }
}
