//! The bodies of an exchange: the request's as the connection polls it, and the response's, which drives the rest of the exchange.

use super::state::Phase;
use super::{Exchange, SharedState};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::Sleep;
use wasmtime_wasi_http::Error;

/// How long a body waits for `100 Continue` before it is sent anyway. It is curl's limit; RFC 9110, section 10.1.1, leaves it open.
pub(super) const CONTINUE_WAIT: Duration = Duration::from_secs(1);

/// hyper sends the head of a request as soon as the body is pending, so it suffices to hold the body back.
pub(super) struct RequestBody {
    state: SharedState,
    continue_wait: Option<Pin<Box<Sleep>>>,
}

impl RequestBody {
    pub(super) fn new(state: SharedState) -> Self {
        Self { state, continue_wait: None }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = &mut *self;
        let mut state = this.state.lock();
        if state.phase == Phase::Expecting {
            let wait = || Box::pin(tokio::time::sleep(CONTINUE_WAIT));
            let wait = this.continue_wait.get_or_insert_with(wait);
            if wait.as_mut().poll(cx).is_ready() {
                state.set_phase(Phase::Sending);
            }
        }
        state.poll_body(cx)
    }

    fn is_end_stream(&self) -> bool {
        let state = self.state.lock();
        state.phase == Phase::Sending && state.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.state.lock().body.as_ref().map_or_else(SizeHint::default, Body::size_hint)
    }
}

/// The component sees that its body is not read any more.
impl Drop for RequestBody {
    fn drop(&mut self) {
        let unsent = self.state.lock().body.take();
        drop(unsent);
    }
}

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
        let is_trailers = matches!(&frame, Some(Ok(frame)) if frame.is_trailers());
        if frame.is_none() || is_trailers || this.body.is_end_stream() {
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

/// The rest of a response that is not read is not received either.
impl Drop for ResponseBody {
    fn drop(&mut self) {
        self.exchange.end();
    }
}
