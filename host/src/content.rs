//! The package to upload: where it is read, how often it can be, and how it comes into the sandbox.

mod pump;
mod stream;

use crate::digest::Digest;
use crate::error::{ContentError, Error, Result};
use bytes::{Bytes, BytesMut};
use fastly_package_archive::{HEAD, Look, SIZE_LIMIT, look};
use pump::Readings;
use std::fs::File;
use std::io::{self, Seek};
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;
pub(crate) use stream::{ContentStream, ContentWatch};
use tokio::io::{AsyncRead, AsyncReadExt};
use wasmtime_wasi::p2::DynInputStream;

/// A package to upload: a file, bytes, or any reader whose length is known.
///
/// It is read while it is sent, in constant memory. A file and bytes can be read again, for a retry; a reader can't.
///
/// ```
/// use fastly_package::Content;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # std::env::set_current_dir(&folder)?;
/// # std::fs::create_dir("pkg")?;
/// # std::fs::write("pkg/app.tar.gz", fastly_package_emulator::sample::package(Default::default()))?;
/// let mut package = Content::open("pkg/app.tar.gz").await?;
/// package.check().await?;
/// println!("{} bytes", package.size());
/// # Ok(())
/// # }
/// ```
pub struct Content {
    source: Source,
    size: u64,
    filename: Option<String>,
    progress: Option<Progress>,
    readings: Readings,
}

type Progress = Arc<dyn Fn(u64) + Send + Sync>;

enum Source {
    File(Arc<OpenFile>),
    Bytes(Bytes),
    /// `None`: it was read.
    Reader(Option<Box<dyn AsyncRead + Send + Unpin>>),
}

