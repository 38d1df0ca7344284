//! Which failures are worth another try, and when.

use crate::bindings::exports::fastly_package::api::package_api::ServiceVersion;
use crate::error::{Error, TimeoutKind};
use crate::listener::Listener;
use fastly_package_words::retries::{Cause, Policy};
use http::Method;
use std::time::{Duration, SystemTime};

/// How calls that failed are made again.
///
/// Made again: what lost its connection or its answer, took too long to connect, or was answered with 408, 500, 502, 503 or 504. With 429,
/// where the API says that it won't be long. Never an upload that may be stored: a GET decides that first.
///
/// ```
/// # use fastly_package::{Content, Plugin, PutOptions, Retries, ServiceVersion, Token};
/// # use fastly_package_emulator::{Answer, Emulator, Fault, sample};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let emulator = Emulator::start(Default::default()).await?;
/// # emulator.fault(Fault::answer(Answer::new(503)).on_put());
/// # let builder = Plugin::builder().token(Token::new("secret")?).api(emulator.url().parse()?);
/// # let target = ServiceVersion::new("SU1Z0isxPaozGVKXdv0eY", 3)?;
/// # let package = Content::from_bytes(sample::package(Default::default()))?;
/// # let backoff = std::time::Duration::from_millis(1);
/// let retries = Retries { limit: 5, backoff, ..Retries::default() };
/// let plugin = builder.retries(retries).build()?;
/// // The API's first answer is 503.
/// let uploaded = plugin.put_package(&target, package, PutOptions::default()).await?;
/// assert_eq!(uploaded.attempts, 2);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Retries {
    /// How many times, after the first try. Default: 2. 0: never; an upload is then not asked after by a GET either.
    pub limit: u32,
    /// How long to wait before the first retry; each further one waits twice as long. Half to all of it, by chance. Default: 500 ms.
    pub backoff: Duration,
    /// The longest of these waits. Default: 10 s.
    pub backoff_limit: Duration,
    /// How long to wait at most where the API says when to come back (the reset of its rate limit, `Retry-After`). Default: 30 s.
    pub rate_limit_wait: Duration,
}

impl Default for Retries {
    fn default() -> Self {
        let Policy { limit, backoff, backoff_limit, rate_limit_wait } = Policy::default();
        Self { limit, backoff, backoff_limit, rate_limit_wait }
    }
}

/// A call that failed and is about to be made again: what [`PluginBuilder::on_retry`](crate::PluginBuilder::on_retry) hears of.
#[derive(Debug)]
#[non_exhaustive]
pub struct Retry<'a> {
    /// Which service version the call is about.
    pub target: &'a ServiceVersion,
    /// What is made again: PUT, or GET, which an upload makes too where it isn't known what is stored.
    pub method: Method,
    /// Why it failed.
    pub error: &'a Error,
    /// The retry's number, counted from 1.
    pub number: u32,
    /// How many there can be.
    pub limit: u32,
    /// How long is waited before it.
    pub wait: Duration,
}

