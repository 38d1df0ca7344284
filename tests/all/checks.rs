//! Content that is not a package is refused before anything is sent.

use crate::fixture::{Fixture, assert_no_connections, package, version};
use fastly_package::{
    Content, ContentError, Error, NotAPackage, PutOptions, Result, SIZE_LIMIT, TimeoutPhase,
    Timeouts, Uploaded,
};
use std::io::Cursor;
use std::time::Duration;
use tokio::io::AsyncReadExt;

const FORCE: PutOptions =
    PutOptions { expect: fastly_package::Expect::Never, verify: true, force: true };

/// Returns the same content from bytes, from a file, and from a reader that yields small chunks.
async fn contents(bytes: &[u8]) -> Vec<Content> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    let (mut writer, reader) = tokio::io::duplex(97);
    let written = bytes.to_vec();
    tokio::spawn(async move {
        let _ = tokio::io::AsyncWriteExt::write_all(&mut writer, &written).await;
    });
    vec![
        Content::from_bytes(bytes.to_vec()).unwrap(),
        Content::open(file.path()).await.unwrap(),
        Content::from_reader(reader, bytes.len() as u64).unwrap(),
    ]
}

#[track_caller]
fn content_error(result: Result<Uploaded>) -> Error {
    let error = result.expect_err("the content is refused");
    assert!(error.content().is_some(), "{error:?}");
    error
}

#[tokio::test]
async fn content_that_does_not_begin_as_a_package_is_refused_unless_forced() {
    let fixture = Fixture::start().await;
    let cases = [
        (b"\0asm\x01\0\0\0".repeat(200), NotAPackage::BareWasm),
        (b"x".to_vec(), NotAPackage::NotGzip),
        (vec![b'x'; 5000], NotAPackage::NotGzip),
        (b"\x1f\x8b\x08\0damaged".repeat(100), NotAPackage::NotTar),
        (package(2000)[..40].to_vec(), NotAPackage::NotTar),
    ];
    for (bytes, expected) in &cases {
        for content in contents(bytes).await {
            let result = fixture.upload_to(&version(1), content, PutOptions::default()).await;
            let error = content_error(result);
            assert!(
                matches!(error.content(), Some(ContentError::NotAPackage(reason)) if reason == expected),
                "{error:?}"
            );
        }
    }
    assert_no_connections(&fixture.emulator).await;
    for (bytes, _) in &cases {
        for content in contents(bytes).await {
            let error = fixture.upload_to(&version(1), content, FORCE).await.unwrap_err();
            assert_eq!(error.status(), Some(400), "the API checks it: {error:?}");
            let requests = fixture.emulator.requests();
            assert_eq!(requests.last().unwrap().package().unwrap().size, bytes.len() as u64);
        }
    }
}

#[tokio::test]
async fn content_over_the_size_limit_is_refused_unless_forced() {
    let fixture = Fixture::start().await;
    let size = SIZE_LIMIT + 1;
    let content = || Content::from_reader(tokio::io::repeat(0).take(size), size).unwrap();
    let error =
        content_error(fixture.upload_to(&version(1), content(), PutOptions::default()).await);
    let Some(ContentError::TooLarge { limit: SIZE_LIMIT }) = error.content() else {
        panic!("{error:?}")
    };
    assert_no_connections(&fixture.emulator).await;
    let error = fixture.upload_to(&version(1), content(), FORCE).await.unwrap_err();
    assert_eq!(error.status(), Some(413), "{error:?}");
}

#[tokio::test]
async fn content_is_sent_from_its_beginning_after_the_check() {
    let fixture = Fixture::start().await;
    for size in [2000, 70_000, 300_000] {
        let package = package(size);
        for content in contents(&package).await {
            let uploaded = fixture.upload_to(&version(1), content, PutOptions::default()).await;
            assert_eq!(uploaded.unwrap().reply.package.metadata.unwrap().size, Some(size));
        }
    }
}

#[tokio::test]
async fn a_reader_that_yields_nothing_for_the_check_is_a_stall() {
    let limit = Duration::from_millis(200);
    let fixture =
        Fixture::with(|plugin| plugin.timeouts(Timeouts { stall: limit, ..Timeouts::default() }))
            .await;
    let (reader, _writer) = tokio::io::duplex(10);
    let content = Content::from_reader(reader, 2000).unwrap();
    let result = fixture.upload_to(&version(1), content, PutOptions::default()).await;
    let error = result.expect_err("the call times out");
    let timeout = error.timeout().expect("a timeout");
    assert_eq!((timeout.phase, timeout.limit), (TimeoutPhase::Stall, limit));
    assert_no_connections(&fixture.emulator).await;
}

#[tokio::test]
async fn a_reader_that_ends_during_the_check_is_too_short() {
    let fixture = Fixture::start().await;
    let content = Content::from_reader(Cursor::new(package(2000)[..20].to_vec()), 2000).unwrap();
    let error = content_error(fixture.upload_to(&version(1), content, PutOptions::default()).await);
    let Some(ContentError::TooShort { expected: 2000, found: 20 }) = error.content() else {
        panic!("{error:?}")
    };
    fixture.assert_nothing_stored();
}
