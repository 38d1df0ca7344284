//! Reads and hashes content on a thread of its own, ahead of the connection.

use super::Source;
use super::file::OpenFile;
use crate::digest::{Digest, Hasher};
use crate::error::ContentError;
use bytes::Bytes;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::mpsc;

/// The size of a read, in bytes. Measured: smaller ones cost more calls, and with larger ones the data in flight exceeds the processor's cache.
const CHUNK: usize = 64 * 1024;
/// The number of chunks that are read ahead of the connection: with fewer, reading and sending wait for each other.
const READ_AHEAD: usize = 8;

pub(super) type Chunks = mpsc::Receiver<Result<Bytes, ContentError>>;

/// The digests of the readings of one content.
#[derive(Clone, Default)]
pub(super) struct Readings(Arc<Mutex<ReadingsState>>);

#[derive(Default)]
struct ReadingsState {
    /// The longest reading, which later ones are compared with.
    longest: Option<Digest>,
    whole: bool,
}

impl Readings {
    /// Returns the digest of the whole content, if it was read to its end.
    pub(super) fn whole(&self) -> Option<Digest> {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.longest.filter(|_| state.whole)
    }

    fn longest(&self) -> Option<Digest> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).longest
    }

    fn note(&self, digest: Digest, whole: bool) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if whole || state.longest.is_none_or(|longest| longest.size < digest.size) {
            state.longest = Some(digest);
        }
        state.whole |= whole;
    }
}

/// Reads until the receiver is dropped. With `hash`, the digest is noted before the last chunk is sent.
pub(super) fn start(source: &mut Source, readings: &Readings, hash: bool) -> io::Result<Chunks> {
    let (sender, chunks) = mpsc::channel(READ_AHEAD);
    let receiver_state = sender.clone();
    let send = move |chunk| sender.blocking_send(chunk).is_ok();
    let hasher = hash.then(|| Hasher::new(readings.longest()));
    let readings = readings.clone();
    match source {
        Source::File(file) => {
            let (mut reader, file) = (FileReader::new(file.clone()), file.clone());
            on_a_thread(move || {
                pump(|| reader.next(), send, || file.check_unmodified(), hasher, &readings);
            })?;
        }
        Source::Bytes(bytes) => {
            let mut rest = bytes.clone();
            on_a_thread(move || {
                let next = || Ok(rest.split_to(CHUNK.min(rest.len())));
                pump(next, send, || Ok(()), hasher, &readings);
            })?;
        }
        Source::Reader(reader) => {
            if let Some(reader) = reader.take() {
                let mut read = read_in_runtime(reader, receiver_state);
                on_a_thread(move || {
                    // The end is an empty chunk: without one, the receiver was dropped.
                    let broken = || Err(io::ErrorKind::BrokenPipe.into());
                    let next = || read.blocking_recv().unwrap_or_else(broken);
                    pump(next, send, || Ok(()), hasher, &readings);
                })?;
            }
        }
    }
    Ok(chunks)
}

/// Not `spawn_blocking`: uploads that wait for slow connections could occupy all of its threads, and names could no longer be resolved.
fn on_a_thread(work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    std::thread::Builder::new().name("fastly-package-read".into()).spawn(work).map(drop)
}

/// Moves chunks until an empty one, which is the end. `check` verifies the end.
fn pump(
    mut next: impl FnMut() -> io::Result<Bytes>,
    send: impl Fn(Result<Bytes, ContentError>) -> bool,
    check: impl Fn() -> Result<(), ContentError>,
    mut hasher: Option<Hasher>,
    readings: &Readings,
) {
    let note = |hasher: &Option<Hasher>, whole| {
        if let Some(hasher) = hasher {
            readings.note(hasher.digest(), whole);
        }
    };
    loop {
        let chunk = match next() {
            Ok(chunk) => chunk,
            Err(error) => {
                note(&hasher, false);
                send(Err(ContentError::Read(error)));
                return;
            }
        };
        if chunk.is_empty() {
            break;
        }
        // Sent before it is hashed, so that the connection doesn't wait for the hash.
        if !send(Ok(chunk.clone())) {
            note(&hasher, false);
            return;
        }
        if let Some(hasher) = &mut hasher {
            hasher.update(&chunk);
        }
    }
    let differs = hasher.as_ref().is_some_and(Hasher::differs);
    match check() {
        Ok(()) if !differs => note(&hasher, true),
        Ok(()) => drop(send(Err(ContentError::Changed))),
        Err(error) => drop(send(Err(error))),
    }
}

/// Reads a file from its start, independently of other readers.
struct FileReader {
    file: Arc<OpenFile>,
    position: u64,
    pool: BufferPool,
}

impl FileReader {
    fn new(file: Arc<OpenFile>) -> Self {
        Self { position: file.start, file, pool: BufferPool::default() }
    }

    fn next(&mut self) -> io::Result<Bytes> {
        let mut buffer = self.pool.take();
        // A file that has grown is found by the check at the end.
        let left = self.file.start + self.file.size - self.position;
        let wanted = CHUNK.min(usize::try_from(left).unwrap_or(CHUNK));
        loop {
            match self.file.read_at(&mut buffer.bytes[..wanted], self.position) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => {
                    let length = read?;
                    self.position += length as u64;
                    return Ok(buffer.filled(length));
                }
            }
        }
    }
}

/// Reads an async reader in the runtime, until the receiver is dropped: a reader that yields nothing is dropped then too.
fn read_in_runtime(
    mut reader: Box<dyn AsyncRead + Send + Unpin>,
    receiver_state: mpsc::Sender<Result<Bytes, ContentError>>,
) -> mpsc::Receiver<io::Result<Bytes>> {
    let (sender, chunks) = mpsc::channel(1);
    tokio::spawn(async move {
        let pool = BufferPool::default();
        loop {
            let mut buffer = pool.take();
            let read = tokio::select! {
                read = reader.read(&mut buffer.bytes) => read,
                () = receiver_state.closed() => return,
            };
            let ended = !matches!(read, Ok(1..));
            let chunk = read.map(|length| buffer.filled(length));
            if sender.send(chunk).await.is_err() || ended {
                return;
            }
        }
    });
    chunks
}

/// Buffers that are returned when the connection has sent them: a new one would have to be zeroed for each read.
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
