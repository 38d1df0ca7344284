//! The identity of a package: a success that describes another service or version than the requested one is not the API's response to the request.

use crate::fixture::{Fixture, SERVICE, STORED_IF_SENT, described, package, sha512, unexpected};
use crate::retries::{methods, with_retries};
use fastly_package::{ErrorKind, Proof, PutOptions, Stored, UnexpectedReason};
use fastly_package_emulator::{Answer, Fault};
use serde_json::json;

const INVALID_BODY: ErrorKind = ErrorKind::UnexpectedResponse(UnexpectedReason::InvalidBody);

/// Returns responses about this package in other services and versions than those of the fixture's calls, and how their errors describe them.
fn misdirected(package: &[u8]) -> Vec<(Answer, String)> {
    let metadata = json!({"size": package.len(), "hashsum": sha512(package)});
    let lower_case = SERVICE.to_ascii_lowercase();
    let identities =
        [("ANOTHER", 9), ("ANOTHER", 1), (SERVICE, 9), (SERVICE, 0), (&lower_case, 1), ("", 1)];
    let answers = identities.into_iter().map(|(service_id, version)| {
        let detail = format!("it describes version {version} of the service {service_id}");
        (Answer::described(service_id, version, metadata.clone()), detail)
    });
    answers.collect()
}

#[tokio::test]
async fn a_package_of_another_service_or_version_is_an_unexpected_response() {
    let fixture = Fixture::start().await;
    for (answer, detail) in misdirected(&package(2000)) {
        for (result, stored) in fixture.get_and_put(answer).await.into_iter().zip(STORED_IF_SENT) {
            let error = result.expect_err(&detail);
            assert_eq!((error.kind(), error.stored()), (INVALID_BODY, stored));
            assert!(!error.is_retryable());
            let response = unexpected(Err(error));
            assert_eq!((response.status, response.detail), (200, detail.clone()));
        }
    }
    fixture.assert_nothing_stored();
    let calls = fixture.emulator.requests().len();
    assert_eq!(fixture.emulator.connections(), calls as u64, "no connection is used again");
    fixture.assert_works().await;
}

#[tokio::test]
async fn after_an_upload_with_a_response_about_another_package_a_get_decides() {
    let package = package(2000);
    for (answer, detail) in misdirected(&package) {
        let fixture = Fixture::with(with_retries).await;
        let fault = Fault::answer(answer).on_put();
        fixture.emulator.fault(fault.clone());
        let error = fixture.upload(&package, PutOptions::default()).await.expect_err(&detail);
        assert_eq!((error.kind(), error.stored()), (INVALID_BODY, Stored::No));
        assert_eq!(methods(&fixture).await, ["PUT", "GET"]);

        fixture.emulator.fault(fault.stored());
        let uploaded = fixture.upload(&package, PutOptions::default()).await.unwrap();
        assert!(matches!(uploaded.proof, Proof::Verified), "{uploaded:?}");
        let described = uploaded.reply.package;
        assert_eq!((described.service_id.as_str(), described.version), (SERVICE, 1));
        assert_eq!(methods(&fixture).await, ["PUT", "GET", "PUT", "GET"]);
        assert_eq!(fixture.emulator.package(SERVICE, 1).unwrap().uploads, 1);
    }
}

#[tokio::test]
async fn a_deciding_get_about_another_package_leaves_stored_unknown() {
    let package = package(2000);
    for (answer, detail) in misdirected(&package) {
        let fixture = Fixture::with(with_retries).await;
        fixture.emulator.fault(Fault::lost_answer().on_put());
        fixture.emulator.fault(Fault::answer(answer).on_get());
        let error = fixture.upload(&package, PutOptions::default()).await.expect_err(&detail);
        assert!(matches!(error.kind(), ErrorKind::Transport(_)), "{error:?}");
        assert_eq!(error.stored(), Stored::Unknown);
        assert_eq!(methods(&fixture).await, ["PUT", "GET"]);
    }
}

#[tokio::test]
async fn a_verifying_get_about_another_package_verifies_nothing() {
    let package = package(2000);
    for (answer, _) in misdirected(&package) {
        let fixture = Fixture::with(with_retries).await;
        fixture.emulator.fault(Fault::answer(described(json!(null))).stored().on_put());
        fixture.emulator.fault(Fault::answer(answer).on_get());
        let uploaded = fixture.upload(&package, PutOptions::default()).await.unwrap();
        let Proof::Failed(error) = uploaded.proof else { panic!("{uploaded:?}") };
        assert_eq!(error.kind(), INVALID_BODY, "{error:?}");
        assert_eq!(methods(&fixture).await, ["PUT", "GET"]);
    }
}
