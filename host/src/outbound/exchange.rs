//! One request and its response, over a connection that belongs to nothing else meanwhile.

mod request_body;
mod response_body;
mod socket;
mod state;
#[cfg(test)]
mod tests;

use super::connections::{Connections, Idle};
use super::error_map;
use crate::timeouts::Timeouts;
use fastly_package_core::error::TimeoutPhase;
use http::uri::PathAndQuery;
use http::{Request, Response, Uri, header};
use http_body::Body;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use request_body::RequestBody;
pub(super) use response_body::ResponseBody;
use socket::Socket;
pub(crate) use state::RequestFailure;
use state::{Phase, State};
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
    connection: Arc<Mutex<Connection>>,
}

/// The part that the connection updates while it is polled.
#[derive(Clone, Default)]
struct SharedState(Arc<Mutex<State>>);

impl SharedState {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Default)]
enum Connection {
    #[default]
    None,
    Open(Box<(http1::SendRequest<RequestBody>, http1::Connection<Socket, RequestBody>)>),
    /// Request and response are whole, and the connection can be used again.
    Reusable(Idle),
    /// Nothing is sent or received any more.
    Ended,
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
            match &mut *self.lock() {
                Connection::Ended => return Err(Error::ConnectionTerminated),
                other => *other = Connection::Open(Box::new((sender, connection))),
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
        self.state().set_body(body, length);
        let path = parts.uri.path_and_query().cloned();
        parts.uri = Uri::from(path.unwrap_or(PathAndQuery::from_static("/")));
        let mut request = Request::from_parts(parts, RequestBody::new(self.state.clone()));
        let state = self.state.clone();
        hyper::ext::on_informational(&mut request, move |response| {
            tracing::debug!(status = %response.status(), "informational response");
            state.lock().informed(response.status());
        });
        request
    }

    fn responded(&self, response: Response<Incoming>) -> Result<Response<ResponseBody>, Error> {
        let status = response.status();
        tracing::debug!(%status, "response");
        let mut state = self.state();
        state.responded(status);
        // hyper doesn't drop the body while it waits for a full socket.
        let unsent = state.take_body();
        let is_premature = !state.is_whole() && status.is_success();
        drop(state);
        drop(unsent);
        if is_premature {
            self.state().fail(RequestFailure::Premature(status));
            self.end();
            return Err(Error::HttpProtocolError);
        }
        Ok(response.map(|body| ResponseBody::new(body, self.clone())))
    }

    /// Polls the connection. What becomes of it shows in the response, which is to be polled afterwards.
    fn drive(&self, cx: &mut Context<'_>) {
        let mut current = self.lock();
        if let Connection::Open(open) = &mut *current
            && Pin::new(&mut open.1).poll(cx).is_ready()
        {
            *current = Connection::Ended;
        }
    }

    /// Ends an exchange whose response was read. The connection can be used again if the server keeps it open and nothing was received after the response.
    fn finish(&self, cx: &mut Context<'_>) {
        self.drive(cx);
        let mut current = self.lock();
        let open = match std::mem::replace(&mut *current, Connection::Ended) {
            Connection::Open(open) => open,
            other => {
                *current = other;
                return;
            }
        };
        if open.0.is_ready() {
            let parts = open.1.into_parts();
            if let Some(stream) = parts.io.into_stream().filter(|_| parts.read_buf.is_empty()) {
                *current = Connection::Reusable(Idle::new(stream));
            }
        }
    }

    /// Closes the connection of an exchange that has not ended, and discards what is unsent. If there is no connection yet, none will be opened.
    pub(crate) fn end(&self) {
        let mut current = self.lock();
        if !matches!(*current, Connection::Reusable(_)) {
            *current = Connection::Ended;
        }
    }

    /// Ends the exchange, and returns its connection if it can be used again.
    pub(crate) fn take_reusable(&self) -> Option<Idle> {
        match std::mem::replace(&mut *self.lock(), Connection::Ended) {
            Connection::Reusable(idle) => Some(idle),
            _ => None,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self, error: &hyper::Error) -> Error {
        let (code, failure) = error_map::exchange(error);
        self.state().fail(failure);
        code
    }

    /// Returns how far the exchange is.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
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
