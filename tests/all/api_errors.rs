//! Error responses of the API: the error has the fields of the response.

use crate::fixture::{AUTO, Fixture, SERVICE, STORED_IF_SENT, api_error, package};
use fastly_package::{ApiError, Error, Stored};
use fastly_package_emulator::{Answer, Config};
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Recorded {
    status: u16,
    content_type: String,
    body: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
}

/// A token ID in a recorded response, which the host redacts.
const TOKEN_ID: &str = "5Yo3XXnrQpjc20u0ybrf2g";

impl Recorded {
    fn answer(&self) -> Answer {
        let answer = Answer::new(self.status).body(self.body.clone());
        let typed = match self.content_type.as_str() {
            "" => answer,
            media_type => answer.content_type(media_type),
        };
        self.headers.iter().fold(typed, |answer, (name, value)| answer.header(name, value))
    }

    /// Returns the first of these fields that the body has, or else that its first entry of `errors` has.
    fn field(&self, names: &[&str]) -> Option<String> {
        let body: serde_json::Value = serde_json::from_str(&self.body).ok()?;
        let value = names.iter().find_map(|name| body.get(name)).or_else(|| {
            let first = body.get("errors")?.get(0)?;
            names.iter().find_map(|name| first.get(name))
        });
        value?.as_str().map(|text| text.replace(TOKEN_ID, "[id]"))
    }
}

#[tokio::test]
async fn each_recorded_error_response_is_returned_by_get_and_put() {
    let fixture = Fixture::start().await;
    let recorded: Vec<Recorded> =
        serde_json::from_str(include_str!("../fixtures/errors.json")).unwrap();
    assert!(recorded.len() >= 14, "{}", recorded.len());
    for response in recorded {
        for result in fixture.get_and_put(response.answer()).await {
            let error = api_error(result);
            assert_eq!(error.status, response.status);
            assert_eq!(error.title, response.field(&["msg", "title"]), "{}", response.body);
            assert_eq!(error.detail, response.field(&["detail"]), "{}", response.body);
            assert_eq!(error.excerpt, response.body.replace(TOKEN_ID, "[id]"));
            let media_type =
                response.content_type.split(';').next().filter(|media_type| !media_type.is_empty());
            assert_eq!(error.media_type.as_deref(), media_type);
            let remaining = error.rate_limit.and_then(|limit| limit.remaining);
            assert_eq!(remaining, (response.status == 429).then_some(0));
        }
    }
    fixture.assert_nothing_stored();
    fixture.assert_works().await;
}

#[tokio::test]
async fn each_error_response_of_the_emulator_has_its_status_title_and_detail() {
    let fixture = Fixture::start().await;
    let table: [(Answer, u16, Option<&str>, Option<&str>); 13] = [
        (
            Answer::bad_package(),
            400,
            Some("Bad request"),
            Some("Failed to extract metadata from package"),
        ),
        (Answer::service_deleted("s"), 400, Some("Bad request"), Some("Service 's' is deleted")),
        (Answer::bad_form("why"), 400, Some("Bad request"), Some("why")),
        (Answer::unauthorized(), 401, Some("Provided credentials are missing or invalid"), None),
        (Answer::token_expired("t"), 401, Some("Token t expired at 2019-05-01T09:00:00Z"), None),
        (
            Answer::read_only_token(),
            403,
            Some("Read only tokens are not allowed to access this endpoint."),
            None,
        ),
        (Answer::forbidden(), 403, Some("You are not authorized to perform this action"), None),
        (Answer::not_found(), 404, Some("Not found"), None),
        (
            Answer::too_large(),
            413,
            Some("Request entity too large"),
            Some("Package exceeds the maximum size"),
        ),
        (
            Answer::unsupported_media_type(),
            415,
            Some("Unsupported media type"),
            Some("Content-Type must be multipart/form-data"),
        ),
        (
            Answer::version_locked("s", 56),
            422,
            Some("Version locked"),
            Some("Version '56' for service 's' is locked"),
        ),
        (Answer::rate_limited(17), 429, Some("You have exceeded your hourly rate limit"), None),
        (Answer::guru_meditation(), 500, None, None),
    ];
    for (answer, status, title, detail) in table {
        for (result, if_sent) in
            fixture.get_and_put(answer.clone()).await.into_iter().zip(STORED_IF_SENT)
        {
            let error = result.unwrap_err();
            assert_eq!(error.status(), Some(status));
            assert_eq!(error.is_not_found(), status == 404);
            assert_eq!(error.is_locked(), status == 422);
            assert_eq!(error.is_rate_limited(), status == 429);
            assert_eq!(error.is_retryable(), status == 500);
            assert_eq!(error.stored(), if status == 500 { if_sent } else { Stored::No });
            let message = error.to_string();
            for text in [title, detail].into_iter().flatten() {
                assert!(
                    message.to_ascii_lowercase().contains(&text.to_ascii_lowercase()),
                    "{message}"
                );
            }
            let error = api_error(Err(error));
            assert_eq!((error.title.as_deref(), error.detail.as_deref()), (title, detail));
        }
    }
    fixture.assert_nothing_stored();
}

