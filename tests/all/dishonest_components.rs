//! Components that return false results: the host relies on the exchange that it observed.

use crate::fixture::{Fixture, NEVER, package, plugin_for, version, with_timeout};
use crate::programs;
use fastly_package::{
    Content, ErrorKind, PutOptions, Reply, Result, Retries, ServiceVersion, Stored,
};
use fastly_package_emulator::{Answer, Fault};

#[track_caller]
fn component_error(result: Result<Reply>, stored: Stored) -> String {
    let error = result.expect_err("the result is false");
    assert_eq!(error.stored(), stored);
    assert!(!error.is_retryable());
    assert_eq!(error.kind(), ErrorKind::Component, "{error:?}");
    error.to_string()
}

async fn start(program: &'static [u8]) -> Fixture {
    Fixture::with(|plugin| programs::run(program, plugin)).await
}

#[tokio::test]
async fn a_success_without_a_request_is_an_error() {
    let fixture = start(programs::CLAIMS_SUCCESS).await;
    let message = component_error(fixture.get().await, Stored::No);
    assert!(message.contains("a success that the API did not give"), "{message}");
    assert_eq!(fixture.emulator.connections(), 0);
}

#[tokio::test]
async fn a_success_after_an_error_response_is_an_error() {
    let fixture = start(programs::CLAIMS_UPLOAD).await;
    for (answer, stored) in [
        (Answer::new(401), Stored::No),
        (Answer::new(422), Stored::No),
        (Answer::new(503), Stored::Unknown),
        (Answer::redirect(302, "/"), Stored::Unknown),
    ] {
        fixture.emulator.fault(Fault::answer(answer));
        component_error(fixture.put(&package(2000), NEVER).await, stored);
    }
    fixture.assert_nothing_stored();
}

#[tokio::test]
async fn an_error_response_that_the_api_did_not_send_is_an_error_of_the_component() {
    let fixture = start(programs::CLAIMS_NOT_FOUND).await;
    let message = component_error(fixture.get().await, Stored::No);
    assert!(message.contains("a response that the API did not give"), "{message}");
    assert_eq!(fixture.emulator.connections(), 0);
}

#[tokio::test]
async fn an_upload_of_other_bytes_than_the_package_is_an_error() {
    let fixture = start(programs::CLAIMS_UPLOAD).await;
    fixture.emulator.fault(Fault::answer(Answer::new(200)));
    let content = Content::from_bytes(package(3_000_000)).unwrap();
    let uploaded = fixture.upload_to(&version(1), content, PutOptions::default()).await;
    let error = uploaded.expect_err("the package was not sent");
    assert_eq!(error.kind(), ErrorKind::Component, "{error:?}");
    assert_eq!(error.stored(), Stored::Unknown);
}

#[tokio::test]
async fn a_get_does_not_decide_about_an_upload_of_other_bytes_than_the_package() {
    let fixture = Fixture::with(|plugin| {
        programs::run(programs::CLAIMS_UPLOAD, plugin.retries(Retries::default()))
    })
    .await;
    fixture.emulator.fault(Fault::answer(Answer::new(200)));
    let content = Content::from_bytes(package(3_000_000)).unwrap();
    let uploaded = fixture.upload_to(&version(1), content, PutOptions::default()).await;
    let error = uploaded.expect_err("the package was not sent");
    assert_eq!(error.kind(), ErrorKind::Component);
    assert_eq!(error.stored(), Stored::Unknown);
    assert_eq!(fixture.emulator.requests().len(), 1);
}

#[tokio::test]
async fn an_upload_that_ends_in_trailers_may_be_stored() {
    let fixture = start(programs::ENDS_IN_TRAILERS).await;
    fixture.emulator.fault(Fault::answer(Answer::new(503)));
    let error =
        fixture.put(&package(2000), NEVER).await.expect_err("the component returns an error");
    assert!(matches!(error.kind(), ErrorKind::Transport(_)), "{error:?}");
    assert_eq!(error.stored(), Stored::Unknown);
    assert!(fixture.only_request().await.body_complete);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_that_is_reported_as_not_stored_is_not_sent_afterwards() {
    let fixture = start(programs::HURRIES_OFF).await;
    // After a 4xx, an upload would be reported as not stored whether or not it was sent.
    fixture.emulator.fault(Fault::answer(Answer::new(503)).every_time());
    let mut unsent = Vec::new();
    for number in 0..100 {
        let target = ServiceVersion::new(format!("hurry{number}x"), 1).unwrap();
        let content = Content::from_bytes(package(2000)).unwrap();
        let result = fixture.send_to(&target, content, NEVER).await;
        if result.expect_err("the component returns an error").stored() == Stored::No {
            unsent.push(format!("/service/{}/version/1/package", target.service_id));
        }
    }
    assert!(!unsent.is_empty(), "no upload was reported as not stored");
    let Fixture { emulator, plugin } = fixture;
    drop(plugin);
    with_timeout(emulator.all_closed()).await;
    for request in emulator.requests() {
        assert!(!request.body_complete || !unsent.contains(&request.path), "{}", request.path);
    }
}

#[tokio::test]
async fn an_upload_that_was_sent_whole_is_not_reported_as_not_stored() {
    let fixture = start(programs::BLAMES_THE_PACKAGE).await;
    fixture.emulator.fault(Fault::answer(Answer::new(200)));
    let message = component_error(fixture.put(&package(2000), NEVER).await, Stored::Unknown);
    assert!(message.contains("it has sent whole"), "{message}");
}

#[tokio::test]
async fn the_text_of_an_error_is_bounded_and_has_no_control_characters() {
    let fixture = start(programs::SHOUTS).await;
    let error = fixture.get().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    let message = error.to_string();
    assert!(message.contains("\\u{1b}[31m") && !message.contains('\u{1b}'), "{message}");
    assert!(message.len() <= 5000, "{}", message.len());
}

#[test]
fn a_component_with_an_unknown_import_is_not_loaded() {
    let plugin = programs::run(programs::IMPORTS_ENVIRONMENT, plugin_for("https://api.fastly.com"));
    let error = plugin.build().expect_err("the import is missing");
    assert_eq!(error.kind(), ErrorKind::Component, "{error:?}");
    assert!(error.to_string().contains("wasi:cli/environment"), "{error}");
}

#[test]
fn bytes_that_are_not_a_compiled_component_are_not_loaded() {
    for bytes in [&b""[..], b"\0asm\x01\0\0\0", fastly_package::COMPONENT] {
        // SAFETY: none of them contains machine code, and wasmtime checks the header first.
        let plugin = unsafe { plugin_for("https://api.fastly.com").precompiled_component(bytes) };
        let error = plugin.build().expect_err("it is not a compiled component");
        assert!(error.to_string().contains("can't be loaded"), "{error}");
    }
}
