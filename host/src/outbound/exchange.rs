//! One request and its response, over a connection that belongs to nothing else meanwhile.

mod body;
mod slot;
mod socket;
pub(crate) mod state;
#[cfg(test)]
mod tests;

use super::connections::{Connections, Idle};
use super::error_map;
use crate::timeouts::Timeouts;
use body::RequestBody;
pub(super) use body::ResponseBody;
use fastly_package_core::error::TimeoutPhase;
use http::uri::PathAndQuery;
use http::{Request, Response, Uri, header};
use http_body::Body;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use slot::Slot;
use socket::Socket;
use state::{ExchangeState, Phase, RequestFailure};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Context;
use tokio::time::Instant;
use wasmtime_wasi_http::{Error, WasiBody};

/// The maximum number of headers of a response.
const MAX_HEADERS: usize = 256;

/// An exchange, shared by the call, which observes and ends it, and by the futures that drive it. Its connection is closed when it ends, or when all
/// of them are dropped.
#[derive(Clone, Default)]
pub(crate) struct Exchange {
    state: SharedState,
    slot: Arc<Slot<OpenConnection, Idle>>,
}

type OpenConnection =
    Box<(http1::SendRequest<RequestBody>, http1::Connection<Socket, RequestBody>)>;

/// The part that the connection updates while it is polled.
#[derive(Clone, Default)]
struct SharedState(Arc<Mutex<ExchangeState>>);

impl SharedState {
    fn lock(&self) -> MutexGuard<'_, ExchangeState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Exchange {
    /// Sends a request, and returns the response once its head is received. Its body drives the rest of the exchange.
    pub(super) async fn send(
        &self,
        request: Request<WasiBody>,
        connections: &Connections,
    ) -> Result<Response<ResponseBody>, Error> {
        let expects = request.headers().contains_key(header::EXPECT);
        let uri = request.uri().clone();
        let mut request = self.prepare(request);
        loop {
            self.state().set_phase(Phase::Connecting);
            let (stream, is_reused) = connections.connect(&uri).await.map_err(|error| {
                let (code, failure) = error_map::connect(&error);
                self.state().fail(failure);
                code
            })?;
            let socket = Socket::new(stream, self.state.clone());
            let connection = http1::Builder::new().max_headers(MAX_HEADERS).handshake(socket).await;
            let (mut sender, connection) = connection.map_err(|error| self.failed(&error))?;
            let mut responding = Box::pin(sender.try_send_request(request));
            if !self.slot.open(Box::new((sender, connection))) {
                return Err(Error::ConnectionTerminated);
            }
            self.state().set_phase(if expects { Phase::Expecting } else { Phase::Sending });
            let result = std::future::poll_fn(|cx| {
                self.drive(cx);
                responding.as_mut().poll(cx)
            });
            match result.await {
                Ok(response) => return self.responded(response),
                Err(mut error) => match error.take_message() {
                    // The connection was closed while it was idle: nothing of the request was sent.
                    Some(unsent) if is_reused => request = unsent,
                    _ => return Err(self.failed(error.error())),
                },
            }
        }
    }

    /// Makes a request that the connection takes: with the path alone, and with a body that the state controls.
    fn prepare(&self, request: Request<WasiBody>) -> Request<RequestBody> {
        let length = content_length(&request);
        let (mut parts, body) = request.into_parts();
        let mut state = self.state();
        (state.body, state.length) = (Some(body), length);
        drop(state);
        let path = parts.uri.path_and_query().cloned();
        parts.uri = Uri::from(path.unwrap_or(PathAndQuery::from_static("/")));
        let mut request = Request::from_parts(parts, RequestBody::new(self.state.clone()));
        let state = self.state.clone();
        hyper::ext::on_informational(&mut request, move |response| {
            tracing::debug!(status = %response.status(), "informational response");
            state.lock().note_informational(response.status());
        });
        request
    }

    fn responded(&self, response: Response<Incoming>) -> Result<Response<ResponseBody>, Error> {
        let status = response.status();
        tracing::debug!(%status, "response");
        let mut state = self.state();
        state.note_response(status);
        // hyper doesn't drop the body while it waits for a full socket.
        let unsent = state.body.take();
        let is_premature = !(state.is_whole() && state.is_flushed) && status.is_success();
        drop(state);
        drop(unsent);
        if is_premature {
            self.state().fail(RequestFailure::Premature(status));
            self.end();
            return Err(Error::HttpProtocolError);
        }
        Ok(response.map(|body| ResponseBody::new(body, self.clone())))
    }

    /// Polls the connection. The response, polled afterwards, reports the outcome.
    fn drive(&self, cx: &mut Context<'_>) {
        self.slot.drive(|open| Pin::new(&mut open.1).poll(cx).is_ready());
    }

    /// Ends an exchange whose response was read. The connection can be used again if the server keeps it open and nothing was received after the response.
    fn finish(&self, cx: &mut Context<'_>) {
        self.drive(cx);
        self.slot.finish(|open| {
            let (sender, connection) = *open;
            // hyper is also ready while it has not written a head without a body.
            let is_idle = sender.is_ready() && self.state().is_flushed;
            let parts = is_idle.then(|| connection.into_parts())?;
            let socket = parts.read_buf.is_empty().then_some(parts.io)?;
            socket.into_idle()
        });
    }

    /// Closes the connection of an exchange that has not ended, and discards what is unsent. Nothing is sent over one that is being opened.
    pub(crate) fn end(&self) {
        self.slot.end();
    }

    /// Ends the exchange, and returns its connection if it can be used again.
    pub(crate) fn take_reusable(&self) -> Option<Idle> {
        self.slot.take_reusable()
    }

    fn failed(&self, error: &hyper::Error) -> Error {
        let (code, failure) = error_map::exchange(error);
        self.state().fail(failure);
        code
    }

    /// Returns how far the exchange is.
    pub(crate) fn state(&self) -> MutexGuard<'_, ExchangeState> {
        self.state.lock()
    }

    /// Waits until no byte has moved for too long, or the response takes too long to begin or to end. Connecting has limits of its own.
    pub(crate) async fn timed_out(&self, timeouts: &Timeouts) -> TimeoutPhase {
        let shortest = timeouts.stall.min(timeouts.response);
        loop {
            let now = Instant::now();
            let deadline = self.state().deadline(timeouts);
            if let Some((at, phase)) = deadline
                && at <= now
            {
                return phase;
            }
            // Progress may change which limit applies, but sets no deadline that is nearer than the shortest limit.
            let nearest = now.checked_add(shortest);
            match deadline.map(|(at, _)| at).into_iter().chain(nearest).min() {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        }
    }
}

/// Returns the announced length of a request's body.
pub(super) fn content_length(request: &Request<WasiBody>) -> Option<u64> {
    match request.headers().get(header::CONTENT_LENGTH) {
        Some(length) => length.to_str().ok()?.parse().ok(),
        None => request.body().size_hint().exact(),
    }
}
