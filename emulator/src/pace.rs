//! A limit on the bytes per second, for a slow reader or a slow writer.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Number of pieces per second: few enough not to wake for every byte, many enough for an even rate.
const PIECES_PER_SECOND: u64 = 20;

pub(crate) struct Pace {
    bytes_per_second: u64,
    started: Instant,
    moved: u64,
}

impl Pace {
    /// A rate of 0 is treated as 1: a transfer that never proceeds is another fault.
    pub(crate) fn new(bytes_per_second: u64) -> Self {
        Self { bytes_per_second: bytes_per_second.max(1), started: Instant::now(), moved: 0 }
    }

    /// Waits until bytes may move, and returns how many: at least one.
    pub(crate) async fn ready(&self) -> usize {
        let due = Duration::from_secs_f64(self.moved as f64 / self.bytes_per_second as f64);
        sleep_until(self.started + due).await;
        usize::try_from((self.bytes_per_second / PIECES_PER_SECOND).max(1)).unwrap_or(usize::MAX)
    }

    /// Counts bytes that moved.
    pub(crate) fn moved(&mut self, bytes: usize) {
        self.moved += bytes as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_thousand_bytes_at_a_hundred_per_second_take_ten_seconds() {
        let started = Instant::now();
        let mut pace = Pace::new(100);
        let mut left = 1000;
        while left > 0 {
            let allowed = pace.ready().await.min(left);
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
