//! Content as a stream of `wasi:io`.

use super::OnProgress;
use super::pump::Chunks;
use crate::error::ContentError;
use bytes::Bytes;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::mpsc::error::TryRecvError;
use wasmtime_wasi::p2::{InputStream, Pollable, StreamError};

/// The number of bytes read from a stream, and the error that ended it.
#[derive(Clone, Default)]
pub(crate) struct ContentProgress {
    read: Arc<AtomicU64>,
    error: Arc<Mutex<Option<ContentError>>>,
}

impl ContentProgress {
    /// Returns the number of bytes that were read from the stream.
    pub(crate) fn read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    pub(crate) fn take_error(&self) -> Option<ContentError> {
        self.error.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

pub(crate) struct ContentStream {
    head: Bytes,
    chunks: Chunks,
    failed: Option<ContentError>,
    on_progress: Option<OnProgress>,
    state: ContentProgress,
}

impl ContentStream {
    pub(super) fn new(chunks: Chunks, on_progress: Option<OnProgress>) -> (Self, ContentProgress) {
        let state = ContentProgress::default();
        let stream =
            Self { head: Bytes::new(), chunks, failed: None, on_progress, state: state.clone() };
        (stream, state)
    }

    fn receive(&mut self, chunk: Result<Bytes, ContentError>) {
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
                Ok(chunk) => self.receive(chunk),
                Err(TryRecvError::Empty) => return Ok(Bytes::new()),
                Err(TryRecvError::Disconnected) => return Err(StreamError::Closed),
            }
        }
        if let Some(error) = self.failed.take() {
            let message = error.to_string();
            *self.state.error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            self.chunks.close();
            return Err(StreamError::LastOperationFailed(wasmtime::Error::msg(message)));
        }
        let bytes = self.head.split_to(size.min(self.head.len()));
        let length = bytes.len() as u64;
        let read = self.state.read.fetch_add(length, Ordering::Relaxed) + length;
        if let Some(listener) = &self.on_progress {
            listener(read);
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
            self.receive(chunk);
        }
    }
}
