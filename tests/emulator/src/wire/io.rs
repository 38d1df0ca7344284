//! The bytes as they pass between the socket and hyper.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use hyper::rt::ReadBufCursor;

use super::state::Position;
use super::{SCRATCH, Wire};
use crate::fault::Then;

const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

impl Wire {
    /// Bytes from the socket, counted where they belong to a body.
    pub(super) fn poll_receive(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
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

    /// How many bytes may be passed on now; pending while it is none.
    fn poll_room(&self, cx: &mut Context<'_>, room: usize) -> Poll<usize> {
        let mut state = self.state();
        let room = state.room(room);
        if room == 0 {
            state.limited = Some(cx.waker().clone());
            return Poll::Pending;
        }
        match state.read_pace.as_mut() {
            Some(pace) => pace.poll_allowance(cx).map(|allowed| allowed.min(room)),
            None => Poll::Ready(room),
        }
    }

    fn poll_read(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let room = ready!(self.poll_room(cx, buffer.remaining()));
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

    pub(super) fn poll_write(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut allowed = bytes.len();
        let interim = {
            let mut state = self.state();
            let interim = !state.answer_begun && bytes.starts_with(CONTINUE);
            if interim && state.withholds_continue {
                return Poll::Ready(Ok(CONTINUE.len()));
            }
            if interim {
                // hyper may have put the answer right behind it.
                allowed = CONTINUE.len();
            }
            state.answer_begun |= state.answering && !interim;
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
