//! Responses that are malformed, or not the API's. None of them is a success.

use crate::fixture::{
    Fixture, SERVICE, STORED_IF_SENT, assert_no_connections, described, unexpected, with_timeout,
};
use fastly_package::bindings::exports::fastly_package::api::package_api::UnexpectedReason;
use fastly_package::{ErrorCode, ErrorKind};
use fastly_package_emulator::{Answer, Config, Emulator, Fault};
use serde_json::json;

fn success() -> Answer {
    described(json!(null))
}

#[tokio::test]
async fn a_truncated_response_is_a_transport_error() {
    let fixture = Fixture::start().await;
    let whole = json!({"id": "p", "service_id": SERVICE, "version": 1, "metadata": null});
    let whole = whole.to_string().len();
    // The last is complete JSON whose framing is incomplete.
    for bytes in [0, 1, 20, whole - 1, whole] {
        for answer in [success().cut_to(bytes), success().chunked_cut_to(bytes)] {
            let framing = format!("{answer:?}");
            let is_complete =
                bytes == whole && framing.contains("CutTo") && !framing.contains("Chunked");
            for (result, stored) in
                fixture.get_and_put(answer).await.into_iter().zip(STORED_IF_SENT)
            {
                if is_complete && result.is_ok() {
                    continue;
                }
                let error = result.expect_err(&framing);
                let Some(code) = error.error_code() else { panic!("{framing}: {error:?}") };
                assert!(matches!(code, ErrorCode::HttpResponseIncomplete), "{code:?}");
                assert!(error.is_retryable());
                assert_eq!(error.stored(), stored);
            }
        }
    }
    fixture.assert_works().await;
}

#[tokio::test]
async fn a_success_without_a_package_is_an_unexpected_response() {
    let fixture = Fixture::start().await;
    let deep = format!("{{\"id\":{}", "[".repeat(200_000));
    let package = |rest: &str| format!(r#"{{"id":"p","service_id":"{SERVICE}"{rest}"#);
    for body in [
        "",
        "{",
        "{}",
        "[]",
        "null",
        "\"ok\"",
        "<html>Welcome to the hotel's Wi-Fi</html>",
        r#"["p","s",1]"#,
        &package("}"),
        &package(r#","version":1.5}"#),
        &package(r#","version":1}}"#),
        &package(r#","version":1"#),
        &package(r#","version":1}"#).replace(r#""p""#, "null"),
        &deep,
    ] {
        let answer = Answer::new(200).content_type("application/json").body(body.to_owned());
        for (result, stored) in fixture.get_and_put(answer).await.into_iter().zip(STORED_IF_SENT) {
            let error = result.expect_err(body);
            assert_eq!(error.stored(), stored);
            assert!(!error.is_retryable());
            let response = unexpected(Err(error));
            assert_eq!(response.reason, UnexpectedReason::InvalidBody, "{body:.60}");
            assert_eq!(response.status, 200);
            assert_eq!(response.excerpt, body.get(..body.len().min(4096)).unwrap());
        }
    }
    fixture.assert_works().await;
}

#[tokio::test]
async fn a_success_without_content_is_an_unexpected_response() {
    let fixture = Fixture::start().await;
    for status in [204, 205] {
        for result in fixture.get_and_put(Answer::new(status)).await {
            let response = unexpected(result);
            assert_eq!((response.status, response.reason), (status, UnexpectedReason::InvalidBody));
        }
    }
}

#[tokio::test]
async fn a_response_is_read_up_to_one_mib() {
    let fixture = Fixture::start().await;
    let limit = 1024 * 1024;
    for result in fixture.get_and_put(success().padded_to(limit)).await {
        assert_eq!(result.unwrap().body.len(), limit);
    }
    for answer in
        [success().padded_to(limit + 1), success().padded_to(20_000_000), success().endless()]
    {
        for result in fixture.get_and_put(answer).await {
            let response = unexpected(result);
            assert_eq!(response.reason, UnexpectedReason::TooLarge);
            assert_eq!(response.excerpt.len(), 4096);
        }
    }
    fixture.assert_works().await;
}

#[tokio::test]
async fn a_redirect_is_never_followed() {
    let elsewhere = Emulator::start(Config::default()).await.unwrap();
    let fixture = Fixture::start().await;
    let location = format!("{}/service/s/version/1/package", elsewhere.url());
    for status in [300, 301, 302, 303, 304, 307, 308] {
        for result in fixture.get_and_put(Answer::redirect(status, &location)).await {
            let error = result.unwrap_err();
            assert!(!error.is_retryable());
            let response = unexpected(Err(error));
            assert_eq!((response.status, response.reason), (status, UnexpectedReason::Status));
            assert_eq!(response.location.as_deref(), Some(location.as_str()));
        }
    }
    assert_eq!(fixture.emulator.requests().len(), 14, "each request is sent once");
    assert_no_connections(&elsewhere).await;
    fixture.assert_nothing_stored();
}

#[tokio::test]
async fn a_redirect_to_the_same_api_is_not_followed_either() {
    let fixture = Fixture::start().await;
    for location in ["/service/s/version/1/package", "", "//", "\\"] {
        fixture.emulator.fault(Fault::answer(Answer::redirect(307, location)));
        assert_eq!(unexpected(fixture.get().await).status, 307);
    }
    assert_eq!(fixture.emulator.requests().len(), 4);
}

#[tokio::test]
async fn a_response_that_is_not_http_is_a_transport_error() {
    let fixture = Fixture::start().await;
    for bytes in [
        &b"SSH-2.0-OpenSSH_9.2p1\r\n"[..],
        b"\x15\x03\x01\x00\x02\x02\x16",
        b"HTTP/1.1 two hundred\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/9.9 200 OK\r\n\r\n",
        b"\r\n\r\n\r\n",
        b"",
    ] {
        for result in fixture.get_and_put(Answer::raw(bytes)).await {
            let text = String::from_utf8_lossy(bytes);
            let error = result.expect_err(&text);
            assert!(matches!(error.kind(), ErrorKind::Transport(_)), "{text}: {error:?}");
            assert_eq!(error.status(), None);
        }
    }
    fixture.assert_works().await;
}

#[tokio::test]
async fn a_hundred_extra_headers_are_accepted() {
    let fixture = Fixture::start().await;
    for result in fixture.get_and_put(success().extra_headers(100)).await {
        assert_eq!(result.unwrap().package.id, "p");
    }
}

#[tokio::test]
async fn a_response_with_too_many_or_too_large_headers_is_a_transport_error() {
    let fixture = Fixture::start().await;
    let large = success().header("x-large", "x".repeat(1_000_000));
    for answer in [success().extra_headers(1000), large] {
        for result in fixture.get_and_put(answer).await {
            let error = result.unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::Transport(_)), "{error:?}");
        }
    }
    fixture.assert_works().await;
}

#[tokio::test]
async fn a_second_response_to_one_request_is_not_used_for_the_next_request() {
    let fixture = Fixture::start().await;
    let package = format!(r#"{{"id":"evil","service_id":"{SERVICE}","version":1}}"#);
    let two_responses = format!(
        "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{package}",
        package.len()
    );
    fixture.emulator.fault(Fault::answer(Answer::raw(two_responses)));

    assert!(fixture.get().await.unwrap_err().is_not_found());

    assert!(fixture.get().await.unwrap_err().is_not_found(), "nothing is stored");
    with_timeout(fixture.emulator.wait_for_requests(2)).await;
}
