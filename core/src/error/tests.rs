//! The sentences and classes that every front end shares.

use super::*;
use crate::digest::Digest;

#[test]
fn a_lost_request_is_described_with_its_reason() {
    use TransportErrorKind::*;
    for (kind, message) in [
        (Dns, "the API's host name can't be resolved"),
        (Connect, "can't connect to the API"),
        (Configuration, "can't connect to the API"),
        (Certificate, "can't connect to the API"),
        (Tls, "can't connect to the API"),
        (TlsAlert, "can't connect to the API"),
        (Denied, "the request was denied"),
        (IncompleteResponse, "connection closed before the response was complete"),
        (InvalidResponse, "the response is not valid HTTP"),
        (Connection, "connection lost"),
    ] {
        assert_eq!(kind.message(""), message);
        assert_eq!(kind.message("why"), format!("{message}: why"));
        let is_before = matches!(kind, Dns | Connect | Configuration | Certificate | Denied);
        assert_eq!(kind.is_before_request(), is_before, "{kind:?}");
        let is_permanent = matches!(kind, Configuration | Certificate | Tls | Denied);
        assert_eq!(kind.is_permanent(), is_permanent, "{kind:?}");
    }
}

#[test]
fn an_error_response_is_described_without_repeating_its_status() {
    let none: [[Option<&str>; 2]; 0] = [];
    for (title, detail, message) in [
        (None, None, "the API responded with 404 Not Found"),
        (Some("Not Found"), None, "the API responded with 404 Not Found"),
        (Some("not found"), Some("No package"), "the API responded with 404 Not Found: No package"),
        (Some("Gone"), Some("long ago"), "the API responded with 404 Not Found: Gone: long ago"),
    ] {
        assert_eq!(api_error(404, title, detail, none), message);
    }
    assert_eq!(api_error(499, None, None, none), "the API responded with 499");
    let further = [[Some("a"), Some("b")], [None, Some("c")], [None; 2], [Some("d"), None]];
    let seven = further.into_iter().chain([[Some("e"), None]; 3]);
    assert_eq!(
        api_error(400, None, None, seven),
        "the API responded with 400 Bad Request; a; b; c; d; e",
        "five entries are shown"
    );
}

#[test]
fn a_version_is_locked_if_a_422_says_so() {
    for (status, title, detail, expected) in [
        (422, Some("Version is Locked"), None, true),
        (422, None, Some("locked"), true),
        (422, Some("Bad request"), None, false),
        (422, None, None, false),
        (400, Some("locked"), None, false),
    ] {
        assert_eq!(is_locked(status, title, detail), expected, "{status} {title:?} {detail:?}");
    }
}

#[test]
fn a_response_that_is_not_the_apis_is_described_with_its_reason() {
    let describe = |reason, detail| unexpected_response(200, reason, detail, None);
    for (reason, message) in [
        (UnexpectedReason::Status, ", which is neither a success nor an error"),
        (UnexpectedReason::Premature, " before the whole package was sent"),
        (UnexpectedReason::TooLarge, " with a response over 1 MiB"),
        (UnexpectedReason::InvalidBody, ", but the response body is invalid"),
    ] {
        let message = format!("the API responded with 200 OK{message}");
        assert_eq!(describe(reason, ""), message);
        assert_eq!(describe(reason, "why"), format!("{message}: why"));
    }
    assert_eq!(
        unexpected_response(307, UnexpectedReason::Status, "", Some("/elsewhere")),
        "the API responded with 307 Temporary Redirect, which is neither a success nor an error: a redirect to /elsewhere, which is not followed"
    );
}

#[test]
fn content_that_is_refused_is_described() {
    for (message, expected) in [
        (unusable_token("it is empty"), "no usable token: it is empty"),
        (cannot_open("a.tar.gz", "denied"), "can't open a.tar.gz: denied"),
        (not_a_file("a.tar.gz"), "a.tar.gz is not a file"),
        (too_large(100), "the package is larger than 100 bytes"),
        (not_a_package("not gzip"), "not a valid package: not gzip"),
        (unreadable("I/O error"), "can't read the package: I/O error"),
        (too_short(9, 5), "the package ended after 5 of 9 bytes"),
        (too_long(9), "the package is longer than the expected 9 bytes"),
    ] {
        assert_eq!(message, expected);
    }
}

#[test]
fn a_stored_package_that_differs_is_described_with_what_was_sent() {
    let sent = Digest { size: 7, sha512: [0xab; 64] };
    let hash = "0".repeat(128);
    let other = ReportedDigest { size: Some(9), hashsum: Some(&hash) };
    assert_eq!(
        mismatch(&sent, other),
        format!(
            "the stored package differs from the one that was sent: sent 7 bytes with SHA-512 {}, stored 9 bytes with SHA-512 {hash}",
            sent.hashsum()
        )
    );
    let unknown = ReportedDigest { size: None, hashsum: None };
    assert_eq!(
        modified_during_upload(unknown),
        "the package changed during the upload, and the API stored an unknown number of bytes without a SHA-512"
    );
}

#[test]
fn a_response_tells_whether_an_upload_may_be_stored() {
    for status in 100..600 {
        let is_refused = (400..500).contains(&status) && status != 408;
        let expected = if is_refused { Stored::No } else { Stored::Unknown };
        assert_eq!(Stored::after_response(Some(status)), expected, "{status}");
    }
    assert_eq!(Stored::after_response(None), Stored::Unknown);
}
