//! The socket under hyper: it records what passes, and obeys the faults that hyper can't commit.
//!
//! hyper is given a request's head first and its body only afterwards, so that each byte on the wire is
//! known to belong to one or the other.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use hyper::rt::ReadBufCursor;
use socket2::SockRef;
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::sync::Notify;

use crate::fault::Then;
use crate::journal::{Journal, KEPT_BODY};
use crate::pace::Pace;

const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
const SCRATCH: usize = 64 * 1024;

/// A connection's socket, shared by hyper's connection and the service that answers on it.
pub(crate) struct Wire {
    stream: TcpStream,
    journal: Arc<Journal>,
    state: Mutex<State>,
    limit_reached: Notify,
}

struct State {
    position: Position,
    /// Bytes that came from the socket and weren't passed on yet.
    pending: Vec<u8>,
    scratch: Box<[u8]>,
    /// The request being received or answered.
    request: Option<usize>,
    read_pace: Option<Pace>,
    write_pace: Option<Pace>,
    /// Body bytes that may still be passed on.
    body_limit: Option<u64>,
    /// Who waits for the limit to be lifted.
    limited: Option<Waker>,
    /// Nothing is read any more.
    stalled: bool,
    withholds_continue: bool,
    /// The final answer has begun: what hyper writes is no `100 Continue`.
    answering: bool,
    /// The body of the answer was handed to hyper; once it is flushed, the answer was given.
    answer_ends: bool,
    /// What becomes of the connection, once it is known.
    then: Option<Then>,
}

/// Where in the stream of requests the reading is.
enum Position {
    /// In a head; the bytes of it so far.
    Head(Vec<u8>),
    /// In a body, with so many bytes to come; `None` where the framing tells.
    Body(Option<u64>),
}

