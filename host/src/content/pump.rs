//! Reads and hashes content on a thread of its own, ahead of the connection.

use super::Source;
use super::file::{ContentReader, ReaderSource};
use crate::digest::{Digest, Hasher};
use crate::error::ContentError;
use bytes::{Bytes, BytesMut};
use std::io::{self, Read};
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
            let (file, mut pool) = (file.clone(), BufferPool::default());
            let source = ReaderSource::File(file.clone());
            let mut reader = ContentReader { source, size: file.size, position: 0 };
            on_a_thread(move || {
                let next = || pool.read(&mut reader);
                pump(next, send, || file.check_unmodified(hash), hasher, &readings);
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

/// Reads an async reader in the runtime, until the receiver is dropped: a reader that yields nothing is dropped then too.
fn read_in_runtime(
    mut reader: Box<dyn AsyncRead + Send + Unpin>,
    receiver_state: mpsc::Sender<Result<Bytes, ContentError>>,
) -> mpsc::Receiver<io::Result<Bytes>> {
    let (sender, chunks) = mpsc::channel(1);
    tokio::spawn(async move {
        let mut buffer = BytesMut::new();
        loop {
            buffer.reserve(CHUNK);
            let read = tokio::select! {
                read = reader.read_buf(&mut buffer) => read,
                () = receiver_state.closed() => return,
            };
            let ended = !matches!(read, Ok(1..));
            let chunk = read.map(|_| buffer.split().freeze());
            if sender.send(chunk).await.is_err() || ended {
                return;
            }
        }
    });
    chunks
}

/// Buffers that are used again when the connection has sent them: a new one would have to be zeroed for each read.
#[derive(Default)]
struct BufferPool(Vec<Bytes>);

impl BufferPool {
    /// Reads a chunk. It is empty at the end.
    fn read(&mut self, reader: &mut impl Read) -> io::Result<Bytes> {
        let sent = self.0.iter().position(Bytes::is_unique).map(|sent| self.0.swap_remove(sent));
        let sent = sent.and_then(|sent| sent.try_into_mut().ok());
        let mut buffer = sent.unwrap_or_default();
        buffer.resize(CHUNK, 0);
        let length = loop {
            match reader.read(&mut buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read?,
            }
        };
        buffer.truncate(length);
        let chunk = buffer.freeze();
        self.0.push(chunk.clone());
        Ok(chunk)
    }
}
