//! A client's connection: the bytes of requests in, the bytes of responses out.
//!
//! It speaks HTTP/1 itself, without hyper: requests are recorded to the byte, and faults need responses that are cut, paced, or not HTTP.

mod body;

use std::future::pending;
use std::io;
use std::net::Shutdown;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, BufMut, BytesMut};
use http::StatusCode;
use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::fault::Fault;
use crate::head::{Body, Head};
use crate::pace::Pace;
use crate::recorder::{RecordedRequest, Recorder};

/// Number of bytes read from the socket at a time.
const READ: usize = 64 * 1024;

/// Time without a byte after which a connection with an early response is closed.
const LINGER_PAUSE: Duration = Duration::from_secs(2);

/// Time after which such a connection is closed in any case.
const LINGER: Duration = Duration::from_secs(30);

/// A connection, and the request that is being read from it.
pub(crate) struct Connection {
    recorder: Arc<Recorder>,
    stream: TcpStream,
    /// Bytes from the socket that are not used yet.
    received: BytesMut,
    /// The index of the request in the recorder.
    request: usize,
    body: Body,
    read_pace: Option<Pace>,
    /// Whether `100 Continue` is sent before the body is read.
    continue_due: bool,
}

impl Connection {
    pub(crate) fn new(stream: TcpStream, recorder: Arc<Recorder>) -> Self {
        Self {
            recorder,
            stream,
            received: BytesMut::new(),
            request: 0,
            body: Body::Length(0),
            read_pace: None,
            continue_due: false,
        }
    }

    /// Reads the next head. Returns `None` at the end of the stream.
    pub(crate) async fn head(&mut self) -> io::Result<Option<Head>> {
        loop {
            if let Some(head) = Head::parse(&self.received)? {
                self.received.advance(head.raw.len());
                return Ok(Some(head));
            }
            if self.receive(READ).await? == 0 {
                return Ok(None);
            }
        }
    }

    /// Begins a request, whose body is read next.
    pub(crate) fn begin(&mut self, request: usize, head: &Head, fault: &Fault) {
        self.request = request;
        self.body = head.body;
        self.read_pace = fault.read_pace.map(Pace::new);
        self.continue_due = head.expects_continue() && !fault.withholds_continue;
    }

    /// Changes the record of the current request.
    pub(crate) fn record(&self, update: impl FnOnce(&mut RecordedRequest)) {
        self.recorder.update(self.request, update);
    }

    /// Records that the response was written.
    pub(crate) fn answered(&self) {
        self.recorder.answered(self.request);
    }

    /// Reads at most `limit` bytes from the socket. Returns 0 at the end of the stream.
    async fn receive(&mut self, limit: usize) -> io::Result<usize> {
        self.received.reserve(limit);
        self.stream.read_buf(&mut (&mut self.received).limit(limit)).await
    }

    pub(crate) async fn send_informational(&mut self, status: u16) -> io::Result<()> {
        self.continue_due &= status != 100;
        let known = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
        let reason = known.unwrap_or("Informational");
        let line = format!("HTTP/1.1 {status} {reason}\r\n\r\n");
        self.stream.write_all(line.as_bytes()).await
    }

    /// Writes bytes of the final response.
    pub(crate) async fn write(
        &mut self,
        mut bytes: &[u8],
        pace: &mut Option<Pace>,
    ) -> io::Result<()> {
        // After the final response, there is no `100 Continue`.
        self.continue_due = false;
        let Some(pace) = pace else { return self.stream.write_all(bytes).await };
        while !bytes.is_empty() {
            let allowed = pace.ready().await.min(bytes.len());
            let written = self.stream.write(&bytes[..allowed]).await?;
            pace.moved(written);
            bytes.advance(written);
        }
        Ok(())
    }

    /// Waits until the client has closed the connection. If the body is incomplete, it waits forever: reading more could unblock the client.
    pub(crate) async fn closed(&mut self) {
        if self.is_body_complete() {
            // A pipelined request stays in `received`.
            while self.received.len() < READ {
                if !matches!(self.receive(READ).await, Ok(1..)) {
                    return;
                }
            }
        }
        pending().await
    }

    /// Reads nothing more, and waits until the client has closed the connection.
    pub(crate) async fn stall(&mut self) {
        self.record(|request| request.stalled = true);
        while let Ok(ready) = self.stream.ready(Interest::READABLE | Interest::ERROR).await {
            if ready.is_read_closed() || ready.is_error() {
                break;
            }
            // Clears the readiness, so that the next iteration waits for a change.
            let unread = || Err::<(), _>(io::ErrorKind::WouldBlock.into());
            let _ = self.stream.try_io(Interest::READABLE, unread);
        }
    }

    /// Makes the socket send RST when it is dropped.
    pub(crate) fn reset_on_drop(&self) {
        if let Err(error) = self.stream.set_zero_linger() {
            tracing::debug!(%error, "can't reset the connection");
        }
    }

    /// Sends FIN, then reads until the client does the same. Closing a socket with unread bytes resets the connection, and the reset may
    /// arrive before the response.
    pub(crate) async fn close(&mut self) {
        // Fails if the client has closed the connection already.
        let _ = SockRef::from(&self.stream).shutdown(Shutdown::Write);
        (self.read_pace, self.continue_due) = (None, false);
        let lingering =
            async { while let Ok(Ok(true)) = timeout(LINGER_PAUSE, self.discard()).await {} };
        let _ = timeout(LINGER, lingering).await;
    }

    /// Reads and discards bytes. Returns `false` at the end of the stream.
    async fn discard(&mut self) -> io::Result<bool> {
        if self.chunk(u64::MAX).await?.is_some() {
            return Ok(true);
        }
        self.received.clear();
        Ok(self.receive(READ).await? > 0)
    }
}
