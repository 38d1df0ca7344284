//! The state of a call's HTTP exchange, observed by the host: for timeouts, and for errors with more detail than `wasi:http`'s codes.

use super::denial::Denial;
use super::expect::BodyControl;
use super::socket::SocketHandle;
use crate::timeouts::Timeouts;
use fastly_package_core::error::TimeoutPhase;
use http::StatusCode;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// The state of one exchange, shared by the call and its hooks.
#[derive(Clone, Default)]
pub(crate) struct ExchangeState(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    connecting: bool,
    /// The connection, and the number of this exchange on it.
    socket: Option<(SocketHandle, u64)>,
    body: Option<BodyControl>,
    /// The status of the final response.
    status: Option<StatusCode>,
    failure: Option<RequestFailure>,
    is_ended: bool,
}

/// Why the host failed a request.
#[derive(Debug)]
pub(crate) enum RequestFailure {
    Denied(Denial),
    Timeout(TimeoutPhase),
    /// The reason is for people.
    Lost(String),
    /// A success before the whole request was sent.
    Premature(StatusCode),
}

impl ExchangeState {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn connecting(&self, body: BodyControl) {
        let mut state = self.lock();
        state.connecting = true;
        state.body = Some(body.clone());
        let is_ended = state.is_ended;
        drop(state);
        if is_ended {
            body.close();
        }
    }

    pub(crate) fn connected(&self, socket: SocketHandle, exchange: u64) {
        let mut state = self.lock();
        state.connecting = false;
        state.socket = Some((socket, exchange));
    }

    /// Ends the exchange: no more of the request's body is sent, even if the request has not begun yet.
    pub(crate) fn close_body(&self) {
        let mut state = self.lock();
        state.is_ended = true;
        let body = state.body.clone();
        drop(state);
        if let Some(body) = body {
            body.close();
        }
    }

    pub(crate) fn responded(&self, status: StatusCode) {
        let mut state = self.lock();
        state.connecting = false;
        state.status = Some(status);
    }

    /// Returns the status of the response, if there was one.
    pub(crate) fn status(&self) -> Option<StatusCode> {
        self.lock().status
    }

    /// Notes why the request failed. A denial is not replaced by its consequences.
    pub(crate) fn fail(&self, failure: RequestFailure) {
        let mut state = self.lock();
        state.connecting = false;
        if !matches!(state.failure, Some(RequestFailure::Denied(_))) {
            state.failure = Some(failure);
        }
    }

    pub(crate) fn take_failure(&self) -> Option<RequestFailure> {
        self.lock().failure.take()
    }

    /// Returns whether the server may have received the whole request.
    pub(crate) fn is_request_sent(&self) -> bool {
        let state = self.lock();
        // A request without a body is whole before it is sent.
        let has_left = |body: &BodyControl| state.socket.is_some() || body.has_started();
        state.body.as_ref().is_some_and(|body| body.is_whole() && has_left(body))
    }

    /// Returns whether no byte of the request's body was sent.
    pub(crate) fn is_body_unsent(&self) -> bool {
        self.lock().body.as_ref().is_none_or(|body| !body.has_started())
    }

    /// Waits until no byte has moved for too long, or the response takes too long to begin or to end. Connecting has limits of its own.
    pub(crate) async fn stalled(&self, timeouts: &Timeouts) -> TimeoutPhase {
        let tick = timeouts.stall.min(timeouts.response) / 10;
        let tick = tick.clamp(Duration::from_millis(1), Duration::from_millis(500));
        let mut last = (0, false, None);
        let mut since = Instant::now();
        let mut responded_at = None;
        loop {
            tokio::time::sleep(tick).await;
            let state = self.lock();
            let sent = state.body.as_ref().is_some_and(BodyControl::is_whole);
            let waiting = sent && state.status.is_none();
            // Until there is a response, bytes that are received only show that the server is alive. Bytes after this exchange belong to another one.
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
                true => (timeouts.response, TimeoutPhase::Response),
                false => (timeouts.stall, TimeoutPhase::Stall),
            };
            if since.elapsed() >= limit {
                return kind;
            }
            if state.status.is_some()
                && responded_at.get_or_insert_with(Instant::now).elapsed() >= timeouts.response
            {
                return TimeoutPhase::Response;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbound::expect::ExpectContinue;
    use bytes::Bytes;
    use http_body::Body;
    use http_body_util::{BodyExt, Full};
    use std::pin::Pin;
    use std::task::Poll;

    #[tokio::test]
    async fn a_body_that_begins_after_the_call_has_ended_is_not_sent() {
        let exchange = ExchangeState::default();
        exchange.close_body();
        let inner = Full::new(Bytes::from_static(b"package")).map_err(|never| match never {});
        let (mut body, control) = ExpectContinue::new(inner.boxed_unsync(), false, Some(7));
        exchange.connecting(control);
        let poll = std::future::poll_fn(|cx| Poll::Ready(Pin::new(&mut body).poll_frame(cx))).await;
        assert!(poll.is_pending());
        assert!(!exchange.is_request_sent());
    }
}
