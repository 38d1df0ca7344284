//! The package to upload.

mod file;
mod pump;
mod stream;

use crate::digest::Digest;
use crate::error::{ContentError, Result};
use bytes::{Bytes, BytesMut};
use fastly_package_archive::{SIZE_LIMIT, SNIFF_LENGTH, Sniffed, sniff};
pub use file::ContentReader;
use file::{OpenFile, ReaderSource};
use pump::Readings;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
pub(crate) use stream::{ContentProgress, ContentStream};
use tokio::io::{AsyncRead, AsyncReadExt};
use wasmtime_wasi::p2::DynInputStream;

/// A package to upload: a file, bytes, or a reader of known length.
///
/// It is read while it is sent, in constant memory. A file and bytes can be read again for a retry; a reader can't.
///
/// ```
/// use fastly_package::Content;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # std::env::set_current_dir(&folder)?;
/// # std::fs::write("app.tar.gz", fastly_package_emulator::sample::package(Default::default()))?;
/// let mut package = Content::open("app.tar.gz").await?;
/// package.check().await?;
/// println!("{} bytes", package.size());
/// # Ok(())
/// # }
/// ```
pub struct Content {
    source: Source,
    size: u64,
    file_name: Option<String>,
    on_progress: Option<OnProgress>,
    readings: Readings,
}

type OnProgress = Arc<dyn Fn(u64) + Send + Sync>;

enum Source {
    File(Arc<OpenFile>),
    Bytes(Bytes),
    /// `None` after it was read.
    Reader(Option<Box<dyn AsyncRead + Send + Unpin>>),
}

