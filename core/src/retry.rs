//! The retry policy: which failures are retried, and after which wait.

use crate::error::{ErrorKind, TimeoutPhase};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How failed calls are retried.
///
/// Lost connections and responses, timeouts while connecting, and the statuses 408, 500, 502, 503 and 504 are retried, and 429 if the limit resets soon. An upload that may be stored is never repeated blindly: a GET decides first.
#[derive(Debug, Clone, Copy)]
pub struct Retries {
    /// The number of retries after the first attempt. Default: 2. With 0, no GET decides whether a failed upload is stored either.
    pub limit: u32,
    /// The wait before the first retry; each further one is twice as long. A random factor from 0.5 to 1 is applied. Default: 500 ms.
    pub backoff: Duration,
    /// The maximum of these waits. Default: 10 s.
    pub backoff_limit: Duration,
    /// The maximum wait if the API says when to come back: `Retry-After`, or the reset of its rate limit. If it asks for more, there is no retry.
    /// Default: 30 s.
    pub rate_limit_wait: Duration,
}

impl Default for Retries {
    fn default() -> Self {
        Self {
            limit: 2,
            backoff: Duration::from_millis(500),
            backoff_limit: Duration::from_secs(10),
            rate_limit_wait: Duration::from_secs(30),
        }
    }
}

/// A failed call, as far as it decides on a retry.
#[derive(Debug, Clone, Copy)]
pub struct FailedCall<'a> {
    /// Where it failed.
    pub kind: ErrorKind,
    /// The HTTP status of the response, if there was one.
    pub status: Option<u16>,
    /// `Retry-After` of the response.
    pub retry_after: Option<&'a str>,
    /// When the rate limit resets, in seconds since 1970-01-01 UTC.
    pub reset: Option<u64>,
}

impl FailedCall<'_> {
    /// Returns whether the same call could succeed a little later. 429 is not included: it lasts until the limit resets.
    pub fn is_transient(&self) -> bool {
        match self.kind {
            ErrorKind::Transport(kind) => !kind.is_permanent(),
            ErrorKind::Timeout(_) => true,
            ErrorKind::Api => matches!(self.status, Some(408 | 500 | 502 | 503 | 504)),
            _ => false,
        }
    }
}

impl Retries {
    /// Never retries. [`Stored::Unknown`](crate::error::Stored::Unknown) then stays unknown, since no GET is made either.
    pub fn none() -> Self {
        Self { limit: 0, ..Self::default() }
    }

    /// Returns the wait before the next retry after `failed` failures in a row, or `None` if there is to be none. `random` is from 0 to 1.
    pub fn wait(
        &self,
        call: &FailedCall<'_>,
        failed: u32,
        now: SystemTime,
        random: f64,
    ) -> Option<Duration> {
        if failed > self.limit {
            return None;
        }
        let backoff = self.backoff(failed, random);
        let is_rate_limited = call.status == Some(429);
        let is_retried = call.is_transient() && !has_used_its_time(call.kind);
        let asked = match call.status {
            Some(_) => retry_after(call.retry_after, call.reset.filter(|_| is_rate_limited), now),
            None => None,
        };
        match asked {
            Some(wait) if is_rate_limited || is_retried => {
                (wait <= self.rate_limit_wait).then(|| wait.max(backoff))
            }
            None if is_retried => Some(backoff),
            _ => None,
        }
    }

    fn backoff(&self, failed: u32, random: f64) -> Duration {
        let doubled = 2_u32.saturating_pow(failed.saturating_sub(1));
        let wait = self.backoff.saturating_mul(doubled).min(self.backoff_limit);
        // Clients that failed together must not come back together.
        wait.mul_f64(random / 2.0 + 0.5)
    }
}

/// Returns whether the call took so long that a second attempt would double what the caller has waited already.
fn has_used_its_time(kind: ErrorKind) -> bool {
    match kind {
        ErrorKind::Timeout(phase) => !matches!(phase, TimeoutPhase::Connect | TimeoutPhase::Tls),
        _ => false,
    }
}

/// Returns how long the API asks to wait: `Retry-After` (RFC 9110, section 10.2.3: seconds or a date), or else until `reset`, in seconds since
/// 1970-01-01 UTC.
pub fn retry_after(
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

#[cfg(test)]
mod tests;
