//! Reads the body of a request.

use std::io;

use bytes::Bytes;

use super::{Connection, READ};
use crate::head::{Body, MALFORMED};

/// The longest line of chunked framing, in bytes.
const MAX_LINE: usize = 4 * 1024;

impl Connection {
    /// Returns whether the body was read to its end.
    pub(crate) fn is_body_complete(&self) -> bool {
        self.body.is_complete()
    }

    /// Reads at most `limit` bytes of the body. Returns `None` at its end.
    pub(crate) async fn chunk(&mut self, limit: u64) -> io::Result<Option<Bytes>> {
        if self.continue_due && !self.is_body_complete() {
            self.send_informational(100).await?;
            self.record(|request| request.continue_sent = true);
        }
        loop {
            match self.body {
                Body::Length(0) => return Ok(None),
                Body::Length(left) | Body::ChunkData(left) => {
                    let bytes = self.take(left.min(limit)).await?;
                    let left = left - bytes.len() as u64;
                    self.advance(match self.body {
                        Body::Length(_) => Body::Length(left),
                        _ if left > 0 => Body::ChunkData(left),
                        _ => Body::ChunkEnd,
                    });
                    return Ok(Some(bytes));
                }
                Body::ChunkSize => {
                    let line = self.line().await?;
                    self.body = match httparse::parse_chunk_size(&line) {
                        Ok(httparse::Status::Complete((_, 0))) => Body::Trailers,
                        Ok(httparse::Status::Complete((_, size))) => Body::ChunkData(size),
                        _ => return Err(MALFORMED.into()),
                    };
                }
                Body::ChunkEnd => {
                    self.line().await?;
                    self.body = Body::ChunkSize;
                }
                Body::Trailers => {
                    if matches!(self.line().await?.as_ref(), b"\r\n" | b"\n") {
                        self.advance(Body::Length(0));
                    }
                }
            }
        }
    }

    /// Reads the rest of the body and discards it.
    pub(crate) async fn drain(&mut self) -> io::Result<()> {
        while self.chunk(u64::MAX).await?.is_some() {}
        Ok(())
    }

    fn advance(&mut self, body: Body) {
        self.body = body;
        self.record(|request| request.body_complete = body.is_complete());
    }

    /// Takes bytes of the body, at least one and at most `limit`.
    async fn take(&mut self, limit: u64) -> io::Result<Bytes> {
        let mut limit = usize::try_from(limit).unwrap_or(usize::MAX).min(READ);
        if let Some(pace) = &self.read_pace {
            limit = limit.min(pace.ready().await);
        }
        // More than is taken is not read: it is part of some faults that the client can't send the rest.
        if self.received.is_empty() && self.receive(limit).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let bytes = self.received.split_to(limit.min(self.received.len())).freeze();
        if let Some(pace) = &mut self.read_pace {
            pace.moved(bytes.len());
        }
        self.record(|request| request.add_body(&bytes));
        Ok(bytes)
    }

    /// Takes a line of chunked framing, with its line ending.
    async fn line(&mut self) -> io::Result<Bytes> {
        loop {
            if let Some(end) = self.received.iter().position(|byte| *byte == b'\n') {
                let line = self.received.split_to(end + 1).freeze();
                self.record(|request| request.add_body(&line));
                return Ok(line);
            }
            if self.received.len() > MAX_LINE {
                return Err(MALFORMED.into());
            }
            if self.receive(READ).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}