impl Content {
    /// Opens a file. One that is written to between now and the end of the upload ends in an error. Its name without the folder becomes
    /// the file name of the upload.
    ///
    /// # Errors
    ///
    /// [`Error::Content`] when it can't be opened ([`ContentError::Open`]), isn't a regular file ([`NotAFile`](ContentError::NotAFile)), or is
    /// empty ([`Empty`](ContentError::Empty)).
    ///
    /// ```
    /// use fastly_package::{Content, ContentError, Error};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let missing = Content::open("missing.tar.gz").await;
    /// assert!(matches!(missing, Err(Error::Content(ContentError::Open(_, _)))));
    /// # }
    /// ```
    pub async fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref().to_owned();
        let opening = tokio::task::spawn_blocking(move || {
            let open = |error| ContentError::Open(path.clone(), error);
            // Looked at before it is opened: opening a FIFO would wait for its writer.
            let metadata = std::fs::metadata(&path).map_err(open)?;
            if !metadata.is_file() {
                return Err(ContentError::NotAFile(path));
            }
            let file = File::open(&path).map_err(open)?;
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
            Ok((file, name))
        });
        let (file, filename) =
            opening.await.map_err(|error| ContentError::Read(io::Error::other(error)))??;
        Ok(Self { filename, ..Self::from_file(file)? })
    }

    /// Takes an open file, from its present position to its end. It has no file name.
    ///
    /// # Errors
    ///
    /// [`Error::Content`] when its length can't be told ([`ContentError::Read`]), or nothing is left of it ([`Empty`](ContentError::Empty)).
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # std::env::set_current_dir(&folder)?;
    /// # std::fs::write("app.tar.gz", fastly_package_emulator::sample::package(Default::default()))?;
    /// let file = std::fs::File::open("app.tar.gz")?;
    /// let package = fastly_package::Content::from_file(file)?.filename("app.tar.gz");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_file(mut file: File) -> Result<Self> {
        let state = FileState::of(&file).map_err(ContentError::Read)?;
        let start = file.stream_position().map_err(ContentError::Read)?;
        let size = state.length.saturating_sub(start);
        Self::new(Source::File(Arc::new(OpenFile { file, start, size, state })), size)
    }

    /// Takes bytes.
    ///
    /// # Errors
    ///
    /// [`ContentError::Empty`] when there are none.
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

    /// Takes a reader of `size` bytes. It must end there: when it ends before or goes on, the upload is aborted.
    ///
    /// # Errors
    ///
    /// [`ContentError::Empty`] when `size` is 0.
    ///
    /// ```
    /// # let archive = fastly_package_emulator::sample::package(Default::default());
    /// # let (size, body) = (archive.len() as u64, std::io::Cursor::new(archive));
    /// // The body of an answer, of which `Content-Length` told the size.
    /// let package = fastly_package::Content::from_reader(body, size)?;
    /// assert!(!package.is_repeatable());
    /// # Ok::<(), fastly_package::Error>(())
    /// ```
    pub fn from_reader(reader: impl AsyncRead + Send + Unpin + 'static, size: u64) -> Result<Self> {
        Self::new(Source::Reader(Some(Box::new(reader))), size)
    }

    fn new(source: Source, size: u64) -> Result<Self> {
        if size == 0 {
            return Err(Error::Content(ContentError::Empty));
        }
        Ok(Self { source, size, filename: None, progress: None, readings: Readings::default() })
    }

    /// Sets the file name of the upload's one part. The API shows it nowhere.
    pub fn filename(mut self, name: impl Into<String>) -> Self {
        self.filename = Some(name.into());
        self
    }

    /// Calls `progress` with the number of bytes read so far, each time some are read for sending; a retry begins at 0 again. What is
    /// read is at most 3 MiB ahead of what is on the wire. It is called by the task that uploads, and must not block.
    ///
    /// ```
    /// # use fastly_package::{Content, Plugin, PutOptions, ServiceVersion, Token};
    /// # use fastly_package_emulator::{Emulator, sample};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let emulator = Emulator::start(Default::default()).await?;
    /// # let plugin = Plugin::builder().token(Token::new("secret")?).api(emulator.url().parse()?).build()?;
    /// # let target = ServiceVersion::new("SU1Z0isxPaozGVKXdv0eY", 3)?;
    /// # let package = Content::from_bytes(sample::package(Default::default()))?;
    /// let size = package.size();
    /// let package = package.on_progress(move |read| eprintln!("{} %", read * 100 / size));
    /// plugin.put_package(&target, package, PutOptions::default()).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn on_progress(mut self, progress: impl Fn(u64) + Send + Sync + 'static) -> Self {
        self.progress = Some(Arc::new(progress));
        self
    }

    /// The content as `wasi:io` knows it, for a host that runs the component in a store of its own: to be pushed into the store's table. It may
    /// be asked for again, for another try, where [`is_repeatable`](Self::is_repeatable) says so.
    ///
    /// It must be asked for in a tokio runtime, on a thread of which it is read.
    ///
    /// # Errors
    ///
    /// [`ContentError::Changed`] when the file was written to since it was opened; [`ContentError::Read`] when it can't be read, or not once more.
    pub fn stream(&mut self) -> Result<DynInputStream> {
        let (stream, _) = self.begin(false)?;
        Ok(Box::new(stream))
    }

    /// The length, in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Whether it can be read again, and so an upload of it be tried again.
    pub fn is_repeatable(&self) -> bool {
        !matches!(self.source, Source::Reader(_))
    }

    /// Checks what costs nothing: the length, and whether the first bytes are those of a gzip-compressed tar archive. At most 64 KiB
    /// are read; of a reader, they are kept for the upload.
    ///
    /// # Errors
    ///
    /// [`Error::Content`] when it is larger than [`SIZE_LIMIT`] ([`ContentError::TooLarge`]), begins as something else
    /// ([`NotAPackage`](ContentError::NotAPackage)), or can't be read ([`Read`](ContentError::Read)).
    ///
    /// ```
    /// use fastly_package::{Content, ContentError, Error, NotAPackage};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> fastly_package::Result<()> {
    /// let wasm = Content::from_bytes("\0asm\x01\0\0\0")?.check().await;
    /// assert!(matches!(wasm, Err(Error::Content(ContentError::NotAPackage(NotAPackage::BareWasm)))));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn check(&mut self) -> Result<()> {
        if self.size > SIZE_LIMIT {
            return Err(ContentError::TooLarge { limit: SIZE_LIMIT }.into());
        }
        let head = match &mut self.source {
            Source::Bytes(bytes) => bytes.slice(..HEAD.min(bytes.len())),
            Source::File(file) => {
                let file = file.clone();
                let reading = tokio::task::spawn_blocking(move || file.head());
                reading
                    .await
                    .map_err(io::Error::other)
                    .and_then(|head| head)
                    .map_err(ContentError::Read)?
            }
            Source::Reader(Some(reader)) => {
                let (head, result) = head_of(reader, self.size).await;
                if let Source::Reader(reader) = &mut self.source
                    && let Some(rest) = reader.take()
                {
                    *reader = Some(Box::new(io::Cursor::new(head.clone()).chain(rest)));
                }
                result.map_err(ContentError::Read)?;
                head
            }
            Source::Reader(None) => return Ok(()),
        };
        // One that ends before its time is the upload's to find: it knows what was expected.
        let ended_early = (head.len() as u64) < self.size && head.len() < HEAD;
        match look(&head, !ended_early) {
            Look::Not(what) => Err(ContentError::NotAPackage(what).into()),
            Look::Package | Look::More => Ok(()),
        }
    }

    pub(crate) fn name(&self) -> Option<String> {
        self.filename.clone()
    }

    /// Starts reading. `hash`: so that [`digest`](Self::digest) costs nothing afterwards.
    ///
    /// Fails when it isn't what it was at first, or can't be read again.
    pub(crate) fn begin(
        &mut self,
        hash: bool,
    ) -> Result<(ContentStream, ContentWatch), ContentError> {
        match &self.source {
            Source::File(file) => file.check_unwritten()?,
            Source::Bytes(_) | Source::Reader(Some(_)) => {}
            Source::Reader(None) => {
                return Err(ContentError::Read(io::Error::other("it can be read only once")));
            }
        }
        let chunks =
            pump::start(&mut self.source, &self.readings, hash).map_err(ContentError::Read)?;
        Ok(ContentStream::new(chunks, self.progress.clone()))
    }

    /// Length and SHA-512 of what was read and hashed, if it was read whole.
    pub(crate) fn sent(&self) -> Option<Digest> {
        self.readings.whole()
    }

    /// The same; a file or bytes that weren't hashed on the way are read once more.
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
            .field("filename", &self.filename)
            .finish_non_exhaustive()
    }
}

