//! The socket under hyper: it records what passes, and obeys the faults that hyper can't commit.
//!
//! hyper is given a request's head first and its body only afterwards, so that each byte on the wire is
//! known to belong to one or the other.

mod io;
mod state;

use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use socket2::SockRef;
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::sync::Notify;

use crate::fault::{Fault, Reads, Then};
use crate::journal::{Journal, KEPT_BODY};
use crate::pace::Pace;
use state::{Position, State};

pub(crate) use io::WireIo;

/// The most that is read from the socket at once.
const SCRATCH: usize = 64 * 1024;

/// A connection's socket, shared by hyper's connection and the service that answers on it.
pub(crate) struct Wire {
    stream: TcpStream,
    journal: Arc<Journal>,
    state: Mutex<State>,
    limit_reached: Notify,
}

impl Wire {
    pub(crate) fn new(stream: TcpStream, journal: Arc<Journal>) -> Self {
        Self { stream, journal, state: Mutex::new(State::new()), limit_reached: Notify::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The raw head of the request that hyper has just parsed.
    pub(crate) fn take_head(&self) -> Vec<u8> {
        match &mut self.state().position {
            Position::Head(head) => std::mem::take(head),
            Position::Body(_) => Vec::new(),
        }
    }

    /// The request of this index has begun; its body has `length` bytes, or `None` where it is chunked.
    pub(crate) fn begin(&self, request: usize, length: Option<u64>) {
        let mut state = self.state();
        state.request = Some(request);
        state.answering = false;
        state.answer_begun = false;
        state.answer_ends = false;
        if length == Some(0) {
            return;
        }
        state.position = Position::Body(length);
        let early = length.map_or(state.pending.len(), |length| {
            state.pending.len().min(usize::try_from(length).unwrap_or(usize::MAX))
        });
        self.count(request, &state.pending[..early]);
    }

    /// hyper has seen the end of the body: where it is chunked, there is no other way to know it.
    pub(crate) fn body_ended(&self) {
        let mut state = self.state();
        if let Position::Body(None) = state.position {
            state.position = Position::Head(Vec::new());
        }
    }

    /// Sets what a fault says of this request's bytes.
    pub(crate) fn obey(&self, fault: &Fault) {
        let mut state = self.state();
        state.read_pace = fault.read_pace.map(Pace::new);
        state.write_pace = fault.write_pace.map(Pace::new);
        state.withholds_continue = fault.withholds_continue;
        state.body_limit = match fault.reads() {
            Reads::Nothing => Some(0),
            Reads::Bytes(bytes) => Some(bytes),
            Reads::All => None,
        };
    }

    /// Passes no more than so many bytes of the body on, until another limit is set.
    pub(crate) fn limit_body(&self, bytes: Option<u64>) {
        let mut state = self.state();
        state.body_limit = bytes;
        if let Some(waker) = state.limited.take() {
            waker.wake();
        }
    }

    /// Waits until [`limit_body`](Self::limit_body)'s bytes were passed on.
    pub(crate) async fn body_limit_reached(&self) {
        while self.state().body_limit != Some(0) {
            self.limit_reached.notified().await;
        }
    }

    /// Reads nothing more of this request.
    pub(crate) fn stall(&self) {
        let mut state = self.state();
        state.body_limit = Some(0);
        if let Some(request) = state.request {
            self.journal.update(request, |request| request.stalled = true);
        }
    }

    /// What the connection comes to, at once or, where an answer is on its way, after it.
    pub(crate) fn end_with(&self, then: Then) {
        self.state().then = Some(then);
    }

    pub(crate) fn end(&self) -> Option<Then> {
        self.state().then
    }

    /// The final answer begins.
    pub(crate) fn answering(&self) {
        self.state().answering = true;
    }

    /// The answer's body is in hyper's hands.
    pub(crate) fn answer_ends(&self) {
        self.state().answer_ends = true;
    }

    /// Writes bytes past hyper.
    pub(crate) async fn write_all(&self, mut bytes: &[u8]) -> std::io::Result<()> {
        while !bytes.is_empty() {
            let written = poll_fn(|cx| self.poll_write(cx, bytes)).await?;
            bytes = &bytes[written..];
        }
        Ok(())
    }

    /// The answer that [`write_all`](Self::write_all) wrote is complete.
    pub(crate) fn answered(&self) {
        if let Some(request) = self.state().request {
            self.journal.answered(request);
        }
    }

    /// Reads what still comes and throws it away; `false` once nothing more will come.
    pub(crate) async fn discard(&self) -> bool {
        let mut buffer = vec![0; SCRATCH];
        let room = {
            let mut state = self.state();
            let pending = std::mem::take(&mut state.pending);
            state.pass(&pending, usize::MAX);
            match state.position {
                Position::Body(Some(left)) => usize::try_from(left).unwrap_or(SCRATCH).min(SCRATCH),
                _ => SCRATCH,
            }
        };
        match poll_fn(|cx| self.poll_receive(cx, &mut buffer[..room])).await {
            Ok(read) if read > 0 => {
                self.state().pass(&buffer[..read], read);
                true
            }
            _ => false,
        }
    }

    /// Waits until the client has closed the connection, without reading.
    pub(crate) async fn closed_by_client(&self) {
        while let Ok(ready) = self.stream.ready(Interest::READABLE | Interest::ERROR).await {
            if ready.is_read_closed() || ready.is_error() {
                break;
            }
            // Clears the readiness, so that the next turn waits for news of the socket.
            let unread = || Err::<(), _>(std::io::ErrorKind::WouldBlock.into());
            let _ = self.stream.try_io(Interest::READABLE, unread);
        }
    }

    /// Sends FIN.
    pub(crate) fn shut_down(&self) {
        // It fails where the client has closed the connection: then there is nothing to shut down.
        let _ = SockRef::from(&self.stream).shutdown(std::net::Shutdown::Write);
    }

    /// Makes the socket send RST when it is dropped.
    pub(crate) fn reset_on_drop(&self) {
        if let Err(error) = self.stream.set_zero_linger() {
            tracing::debug!(%error, "the connection can't be reset");
        }
    }

    /// Adds body bytes to what is recorded.
    fn count(&self, request: usize, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.journal.update(request, |request| {
            let room = KEPT_BODY.saturating_sub(request.body_bytes);
            let kept = bytes.len().min(usize::try_from(room).unwrap_or(usize::MAX));
            request.body_start.extend_from_slice(&bytes[..kept]);
            request.body_bytes += bytes.len() as u64;
            request.body_complete |= request.content_length == Some(request.body_bytes);
        });
    }
}