/// Hears of each retry.
pub(crate) type OnRetry = Listener<dyn Fn(&Retry<'_>) + Send + Sync>;

impl OnRetry {
    pub(crate) fn tell(&self, retry: &Retry<'_>) {
        let Retry { error, number, wait, .. } = retry;
        tracing::warn!(%error, number, ?wait, "trying again");
        if let Some(listener) = self.get() {
            listener(retry);
        }
    }
}

impl Retries {
    /// No retries. What may be stored is then not asked after either: [`Error::stored`] says [`Unknown`](crate::Stored::Unknown).
    ///
    /// ```
    /// assert_eq!(fastly_package::Retries::none().limit, 0);
    /// ```
    pub fn none() -> Self {
        Self { limit: 0, ..Self::default() }
    }

    /// How long to wait before trying again after this error, the `failed`th in a row. `None`: not at all.
    pub(crate) fn wait(&self, error: &Error, failed: u32, now: SystemTime) -> Option<Duration> {
        let Self { limit, backoff, backoff_limit, rate_limit_wait } = *self;
        let policy = Policy { limit, backoff, backoff_limit, rate_limit_wait };
        policy.wait(cause(error), failed, now, fastrand::f64())
    }
}

fn cause(error: &Error) -> Cause<'_> {
    match error {
        Error::Api { error, .. } => Cause::Answered {
            status: error.status,
            retry_after: error.rate_limit.as_ref().and_then(|limit| limit.retry_after.as_deref()),
            reset: error.rate_limit.as_ref().and_then(|limit| limit.reset),
        },
        // A call that stalled or waited in vain for its answer has had its time.
        Error::Timeout(timeout)
            if !matches!(timeout.kind, TimeoutKind::Connect | TimeoutKind::Tls) =>
        {
            Cause::Lasting
        }
        error if error.is_retryable() => Cause::Passing,
        _ => Cause::Lasting,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::exports::fastly_package::api::package_api::{ApiError, RateLimit};
    use crate::bindings::wasi::http::types::ErrorCode;
    use crate::error::{ContentError, Stored, TimeoutError, TransportError};
    use std::time::UNIX_EPOCH;

    const NOW: u64 = 1_716_580_800;

    fn api(status: u16, rate_limit: Option<RateLimit>) -> Error {
        let error = ApiError {
            status,
            title: None,
            detail: None,
            errors: Vec::new(),
            rate_limit,
            media_type: None,
            excerpt: String::new(),
        };
        Error::Api { error: Box::new(error), stored: Stored::No }
    }

    fn transport(code: ErrorCode) -> Error {
        Error::Transport(TransportError { code, reason: String::new(), stored: Stored::No })
    }

    fn timeout(kind: TimeoutKind) -> Error {
        let limit = Duration::from_secs(1);
        Error::Timeout(TimeoutError { kind, limit, upload: None, stored: Stored::No })
    }

    fn limit(reset: Option<u64>, retry_after: Option<&str>) -> Option<RateLimit> {
        let retry_after = retry_after.map(str::to_owned);
        Some(RateLimit { remaining: Some(0), reset, retry_after })
    }

    fn wait(error: &Error, failed: u32) -> Option<Duration> {
        Retries::default().wait(error, failed, UNIX_EPOCH + Duration::from_secs(NOW))
    }

    #[test]
    fn what_may_go_well_in_a_moment_is_tried_again() {
        for status in [408, 500, 502, 503, 504] {
            assert!(wait(&api(status, None), 1).is_some(), "{status}");
        }
        for code in [
            ErrorCode::ConnectionRefused,
            ErrorCode::ConnectionTerminated,
            ErrorCode::HttpResponseIncomplete,
        ] {
            assert!(wait(&transport(code.clone()), 1).is_some(), "{code:?}");
        }
        for kind in [TimeoutKind::Connect, TimeoutKind::Tls] {
            assert!(wait(&timeout(kind), 1).is_some(), "{kind:?}");
        }
    }

    #[test]
    fn what_would_only_fail_again_is_not() {
        for status in [400, 401, 403, 404, 406, 409, 411, 413, 415, 417, 422, 429, 501, 505] {
            assert_eq!(wait(&api(status, None), 1), None, "{status}");
        }
        for error in [
            transport(ErrorCode::TlsCertificateError),
            transport(ErrorCode::ConfigurationError),
            timeout(TimeoutKind::Stall),
            timeout(TimeoutKind::Answer),
            timeout(TimeoutKind::Total),
            Error::Content(ContentError::Changed),
            Error::InvalidArgument(String::new()),
        ] {
            assert_eq!(wait(&error, 1), None, "{error:?}");
        }
    }

    #[test]
    fn the_waits_double_up_to_a_limit_and_end() {
        let retries = Retries { limit: 20, ..Retries::default() };
        for (failed, whole) in
            [(1, 500), (2, 1000), (3, 2000), (5, 8000), (6, 10_000), (20, 10_000)]
        {
            let wait = retries.wait(&api(503, None), failed, SystemTime::now()).unwrap();
            let whole = Duration::from_millis(whole);
            assert!(whole / 2 <= wait && wait <= whole, "{failed}: {wait:?}");
        }
        assert_eq!(retries.wait(&api(503, None), 21, SystemTime::now()), None);
        assert_eq!(Retries::none().wait(&api(503, None), 1, SystemTime::now()), None);
    }

    #[test]
    fn a_spent_limit_is_waited_for_when_it_resets_soon() {
        for (limit, seconds) in [
            (limit(Some(NOW + 20), None), Some(20)),
            (limit(Some(NOW + 30), None), Some(30)),
            (limit(Some(NOW + 31), None), None),
            (limit(None, Some("7")), Some(7)),
            (limit(Some(NOW + 3000), Some("7")), Some(7)),
            (limit(None, Some("31")), None),
            (limit(None, Some("Fri, 24 May 2024 20:00:09 GMT")), Some(9)),
            (limit(None, Some("in a while")), None),
            (limit(None, None), None),
            (Some(RateLimit { remaining: None, reset: Some(NOW + 5), retry_after: None }), Some(5)),
            (limit(Some(u64::MAX), None), None),
        ] {
            let expected = seconds.map(Duration::from_secs);
            assert_eq!(wait(&api(429, limit.clone()), 1), expected, "{limit:?}");
        }
        // A moment ago by the API's clock.
        let soon = wait(&api(429, limit(Some(NOW - 5), None)), 1).unwrap();
        assert!(soon <= Duration::from_millis(500), "{soon:?}");
    }

    #[test]
    fn a_server_that_says_when_to_come_back_is_heard() {
        assert_eq!(wait(&api(503, limit(None, Some("12"))), 1), Some(Duration::from_secs(12)));
        assert_eq!(wait(&api(503, limit(None, Some("3600"))), 1), None);
        // The reset of a limit says nothing of an overload.
        assert!(wait(&api(503, limit(Some(NOW + 3000), None)), 1).is_some());
        assert_eq!(wait(&api(401, limit(None, Some("1"))), 1), None);
    }
}