#[tokio::test]
async fn the_status_determines_is_retryable_and_stored() {
    let fixture = Fixture::start().await;
    for status in [
        400, 401, 403, 404, 405, 406, 408, 409, 411, 412, 415, 418, 425, 429, 451, 499, 500, 501,
        502, 503, 504, 505, 522, 599,
    ] {
        let results = fixture.get_and_put(Answer::new(status)).await;
        for (result, if_sent) in results.into_iter().zip(STORED_IF_SENT) {
            let error = result.unwrap_err();
            assert_eq!(error.status(), Some(status), "{error:?}");
            let retryable = [408, 500, 502, 503, 504].contains(&status);
            assert_eq!(error.is_retryable(), retryable, "{status}");
            let may_be_stored = status == 408 || status >= 500;
            assert_eq!(
                error.stored(),
                if may_be_stored { if_sent } else { Stored::No },
                "{status}"
            );
        }
    }
}

#[tokio::test]
async fn errors_that_the_emulator_detects_itself_are_returned() {
    let config = Config {
        services: Some([(SERVICE.to_owned(), 2)].into()),
        locked: vec![(SERVICE.to_owned(), 1)],
        writes_per_hour: 2,
        ..Config::default()
    };
    let fixture = Fixture::with_config(config, |plugin| plugin).await;
    assert!(fixture.get().await.unwrap_err().is_not_found());
    let package = package(2000);

    let locked = fixture.put(&package, AUTO).await.unwrap_err();
    assert!(locked.is_locked(), "{locked:?}");
    let content = || fastly_package::Content::from_bytes(&b"no package"[..]).unwrap();
    let invalid = fixture.send_to(&crate::fixture::version(2), content(), AUTO).await;
    assert_eq!(
        api_error(invalid).detail.as_deref(),
        Some("Failed to extract metadata from package")
    );
    let rate_limited =
        fixture.send_to(&crate::fixture::version(2), content(), AUTO).await.unwrap_err();

    assert!(rate_limited.is_rate_limited(), "{rate_limited:?}");
    let limit = api_error(Err(rate_limited)).rate_limit.unwrap();
    assert_eq!(limit.remaining, Some(0));
    assert!(limit.reset.is_some_and(|reset| reset % 3600 == 0), "{limit:?}");
    assert!(fixture.emulator.package(SERVICE, 1).is_none());
    assert!(fixture.emulator.package(SERVICE, 2).is_none());
}

#[tokio::test]
async fn every_entry_of_errors_is_returned() {
    let fixture = Fixture::start().await;
    let body = json!({"errors": [
        {"id": "1", "code": "conflict", "status": 409, "title": "Conflict", "detail": "duplicate", "meta": {"a": [1]}},
        {"code": "x", "reason": "the reason", "index": 3},
        {},
    ]});
    let answer = Answer::json(409, body).content_type("Application/VND.api+JSON; charset=utf-8");
    for result in fixture.get_and_put(answer).await {
        let ApiError { title, detail, errors, media_type, .. } = api_error(result);
        assert_eq!((title.as_deref(), detail.as_deref()), (Some("Conflict"), Some("duplicate")));
        assert_eq!(media_type.as_deref(), Some("application/vnd.api+json"));
        assert_eq!(errors.len(), 3);
        assert_eq!(
            (errors[0].id.as_deref(), errors[0].status.as_deref()),
            (Some("1"), Some("409"))
        );
        assert_eq!(errors[0].meta.as_deref(), Some(r#"{"a":[1]}"#));
        assert_eq!((errors[1].detail.as_deref(), errors[1].index), (Some("the reason"), Some(3)));
        assert_eq!(format!("{:?}", errors[2].title), "None");
    }
}

#[tokio::test]
async fn an_error_response_may_have_any_body_or_none() {
    let fixture = Fixture::start().await;
    let table: [(Option<&str>, &[u8]); 8] = [
        (None, b""),
        (Some("text/html"), b"<html>Guru Meditation</html>"),
        (Some("text/plain"), b"overloaded"),
        (None, b"no content type"),
        (Some("application/json"), b"{"),
        (Some("application/json"), b"[]"),
        (Some("application/json"), b"\xff\xfe"),
        (Some(";;;"), b"null"),
    ];
    for (media_type, body) in table {
        let answer = Answer::new(503).body(body.to_vec());
        let answer = media_type.into_iter().fold(answer, Answer::content_type);
        for result in fixture.get_and_put(answer).await {
            let error = api_error(result);
            assert_eq!((error.status, error.title, error.errors.len()), (503, None, 0));
            assert_eq!(error.excerpt.is_empty(), body.is_empty());
        }
    }
}

#[tokio::test]
async fn an_error_response_with_a_truncated_or_endless_body_is_an_api_error() {
    let fixture = Fixture::start().await;
    for answer in [
        Answer::too_large().cut_to(10),
        Answer::too_large().chunked_cut_to(10),
        Answer::too_large().padded_to(3_000_000),
        Answer::too_large().endless(),
    ] {
        for result in fixture.get_and_put(answer).await {
            let error = api_error(result);
            assert_eq!(error.status, 413);
            assert!(error.excerpt.len() <= 4096);
        }
    }
    fixture.assert_works().await;
}

#[test]
fn the_error_type_is_small() {
    assert!(size_of::<Error>() <= 128, "{}", size_of::<Error>());
}