impl Wire {
    pub(crate) fn new(stream: TcpStream, journal: Arc<Journal>) -> Self {
        Self {
            stream,
            journal,
            state: Mutex::new(State {
                position: Position::Head(Vec::new()),
                pending: Vec::new(),
                scratch: vec![0; SCRATCH].into(),
                request: None,
                read_pace: None,
                write_pace: None,
                body_limit: None,
                limited: None,
                stalled: false,
                withholds_continue: false,
                answering: false,
                answer_ends: false,
                then: None,
            }),
            limit_reached: Notify::new(),
        }
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

    /// hyper has seen the end of the body.
    pub(crate) fn body_ended(&self) {
        self.state().position = Position::Head(Vec::new());
    }

    pub(crate) fn pace(&self, read: Option<u64>, write: Option<u64>) {
        let mut state = self.state();
        state.read_pace = read.map(Pace::new);
        state.write_pace = write.map(Pace::new);
    }

    pub(crate) fn withhold_continue(&self, withheld: bool) {
        self.state().withholds_continue = withheld;
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

    /// Reads nothing more.
    pub(crate) fn stall(&self) {
        let mut state = self.state();
        state.stalled = true;
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
    pub(crate) async fn write_all(&self, mut bytes: &[u8]) -> io::Result<()> {
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
            let unread = || Err::<(), _>(io::ErrorKind::WouldBlock.into());
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
            request.body_bytes += bytes.len() as u64;
            request.body_complete |= request.content_length == Some(request.body_bytes);
            let kept = bytes.len().min(KEPT_BODY - request.body_start.len());
            request.body_start.extend_from_slice(&bytes[..kept]);
        });
    }

    /// Bytes from the socket, counted where they belong to a body.
    fn poll_receive(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.stream.poll_read_ready(cx))?;
            match self.stream.try_read(buffer) {
                Ok(read) => {
                    let state = self.state();
                    if let (Position::Body(_), Some(request)) = (&state.position, state.request) {
                        self.count(request, &buffer[..read]);
                    }
                    return Poll::Ready(Ok(read));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    fn poll_read(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if self.state().stalled {
            return Poll::Pending;
        }
        let mut room = buffer.remaining();
        {
            let mut state = self.state();
            if let Position::Body(left) = state.position {
                room = room.min(left.map_or(room, |left| usize::try_from(left).unwrap_or(room)));
                if let Some(limit) = state.body_limit {
                    room = room.min(usize::try_from(limit).unwrap_or(room));
                }
            }
            if room == 0 {
                state.limited = Some(cx.waker().clone());
                return Poll::Pending;
            }
            if let Some(pace) = state.read_pace.as_mut() {
                room = room.min(ready!(pace.poll_allowance(cx)));
            }
        }
        let mut bytes = std::mem::take(&mut self.state().pending);
        if bytes.is_empty() {
            let mut scratch = std::mem::take(&mut self.state().scratch);
            // A head is read past its end, a body isn't.
            let wanted = match self.state().position {
                Position::Head(_) => SCRATCH,
                Position::Body(_) => room.min(SCRATCH),
            };
            let received = self.poll_receive(cx, &mut scratch[..wanted]);
            if let Poll::Ready(Ok(read)) = &received {
                bytes.extend_from_slice(&scratch[..*read]);
            }
            self.state().scratch = scratch;
            if ready!(received)? == 0 {
                return Poll::Ready(Ok(()));
            }
        }
        let mut state = self.state();
        let passed = state.pass(&bytes, room);
        buffer.put_slice(&bytes[..passed]);
        bytes.drain(..passed);
        state.pending = bytes;
        if state.body_limit == Some(0) {
            self.limit_reached.notify_one();
        }
        Poll::Ready(Ok(()))
    }

    fn poll_write(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut allowed = bytes.len();
        let interim = {
            let mut state = self.state();
            let interim = !state.answering && bytes.starts_with(CONTINUE);
            if interim && state.withholds_continue {
                return Poll::Ready(Ok(CONTINUE.len()));
            }
            if let (true, Some(pace)) = (state.answering, state.write_pace.as_mut()) {
                allowed = allowed.min(ready!(pace.poll_allowance(cx)));
            }
            interim
        };
        loop {
            ready!(self.stream.poll_write_ready(cx))?;
            match self.stream.try_write(&bytes[..allowed]) {
                Ok(written) => {
                    let mut state = self.state();
                    if let Some(pace) = state.write_pace.as_mut() {
                        pace.moved(written);
                    }
                    if let (true, Some(request)) = (interim, state.request) {
                        self.journal.update(request, |request| request.continue_sent = true);
                    }
                    return Poll::Ready(Ok(written));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    /// hyper flushes once all it had was written.
    fn flushed(&self) -> io::Result<()> {
        let mut state = self.state();
        if !std::mem::take(&mut state.answer_ends) {
            return Ok(());
        }
        state.write_pace = None;
        let request = state.request;
        let ends = state.then.is_some_and(|then| then != Then::Keep);
        drop(state);
        if let Some(request) = request {
            self.journal.answered(request);
        }
        // An error is the way to take the connection out of hyper's hands.
        if ends { Err(io::ErrorKind::ConnectionAborted.into()) } else { Ok(()) }
    }
}

impl State {
    /// How many of `bytes` may be passed on: all of a head and nothing behind it, or a piece of a body.
    fn pass(&mut self, bytes: &[u8], room: usize) -> usize {
        let passed = match &mut self.position {
            Position::Head(head) => {
                let before = head.len();
                head.extend_from_slice(&bytes[..bytes.len().min(room)]);
                let end = head_end(head).unwrap_or(head.len());
                head.truncate(end);
                end - before
            }
            Position::Body(left) => {
                let passed = bytes.len().min(room);
                if let Some(limit) = &mut self.body_limit {
                    *limit = limit.saturating_sub(passed as u64);
                }
                if let Some(left) = left {
                    *left = left.saturating_sub(passed as u64);
                    if *left == 0 {
                        self.position = Position::Head(Vec::new());
                    }
                }
                passed
            }
        };
        if let Some(pace) = self.read_pace.as_mut() {
            pace.moved(passed);
        }
        passed
    }
}

/// Where a head ends: behind the first empty line that follows something. Heads may begin with empty
/// lines, and a line may end without CR.
fn head_end(head: &[u8]) -> Option<usize> {
    let start = head.iter().position(|byte| !matches!(byte, b'\r' | b'\n'))?;
    let lines = memchr::memchr_iter(b'\n', &head[start..]);
    lines.map(|end| start + end + 1).find_map(|line| match &head[line..] {
        [b'\n', ..] => Some(line + 1),
        [b'\r', b'\n', ..] => Some(line + 2),
        _ => None,
    })
}

/// hyper's end of a [`Wire`].
pub(crate) struct WireIo(pub(crate) Arc<Wire>);

impl hyper::rt::Read for WireIo {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        self.0.poll_read(cx, &mut buffer)
    }
}

impl hyper::rt::Write for WireIo {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.0.poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.0.flushed())
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.0.end().is_none() {
            self.0.shut_down();
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_ends_with_the_first_empty_line_behind_its_first_line() {
        assert_eq!(head_end(b"GET / HTTP/1.1\r\nA: b\r\n\r\nbody"), Some(24));
        assert_eq!(head_end(b"\r\n\r\nGET / HTTP/1.1\r\n\r\n"), Some(22));
        assert_eq!(head_end(b"GET / HTTP/1.1\nA: b\n\nbody"), Some(21));
        assert_eq!(head_end(b"GET / HTTP/1.1\r\nA: b\r\n\r"), None);
        assert_eq!(head_end(b"\r\n\r\n"), None);
    }
}
