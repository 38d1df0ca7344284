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
mod tests {
    use super::*;
    use crate::error::{ContentErrorKind, TransportErrorKind};

    const NOW: u64 = 1_716_580_800;

    fn api(status: u16) -> FailedCall<'static> {
        let (kind, status) = (ErrorKind::Api, Some(status));
        FailedCall { kind, status, retry_after: None, reset: None }
    }

    fn without_response(kind: ErrorKind) -> FailedCall<'static> {
        FailedCall { kind, status: None, retry_after: None, reset: None }
    }

    fn wait(call: &FailedCall<'_>) -> Option<Duration> {
        Retries::default().wait(call, 1, UNIX_EPOCH + Duration::from_secs(NOW), 1.0)
    }

    #[test]
    fn transient_failures_are_retried() {
        for status in [408, 500, 502, 503, 504] {
            assert!(wait(&api(status)).is_some(), "{status}");
        }
        for kind in [
            ErrorKind::Transport(TransportErrorKind::Dns),
            ErrorKind::Transport(TransportErrorKind::Connect),
            ErrorKind::Transport(TransportErrorKind::Connection),
            ErrorKind::Transport(TransportErrorKind::IncompleteResponse),
            ErrorKind::Timeout(TimeoutPhase::Connect),
            ErrorKind::Timeout(TimeoutPhase::Tls),
        ] {
            assert!(wait(&without_response(kind)).is_some(), "{kind:?}");
        }
    }

    #[test]
    fn permanent_failures_are_not_retried() {
        for status in [400, 401, 403, 404, 406, 409, 411, 413, 415, 417, 422, 429, 501, 505] {
            assert_eq!(wait(&api(status)), None, "{status}");
        }
        for kind in [
            ErrorKind::Transport(TransportErrorKind::Certificate),
            ErrorKind::Transport(TransportErrorKind::Configuration),
            ErrorKind::Timeout(TimeoutPhase::Stall),
            ErrorKind::Timeout(TimeoutPhase::Response),
            ErrorKind::Timeout(TimeoutPhase::Total),
            ErrorKind::Content(ContentErrorKind::Changed),
            ErrorKind::InvalidArgument,
            ErrorKind::Cancelled,
            ErrorKind::Component,
        ] {
            assert_eq!(wait(&without_response(kind)), None, "{kind:?}");
        }
    }

    #[test]
    fn the_waits_double_up_to_a_limit_and_end() {
        let retries = Retries { limit: 20, ..Retries::default() };
        for (failed, whole) in
            [(1, 500), (2, 1000), (3, 2000), (5, 8000), (6, 10_000), (20, 10_000)]
        {
            let whole = Duration::from_millis(whole);
            assert_eq!(retries.wait(&api(503), failed, SystemTime::now(), 1.0), Some(whole));
            assert_eq!(retries.wait(&api(503), failed, SystemTime::now(), 0.0), Some(whole / 2));
        }
        assert_eq!(retries.wait(&api(503), 21, SystemTime::now(), 1.0), None);
        assert_eq!(Retries::none().wait(&api(503), 1, SystemTime::now(), 1.0), None);
    }

    #[test]
    fn an_exhausted_rate_limit_is_waited_for_if_it_resets_soon() {
        for (reset, retry_after, seconds) in [
            (Some(NOW + 20), None, Some(20)),
            (Some(NOW + 30), None, Some(30)),
            (Some(NOW + 31), None, None),
            (None, Some("7"), Some(7)),
            (Some(NOW + 3000), Some("7"), Some(7)),
            (None, Some("31"), None),
            (None, Some("Fri, 24 May 2024 20:00:09 GMT"), Some(9)),
            (None, Some("in a while"), None),
            (None, None, None),
            (Some(NOW + 5), None, Some(5)),
            (Some(u64::MAX), None, None),
        ] {
            let call = FailedCall { reset, retry_after, ..api(429) };
            assert_eq!(wait(&call), seconds.map(Duration::from_secs), "{reset:?} {retry_after:?}");
        }
        // It was a moment ago by the API's clock.
        let past = FailedCall { reset: Some(NOW - 5), ..api(429) };
        assert_eq!(wait(&past), Some(Duration::from_millis(500)));
    }

    #[test]
    fn retry_after_is_obeyed_but_never_shortens_the_backoff() {
        let asks = |status, seconds| FailedCall { retry_after: Some(seconds), ..api(status) };
        assert_eq!(wait(&asks(503, "12")), Some(Duration::from_secs(12)));
        assert_eq!(wait(&asks(503, "0")), Some(Duration::from_millis(500)));
        assert_eq!(wait(&asks(429, "0")), Some(Duration::from_millis(500)));
        assert_eq!(wait(&asks(503, "3600")), None);
        assert_eq!(wait(&asks(401, "1")), None);
        // The reset of a rate limit says nothing about an overload.
        let overload = FailedCall { reset: Some(NOW + 3000), ..api(503) };
        assert_eq!(wait(&overload), Some(Duration::from_millis(500)));
    }
}
