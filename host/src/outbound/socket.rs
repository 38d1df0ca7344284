//! A TCP stream that counts its bytes, prefers a response to a write error, and can be closed by a handle.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// A handle to a socket: its counters, and the means to close it.
#[derive(Clone, Default)]
pub(crate) struct SocketHandle(Arc<State>);

#[derive(Default)]
struct State {
    written: AtomicU64,
    read: AtomicU64,
    reads: AtomicU64,
    closed: AtomicBool,
    /// The number of exchanges that have begun, and the number of the last one that has ended.
    exchanges: AtomicU64,
    ended: AtomicU64,
    waker: Mutex<Option<Waker>>,
}

/// Handles are equal if they belong to the same socket.
impl PartialEq for SocketHandle {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl SocketHandle {
    /// Returns the number of bytes that were sent or received.
    pub(crate) fn moved(&self) -> u64 {
        self.written() + self.0.read.load(Ordering::Relaxed)
    }

    /// Returns the number of bytes that were sent.
    pub(crate) fn written(&self) -> u64 {
        self.0.written.load(Ordering::Relaxed)
    }

    /// Returns the number of reads, after TLS.
    pub(crate) fn reads(&self) -> u64 {
        self.0.reads.load(Ordering::Relaxed)
    }

    pub(crate) fn count_read(&self) {
        self.0.reads.fetch_add(1, Ordering::Relaxed);
    }

    /// Makes every further read and write fail, which ends the task that drives the connection and closes the socket. hyper doesn't notice a dropped
    /// response while it waits for a full socket.
    ///
    /// Has no effect if `exchange` is not the latest one: the connection then belongs to another call.
    pub(crate) fn close(&self, exchange: u64) {
        if self.exchange() == exchange {
            self.0.closed.store(true, Ordering::Release);
            self.wake();
        }
    }

    /// Begins an exchange, and returns its number.
    pub(crate) fn begin(&self) -> u64 {
        self.0.exchanges.fetch_add(1, Ordering::AcqRel) + 1
    }

    /// Returns the number of the latest exchange.
    pub(crate) fn exchange(&self) -> u64 {
        self.0.exchanges.load(Ordering::Acquire)
    }

    /// Ends an exchange. Unless another one has begun, write errors are reported again.
    pub(crate) fn end(&self, exchange: u64) {
        self.0.ended.fetch_max(exchange, Ordering::AcqRel);
        self.wake();
    }

    /// Returns whether no exchange is in progress, so that no response is expected. Before the first exchange one may be about to begin.
    fn is_idle(&self) -> bool {
        self.exchange() > 0 && !self.is_busy()
    }

    /// Returns whether an exchange is in progress.
    fn is_busy(&self) -> bool {
        self.exchange() > self.0.ended.load(Ordering::Acquire)
    }

    fn is_closed(&self) -> bool {
        self.0.closed.load(Ordering::Acquire)
    }

    fn wake(&self) {
        let waker = self.0.waker.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Registers the task to wake, then fails if the socket is closed: in this order no call of `close` is missed.
    fn check(&self, cx: &Context<'_>) -> io::Result<()> {
        let mut waker = self.0.waker.lock().unwrap_or_else(PoisonError::into_inner);
        if !waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            *waker = Some(cx.waker().clone());
        }
        drop(waker);
        if self.is_closed() {
            return Err(io::Error::new(io::ErrorKind::ConnectionAborted, "the call has ended"));
        }
        Ok(())
    }
}

pub(crate) struct Socket {
    stream: TcpStream,
    handle: SocketHandle,
    write_failed: bool,
    shut_down: bool,
}

impl Socket {
    pub(crate) fn new(stream: TcpStream, handle: SocketHandle) -> Self {
        Self { stream, handle, write_failed: false, shut_down: false }
    }

    /// Counts a write. A server that responds early and closes the connection makes writes fail while its response is still unread. hyper gives up at
    /// the first error, so a failed write is left pending: the read side, which hyper polls as well, yields the response or the end. Once hyper has
    /// the whole response, it waits for the write, and needs the error.
    fn written(&mut self, result: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match result {
            Poll::Ready(Ok(bytes)) => {
                self.handle.0.written.fetch_add(bytes as u64, Ordering::Relaxed);
            }
            Poll::Ready(Err(error)) if is_lost(&error) => {
                self.write_failed = true;
                return self.failed();
            }
            _ => {}
        }
        result
    }

    /// Returns the result of a write after one that failed.
    fn failed(&self) -> Poll<io::Result<usize>> {
        match self.handle.is_idle() {
            true => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            false => Poll::Pending,
        }
    }
}

fn is_lost(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset};
    matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset)
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.handle.check(cx)?;
        let before = buffer.filled().len();
        let result = Pin::new(&mut this.stream).poll_read(cx, buffer);
        let read = buffer.filled().len() - before;
        this.handle.0.read.fetch_add(read as u64, Ordering::Relaxed);
        result
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.handle.check(cx)?;
        if this.write_failed {
            return this.failed();
        }
        let result = Pin::new(&mut this.stream).poll_write(cx, bytes);
        this.written(result)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.handle.check(cx)?;
        if this.write_failed {
            return this.failed();
        }
        let result = Pin::new(&mut this.stream).poll_write_vectored(cx, slices);
        this.written(result)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.handle.check(cx)?;
        Pin::new(&mut this.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.shut_down |= result.is_ready();
        result
    }
}

/// Resets the connection of an aborted request: otherwise the kernel would continue to send its buffer. The connection's task may also find the body
/// broken before the handle closes the socket.
impl Drop for Socket {
    fn drop(&mut self) {
        if self.handle.is_closed() || (self.handle.is_busy() && !self.shut_down) {
            let _ = self.stream.set_zero_linger();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    /// Returns what the peer reads after the socket is dropped.
    async fn seen(before: impl AsyncFnOnce(&mut Socket)) -> io::Result<usize> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut other, _) = listener.accept().await.unwrap();
        let mut socket = Socket::new(stream, SocketHandle::default());
        before(&mut socket).await;
        drop(socket);
        other.read(&mut [0; 8]).await
    }

    #[tokio::test]
    async fn a_connection_in_use_is_reset_and_an_idle_one_is_closed() {
        let aborted = seen(async |socket| {
            socket.handle.begin();
        });
        assert_eq!(aborted.await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
        let closed = seen(async |socket| {
            let exchange = socket.handle.begin();
            socket.handle.close(exchange);
        });
        assert_eq!(closed.await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
        let done = seen(async |socket| {
            let exchange = socket.handle.begin();
            socket.handle.end(exchange);
        });
        assert_eq!(done.await.unwrap(), 0);
        let shut_down = seen(async |socket| {
            socket.handle.begin();
            socket.shutdown().await.unwrap();
        });
        assert_eq!(shut_down.await.unwrap(), 0);
    }

    #[test]
    fn an_exchange_neither_closes_nor_ends_the_connection_of_the_next() {
        let socket = SocketHandle::default();
        assert!(!socket.is_idle(), "an exchange may be about to begin");
        let first = socket.begin();
        let second = socket.begin();
        socket.end(first);
        socket.close(first);
        assert!(!socket.is_idle());
        assert!(!socket.0.closed.load(Ordering::Acquire));
        socket.end(second);
        assert!(socket.is_idle());
        socket.close(second);
        assert!(socket.0.closed.load(Ordering::Acquire));
    }
}
