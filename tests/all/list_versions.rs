//! The list of a service's versions, which tells the causes of a 404 apart.

use crate::fixture::{Fixture, NEVER, SERVICE, TOKEN, api_error, package, version, with_timeout};
use fastly_package::{ErrorKind, ServiceVersion, TimeoutPhase, Timeouts, UnexpectedReason};
use fastly_package_emulator::{Answer, Config, Fault};
use serde_json::json;
use std::time::Duration;

/// Returns an API that has a path prefix, and one service with two versions.
async fn fixture() -> Fixture {
    let config = Config {
        services: Some([(SERVICE.to_owned(), 2)].into()),
        path_prefix: "/fastly".into(),
        ..Config::default()
    };
    Fixture::with_config(config, |plugin| plugin).await
}

async fn numbers(fixture: &Fixture, service_id: &str) -> fastly_package::Result<Vec<u32>> {
    let versions = with_timeout(fixture.plugin.list_versions(service_id)).await?;
    Ok(versions.into_iter().map(|version| version.number).collect())
}

#[tokio::test]
async fn a_known_service_has_versions_and_an_unknown_one_is_a_404() {
    let fixture = fixture().await;
    assert_eq!(numbers(&fixture, SERVICE).await.unwrap(), [1, 2]);
    for (id, target) in [
        ("su1z0isxpaozgvkxdv0ey0", ServiceVersion::new("su1z0isxpaozgvkxdv0ey0", 1)),
        ("a/../b?c", ServiceVersion::new("a/../b?c", 1)),
    ] {
        assert_eq!(numbers(&fixture, id).await.unwrap_err().status(), Some(404), "{id}");
        assert_eq!(api_error(fixture.get_from(&target.unwrap()).await).status, 404);
    }
    assert_eq!(api_error(fixture.get_from(&version(3)).await).status, 404);
    assert_eq!(fixture.emulator.connections(), 1, "the calls share a connection");
}

#[tokio::test]
async fn every_field_of_a_version_is_returned() {
    let fixture = fixture().await;
    let versions = json!([
        {
            "number": 1, "active": true, "locked": true, "comment": "first",
            "created_at": "2024-05-24T20:12:52Z", "updated_at": "2024-05-25T20:12:52Z",
            "deleted_at": null, "service_id": SERVICE, "staging": false
        },
        {"number": "2"}
    ]);
    fixture.emulator.fault(Fault::answer(Answer::json(200, versions)));
    let versions = with_timeout(fixture.plugin.list_versions(SERVICE)).await.unwrap();
    let [first, second] = &*versions else { panic!("{versions:?}") };
    assert_eq!((first.number, first.active, first.locked), (1, true, true));
    assert_eq!(first.comment.as_deref(), Some("first"));
    assert_eq!(first.created_at.as_deref(), Some("2024-05-24T20:12:52Z"));
    assert_eq!(first.updated_at.as_deref(), Some("2024-05-25T20:12:52Z"));
    assert_eq!(first.deleted_at, None);
    assert_eq!((second.number, second.active, second.locked), (2, false, false));
    assert_eq!((&second.comment, &second.created_at), (&None, &None));
}

#[tokio::test]
async fn the_request_has_the_token_and_the_usual_headers() {
    let fixture = fixture().await;
    numbers(&fixture, SERVICE).await.unwrap();
    let request = fixture.only_request().await;
    let path = format!("/fastly/service/{SERVICE}/version");
    assert_eq!((request.method.as_str(), &request.path), ("GET", &path));
    assert_eq!(request.header("fastly-key"), Some(TOKEN));
    assert_eq!(request.header("host"), Some(&*fixture.emulator.addr().to_string()));
    let agent = concat!("fastly-package/", env!("CARGO_PKG_VERSION"));
    assert_eq!(request.header("user-agent"), Some(agent));
    assert_eq!(request.header("expect"), None);
}

#[tokio::test]
async fn a_failed_list_has_the_status_and_reason_of_its_response() {
    let fixture = fixture().await;
    for (fault, status) in [
        (Fault::reset(), None),
        (Fault::answer(Answer::unauthorized()), Some(401)),
        (Fault::answer(Answer::forbidden()), Some(403)),
        (Fault::answer(Answer::new(503)), Some(503)),
        (Fault::answer(Answer::redirect(302, "https://elsewhere.test/")), Some(302)),
        (Fault::answer(Answer::raw("no HTTP")), None),
    ] {
        fixture.emulator.fault(fault);
        assert_eq!(numbers(&fixture, SERVICE).await.unwrap_err().status(), status);
    }
    for (body, reason) in [
        ("{}".to_owned(), UnexpectedReason::InvalidBody),
        ("[{}]".to_owned(), UnexpectedReason::InvalidBody),
        (format!("[{}]", " ".repeat(1024 * 1024)), UnexpectedReason::TooLarge),
    ] {
        fixture.emulator.fault(Fault::answer(
            Answer::new(200).header("content-type", "application/json").body(body),
        ));
        let error = numbers(&fixture, SERVICE).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnexpectedResponse(reason));
    }
    fixture.put(&package(2000), NEVER).await.unwrap();
}

#[tokio::test]
async fn a_missing_response_is_a_timeout() {
    let fixture = Fixture::with(|plugin| {
        let timeouts = Timeouts { response: Duration::from_millis(100), ..Timeouts::default() };
        plugin.timeouts(timeouts)
    })
    .await;
    fixture.emulator.fault(Fault::never_answer());
    let error = numbers(&fixture, SERVICE).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout(TimeoutPhase::Response), "{error:?}");
}

#[tokio::test]
async fn an_invalid_service_id_is_refused_before_anything_is_sent() {
    let fixture = fixture().await;
    for id in ["", ".", ".."] {
        let error = numbers(&fixture, id).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{id}");
    }
    crate::fixture::assert_no_connections(&fixture.emulator).await;
}
