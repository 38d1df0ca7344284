//! What is no package is refused before anything is sent.

use crate::fixture::{Fixture, assert_untouched, package, version};
use fastly_package::{
    Content, ContentError, Error, NotAPackage, PutOptions, Result, SIZE_LIMIT, TimeoutKind,
    Timeouts, Uploaded,
};
use std::io::Cursor;
use std::time::Duration;
use tokio::io::AsyncReadExt;

const FORCED: PutOptions =
    PutOptions { expect: fastly_package::Expect::Never, verify: true, force: true };

/// The same content as bytes, from a file, and from a reader that gives it in small pieces.
async fn contents(bytes: &[u8]) -> Vec<Content> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    let (mut writer, reader) = tokio::io::duplex(97);
    let all = bytes.to_vec();
    tokio::spawn(async move {
        let _ = tokio::io::AsyncWriteExt::write_all(&mut writer, &all).await;
    });
    vec![
        Content::from_bytes(bytes.to_vec()).unwrap(),
        Content::open(file.path()).await.unwrap(),
        Content::from_reader(reader, bytes.len() as u64).unwrap(),
    ]
}

#[track_caller]
fn refusal(result: Result<Uploaded>) -> ContentError {
    match result {
        Err(Error::Content(error)) => error,
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test]
async fn what_does_not_begin_as_a_package_is_refused_or_forced() {
    let fixture = Fixture::start().await;
    let kinds = [
        (b"\0asm\x01\0\0\0".repeat(200), NotAPackage::BareWasm),
        (b"x".to_vec(), NotAPackage::NotGzip),
        (vec![b'x'; 5000], NotAPackage::NotGzip),
        (b"\x1f\x8b\x08\0damaged".repeat(100), NotAPackage::NotTar),
        (package(2000)[..40].to_vec(), NotAPackage::NotTar),
    ];
    for (bytes, expected) in &kinds {
        for content in contents(bytes).await {
            let result = fixture.upload_to(&version(1), content, PutOptions::default()).await;
            let error = refusal(result);
            assert!(
                matches!(&error, ContentError::NotAPackage(what) if what == expected),
                "{error:?}"
            );
        }
    }
    assert_untouched(&fixture.emulator).await;
    for (bytes, _) in &kinds {
        for content in contents(bytes).await {
            let error = fixture.upload_to(&version(1), content, FORCED).await.unwrap_err();
            assert_eq!(error.status(), Some(400), "the API says what it thinks of it: {error:?}");
            let requests = fixture.emulator.requests();
            assert_eq!(requests.last().unwrap().package().unwrap().size, bytes.len() as u64);
        }
    }
}

#[tokio::test]
async fn what_is_larger_than_the_api_takes_is_refused_or_forced() {
    let fixture = Fixture::start().await;
    let size = SIZE_LIMIT + 1;
    let content = || Content::from_reader(tokio::io::repeat(0).take(size), size).unwrap();
    let error = refusal(fixture.upload_to(&version(1), content(), PutOptions::default()).await);
    assert!(matches!(error, ContentError::TooLarge { limit: SIZE_LIMIT }), "{error:?}");
    assert_untouched(&fixture.emulator).await;
    let error = fixture.upload_to(&version(1), content(), FORCED).await.unwrap_err();
    assert_eq!(error.status(), Some(413), "{error:?}");
}

#[tokio::test]
async fn what_was_looked_at_is_sent_from_its_beginning() {
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
async fn a_reader_that_gives_nothing_to_look_at_is_a_stall() {
    let limit = Duration::from_millis(200);
    let fixture =
        Fixture::with(|plugin| plugin.timeouts(Timeouts { stall: limit, ..Timeouts::default() }))
            .await;
    let (reader, _writer) = tokio::io::duplex(10);
    let content = Content::from_reader(reader, 2000).unwrap();
    let result = fixture.upload_to(&version(1), content, PutOptions::default()).await;
    let Err(Error::Timeout(timeout)) = result else { panic!("{result:?}") };
    assert_eq!((timeout.kind, timeout.limit), (TimeoutKind::Stall, limit));
    assert_untouched(&fixture.emulator).await;
}

#[tokio::test]
async fn a_reader_that_ends_before_it_can_be_looked_at_is_too_short() {
    let fixture = Fixture::start().await;
    let content = Content::from_reader(Cursor::new(package(2000)[..20].to_vec()), 2000).unwrap();
    let error = refusal(fixture.upload_to(&version(1), content, PutOptions::default()).await);
    assert!(matches!(error, ContentError::TooShort { expected: 2000, found: 20 }), "{error:?}");
    fixture.assert_nothing_stored();
}
