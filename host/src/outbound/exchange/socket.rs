//! The connection of one exchange: notes progress, and prefers a response to a write error.

use super::SharedState;
use crate::outbound::connect::Stream;
use crate::outbound::connections::{Idle, Owner};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

pub(super) struct Socket {
    /// `None` once it was taken.
    stream: Option<TokioIo<Box<dyn Stream>>>,
    owner: Owner,
    state: SharedState,
    is_write_failed: bool,
    is_shut_down: bool,
}

impl Socket {
    /// Must be called on the runtime that opened the stream.
    pub(super) fn new(stream: Box<dyn Stream>, state: SharedState) -> Self {
        let (stream, owner) = (Some(TokioIo::new(stream)), Owner::current());
        Self { stream, owner, state, is_write_failed: false, is_shut_down: false }
    }

    /// Makes the connection available for another exchange.
    pub(super) fn into_idle(mut self) -> Option<Idle> {
        let stream = self.stream.take()?;
        Some(Idle::new(stream.into_inner(), self.owner))
    }

    /// Polls a write. A server that responds early and closes the connection makes writes fail while its response is still unread. hyper gives up at
    /// the first error, so a failed write is left pending: the read side, which hyper polls as well, yields the response or the end.
    fn poll_writing<T>(
        &mut self,
        write: impl FnOnce(Pin<&mut TokioIo<Box<dyn Stream>>>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        let Some(stream) = self.stream.as_mut().filter(|_| !self.is_write_failed) else {
            return Poll::Pending;
        };
        let result = ready!(write(Pin::new(stream)));
        if result.as_ref().is_err_and(is_lost) {
            self.is_write_failed = true;
            return Poll::Pending;
        }
        Poll::Ready(result)
    }
}

fn is_lost(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset};
    matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset)
}

impl Read for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let Some(stream) = &mut self.stream else { return Poll::Pending };
        ready!(Pin::new(stream).poll_read(cx, buffer))?;
        Poll::Ready(self.state.lock().note_read().map_err(io::Error::other))
    }
}

impl Write for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(self.poll_writing(|stream| stream.poll_write(cx, bytes)))?;
        self.state.lock().note_write();
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(self.poll_writing(|stream| stream.poll_write_vectored(cx, slices)))?;
        self.state.lock().note_write();
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.as_ref().is_some_and(Write::is_write_vectored)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_writing(|stream| stream.poll_flush(cx)))?;
        self.state.lock().note_flush();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = self.poll_writing(|stream| stream.poll_shutdown(cx));
        self.is_shut_down |= result.is_ready();
        result
    }
}

/// Resets the connection of an exchange that has not ended: otherwise the kernel would continue to send its buffer.
impl Drop for Socket {
    fn drop(&mut self) {
        if let Some(stream) = self.stream.as_ref().filter(|_| !self.is_shut_down) {
            let _ = stream.inner().tcp().set_zero_linger();
        }
    }
}
