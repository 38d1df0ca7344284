//! What one call is doing, seen from outside the sandbox: for timeouts, and for errors that say more than wasi:http's codes.

use super::egress::Denial;
use super::expect::BodyControl;
use super::socket::SocketHandle;
use crate::builder::Timeouts;
use crate::error::TimeoutKind;
use http::StatusCode;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Shared by a call and its edge.
#[derive(Clone, Default)]
pub(crate) struct Watch(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    connecting: bool,
    /// The connection, and which of its exchanges this one is.
    socket: Option<(SocketHandle, u64)>,
    body: Option<BodyControl>,
    /// The final answer's.
    status: Option<StatusCode>,
    failure: Option<Failure>,
    over: bool,
}

/// Why the edge failed a request.
#[derive(Debug)]
pub(crate) enum Failure {
    Denied(Denial),
    Timeout(TimeoutKind),
    /// With the reason for people.
    Lost(String),
    /// A success that was said before the whole request had been sent.
    Premature(StatusCode),
}

impl Watch {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn connecting(&self, body: BodyControl) {
        let mut state = self.lock();
        state.connecting = true;
        state.socket = None;
        state.status = None;
        state.body = Some(body.clone());
        let over = state.over;
        drop(state);
        if over {
            drop(body.close());
        }
    }

    pub(crate) fn connected(&self, socket: SocketHandle, exchange: u64) {
        let mut state = self.lock();
        state.connecting = false;
        state.socket = Some((socket, exchange));
    }

    /// The call is over: from now on no more of a request's body is sent, nor of one that is only about to go out.
    pub(crate) fn close_body(&self) {
        let mut state = self.lock();
        state.over = true;
        let body = state.body.clone();
        drop(state);
        if let Some(body) = body {
            drop(body.close());
        }
    }

    pub(crate) fn answered(&self, status: StatusCode) {
        let mut state = self.lock();
        state.connecting = false;
        state.status = Some(status);
    }

    /// The status of the answer, if one came.
    pub(crate) fn status(&self) -> Option<StatusCode> {
        self.lock().status
    }

    /// Notes why a request failed. A denial outlasts what follows from it.
    pub(crate) fn fail(&self, failure: Failure) {
        let mut state = self.lock();
        state.connecting = false;
        if !matches!(state.failure, Some(Failure::Denied(_))) {
            state.failure = Some(failure);
        }
    }

    pub(crate) fn take_failure(&self) -> Option<Failure> {
        self.lock().failure.take()
    }

    /// Whether the server may have the whole request.
    pub(crate) fn request_sent(&self) -> bool {
        let state = self.lock();
        // Without a body a request is whole before it has gone anywhere.
        let is_on_its_way = |body: &BodyControl| state.socket.is_some() || body.has_begun();
        state.body.as_ref().is_some_and(|body| body.is_whole() && is_on_its_way(body))
    }

    /// Returns when no byte has moved for too long, no answer has come since the last of the request went, or the answer takes too long
    /// to come to its end. While a connection is made, that has its own limits.
    pub(crate) async fn stalled(&self, timeouts: &Timeouts) -> TimeoutKind {
        let tick = timeouts.stall.min(timeouts.answer) / 10;
        let tick = tick.clamp(Duration::from_millis(1), Duration::from_millis(500));
        let mut last = (0, false, None);
        let mut since = Instant::now();
        let mut answered_at = None;
        loop {
            tokio::time::sleep(tick).await;
            let state = self.lock();
            let sent = state.body.as_ref().is_some_and(BodyControl::is_whole);
            let waiting = sent && state.status.is_none();
            // Until there is an answer, what comes only says that the server is still there. What moves after this exchange is another's.
            let moved = state.socket.as_ref().map_or(0, |(socket, exchange)| match state.status {
                _ if socket.exchange() != *exchange => 0,
                None => socket.written(),
                Some(_) => socket.moved(),
            });
            let now = (moved, sent, state.status);
            if now != last || state.connecting {
                last = now;
                since = Instant::now();
            }
            let (limit, kind) = match waiting {
                true => (timeouts.answer, TimeoutKind::Answer),
                false => (timeouts.stall, TimeoutKind::Stall),
            };
            if since.elapsed() >= limit {
                return kind;
            }
            if state.status.is_some()
                && answered_at.get_or_insert_with(Instant::now).elapsed() >= timeouts.answer
            {
                return TimeoutKind::Answer;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::expect::ExpectContinue;
    use bytes::Bytes;
    use http_body::Body;
    use http_body_util::{BodyExt, Full};
    use std::pin::Pin;
    use std::task::Poll;

    #[tokio::test]
    async fn a_body_that_comes_when_the_call_is_over_is_not_sent() {
        let watch = Watch::default();
        watch.close_body();
        let inner = Full::new(Bytes::from_static(b"package")).map_err(|never| match never {});
        let (mut body, control) = ExpectContinue::new(inner.boxed_unsync(), false, Some(7));
        watch.connecting(control);
        let poll = std::future::poll_fn(|cx| Poll::Ready(Pin::new(&mut body).poll_frame(cx))).await;
        assert!(poll.is_pending());
        assert!(!watch.request_sent());
    }
}
