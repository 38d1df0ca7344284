//! Answers that are broken, or aren't the API's: none of them is a success.

use crate::fixture::{Fixture, IF_SENT, assert_untouched, in_time, unexpected};
use fastly_package::{Error, ErrorCode, UnexpectedReason};
use fastly_package_emulator::{Answer, Config, Emulator, Fault};
use serde_json::json;

fn success() -> Answer {
    Answer::json(200, json!({"id": "p", "service_id": "s", "version": 1, "metadata": null}))
}

#[tokio::test]
async fn an_answer_that_is_cut_is_a_lost_connection() {
    let fixture = Fixture::start().await;
    // The last is whole JSON that lacks nothing but the end of its framing.
    for bytes in [0, 1, 20, 54, 55] {
        for answer in [success().cut_to(bytes), success().chunked_cut_to(bytes)] {
            let framing = format!("{answer:?}");
            let is_whole = bytes == 55 && framing.contains("CutTo") && !framing.contains("Chunked");
            for (result, stored) in fixture.answered(answer).await.into_iter().zip(IF_SENT) {
                if is_whole && result.is_ok() {
                    continue;
                }
                let error = result.expect_err(&framing);
                let Error::Transport(lost) = &error else { panic!("{framing}: {error:?}") };
                assert!(matches!(lost.code, ErrorCode::HttpResponseIncomplete), "{lost:?}");
                assert!(error.is_retryable());
                assert_eq!(error.stored(), stored);
            }
        }
    }
    fixture.assert_works().await;
}

#[tokio::test]
async fn a_success_without_a_package_is_none() {
    let fixture = Fixture::start().await;
    let deep = format!("{{\"id\":{}", "[".repeat(200_000));
    for body in [
        "",
        "{",
        "{}",
        "[]",
        "null",
        "\"ok\"",
        "<html>Welcome to the hotel's Wi-Fi</html>",
        r#"["p","s",1]"#,
        r#"{"id":"p","service_id":"s"}"#,
        r#"{"id":"p","service_id":"s","version":1.5}"#,
        r#"{"id":"p","service_id":"s","version":1}}"#,
        r#"{"id":"p","service_id":"s","version":1"#,
        r#"{"id":null,"service_id":"s","version":1}"#,
        &deep,
    ] {
        let answer = Answer::new(200).content_type("application/json").body(body.to_owned());
        for (result, stored) in fixture.answered(answer).await.into_iter().zip(IF_SENT) {
            let error = result.expect_err(body);
            assert_eq!(error.stored(), stored);
            assert!(!error.is_retryable());
            let response = unexpected(Err(error));
            assert_eq!(response.reason, UnexpectedReason::NotAPackage, "{body:.60}");
            assert_eq!(response.status, 200);
            assert_eq!(response.excerpt, body.get(..body.len().min(4096)).unwrap());
        }
    }
    fixture.assert_works().await;
}

#[tokio::test]
async fn a_success_of_another_kind_is_none() {
    let fixture = Fixture::start().await;
    for status in [204, 205] {
        for result in fixture.answered(Answer::new(status)).await {
            let response = unexpected(result);
            assert_eq!((response.status, response.reason), (status, UnexpectedReason::NotAPackage));
        }
    }
}

#[tokio::test]
async fn an_answer_up_to_one_mib_is_read_and_none_beyond() {
    let fixture = Fixture::start().await;
    let limit = 1024 * 1024;
    for result in fixture.answered(success().padded_to(limit)).await {
        assert_eq!(result.unwrap().body.len(), limit);
    }
    for answer in
        [success().padded_to(limit + 1), success().padded_to(20_000_000), success().endless()]
    {
        for result in fixture.answered(answer).await {
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
        for result in fixture.answered(Answer::redirect(status, &location)).await {
            let error = result.unwrap_err();
            assert!(!error.is_retryable());
            let response = unexpected(Err(error));
            assert_eq!((response.status, response.reason), (status, UnexpectedReason::Status));
            assert_eq!(response.location.as_deref(), Some(location.as_str()));
        }
    }
    assert_eq!(fixture.emulator.requests().len(), 14, "each is asked once");
    assert_untouched(&elsewhere).await;
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
async fn what_is_no_http_is_no_answer() {
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
        for result in fixture.answered(Answer::raw(bytes)).await {
            let text = String::from_utf8_lossy(bytes);
            let error = result.expect_err(&text);
            assert!(matches!(error, Error::Transport(_)), "{text}: {error:?}");
            assert_eq!(error.status(), None);
        }
    }
    fixture.assert_works().await;
}

#[tokio::test]
async fn a_hundred_headers_more_do_no_harm() {
    let fixture = Fixture::start().await;
    for result in fixture.answered(success().extra_headers(100)).await {
        assert_eq!(result.unwrap().package.id, "p");
    }
}

#[tokio::test]
async fn more_headers_than_any_answer_has_are_no_answer() {
    let fixture = Fixture::start().await;
    let large = success().header("x-large", "x".repeat(1_000_000));
    for answer in [success().extra_headers(1000), large] {
        for result in fixture.answered(answer).await {
            let error = result.unwrap_err();
            assert!(matches!(error, Error::Transport(_)), "{error:?}");
        }
    }
    fixture.assert_works().await;
}

#[tokio::test]
async fn answers_to_nobody_are_not_taken_for_the_next_one() {
    let fixture = Fixture::start().await;
    let twice = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 45\r\n\r\n{\"id\":\"evil\",\"service_id\":\"e\",\"version\":666}\n";
    fixture.emulator.fault(Fault::answer(Answer::raw(&twice[..])));

    assert!(fixture.get().await.unwrap_err().is_not_found());

    assert!(fixture.get().await.unwrap_err().is_not_found(), "nothing is stored");
    in_time(fixture.emulator.wait_for_requests(2)).await;
}
