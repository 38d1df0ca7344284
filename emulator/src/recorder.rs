//! Records what the emulator receives; the records can be read at any time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::header::CONTENT_LENGTH;
use tokio::sync::watch;

use crate::head::Head;

/// Number of bytes of a body that are kept.
const KEPT_BYTES: u64 = 64 * 1024;

/// Number of requests that keep the start of their body.
const KEPT_BODIES: usize = 1000;

/// A request as it was received, and the result of it.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct RecordedRequest {
    /// The number of its connection, counted from 1 in the order of acceptance.
    pub connection: u64,
    /// The method, such as `PUT`.
    pub method: String,
    /// The request target as sent: the path, and the query if there is one.
    pub path: String,
    /// The headers in the order and with the names as sent. Bytes that aren't UTF-8 are replaced.
    pub headers: Vec<(String, String)>,
    /// The raw head, from the method to the empty line.
    pub head: Vec<u8>,
    /// The first 64 KiB of the raw body, with chunked framing. Only the last 1,000 requests have it, as an emulator may run for a long time.
    pub body_start: Vec<u8>,
    /// Number of bytes of the raw body read so far, with chunked framing.
    pub body_bytes: u64,
    /// `Content-Length`. `None` if the body is chunked, or if there is no body.
    pub content_length: Option<u64>,
    /// Whether the whole body was read.
    pub body_complete: bool,
    /// Whether `100 Continue` was sent.
    pub continue_sent: bool,
    /// The statuses of the informational responses that a fault sent.
    pub informational: Vec<u16>,
    /// The parts of a `multipart/form-data` body, as far as it was read.
    pub parts: Vec<RecordedPart>,
    /// The status of the response. `None` before the response, and for a response without a status.
    pub status: Option<u16>,
    /// Whether the whole response was written.
    pub answered: bool,
    /// Whether the connection has ended.
    pub connection_ended: bool,
    /// Whether a fault stopped reading from the connection.
    pub stalled: bool,
    /// Whether the callback was called for it.
    reported: bool,
}

impl RecordedRequest {
    pub(crate) fn new(head: &Head, connection: u64) -> Self {
        let content_length = head.parts.headers.get(CONTENT_LENGTH);
        Self {
            connection,
            method: head.parts.method.to_string(),
            path: head.parts.uri.to_string(),
            headers: head.headers.clone(),
            head: head.raw.clone(),
            content_length: content_length.and_then(|value| value.to_str().ok()?.parse().ok()),
            body_complete: head.body.is_complete(),
            ..Self::default()
        }
    }

    pub(crate) fn add_body(&mut self, bytes: &[u8]) {
        let kept = KEPT_BYTES.saturating_sub(self.body_bytes).min(bytes.len() as u64);
        self.body_start.extend_from_slice(&bytes[..kept as usize]);
        self.body_bytes += bytes.len() as u64;
    }

    /// Returns the first header with this name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// Returns the part named `package`.
    pub fn package(&self) -> Option<&RecordedPart> {
        self.parts.iter().find(|part| part.name == "package")
    }

    /// Returns whether the record is final: the request was answered and its body was read, or its connection has ended or is stalled.
    pub fn is_over(&self) -> bool {
        (self.answered && self.body_complete) || self.connection_ended || self.stalled
    }
}

/// A part of a form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordedPart {
    /// `name` in `Content-Disposition`.
    pub name: String,
    /// `filename` in `Content-Disposition`, as sent, except for backslash escapes.
    pub filename: Option<String>,
    /// The part's `Content-Type`.
    pub content_type: Option<String>,
    /// Length of the content read so far, in bytes.
    pub size: u64,
    /// SHA-512 of the content in lower-case hex, once all of it was read.
    pub sha512: Option<String>,
}

type Callback = Arc<dyn Fn(&RecordedRequest) + Send + Sync>;

/// The recorded requests and the number of connections.
#[derive(Default)]
pub(crate) struct Recorder {
    records: Mutex<Records>,
    callback: Mutex<Option<Callback>>,
    changed: watch::Sender<()>,
}

#[derive(Default)]
pub(crate) struct Records {
    pub(crate) requests: Vec<RecordedRequest>,
    /// Number of connections accepted so far.
    pub(crate) accepted: u64,
    /// Number of connections that are open.
    pub(crate) open: u64,
}

impl Recorder {
    pub(crate) fn records(&self) -> MutexGuard<'_, Records> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_callback(&self, callback: Callback) {
        *self.callback.lock().unwrap_or_else(PoisonError::into_inner) = Some(callback);
    }

    fn change<T>(&self, change: impl FnOnce(&mut Records) -> T) -> T {
        let changed = change(&mut self.records());
        self.changed.send_replace(());
        changed
    }

    /// Counts a connection, and returns its number.
    pub(crate) fn connected(&self) -> u64 {
        self.change(|records| {
            records.accepted += 1;
            records.open += 1;
            records.accepted
        })
    }

    /// Marks the requests of a connection that has ended.
    pub(crate) fn disconnected(&self, connection: u64) {
        let mut ended = Vec::new();
        self.change(|records| {
            records.open -= 1;
            for (index, request) in records.requests.iter_mut().enumerate() {
                if request.connection == connection {
                    request.connection_ended = true;
                    ended.push(index);
                }
            }
        });
        ended.into_iter().for_each(|index| self.report(index));
    }

    /// Adds a request, and returns its index.
    pub(crate) fn begin(&self, request: RecordedRequest) -> usize {
        self.change(|records| {
            if let Some(old) = records.requests.len().checked_sub(KEPT_BODIES) {
                records.requests[old].body_start = Vec::new();
            }
            records.requests.push(request);
            records.requests.len() - 1
        })
    }

    pub(crate) fn update(&self, index: usize, update: impl FnOnce(&mut RecordedRequest)) {
        self.change(|records| update(&mut records.requests[index]));
    }

    /// Marks a request whose response was written.
    pub(crate) fn answered(&self, index: usize) {
        self.update(index, |request| request.answered = true);
        self.report(index);
    }

    /// Calls the callback, once for each request. No lock is held meanwhile: the callback may call the emulator.
    fn report(&self, index: usize) {
        let mut records = self.records();
        if std::mem::replace(&mut records.requests[index].reported, true) {
            return;
        }
        let request = records.requests[index].clone();
        drop(records);
        let callback = self.callback.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(callback) = callback {
            callback(&request);
        }
    }

    /// Waits until `condition` returns a value for the records.
    pub(crate) async fn wait_until<T>(
        &self,
        mut condition: impl FnMut(&Records) -> Option<T>,
    ) -> T {
        let mut changes = self.changed.subscribe();
        loop {
            if let Some(value) = condition(&self.records()) {
                return value;
            }
            // The sender lives as long as this borrow: waiting can't fail.
            let _ = changes.changed().await;
        }
    }
}
