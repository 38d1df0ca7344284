//! Outbound HTTP: the only way out of the sandbox. Egress policy, token, `100 Continue` and sending, in this order.

pub(crate) mod connect;
mod connect_error;
pub(crate) mod denial;
pub(crate) mod egress;
mod error_map;
pub(crate) mod exchange_state;
mod expect;
mod redact;
mod resolve;
mod response_body;
mod socket;
pub(crate) mod token;

use crate::api_url::ApiUrl;
use crate::timeouts::Timeouts;
use connect::Connector;
use denial::Denial;
use egress::EgressPolicy;
use exchange_state::{ExchangeState, RequestFailure};
use expect::ExpectContinue;
use fastly_package_core::egress::{DenialReason, HEADERS};
use fastly_package_core::error::TimeoutPhase;
use fastly_package_core::target::Operation;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode, header};
use http_body::Body;
use http_body_util::BodyExt;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connected, capture_connection};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use response_body::{ConnectionGuard, ResponseBody};
use socket::SocketHandle;
use std::pin::Pin;
use std::time::Duration;
use token::Token;
use tokio::runtime::Handle;
use tracing::Instrument;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

const FASTLY_KEY: HeaderName = HeaderName::from_static("fastly-key");

/// Returns whether a header is sent: one that a component may set, or `Host`, which the sandbox sets.
fn is_allowed_header((name, _): &(HeaderName, HeaderValue)) -> bool {
    name == header::HOST || HEADERS.contains(&name.as_str())
}

/// How long an idle connection is kept: less than servers keep theirs, so that few requests meet a closing one.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// The number of chunks of a request's body that are buffered outside the sandbox, and the size of one, in bytes. With wasmtime's default of two
/// chunks, every other one costs a wake-up of the component.
const BUFFERED_CHUNKS: usize = 8;
const CHUNK_SIZE: usize = 256 * 1024;
/// The maximum number of headers of a response.
const MAX_HEADERS: usize = 256;

/// The connections of a `Plugin`.
pub(crate) type Pool = Client<Connector, ExpectContinue>;

/// Creates a pool of HTTP/1.1 connections.
pub(crate) fn pool(connector: Connector) -> Pool {
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE_TIMEOUT)
        .http1_max_headers(MAX_HEADERS)
        .build(connector)
}

/// Outbound HTTP for hosts that run the component in a store of their own: a [`Plugin`](crate::Plugin) has one.
///
/// Its hooks share connections. `examples/bring_your_own_linker.rs` shows its use.
#[derive(Clone)]
pub struct OutboundHttp {
    pub(crate) api: ApiUrl,
    pub(crate) token: Token,
    pub(crate) pool: Pool,
}

impl OutboundHttp {
    /// Returns the hooks for one call: they send the request that [`EgressPolicy`] allows, attach the token to it, and wait for `100 Continue` if the
    /// request has `Expect`. `version_id` is ignored for [`Operation::ListVersions`].
    pub fn hooks(&self, operation: Operation, service_id: &str, version_id: u32) -> RequestHooks {
        RequestHooks {
            policy: EgressPolicy::new(&self.api, operation, service_id, version_id),
            token: self.token.clone(),
            pool: self.pool.clone(),
            exchange: ExchangeState::default(),
            is_used: false,
        }
    }
}

impl std::fmt::Debug for OutboundHttp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OutboundHttp").field("api", &self.api).finish_non_exhaustive()
    }
}

/// The hooks of `wasi:http` for one call, and what they observed.
///
/// Their observations outweigh what a component reports: a success is false if there was no [`status`](Self::status), or if the request was not
/// [sent](Self::is_request_sent) whole.
pub struct RequestHooks {
    policy: EgressPolicy,
    token: Token,
    pool: Pool,
    exchange: ExchangeState,
    is_used: bool,
}

impl RequestHooks {
    pub(crate) fn exchange(&self) -> ExchangeState {
        self.exchange.clone()
    }

    /// Returns the status of the API's response, if there was one.
    pub fn status(&self) -> Option<StatusCode> {
        self.exchange.status()
    }

    /// Returns whether the API may have received the whole request.
    pub fn is_request_sent(&self) -> bool {
        self.exchange.is_request_sent()
    }

    /// Waits until the exchange has stalled, or its response takes too long; returns which of the `timeouts` elapsed. [`Timeouts::total`] is left to the
    /// caller, and the limits on connecting, which [`OutboundHttp`] has, are errors of the request.
    pub fn timed_out(
        &self,
        timeouts: Timeouts,
    ) -> impl Future<Output = TimeoutPhase> + Send + use<> {
        let exchange = self.exchange.clone();
        async move { exchange.stalled(&timeouts).await }
    }

