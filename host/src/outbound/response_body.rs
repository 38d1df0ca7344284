//! The body of a response, which holds its connection until it is read.

use super::error_map;
use super::exchange_state::ExchangeState;
use super::socket::SocketHandle;
use bytes::Bytes;
use http::Response;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use std::pin::Pin;
use std::task::{Context, Poll};
use wasmtime_wasi_http::Error;

/// Closes the connection of an exchange that has not ended when it is dropped.
#[derive(Default)]
pub(super) struct ConnectionGuard {
    /// The connection, and the number of the exchange on it.
    pub(super) socket: Option<(SocketHandle, u64)>,
    /// The connection can't be used again: the request was not sent whole.
    pub(super) not_reusable: bool,
    is_ended: bool,
}

impl Drop for ConnectionGuard {
    fn drop(&mut self) {
        if let Some((socket, exchange)) = &self.socket {
            match self.not_reusable || !self.is_ended {
                true => socket.close(*exchange),
                false => socket.end(*exchange),
            }
        }
    }
}

/// The body of a response.
pub(super) struct ResponseBody {
    body: Incoming,
    connection: ConnectionGuard,
    exchange: ExchangeState,
}

/// Creates the response of an exchange.
pub(super) fn new(
    response: Response<Incoming>,
    connection: ConnectionGuard,
    exchange: &ExchangeState,
) -> Response<ResponseBody> {
    response.map(|body| {
        let mut body = ResponseBody { body, connection, exchange: exchange.clone() };
        body.connection.is_ended = body.body.is_end_stream();
        body
    })
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let frame = std::task::ready!(Pin::new(&mut self.body).poll_frame(cx));
        if frame.is_none() || self.body.is_end_stream() {
            self.connection.is_ended = true;
        }
        Poll::Ready(
            frame.map(|frame| frame.map_err(|error| error_map::exchange(&error, &self.exchange))),
        )
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
