//! What the API says it stored is compared with what was sent.

use crate::fixture::{Fixture, IF_SENT, SERVICE, hashsum, package, sha512, version};
use fastly_package::{Content, Error, Proof, PutOptions, Retries, Stored};
use fastly_package_emulator::{Answer, Fault};
use serde_json::json;
use std::io::{Cursor, Write};
use std::sync::{Arc, Mutex};

const PROVEN: PutOptions =
    PutOptions { expect: fastly_package::Expect::Never, verify: true, force: false };

#[tokio::test]
async fn a_file_a_reader_and_bytes_are_proven_alike() {
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
            let uploaded = fixture.upload_to(&version(1), content, PROVEN).await.unwrap();
            assert!(matches!(uploaded.proof, Proof::Verified), "{uploaded:?}");
            assert_eq!(uploaded.attempts, 1);
            assert_eq!(hashsum(&uploaded.reply), sha512(&package));
        }
    }
    assert!(fixture.emulator.requests().iter().all(|request| request.method == "PUT"));
}

#[tokio::test]
async fn another_hash_or_length_is_no_success() {
    let fixture = Fixture::start().await;
    let package = package(2000);
    for (metadata, names) in [
        (json!({"size": 2000, "hashsum": "0".repeat(128)}), "0000"),
        (json!({"hashsum": "0".repeat(128)}), "stored something with 0000"),
        (json!({"size": 1999, "hashsum": sha512(&package)}), "stored 1999 bytes"),
        (json!({"size": "1999"}), "stored 1999 bytes without a hash"),
    ] {
        for retries in [Retries::none(), Retries::default()] {
            let fixture = Fixture::with(|plugin| plugin.retries(retries)).await;
            fixture.emulator.fault(Fault::answer(Answer::described(metadata.clone())).on_put());
            let error = fixture.upload(&package, PROVEN).await.unwrap_err();
            assert_eq!(error.stored(), Stored::Other);
            assert!(!error.is_retryable());
            let shown = error.to_string();
            assert!(shown.contains(names) && shown.contains(&sha512(&package)), "{shown}");
            let Error::Mismatch(mismatch) = error else { panic!("{error:?}") };
            assert_eq!((mismatch.sent.size, mismatch.sent.hashsum()), (2000, sha512(&package)));
            assert_eq!(fixture.only_request().await.method, "PUT");
        }
    }
    fixture.assert_works().await;
}

#[tokio::test]
async fn a_wrong_files_hash_is_no_reason_to_fail() {
    let fixture = Fixture::start().await;
    let package = package(2000);
    let metadata =
        json!({"hashsum": sha512(&package), "size": 2000, "files_hash": "f".repeat(128)});
    fixture.emulator.fault(Fault::answer(Answer::described(metadata)));
    let uploaded = fixture.upload(&package, PROVEN).await.unwrap();
    assert!(matches!(uploaded.proof, Proof::Verified));
}

#[tokio::test]
async fn where_the_answer_names_no_hash_a_get_is_asked() {
    let package = package(2000);
    for nameless in
        [json!(null), json!({"size": 2000}), json!({"hashsum": null}), json!({"hashsum": "?"})]
    {
        let fixture = Fixture::start().await;
        fixture
            .emulator
            .fault(Fault::answer(Answer::described(nameless.clone())).stored().on_put());
        let uploaded = fixture.upload(&package, PROVEN).await.unwrap();
        assert!(matches!(uploaded.proof, Proof::Verified), "{uploaded:?}");

        fixture.emulator.fault(Fault::answer(Answer::described(nameless.clone())).times(2));
        let uploaded = fixture.upload(&package, PROVEN).await.unwrap();
        assert!(matches!(uploaded.proof, Proof::Unnamed), "{uploaded:?}");

        fixture.emulator.fault(Fault::answer(Answer::described(nameless.clone())).on_put());
        fixture.emulator.fault(Fault::answer(Answer::new(503)).on_get());
        let uploaded = fixture.upload(&package, PROVEN).await.unwrap();
        let Proof::Failed(error) = uploaded.proof else { panic!("{uploaded:?}") };
        assert_eq!(error.status(), Some(503));

        let other = json!({"hashsum": "0".repeat(128)});
        fixture.emulator.fault(Fault::answer(Answer::described(nameless)).on_put());
        fixture.emulator.fault(Fault::answer(Answer::described(other)).on_get());
        let error = fixture.upload(&package, PROVEN).await.unwrap_err();
        assert!(matches!(error, Error::Mismatch(_)), "{error:?}");
    }
}

#[tokio::test]
async fn without_verification_nothing_is_compared() {
    let fixture = Fixture::start().await;
    fixture.emulator.fault(Fault::answer(Answer::described(json!({"hashsum": "0".repeat(128)}))));
    let options = PutOptions { verify: false, ..PROVEN };
    let uploaded = fixture.upload(&package(2000), options).await.unwrap();
    assert!(matches!(uploaded.proof, Proof::Off));
    assert_eq!(fixture.emulator.requests().len(), 1);
}

#[tokio::test]
async fn without_verification_a_lost_answer_is_still_found_out() {
    let fixture = Fixture::with(|plugin| plugin.retries(Retries::default())).await;
    let options = PutOptions { verify: false, ..PROVEN };
    fixture.emulator.fault(Fault::lost_answer());
    let uploaded = fixture.upload(&package(300_000), options).await.unwrap();
    assert!(matches!(uploaded.proof, Proof::Verified));
    assert_eq!(fixture.emulator.package(SERVICE, 1).unwrap().uploads, 1);
}

#[tokio::test]
async fn an_upload_that_may_be_stored_and_is_not_asked_after_says_so() {
    let fixture = Fixture::start().await;
    fixture.emulator.fault(Fault::lost_answer());
    let error = fixture.upload(&package(2000), PROVEN).await.unwrap_err();
    assert_eq!(error.stored(), IF_SENT[1]);
    assert_eq!(fixture.emulator.requests().len(), 1);
}

#[tokio::test]
async fn a_get_that_is_to_show_what_is_stored_is_said_before_it_is_made() {
    for (on_put, gets) in [
        (None, 0),
        (Some(Fault::answer(Answer::described(json!(null))).stored()), 1),
        (Some(Fault::lost_answer()), 1),
    ] {
        let said = Arc::new(Mutex::new(Vec::new()));
        let heard = said.clone();
        let fixture = Fixture::with(|plugin| {
            plugin.retries(Retries::default()).on_verify(move |target| {
                heard.lock().unwrap().push(target.service_id.clone());
            })
        })
        .await;
        if let Some(fault) = on_put {
            fixture.emulator.fault(fault.on_put());
        }
        let uploaded = fixture.upload(&package(2000), PROVEN).await.unwrap();
        assert!(matches!(uploaded.proof, Proof::Verified), "{uploaded:?}");
        assert_eq!(*said.lock().unwrap(), vec![SERVICE; gets]);
        let made = fixture.emulator.requests().iter().filter(|it| it.method == "GET").count();
        assert_eq!(made, gets);
    }
}
