//! Reads content on a thread of its own, ahead of the connection, and hashes it there.

use super::{OpenFile, Source};
use crate::digest::{Digest, Hasher};
use crate::error::ContentError;
use bytes::Bytes;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::mpsc;

/// Bytes a read. Measured: smaller costs more calls, and with larger ones all that is on its way doesn't fit the processor's cache.
const CHUNK: usize = 64 * 1024;
/// Chunks read ahead of the connection: with fewer, who reads and who sends wait for each other.
const AHEAD: usize = 8;

pub(super) type Chunks = mpsc::Receiver<Result<Bytes, ContentError>>;

/// What readings of one content came to.
#[derive(Clone, Default)]
pub(super) struct Readings(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// The longest, to compare later ones with.
    longest: Option<Digest>,
    whole: bool,
}

impl Readings {
    /// Of the whole content, if it was read whole.
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

/// Reads for as long as somebody takes what was read. With `hash`, notes what the reading came to before the chunks end.
pub(super) fn start(source: &mut Source, readings: &Readings, hash: bool) -> io::Result<Chunks> {
    let (sender, chunks) = mpsc::channel(AHEAD);
    let taken = sender.clone();
    let take = move |chunk| sender.blocking_send(chunk).is_ok();
    let hasher = hash.then(|| Hasher::new(readings.longest()));
    let readings = readings.clone();
    match source {
        Source::File(file) => {
            let (mut reader, file) = (FileReader::new(file.clone()), file.clone());
            on_a_thread(move || {
                pump(|| reader.next(), take, || file.check_unwritten(), hasher, &readings);
            })?;
        }
        Source::Bytes(bytes) => {
            let mut rest = bytes.clone();
            on_a_thread(move || {
                let next = || Ok(rest.split_to(CHUNK.min(rest.len())));
                pump(next, take, || Ok(()), hasher, &readings);
            })?;
        }
        Source::Reader(reader) => {
            if let Some(reader) = reader.take() {
                let mut read = read_on(reader, taken);
                on_a_thread(move || {
                    // An end is said by a chunk: without one, nobody takes any more.
                    let broken = || Err(io::ErrorKind::BrokenPipe.into());
                    let next = || read.blocking_recv().unwrap_or_else(broken);
                    pump(next, take, || Ok(()), hasher, &readings);
                })?;
            }
        }
    }
    Ok(chunks)
}

/// Not on one of the runtime's threads for blocking work: waiting for a slow connection, uploads could take them all, and then no name
/// would be resolved any more.
fn on_a_thread(work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    std::thread::Builder::new().name("fastly-package-read".into()).spawn(work).map(drop)
}

/// Moves chunks until one is empty, which is the end. `check` says whether that is how it should end.
fn pump(
    mut next: impl FnMut() -> io::Result<Bytes>,
    take: impl Fn(Result<Bytes, ContentError>) -> bool,
    check: impl Fn() -> Result<(), ContentError>,
    mut hasher: Option<Hasher>,
    readings: &Readings,
) {
    let note = |hasher: &Option<Hasher>, whole| {
        if let Some(hasher) = hasher {
            readings.note(hasher.so_far(), whole);
        }
    };
    loop {
        let chunk = match next() {
            Ok(chunk) => chunk,
            Err(error) => {
                note(&hasher, false);
                take(Err(ContentError::Read(error)));
                return;
            }
        };
        if chunk.is_empty() {
            break;
        }
        // Handed on before it is hashed: the connection needn't wait for that.
        if !take(Ok(chunk.clone())) {
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
        Ok(()) => drop(take(Err(ContentError::Changed))),
        Err(error) => drop(take(Err(error))),
    }
}

/// Reads a file from where it starts, whatever else reads it.
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
        // What has grown beyond its end is found by the check after it.
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

/// Reads what can only be read in the runtime, for as long as what was read is taken: a reader that gives nothing is let go then too.
fn read_on(
    mut reader: Box<dyn AsyncRead + Send + Unpin>,
    taken: mpsc::Sender<Result<Bytes, ContentError>>,
) -> mpsc::Receiver<io::Result<Bytes>> {
    let (sender, chunks) = mpsc::channel(1);
    tokio::spawn(async move {
        let pool = BufferPool::default();
        loop {
            let mut buffer = pool.take();
            let read = tokio::select! {
                read = reader.read(&mut buffer.bytes) => read,
                () = taken.closed() => return,
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
