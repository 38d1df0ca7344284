//! What the emulator received, readable at any time.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

/// Raw bytes of a body that are kept.
pub(crate) const KEPT_BODY: u64 = 64 * 1024;

/// Requests whose body's beginning is kept.
const KEPT_BODIES: usize = 1000;

/// One request as it was received, and what became of it.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct RecordedRequest {
    /// The number of the connection it came on, counted from 1 in the order of acceptance.
    pub connection: u64,
    /// The method, such as `PUT`.
    pub method: String,
    /// The request target as it was sent: the path and, where there was one, the query.
    pub path: String,
    /// The headers in the order and with the names they were sent; bytes that aren't UTF-8 are replaced.
    pub headers: Vec<(String, String)>,
    /// The head as it came over the wire, from the method to the empty line.
    pub head: Vec<u8>,
    /// The first 64 KiB of the body as it came over the wire, with the framing of chunks. Only the last
    /// 1,000 requests have it: an emulator may run for long.
    pub body_start: Vec<u8>,
    /// Number of body bytes that arrived on the wire, with the framing of chunks, until now.
    pub body_bytes: u64,
    /// `Content-Length`, if it was sent: without it the body was chunked, or there was none.
    pub content_length: Option<u64>,
    /// Whether the whole body arrived.
    pub body_complete: bool,
    /// Whether `100 Continue` was sent.
    pub continue_sent: bool,
    /// The statuses of the informational answers that a fault sent.
    pub informational: Vec<u16>,
    /// The parts of a `multipart/form-data` body, as far as it was read.
    pub parts: Vec<RecordedPart>,
    /// The status that was answered; `None` if there was no answer (yet), or one without a status.
    pub status: Option<u16>,
    /// Whether the answer was written to its end.
    pub answered: bool,
    /// Whether its connection has ended.
    pub connection_ended: bool,
    /// Whether the emulator reads no more of this request's connection, on purpose.
    pub stalled: bool,
}

impl RecordedRequest {
    /// The first header of this name, whatever its case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The part named `package`, if it came.
    pub fn package(&self) -> Option<&RecordedPart> {
        self.parts.iter().find(|part| part.name == "package")
    }

    /// Whether nothing more will happen to it: it was answered and its body arrived, or its connection
    /// ended, or is stalled.
    pub fn is_over(&self) -> bool {
        (self.answered && self.body_complete) || self.connection_ended || self.stalled
    }
}

/// One part of a form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordedPart {
    /// `name` in `Content-Disposition`.
    pub name: String,
    /// `filename` in `Content-Disposition`, as it was sent but for backslash escapes.
    pub filename: Option<String>,
    /// The part's `Content-Type`.
    pub content_type: Option<String>,
    /// Length of the content in bytes, until now.
    pub size: u64,
    /// SHA-512 of the content in lower-case hex, once all of it arrived.
    pub sha512: Option<String>,
}

type Listener = Arc<dyn Fn(&RecordedRequest) + Send + Sync>;

/// All requests, and how many connections there are.
pub(crate) struct Journal {
    book: Mutex<Book>,
    listener: Mutex<Option<Listener>>,
    changed: watch::Sender<()>,
}

/// What the journal holds.
#[derive(Default)]
pub(crate) struct Book {
    pub(crate) requests: Vec<RecordedRequest>,
    told: Vec<bool>,
    pub(crate) accepted: u64,
    pub(crate) open: u64,
}

impl Journal {
    pub(crate) fn new() -> Self {
        Self { book: Mutex::default(), listener: Mutex::default(), changed: watch::Sender::new(()) }
    }

    pub(crate) fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn listen(&self, listener: Listener) {
        *self.listener.lock().unwrap_or_else(PoisonError::into_inner) = Some(listener);
    }

    /// Counts a connection, and gives it its number.
    pub(crate) fn connected(&self) -> u64 {
        let mut book = self.book();
        book.accepted += 1;
        book.open += 1;
        let number = book.accepted;
        drop(book);
        self.changed.send_replace(());
        number
    }

    /// The connection is no more: its requests get no answer from here on.
    pub(crate) fn disconnected(&self, connection: u64) {
        let mut book = self.book();
        book.open -= 1;
        let of_it = |(index, request): (usize, &RecordedRequest)| {
            (request.connection == connection).then_some(index)
        };
        let indices: Vec<usize> = book.requests.iter().enumerate().filter_map(of_it).collect();
        for index in &indices {
            book.requests[*index].connection_ended = true;
        }
        drop(book);
        indices.into_iter().for_each(|index| self.tell(index));
        self.changed.send_replace(());
    }

    /// Writes a request down; its index is its name from here on.
    pub(crate) fn begin(&self, request: RecordedRequest) -> usize {
        let mut book = self.book();
        if let Some(old) = book.requests.len().checked_sub(KEPT_BODIES) {
            book.requests[old].body_start = Vec::new();
        }
        book.requests.push(request);
        book.told.push(false);
        let index = book.requests.len() - 1;
        drop(book);
        self.changed.send_replace(());
        index
    }

    pub(crate) fn update(&self, index: usize, update: impl FnOnce(&mut RecordedRequest)) {
        update(&mut self.book().requests[index]);
        self.changed.send_replace(());
    }

    /// The answer was written to its end.
    pub(crate) fn answered(&self, index: usize) {
        self.update(index, |request| request.answered = true);
        self.tell(index);
    }

    /// Calls the listener, once for each request. No lock is held meanwhile: it may ask the emulator.
    fn tell(&self, index: usize) {
        let listener = self.listener.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut book = self.book();
        if std::mem::replace(&mut book.told[index], true) {
            return;
        }
        let request = book.requests[index].clone();
        drop(book);
        if let Some(listener) = listener {
            listener(&request);
        }
    }

    /// Waits until `satisfied` returns something for what is written by then.
    pub(crate) async fn wait_until<T>(&self, mut satisfied: impl FnMut(&Book) -> Option<T>) -> T {
        let mut changes = self.changed.subscribe();
        loop {
            if let Some(value) = satisfied(&self.book()) {
                return value;
            }
            // The sender lives as long as this borrow of the journal: waiting can't fail.
            let _ = changes.changed().await;
        }
    }
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal").finish_non_exhaustive()
    }
}
