//! Content that differs from its announced length, changes or fails: the upload is aborted, and nothing is stored.

use crate::fixture::{ALWAYS, Fixture, MIB, NEVER, package, with_timeout};
use fastly_package::{Content, ContentError, Error, ErrorKind, PutOptions, Reply, Result, Stored};
use std::fs::File;
use std::io::{self, Cursor, Write};
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};

/// A reader that returns an error.
struct FailingReader;

impl AsyncRead for FailingReader {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Poll::Ready(Err(io::Error::other("the disk is on fire")))
    }
}

#[track_caller]
fn content_error(result: Result<Reply>) -> Error {
    let error = result.expect_err("the content is wrong");
    assert_eq!(error.stored(), Stored::No);
    assert!(!error.is_retryable());
    assert!(matches!(error.kind(), ErrorKind::Content(_)), "{error:?}");
    error
}

/// Asserts that no request was complete, and that nothing is stored.
async fn assert_aborted(fixture: &Fixture) {
    with_timeout(fixture.emulator.all_closed()).await;
    for request in fixture.emulator.requests() {
        assert!(!request.body_complete, "{request:?}");
        assert_eq!(request.status, None);
    }
    fixture.assert_nothing_stored();
}

const OPTIONS: [PutOptions; 2] = [NEVER, ALWAYS];
const SIZES: [u64; 3] = [2000, MIB, 8 * MIB];

#[tokio::test]
async fn a_reader_that_ends_early_aborts_the_upload() {
    for options in OPTIONS {
        for size in SIZES {
            for missing in [1, size / 2, size] {
                let fixture = Fixture::start().await;
                let mut bytes = package(size);
                bytes.truncate((size - missing) as usize);
                let content = Content::from_reader(Cursor::new(bytes), size).unwrap();

                let error = content_error(fixture.send(content, options).await);

                let Some(ContentError::TooShort { expected, found }) = error.content() else {
                    panic!("{error:?}")
                };
                assert_eq!((*expected, *found), (size, size - missing));
                assert_aborted(&fixture).await;
            }
        }
    }
}

#[tokio::test]
async fn a_reader_that_exceeds_its_length_aborts_the_upload() {
    for options in OPTIONS {
        for size in SIZES {
            for surplus in [1, 300_000] {
                let fixture = Fixture::start().await;
                let content =
                    Content::from_reader(tokio::io::repeat(b'x').take(size + surplus), size);

                let error = content_error(fixture.send(content.unwrap(), options).await);

                let Some(ContentError::TooLong { expected }) = error.content() else {
                    panic!("{error:?}")
                };
                assert_eq!(*expected, size);
                assert_aborted(&fixture).await;
            }
        }
    }
}

#[tokio::test]
async fn a_reader_that_fails_aborts_the_upload_with_its_error() {
    for options in OPTIONS {
        for read in [0, 1000, 4 * MIB] {
            let fixture = Fixture::start().await;
            let reader = Cursor::new(package(8 * MIB)).take(read).chain(FailingReader);

            let content = Content::from_reader(reader, 8 * MIB).unwrap();
            let error = content_error(fixture.send(content, options).await);

            let Some(ContentError::Read(error)) = error.content() else { panic!("{error:?}") };
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

    assert!(matches!(error.content(), Some(ContentError::Changed)), "{error:?}");
    assert_aborted(&fixture).await;
}

#[tokio::test]
async fn a_file_that_grows_after_it_was_opened_aborts_the_upload() {
    let fixture = Fixture::start().await;
    let mut file = file_of(2 * MIB);
    let content = Content::open(file.path()).await.unwrap();
    file.write_all(b"more").unwrap();

    let error = content_error(fixture.send(content, NEVER).await);

    assert!(matches!(error.content(), Some(ContentError::Changed)), "{error:?}");
    assert_aborted(&fixture).await;
}

#[tokio::test]
async fn a_file_that_is_removed_after_it_was_opened_is_sent_whole() {
    let fixture = Fixture::start().await;
    let file = file_of(2 * MIB);
    let content = Content::open(file.path()).await.unwrap();
    file.close().unwrap();
    let reply = fixture.send(content, NEVER).await.unwrap();
    assert_eq!(reply.package.metadata.unwrap().size, Some(2 * MIB));
}

/// Returns the error of opening a path.
async fn open_error(path: &Path) -> Error {
    with_timeout(Content::open(path)).await.expect_err("the path is refused")
}

#[tokio::test]
async fn a_path_that_is_not_a_file_is_refused_before_anything_is_sent() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("missing.tar.gz");
    let error = open_error(&missing).await;
    let Some(ContentError::Open(path, error)) = error.content() else { panic!("{error:?}") };
    assert_eq!((path, error.kind()), (&missing, io::ErrorKind::NotFound));

    assert!(matches!(open_error(dir.path()).await.content(), Some(ContentError::NotAFile(_))));
    let below_a_file = dir.path().join("file/x.tar.gz");
    File::create(dir.path().join("file")).unwrap();
    assert!(matches!(open_error(&below_a_file).await.content(), Some(ContentError::Open(..))));
    let empty = open_error(&dir.path().join("file")).await;
    assert!(matches!(empty.content(), Some(ContentError::Empty)), "{empty:?}");
    assert!(matches!(open_error(Path::new("")).await.content(), Some(ContentError::Open(..))));
}

#[cfg(unix)]
#[tokio::test]
async fn a_fifo_and_a_device_are_refused_without_blocking() {
    let dir = tempfile::tempdir().unwrap();
    let fifo = dir.path().join("fifo");
    let status = std::process::Command::new("mkfifo").arg(&fifo).status().unwrap();
    assert!(status.success());
    for path in [&fifo, Path::new("/dev/zero")] {
        let error = open_error(path).await;
        assert!(matches!(error.content(), Some(ContentError::NotAFile(_))), "{error:?}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn opening_does_not_block_if_a_file_is_swapped_for_a_fifo() {
    let dir = tempfile::tempdir().unwrap();
    let [path, file, fifo] = ["app.tar.gz", "file", "fifo"].map(|name| dir.path().join(name));
    let status = std::process::Command::new("mkfifo").arg(&fifo).status().unwrap();
    assert!(status.success());
    std::fs::write(&file, "package").unwrap();
    std::fs::hard_link(&file, &path).unwrap();
    let (target, swapped) = (path.clone(), dir.path().join("swapped"));
    let running = Arc::new(());
    let is_running = Arc::downgrade(&running);
    let swapping = std::thread::spawn(move || {
        while is_running.strong_count() > 0 {
            for source in [&fifo, &file] {
                std::fs::hard_link(source, &swapped).unwrap();
                std::fs::rename(&swapped, &target).unwrap();
            }
        }
    });
    for _ in 0..3000 {
        if let Err(error) = with_timeout(Content::open(&path)).await {
            assert!(matches!(error.content(), Some(ContentError::NotAFile(_))), "{error:?}");
        }
    }
    drop(running);
    swapping.join().unwrap();
}

#[test]
fn empty_content_is_refused() {
    for content in [
        Content::from_bytes(Vec::new()),
        Content::from_reader(tokio::io::empty(), 0),
        Content::from_file(tempfile::tempfile().unwrap()),
    ] {
        let error = content.unwrap_err();
        assert!(matches!(error.content(), Some(ContentError::Empty)), "{error:?}");
    }
}
