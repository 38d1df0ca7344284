//! Verification: the size and hash that the API reports are compared with the package that was sent.

use crate::fixture::{
    Fixture, SERVICE, STORED_IF_SENT, described, hashsum, package, sha512, version,
};
use fastly_package::{Content, ErrorKind, Proof, PutOptions, Retries, Stored};
use fastly_package_emulator::{Answer, Fault};
use serde_json::json;
use std::io::{Cursor, Write};
use std::sync::{Arc, Mutex};

const VERIFY: PutOptions =
    PutOptions { expect: fastly_package::Expect::Never, verify: true, force: false };

#[tokio::test]
async fn a_file_a_reader_and_bytes_are_all_verified() {
    let fixture = Fixture::start().await;
    for size in [2000, 262_144, 262_145, 3_000_000] {
        let package = package(size);
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&package).unwrap();
        for content in [
            Content::open(file.path()).await.unwrap(),
            Content::from_bytes(package.clone()).unwrap(),
            Content::from_reader(Cursor::new(package.clone()), size).unwrap(),
        ] {
            let uploaded = fixture.upload_to(&version(1), content, VERIFY).await.unwrap();
            assert!(matches!(uploaded.proof, Proof::Verified), "{uploaded:?}");
            assert_eq!(uploaded.attempts, 1);
            assert_eq!(hashsum(&uploaded.reply), sha512(&package));
        }
    }
    assert!(fixture.emulator.requests().iter().all(|request| request.method == "PUT"));
}

#[tokio::test]
async fn a_different_hash_or_size_is_a_mismatch() {
    let fixture = Fixture::start().await;
    let package = package(2000);
    for (metadata, expected) in [
        (json!({"size": 2000, "hashsum": "0".repeat(128)}), "0000"),
        (
            json!({"hashsum": "0".repeat(128)}),
            "stored an unknown number of bytes with SHA-512 0000",
        ),
        (json!({"size": 1999, "hashsum": sha512(&package)}), "stored 1999 bytes"),
        (json!({"size": "1999"}), "stored 1999 bytes without a SHA-512"),
    ] {
        for retries in [Retries::none(), Retries::default()] {
            let fixture = Fixture::with(|plugin| plugin.retries(retries)).await;
            fixture.emulator.fault(Fault::answer(described(metadata.clone())).on_put());
            let error = fixture.upload(&package, VERIFY).await.unwrap_err();
            assert_eq!(error.stored(), Stored::Other);
            assert!(!error.is_retryable());
            let message = error.to_string();
            assert!(message.contains(expected) && message.contains(&sha512(&package)), "{message}");
            let Some(mismatch) = error.mismatch() else { panic!("{error:?}") };
            assert_eq!((mismatch.sent.size, mismatch.sent.hashsum()), (2000, sha512(&package)));
            assert_eq!(fixture.only_request().await.method, "PUT");
        }
    }
    fixture.assert_works().await;
}

#[tokio::test]
async fn a_different_files_hash_is_ignored() {
    let fixture = Fixture::start().await;
    let package = package(2000);
    let metadata =
        json!({"hashsum": sha512(&package), "size": 2000, "files_hash": "f".repeat(128)});
    fixture.emulator.fault(Fault::answer(described(metadata)));
    let uploaded = fixture.upload(&package, VERIFY).await.unwrap();
    assert!(matches!(uploaded.proof, Proof::Verified));
}

#[tokio::test]
async fn without_a_hash_in_the_response_a_get_verifies_the_upload() {
    let package = package(2000);
    for without_hash in
        [json!(null), json!({"size": 2000}), json!({"hashsum": null}), json!({"hashsum": "?"})]
    {
        let fixture = Fixture::start().await;
        fixture.emulator.fault(Fault::answer(described(without_hash.clone())).stored().on_put());
        let uploaded = fixture.upload(&package, VERIFY).await.unwrap();
        assert!(matches!(uploaded.proof, Proof::Verified), "{uploaded:?}");

        fixture.emulator.fault(Fault::answer(described(without_hash.clone())).times(2));
        let uploaded = fixture.upload(&package, VERIFY).await.unwrap();
        assert!(matches!(uploaded.proof, Proof::NoHash), "{uploaded:?}");

        fixture.emulator.fault(Fault::answer(described(without_hash.clone())).on_put());
        fixture.emulator.fault(Fault::answer(Answer::new(503)).on_get());
        let uploaded = fixture.upload(&package, VERIFY).await.unwrap();
        let Proof::Failed(error) = uploaded.proof else { panic!("{uploaded:?}") };
        assert_eq!(error.status(), Some(503));

        let other = json!({"hashsum": "0".repeat(128)});
        fixture.emulator.fault(Fault::answer(described(without_hash)).on_put());
        fixture.emulator.fault(Fault::answer(described(other)).on_get());
        let error = fixture.upload(&package, VERIFY).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Mismatch, "{error:?}");
    }
}

#[tokio::test]
async fn without_verification_a_different_hash_is_accepted() {
    let fixture = Fixture::start().await;
    fixture.emulator.fault(Fault::answer(described(json!({"hashsum": "0".repeat(128)}))));
    let options = PutOptions { verify: false, ..VERIFY };
    let uploaded = fixture.upload(&package(2000), options).await.unwrap();
    assert!(matches!(uploaded.proof, Proof::Off));
    assert_eq!(fixture.emulator.requests().len(), 1);
}

#[tokio::test]
async fn without_verification_a_lost_response_is_still_reconciled() {
    let fixture = Fixture::with(|plugin| plugin.retries(Retries::default())).await;
    let options = PutOptions { verify: false, ..VERIFY };
    fixture.emulator.fault(Fault::lost_answer());
    let uploaded = fixture.upload(&package(300_000), options).await.unwrap();
    assert!(matches!(uploaded.proof, Proof::Verified));
    assert_eq!(fixture.emulator.package(SERVICE, 1).unwrap().uploads, 1);
}

#[tokio::test]
async fn without_retries_a_lost_response_leaves_stored_unknown() {
    let fixture = Fixture::start().await;
    fixture.emulator.fault(Fault::lost_answer());
    let error = fixture.upload(&package(2000), VERIFY).await.unwrap_err();
    assert_eq!(error.stored(), STORED_IF_SENT[1]);
    assert_eq!(fixture.emulator.requests().len(), 1);
}

#[tokio::test]
async fn on_verify_is_called_before_each_get_that_determines_what_is_stored() {
    for (on_put, gets) in [
        (None, 0),
        (Some(Fault::answer(described(json!(null))).stored()), 1),
        (Some(Fault::lost_answer()), 1),
    ] {
        let calls = Arc::new(Mutex::new(Vec::new()));
        let recorded = calls.clone();
        let fixture = Fixture::with(|plugin| {
            plugin.retries(Retries::default()).on_verify(move |target| {
                recorded.lock().unwrap().push(target.service_id.clone());
            })
        })
        .await;
        if let Some(fault) = on_put {
            fixture.emulator.fault(fault.on_put());
        }
        let uploaded = fixture.upload(&package(2000), VERIFY).await.unwrap();
        assert!(matches!(uploaded.proof, Proof::Verified), "{uploaded:?}");
        assert_eq!(*calls.lock().unwrap(), vec![SERVICE; gets]);
        let sent = fixture.emulator.requests().iter().filter(|it| it.method == "GET").count();
        assert_eq!(sent, gets);
    }
}