/// Reads until the beginning says what it is, or no more comes.
async fn head_of(
    reader: &mut (dyn AsyncRead + Send + Unpin),
    size: u64,
) -> (Bytes, io::Result<()>) {
    let mut head = BytesMut::with_capacity(1024);
    let limit = HEAD.min(usize::try_from(size).unwrap_or(HEAD));
    while head.len() < limit && look(&head, false) == Look::More {
        let left = (limit - head.len()) as u64;
        match (&mut *reader).take(left).read_buf(&mut head).await {
            Ok(0) => break,
            Ok(_) => {}
            Err(error) => return (head.freeze(), Err(error)),
        }
    }
    (head.freeze(), Ok(()))
}

/// An open file, and what it was when it was opened.
struct OpenFile {
    file: File,
    start: u64,
    size: u64,
    state: FileState,
}

#[derive(PartialEq)]
struct FileState {
    length: u64,
    /// `None` where the platform doesn't say.
    modified: Option<SystemTime>,
}

impl FileState {
    fn of(file: &File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        Ok(Self { length: metadata.len(), modified: metadata.modified().ok() })
    }
}

impl OpenFile {
    /// Reads at a position without moving the file's own, which attempts that overlap would share.
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        #[cfg(unix)]
        return std::os::unix::fs::FileExt::read_at(&self.file, buffer, position);
        #[cfg(windows)]
        return std::os::windows::fs::FileExt::seek_read(&self.file, buffer, position);
    }

    fn head(&self) -> io::Result<Bytes> {
        let mut head = vec![0; HEAD];
        let mut filled = 0;
        while filled < HEAD {
            match self.read_at(&mut head[filled..], self.start + filled as u64) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        head.truncate(filled);
        Ok(head.into())
    }

    /// Whether nobody has written to it since it was opened.
    fn check_unwritten(&self) -> Result<(), ContentError> {
        match FileState::of(&self.file) {
            Ok(state) if state == self.state => Ok(()),
            Ok(_) => Err(ContentError::Changed),
            Err(error) => Err(ContentError::Read(error)),
        }
    }
}