impl Content {
    /// Opens a file. The base name becomes the file name of the upload. If the file is modified before the upload ends, the upload fails.
    ///
    /// # Errors
    ///
    /// Fails if the file can't be opened ([`ContentError::Open`]), is not a regular file ([`NotAFile`](ContentError::NotAFile)), or is empty
    /// ([`Empty`](ContentError::Empty)).
    pub async fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref().to_owned();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        let opening = tokio::task::spawn_blocking(move || file::open(&path));
        let file = opening.await.map_err(|error| ContentError::Read(io::Error::other(error)))??;
        Ok(Self { file_name: name, ..Self::from_file(file)? })
    }

    /// Takes an open file, from its current position to its end. It has no file name.
    ///
    /// # Errors
    ///
    /// Fails if the length is unavailable ([`ContentError::Read`]), or nothing is left ([`Empty`](ContentError::Empty)).
    pub fn from_file(file: File) -> Result<Self> {
        let file = OpenFile::new(file).map_err(ContentError::Read)?;
        let size = file.size;
        Self::new(Source::File(Arc::new(file)), size)
    }

    /// Takes bytes.
    ///
    /// # Errors
    ///
    /// Fails if there are none ([`ContentError::Empty`]).
    ///
    /// ```
    /// use fastly_package::Content;
    ///
    /// assert_eq!(Content::from_bytes(vec![0x1f, 0x8b])?.size(), 2);
    /// assert!(Content::from_bytes("").is_err());
    /// # Ok::<(), fastly_package::Error>(())
    /// ```
    pub fn from_bytes(bytes: impl Into<Bytes>) -> Result<Self> {
        let bytes = bytes.into();
        let size = bytes.len() as u64;
        Self::new(Source::Bytes(bytes), size)
    }

    /// Takes a reader of `size` bytes. If it ends earlier or later, the upload is aborted.
    ///
    /// # Errors
    ///
    /// Fails if `size` is 0 ([`ContentError::Empty`]).
    ///
    /// ```
    /// # let archive = fastly_package_emulator::sample::package(Default::default());
    /// # let (size, body) = (archive.len() as u64, std::io::Cursor::new(archive));
    /// // The body of a response, whose size is its `Content-Length`.
    /// let package = fastly_package::Content::from_reader(body, size)?;
    /// assert!(!package.is_repeatable());
    /// # Ok::<(), fastly_package::Error>(())
    /// ```
    pub fn from_reader(reader: impl AsyncRead + Send + Unpin + 'static, size: u64) -> Result<Self> {
        Self::new(Source::Reader(Some(Box::new(reader))), size)
    }

    fn new(source: Source, size: u64) -> Result<Self> {
        if size == 0 {
            return Err(ContentError::Empty.into());
        }
        let readings = Readings::default();
        Ok(Self { source, size, file_name: None, on_progress: None, readings })
    }

    /// Sets the file name of the upload's multipart part. The API doesn't report it.
    pub fn with_file_name(mut self, name: impl Into<String>) -> Self {
        self.file_name = Some(name.into());
        self
    }

    /// Calls `listener` with the number of bytes read so far, whenever some are read for sending. A retry starts at 0 again. At most 3 MiB are read
    /// ahead of what is sent. The listener is called by the task that uploads, and must not block.
    ///
    /// ```
    /// # let package = fastly_package::Content::from_bytes("package")?;
    /// let size = package.size();
    /// let package = package.on_progress(move |read| eprintln!("{} %", read * 100 / size));
    /// # Ok::<(), fastly_package::Error>(())
    /// ```
    pub fn on_progress(mut self, listener: impl Fn(u64) + Send + Sync + 'static) -> Self {
        self.on_progress = Some(Arc::new(listener));
        self
    }

    /// Returns the content as a stream of `wasi:io`, for a host that runs the component in a store of its own and pushes the stream into its table. Can
    /// be called again if the content [is repeatable](Self::is_repeatable).
    ///
    /// It must be called in a tokio runtime, on a thread of which a reader is read.
    ///
    /// # Errors
    ///
    /// Fails if the file was modified since it was opened ([`ContentError::Changed`]), or the content can't be read, or not again
    /// ([`Read`](ContentError::Read)).
    pub fn stream(&mut self) -> Result<DynInputStream> {
        let (stream, _) = self.begin(false)?;
        Ok(Box::new(stream))
    }

    /// Returns a reader of the open file or the bytes, whose position is independent of the upload. `None` for content that can be read only once.
    pub fn reader(&self) -> Option<ContentReader> {
        let source = match &self.source {
            Source::File(file) => ReaderSource::File(file.clone()),
            Source::Bytes(bytes) => ReaderSource::Bytes(bytes.clone()),
            Source::Reader(_) => return None,
        };
        Some(ContentReader { source, size: self.size, position: 0 })
    }

    /// Returns the length, in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Returns whether the content can be read again, so that its upload can be retried.
    pub fn is_repeatable(&self) -> bool {
        !matches!(self.source, Source::Reader(_))
    }

    /// Checks the length, and that the content begins as a gzip-compressed tar archive does. At most 64 KiB are read; those of a reader are kept for the
    /// upload.
    ///
    /// # Errors
    ///
    /// Fails if the content is larger than [`SIZE_LIMIT`] ([`ContentError::TooLarge`]), begins as something else
    /// ([`NotAPackage`](ContentError::NotAPackage)), or can't be read ([`Read`](ContentError::Read)).
    ///
    /// ```
    /// use fastly_package::{Content, ContentError, NotAPackage};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> fastly_package::Result<()> {
    /// let error = Content::from_bytes("\0asm\x01\0\0\0")?.check().await.unwrap_err();
    /// assert!(matches!(error.content(), Some(ContentError::NotAPackage(NotAPackage::BareWasm))));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn check(&mut self) -> Result<()> {
        if self.size > SIZE_LIMIT {
            return Err(ContentError::TooLarge { limit: SIZE_LIMIT }.into());
        }
        let Some(head) = self.head().await.map_err(ContentError::Read)? else { return Ok(()) };
        // A premature end is left to the upload, which reports the expected length.
        let ended_early = (head.len() as u64) < self.size && head.len() < SNIFF_LENGTH;
        match sniff(&head, !ended_early) {
            Sniffed::NotAPackage(reason) => Err(ContentError::NotAPackage(reason).into()),
            Sniffed::Package | Sniffed::NeedMore => Ok(()),
        }
    }

    /// Returns the beginning of the content. `None` if it was read already and can't be read again.
    async fn head(&mut self) -> io::Result<Option<Bytes>> {
        if let Source::Bytes(bytes) = &self.source {
            return Ok(Some(bytes.slice(..SNIFF_LENGTH.min(bytes.len()))));
        }
        if let Some(reader) = self.reader() {
            let reading = tokio::task::spawn_blocking(move || {
                let mut head = Vec::with_capacity(SNIFF_LENGTH);
                Read::take(reader, SNIFF_LENGTH as u64).read_to_end(&mut head)?;
                io::Result::Ok(Some(Bytes::from(head)))
            });
            return reading.await?;
        }
        let Source::Reader(source) = &mut self.source else { return Ok(None) };
        let Some(mut reader) = source.take() else { return Ok(None) };
        let (head, result) = head_of(&mut reader, self.size).await;
        *source = Some(Box::new(AsyncReadExt::chain(io::Cursor::new(head.clone()), reader)));
        result.map(|()| Some(head))
    }

    pub(crate) fn file_name(&self) -> Option<&str> {
        self.file_name.as_deref()
    }

    /// Starts reading. With `hash`, [`sent`](Self::sent) is known afterwards.
    pub(crate) fn begin(
        &mut self,
        hash: bool,
    ) -> Result<(ContentStream, ContentProgress), ContentError> {
        match &self.source {
            Source::File(file) => file.check_unmodified(hash)?,
            Source::Bytes(_) | Source::Reader(Some(_)) => {}
            Source::Reader(None) => {
                return Err(ContentError::Read(io::Error::other("it can be read only once")));
            }
        }
        let chunks =
            pump::start(&mut self.source, &self.readings, hash).map_err(ContentError::Read)?;
        Ok(ContentStream::new(chunks, self.on_progress.clone()))
    }

    /// Returns the digest of the content, if it was read and hashed to its end.
    pub(crate) fn sent(&self) -> Option<Digest> {
        self.readings.whole()
    }

    /// Returns the digest of the content. A file or bytes that were not hashed are read again.
    pub(crate) async fn digest(&mut self) -> Option<Digest> {
        if self.sent().is_none() && self.is_repeatable() {
            let mut chunks = pump::start(&mut self.source, &self.readings, true).ok()?;
            while chunks.recv().await.is_some() {}
        }
        self.sent()
    }
}

impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Content")
            .field("size", &self.size)
            .field("file_name", &self.file_name)
            .finish_non_exhaustive()
    }
}

/// Reads until the beginning tells what the content is, or ends.
async fn head_of(
    reader: &mut (dyn AsyncRead + Send + Unpin),
    size: u64,
) -> (Bytes, io::Result<()>) {
    let mut head = BytesMut::with_capacity(1024);
    let limit = SNIFF_LENGTH.min(usize::try_from(size).unwrap_or(SNIFF_LENGTH));
    while head.len() < limit && sniff(&head, false) == Sniffed::NeedMore {
        let left = (limit - head.len()) as u64;
        match (&mut *reader).take(left).read_buf(&mut head).await {
            Ok(0) => break,
            Ok(_) => {}
            Err(error) => return (head.freeze(), Err(error)),
        }
    }
    (head.freeze(), Ok(()))
}
