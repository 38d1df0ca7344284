//! The body of a response, which drives the rest of the exchange.

use super::Exchange;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use wasmtime_wasi_http::Error;

pub(in crate::outbound) struct ResponseBody {
    body: Incoming,
    exchange: Exchange,
}

impl ResponseBody {
    pub(super) fn new(body: Incoming, exchange: Exchange) -> Self {
        Self { body, exchange }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = &mut *self;
        // hyper reads a body only if the previous poll has asked for it.
        let mut frame = Pin::new(&mut this.body).poll_frame(cx);
        if frame.is_pending() {
            this.exchange.drive(cx);
            frame = Pin::new(&mut this.body).poll_frame(cx);
        }
        let frame = ready!(frame);
        if frame.is_none() || this.body.is_end_stream() {
            this.exchange.finish(cx);
        }
        Poll::Ready(frame.map(|frame| frame.map_err(|error| this.exchange.failed(&error))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
