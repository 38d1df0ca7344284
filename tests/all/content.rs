//! Content that isn't what it was said to be: the upload is aborted, and nothing is stored.

use crate::fixture::{ALWAYS, Fixture, MIB, NEVER, in_time, package};
use fastly_package::{Content, ContentError, Error, PutOptions, Reply, Result, Stored};
use std::fs::File;
use std::io::{self, Cursor, Write};
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};

/// A reader that fails.
struct Broken;

impl AsyncRead for Broken {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Poll::Ready(Err(io::Error::other("the disk is on fire")))
    }
}

#[track_caller]
fn content_error(result: Result<Reply>) -> ContentError {
    let error = result.expect_err("the content is wrong");
    assert_eq!(error.stored(), Stored::No);
    assert!(!error.is_retryable());
    match error {
        Error::Content(error) => error,
        other => panic!("not an error of the content: {other:?}"),
    }
}

/// The upload never came to its end, if it came at all.
async fn assert_aborted(fixture: &Fixture) {
    in_time(fixture.emulator.all_closed()).await;
    for request in fixture.emulator.requests() {
        assert!(!request.body_complete, "{request:?}");
        assert_eq!(request.status, None);
    }
    fixture.assert_nothing_stored();
}

const WAYS: [PutOptions; 2] = [NEVER, ALWAYS];
const SIZES: [u64; 3] = [2000, MIB, 8 * MIB];

#[tokio::test]
async fn a_reader_that_ends_early_aborts_the_upload() {
    for options in WAYS {
        for size in SIZES {
            for missing in [1, size / 2, size] {
                let fixture = Fixture::start().await;
                let mut bytes = package(size);
                bytes.truncate((size - missing) as usize);
                let content = Content::from_reader(Cursor::new(bytes), size).unwrap();

                let error = content_error(fixture.send(content, options).await);

                let ContentError::TooShort { expected, found } = error else { panic!("{error:?}") };
                assert_eq!((expected, found), (size, size - missing));
                assert_aborted(&fixture).await;
            }
        }
    }
}

#[tokio::test]
async fn a_reader_that_goes_on_aborts_the_upload() {
    for options in WAYS {
        for size in SIZES {
            for surplus in [1, 300_000] {
                let fixture = Fixture::start().await;
                let content =
                    Content::from_reader(tokio::io::repeat(b'x').take(size + surplus), size);

                let error = content_error(fixture.send(content.unwrap(), options).await);

                assert!(matches!(error, ContentError::TooLong { expected } if expected == size));
                assert_aborted(&fixture).await;
            }
        }
    }
}

#[tokio::test]
async fn a_reader_that_fails_aborts_the_upload_and_says_why() {
    for options in WAYS {
        for before in [0, 1000, 4 * MIB] {
            let fixture = Fixture::start().await;
            let reader = Cursor::new(package(8 * MIB)).take(before).chain(Broken);

            let content = Content::from_reader(reader, 8 * MIB).unwrap();
            let error = content_error(fixture.send(content, options).await);

            let ContentError::Read(error) = error else { panic!("{error:?}") };
            assert_eq!(error.to_string(), "the disk is on fire");
            assert_aborted(&fixture).await;
            fixture.assert_works().await;
        }
    }
}

fn file_of(size: u64) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&package(size)).unwrap();
    file
}

#[tokio::test]
async fn a_file_that_shrinks_after_it_was_opened_aborts_the_upload() {
    let fixture = Fixture::start().await;
    let file = file_of(2 * MIB);
    let content = Content::open(file.path()).await.unwrap();
    file.as_file().set_len(MIB).unwrap();

    let error = content_error(fixture.send(content, NEVER).await);

    assert!(matches!(error, ContentError::Changed), "{error:?}");
    assert_aborted(&fixture).await;
}

#[tokio::test]
async fn a_file_that_grows_after_it_was_opened_aborts_the_upload() {
    let fixture = Fixture::start().await;
    let mut file = file_of(2 * MIB);
    let content = Content::open(file.path()).await.unwrap();
    file.write_all(b"more").unwrap();

    let error = content_error(fixture.send(content, NEVER).await);

    assert!(matches!(error, ContentError::Changed), "{error:?}");
    assert_aborted(&fixture).await;
}

#[tokio::test]
async fn a_file_that_is_replaced_or_removed_after_it_was_opened_is_sent_as_it_was() {
    let fixture = Fixture::start().await;
    let file = file_of(2 * MIB);
    let content = Content::open(file.path()).await.unwrap();
    file.close().unwrap();
    let reply = fixture.send(content, NEVER).await.unwrap();
    assert_eq!(reply.package.metadata.unwrap().size, Some(2 * MIB));
}

/// Why a path isn't opened.
async fn refusal(path: &Path) -> ContentError {
    match in_time(Content::open(path)).await {
        Err(Error::Content(error)) => error,
        other => panic!("{}: {other:?}", path.display()),
    }
}

#[tokio::test]
async fn what_is_no_file_is_refused_before_anything_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing.tar.gz");
    let ContentError::Open(path, error) = refusal(&missing).await else { panic!() };
    assert_eq!((path, error.kind()), (missing.clone(), io::ErrorKind::NotFound));

    assert!(matches!(refusal(folder.path()).await, ContentError::NotAFile(_)));
    let below_a_file = folder.path().join("file/x.tar.gz");
    File::create(folder.path().join("file")).unwrap();
    assert!(matches!(refusal(&below_a_file).await, ContentError::Open(..)));
    assert!(matches!(refusal(&folder.path().join("file")).await, ContentError::Empty));
    assert!(matches!(refusal(Path::new("")).await, ContentError::Open(..)));
}

#[cfg(unix)]
#[tokio::test]
async fn a_fifo_and_a_device_are_refused_without_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let fifo = folder.path().join("fifo");
    let made = std::process::Command::new("mkfifo").arg(&fifo).status().unwrap();
    assert!(made.success());
    assert!(matches!(refusal(&fifo).await, ContentError::NotAFile(_)));
    assert!(matches!(refusal(Path::new("/dev/zero")).await, ContentError::NotAFile(_)));
}

#[test]
fn nothing_is_no_content() {
    for content in [
        Content::from_bytes(Vec::new()),
        Content::from_reader(tokio::io::empty(), 0),
        Content::from_file(tempfile::tempfile().unwrap()),
    ] {
        assert!(matches!(content, Err(Error::Content(ContentError::Empty))), "{content:?}");
    }
}
