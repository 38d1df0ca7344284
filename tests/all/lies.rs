//! Components that say what isn't so: what the edge saw goes before it.

use crate::fixture::{Fixture, NEVER, in_time, package, plugin_for, version};
use crate::programs;
use fastly_package::{Content, Error, PutOptions, Reply, Result, ServiceVersion, Stored};
use fastly_package_emulator::{Answer, Fault};

#[track_caller]
fn caught(result: Result<Reply>, stored: Stored) -> String {
    let error = result.expect_err("the component lies");
    assert_eq!(error.stored(), stored);
    assert!(!error.is_retryable());
    assert!(matches!(error, Error::Component(_)), "{error:?}");
    error.to_string()
}

async fn running(program: &'static [u8]) -> Fixture {
    Fixture::with(|plugin| programs::run(program, plugin)).await
}

#[tokio::test]
async fn a_success_without_a_request_is_none() {
    let fixture = running(programs::CLAIMS_SUCCESS).await;
    let why = caught(fixture.get().await, Stored::No);
    assert!(why.contains("a success that the API didn't give"), "{why}");
    assert_eq!(fixture.emulator.connections(), 0);
}

#[tokio::test]
async fn a_success_that_the_api_denies_is_none() {
    let fixture = running(programs::CLAIMS_UPLOAD).await;
    for (answer, stored) in [
        (Answer::new(401), Stored::No),
        (Answer::new(422), Stored::No),
        (Answer::new(503), Stored::Unknown),
        (Answer::redirect(302, "/"), Stored::Unknown),
    ] {
        fixture.emulator.fault(Fault::answer(answer));
        caught(fixture.put(&package(2000), NEVER).await, stored);
    }
    fixture.assert_nothing_stored();
}

#[tokio::test]
async fn a_refusal_that_the_api_did_not_give_is_none() {
    let fixture = running(programs::CLAIMS_NOT_FOUND).await;
    let why = caught(fixture.get().await, Stored::No);
    assert!(why.contains("an answer that the API didn't give"), "{why}");
    assert_eq!(fixture.emulator.connections(), 0);
}

#[tokio::test]
async fn a_package_that_was_never_read_is_not_proven() {
    let fixture = running(programs::CLAIMS_UPLOAD).await;
    fixture.emulator.fault(Fault::answer(Answer::new(200)));
    let content = Content::from_bytes(package(3_000_000)).unwrap();
    let uploaded = fixture.upload_to(&version(1), content, PutOptions::default()).await;
    let error = uploaded.expect_err("what was sent is not the package");
    assert!(matches!(error, Error::Component(_)), "{error:?}");
    assert_eq!(error.stored(), Stored::Unknown);
}

#[tokio::test]
async fn a_body_that_ended_in_trailers_was_sent_whole() {
    let fixture = running(programs::ENDS_IN_TRAILERS).await;
    fixture.emulator.fault(Fault::answer(Answer::new(503)));
    let error = fixture.put(&package(2000), NEVER).await.expect_err("it says so");
    assert!(matches!(error, Error::Transport(_)), "{error:?}");
    assert_eq!(error.stored(), Stored::Unknown);
    assert!(fixture.only_request().await.body_complete);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_said_not_to_be_stored_is_not_sent_afterwards() {
    let fixture = running(programs::HURRIES_OFF).await;
    // A refusal would say that it isn't stored, whatever arrived.
    fixture.emulator.fault(Fault::answer(Answer::new(503)).every_time());
    let mut unsent = Vec::new();
    for number in 0..100 {
        let target = ServiceVersion::new(format!("hurry{number}x"), 1).unwrap();
        let content = Content::from_bytes(package(2000)).unwrap();
        let result = fixture.send_to(&target, content, NEVER).await;
        if result.expect_err("it says so").stored() == Stored::No {
            unsent.push(format!("/service/{}/version/1/package", target.service_id));
        }
    }
    assert!(!unsent.is_empty(), "it never hurried");
    let Fixture { emulator, plugin } = fixture;
    drop(plugin);
    in_time(emulator.all_closed()).await;
    for request in emulator.requests() {
        assert!(!request.body_complete || !unsent.contains(&request.path), "{}", request.path);
    }
}

#[tokio::test]
async fn what_was_sent_whole_is_not_said_to_be_unsent() {
    let fixture = running(programs::BLAMES_THE_PACKAGE).await;
    fixture.emulator.fault(Fault::answer(Answer::new(200)));
    let why = caught(fixture.put(&package(2000), NEVER).await, Stored::Unknown);
    assert!(why.contains("it had sent whole"), "{why}");
}

#[test]
fn what_imports_more_than_the_sandbox_has_is_not_loaded() {
    let plugin = programs::run(programs::IMPORTS_ENVIRONMENT, plugin_for("https://api.fastly.com"));
    let error = plugin.build().expect_err("it can't be linked");
    assert!(matches!(error, Error::Component(_)), "{error:?}");
    assert!(error.to_string().contains("wasi:cli/environment"), "{error}");
}

#[test]
fn what_is_no_compiled_component_is_not_loaded() {
    for bytes in [&b""[..], b"\0asm\x01\0\0\0", fastly_package::COMPONENT] {
        // SAFETY: none of these is machine code; they are refused by their header.
        let plugin = unsafe { plugin_for("https://api.fastly.com").precompiled_component(bytes) };
        let error = plugin.build().expect_err("it is no machine code");
        assert!(error.to_string().contains("can't be loaded"), "{error}");
    }
}
