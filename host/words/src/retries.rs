//! When a call that failed is worth another try.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How calls that failed are made again.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    /// How many times, after the first try.
    pub limit: u32,
    /// How long to wait before the first retry; each further one waits twice as long. Half to all of it, by chance.
    pub backoff: Duration,
    /// The longest of these waits.
    pub backoff_limit: Duration,
    /// How long to wait at most where the API says when to come back.
    pub rate_limit_wait: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            limit: 2,
            backoff: Duration::from_millis(500),
            backoff_limit: Duration::from_secs(10),
            rate_limit_wait: Duration::from_secs(30),
        }
    }
}

/// Why a call failed, as far as it says whether another try may help.
#[derive(Debug, Clone, Copy)]
pub enum Cause<'a> {
    /// There was no answer, and the same may go well in a moment.
    Passing,
    /// The API said no.
    Answered {
        /// The HTTP status.
        status: u16,
        /// `Retry-After`.
        retry_after: Option<&'a str>,
        /// When the limit on writes resets, in seconds since 1970.
        reset: Option<u64>,
    },
    /// The same would only fail again.
    Lasting,
}

/// Whether the API, or what is before it, answers so for a moment only.
pub fn is_passing(status: u16) -> bool {
    matches!(status, 408 | 500 | 502 | 503 | 504)
}

impl Policy {
    /// How long to wait before trying again after this failure, the `failed`th in a row. `None`: not at all. `chance` is from 0 to 1.
    pub fn wait(
        &self,
        cause: Cause<'_>,
        failed: u32,
        now: SystemTime,
        chance: f64,
    ) -> Option<Duration> {
        if failed > self.limit {
            return None;
        }
        let backoff = self.backoff(failed, chance);
        match cause {
            Cause::Lasting => None,
            Cause::Passing => Some(backoff),
            Cause::Answered { status, retry_after, reset } => {
                let spent = status == 429;
                match asked_for(retry_after, reset.filter(|_| spent), now) {
                    Some(asked) if spent || is_passing(status) => {
                        (asked <= self.rate_limit_wait).then(|| asked.max(backoff))
                    }
                    None if is_passing(status) => Some(backoff),
                    _ => None,
                }
            }
        }
    }

    fn backoff(&self, failed: u32, chance: f64) -> Duration {
        let doubled = 2_u32.saturating_pow(failed.saturating_sub(1));
        let whole = self.backoff.saturating_mul(doubled).min(self.backoff_limit);
        // By chance, so that clients that failed together don't come back together.
        whole.mul_f64(chance / 2.0 + 0.5)
    }
}

/// When the API says to come back: `Retry-After` (RFC 9110, 10.2.3: seconds or a date), or else the reset of a limit that is spent.
pub fn asked_for(
    retry_after: Option<&str>,
    reset: Option<u64>,
    now: SystemTime,
) -> Option<Duration> {
    let until = |at: SystemTime| at.duration_since(now).unwrap_or_default();
    let after = retry_after.and_then(|after| match after.parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => httpdate::parse_http_date(after).ok().map(until),
    });
    after.or_else(|| Some(until(UNIX_EPOCH.checked_add(Duration::from_secs(reset?))?)))
}
