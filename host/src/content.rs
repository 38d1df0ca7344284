//! The package to upload, as the stream that the component splices.

use crate::error::{ContentError, Error, Result};
use bytes::Bytes;
use std::io::{self, Read};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::mpsc;
use wasmtime_wasi::p2::{InputStream, Pollable, StreamError};

/// Bytes a read. Measured: smaller costs more calls, larger gives nothing.
const CHUNK: usize = 256 * 1024;
/// Chunks read ahead of the connection.
const AHEAD: usize = 2;

/// A package to upload: a file, bytes, or any reader whose length is known.
///
/// It is read once, while it is sent, in constant memory.
pub struct Content {
    source: Source,
    size: u64,
    filename: Option<String>,
    progress: Option<Progress>,
}

type Progress = Box<dyn Fn(u64) + Send + Sync>;

enum Source {
    File(std::fs::File),
    Bytes(Bytes),
    Reader(Box<dyn AsyncRead + Send + Unpin>),
}

impl Content {
    /// Opens a file. Its length is taken now: one that is shorter or longer when it is read ends in an error. Its name without the folder
    /// becomes the file name of the upload.
    ///
    /// Fails with [`Error::Content`] when it can't be opened, isn't a regular file, or is empty.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref().to_owned();
        let opening = tokio::task::spawn_blocking(move || {
            let open = |error| ContentError::Open(path.clone(), error);
            // Looked at before it is opened: opening a FIFO would wait for its writer.
            let metadata = std::fs::metadata(&path).map_err(open)?;
            if !metadata.is_file() {
                return Err(ContentError::NotAFile(path));
            }
            let file = std::fs::File::open(&path).map_err(open)?;
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
            Ok((file, name))
        });
        let (file, filename) =
            opening.await.map_err(|error| ContentError::Read(io::Error::other(error)))??;
        Ok(Self { filename, ..Self::from_file(file)? })
    }

    /// Takes an open file, from its present position to its end. It has no file name.
    ///
    /// Fails with [`Error::Content`] when its length can't be told, or nothing is left of it.
    pub fn from_file(mut file: std::fs::File) -> Result<Self> {
        use std::io::Seek;
        let length = file.metadata().map_err(ContentError::Read)?.len();
        let position = file.stream_position().map_err(ContentError::Read)?;
        Self::new(Source::File(file), length.saturating_sub(position))
    }

    /// Takes bytes. Fails with [`Error::Content`] when there are none.
    pub fn from_bytes(bytes: impl Into<Bytes>) -> Result<Self> {
        let bytes = bytes.into();
        let size = bytes.len() as u64;
        Self::new(Source::Bytes(bytes), size)
    }

    /// Takes a reader of `size` bytes. It must end there: when it ends before or goes on, the upload is aborted.
    ///
    /// Fails with [`Error::Content`] when `size` is 0.
    pub fn from_reader(reader: impl AsyncRead + Send + Unpin + 'static, size: u64) -> Result<Self> {
        Self::new(Source::Reader(Box::new(reader)), size)
    }

    fn new(source: Source, size: u64) -> Result<Self> {
        if size == 0 {
            return Err(Error::Content(ContentError::Empty));
        }
        Ok(Self { source, size, filename: None, progress: None })
    }

    /// Sets the file name of the upload's one part. The API shows it nowhere.
    pub fn filename(mut self, name: impl Into<String>) -> Self {
        self.filename = Some(name.into());
        self
    }

    /// Calls `progress` with the number of bytes read so far, each time some are read for sending. What is read is at most 3 MiB ahead
    /// of what is on the wire.
    pub fn on_progress(mut self, progress: impl Fn(u64) + Send + Sync + 'static) -> Self {
        self.progress = Some(Box::new(progress));
        self
    }

    /// The length, in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    pub(crate) fn take_filename(&mut self) -> Option<String> {
        self.filename.take()
    }

    /// Starts reading.
    pub(crate) fn into_stream(self) -> (ContentStream, ContentWatch) {
        let watch = ContentWatch::default();
        let (head, chunks) = match self.source {
            Source::Bytes(bytes) => (bytes, closed()),
            Source::File(file) => (Bytes::new(), read_file(file)),
            Source::Reader(reader) => (Bytes::new(), read_reader(reader)),
        };
        let progress = self.progress;
        (ContentStream { head, chunks, failed: None, progress, watch: watch.clone() }, watch)
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

type Chunks = mpsc::Receiver<io::Result<Bytes>>;

fn closed() -> Chunks {
    mpsc::channel(1).1
}

/// Reads on a thread for blocking work, for as long as somebody takes what was read.
fn read_file(mut file: std::fs::File) -> Chunks {
    let (sender, chunks) = mpsc::channel(AHEAD);
    tokio::task::spawn_blocking(move || {
        let pool = BufferPool::default();
        loop {
            let mut buffer = pool.take();
            let chunk = match file.read(&mut buffer.bytes) {
                Ok(0) => return,
                Ok(length) => Ok(buffer.filled(length)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => Err(error),
            };
            let failed = chunk.is_err();
            if sender.blocking_send(chunk).is_err() || failed {
                return;
            }
        }
    });
    chunks
}

fn read_reader(mut reader: Box<dyn AsyncRead + Send + Unpin>) -> Chunks {
    let (sender, chunks) = mpsc::channel(AHEAD);
    tokio::spawn(async move {
        let pool = BufferPool::default();
        loop {
            let mut buffer = pool.take();
            let read = tokio::select! {
                read = reader.read(&mut buffer.bytes) => read,
                () = sender.closed() => return,
            };
            let chunk = match read {
                Ok(0) => return,
                Ok(length) => Ok(buffer.filled(length)),
                Err(error) => Err(error),
            };
            let failed = chunk.is_err();
            if sender.send(chunk).await.is_err() || failed {
                return;
            }
        }
    });
    chunks
}

/// Buffers that come back when the connection has sent them: a fresh one a read would have to be zeroed each time.
#[derive(Clone, Default)]
struct BufferPool(Arc<Mutex<Vec<Box<[u8]>>>>);

struct Buffer {
    bytes: Box<[u8]>,
    length: usize,
    pool: BufferPool,
}

impl BufferPool {
    fn take(&self) -> Buffer {
        let spare = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let bytes = spare.unwrap_or_else(|| vec![0; CHUNK].into_boxed_slice());
        Buffer { bytes, length: 0, pool: self.clone() }
    }
}

impl Buffer {
    fn filled(mut self, length: usize) -> Bytes {
        self.length = length;
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        self.pool.0.lock().unwrap_or_else(PoisonError::into_inner).push(bytes);
    }
}

/// What is known of a stream from outside the sandbox.
#[derive(Clone, Default)]
pub(crate) struct ContentWatch {
    read: Arc<AtomicU64>,
    error: Arc<Mutex<Option<io::Error>>>,
}

impl ContentWatch {
    /// Bytes that were taken from the stream.
    pub(crate) fn read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    pub(crate) fn take_error(&self) -> Option<io::Error> {
        self.error.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// The content as `wasi:io` knows it.
pub(crate) struct ContentStream {
    head: Bytes,
    chunks: Chunks,
    failed: Option<io::Error>,
    progress: Option<Progress>,
    watch: ContentWatch,
}

impl ContentStream {
    fn take_up(&mut self, chunk: io::Result<Bytes>) {
        match chunk {
            Ok(bytes) => self.head = bytes,
            Err(error) => self.failed = Some(error),
        }
    }
}

impl InputStream for ContentStream {
    fn read(&mut self, size: usize) -> Result<Bytes, StreamError> {
        if self.head.is_empty() && self.failed.is_none() {
            match self.chunks.try_recv() {
                Ok(chunk) => self.take_up(chunk),
                Err(mpsc::error::TryRecvError::Empty) => return Ok(Bytes::new()),
                Err(mpsc::error::TryRecvError::Disconnected) => return Err(StreamError::Closed),
            }
        }
        if let Some(error) = self.failed.take() {
            let message = error.to_string();
            *self.watch.error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            self.chunks.close();
            return Err(StreamError::LastOperationFailed(wasmtime::Error::msg(message)));
        }
        let bytes = self.head.split_to(size.min(self.head.len()));
        let length = bytes.len() as u64;
        let read = self.watch.read.fetch_add(length, Ordering::Relaxed) + length;
        if let Some(progress) = &self.progress {
            progress(read);
        }
        Ok(bytes)
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for ContentStream {
    async fn ready(&mut self) {
        if self.head.is_empty()
            && self.failed.is_none()
            && let Some(chunk) = self.chunks.recv().await
        {
            self.take_up(chunk);
        }
    }
}