    fn authorize(&mut self, request: &Request<WasiBody>) -> Result<(), Denial> {
        self.policy.check(request.method(), request.uri())?;
        if std::mem::replace(&mut self.is_used, true) {
            return Err(Denial::new(DenialReason::Repeated, request.method(), request.uri()));
        }
        Ok(())
    }
}

type Sent = (Response<WasiBody>, Box<dyn Future<Output = Result<(), Error>> + Send>);

impl WasiHttpHooks for RequestHooks {
    fn p2_outgoing_body_buffer_chunks(&mut self) -> usize {
        // wasmtime adds one chunk to this number.
        BUFFERED_CHUNKS - 1
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        CHUNK_SIZE
    }

    fn send_request(
        &mut self,
        mut request: Request<WasiBody>,
        _: Option<RequestOptions>,
        _: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Result<Sent, Error>> + Send> {
        if let Err(denial) = self.authorize(&request) {
            tracing::warn!(%denial, "denied a request of the component");
            self.exchange.fail(RequestFailure::Denied(denial));
            return Box::new(async { Err(Error::HttpRequestDenied) });
        }
        let headers = std::mem::take(request.headers_mut());
        // The name is `None` for further values of the same header. Only the first one is sent.
        let headers = headers.into_iter().filter_map(|(name, value)| Some((name?, value)));
        request.headers_mut().extend(headers.filter(is_allowed_header));
        request.headers_mut().insert(FASTLY_KEY, self.token.header());
        let (pool, exchange, token) =
            (self.pool.clone(), self.exchange.clone(), self.token.clone());
        let span =
            tracing::debug_span!("request", method = %request.method(), uri = %request.uri());
        Box::new(
            async move {
                // The pool fails a request that meets a connection which is being closed. On a runtime with one thread, the connection's task
                // gets to see the end of the connection only here.
                if Handle::current().metrics().num_workers() == 1 {
                    tokio::task::yield_now().await;
                }
                let response = send(&pool, request, &exchange).await?;
                let done = Box::new(async { Ok(()) }) as Box<_>;
                Ok((redact::response(response, &token).map(BodyExt::boxed_unsync), done))
            }
            .instrument(span),
        )
    }
}

async fn send(
    pool: &Pool,
    request: Request<WasiBody>,
    exchange: &ExchangeState,
) -> Result<Response<ResponseBody>, Error> {
    let length = content_length(&request);
    let expects = request.headers().contains_key(header::EXPECT);
    let (parts, body) = request.into_parts();
    let (body, control) = ExpectContinue::new(body, expects, length);
    let mut request = Request::from_parts(parts, body);
    let informed = control.clone();
    hyper::ext::on_informational(&mut request, move |response| {
        tracing::debug!(status = %response.status(), "informational response");
        informed.resume(response.status() == StatusCode::CONTINUE);
    });
    exchange.connecting(control.clone());
    let captured = capture_connection(&mut request);
    let mut sending = pool.request(request);
    // Dropping the guard closes the connection until the response is complete: a cancelled call leaves no connection behind.
    let mut guard = ConnectionGuard::default();
    let response = std::future::poll_fn(|cx| {
        let response = Pin::new(&mut sending).poll(cx);
        // Checked after every poll: the pool sends a request that a closing connection gives back over another one.
        if let Some(socket) = captured.connection_metadata().as_ref().and_then(socket_of)
            && guard.socket.as_ref().is_none_or(|(before, _)| *before != socket)
        {
            let number = socket.begin();
            control.connected(&socket);
            exchange.connected(socket.clone(), number);
            guard.socket = Some((socket, number));
        }
        response
    })
    .await;
    let response = response.map_err(|error| error_map::request(&error, exchange))?;
    let status = response.status();
    exchange.responded(status);
    tracing::debug!(%status, "response");
    if !control.is_whole() {
        guard.not_reusable = true;
        if let Some(connected) = captured.connection_metadata().as_ref() {
            connected.poison();
        }
        control.close();
        if status.is_success() {
            exchange.fail(RequestFailure::Premature(status));
            return Err(Error::HttpProtocolError);
        }
    }
    Ok(response_body::new(response, guard, exchange))
}

fn content_length<B: Body>(request: &Request<B>) -> Option<u64> {
    match request.headers().get(header::CONTENT_LENGTH) {
        Some(length) => length.to_str().ok()?.parse().ok(),
        None => request.body().size_hint().exact(),
    }
}

/// Returns the socket of a pooled connection.
fn socket_of(connected: &Connected) -> Option<SocketHandle> {
    let mut extras = http::Extensions::new();
    connected.get_extras(&mut extras);
    extras.remove()
}
