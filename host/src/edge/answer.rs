//! An answer on its way, which holds its connection until it was read.

use super::lost;
use super::socket::SocketHandle;
use super::watch::Watch;
use bytes::Bytes;
use http::Response;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use std::pin::Pin;
use std::task::{Context, Poll};
use wasmtime_wasi_http::Error;

/// A connection with an exchange on it that isn't over.
#[derive(Default)]
pub(super) struct OpenConnection {
    /// The connection, and the exchange's number on it.
    pub(super) socket: Option<(SocketHandle, u64)>,
    /// The exchange can't end well any more: the request wasn't sent whole.
    pub(super) spoilt: bool,
    over: bool,
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        if let Some((socket, exchange)) = &self.socket {
            match self.spoilt || !self.over {
                true => socket.close(*exchange),
                false => socket.end(*exchange),
            }
        }
    }
}

/// The body of an answer, which holds its connection until it was read to the end.
pub(super) struct Answer {
    body: Incoming,
    connection: OpenConnection,
    watch: Watch,
}

/// The answer that came on this connection.
pub(super) fn of(
    response: Response<Incoming>,
    connection: OpenConnection,
    watch: &Watch,
) -> Response<Answer> {
    response.map(|body| {
        let mut answer = Answer { body, connection, watch: watch.clone() };
        answer.connection.over = answer.body.is_end_stream();
        answer
    })
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let frame = std::task::ready!(Pin::new(&mut self.body).poll_frame(cx));
        if frame.is_none() || self.body.is_end_stream() {
            self.connection.over = true;
        }
        Poll::Ready(frame.map(|frame| frame.map_err(|error| lost::exchange(&error, &self.watch))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
