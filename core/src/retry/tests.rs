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
    for (failed, whole) in [(1, 500), (2, 1000), (3, 2000), (5, 8000), (6, 10_000), (20, 10_000)] {
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
