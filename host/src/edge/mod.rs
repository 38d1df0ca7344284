//! The only way out of the sandbox: policy, token, `100 Continue`, sending, in this order.

mod answer;
pub(crate) mod connect;
mod connect_error;
pub(crate) mod egress;
mod expect;
mod lost;
mod redact;
mod resolve;
mod socket;
pub(crate) mod token;
pub(crate) mod watch;

use crate::api::ApiUrl;
use crate::bindings::exports::fastly_package::api::package_api::ServiceVersion;
use crate::builder::Timeouts;
use crate::error::TimeoutKind;
use answer::{Answer, OpenConnection};
use connect::Connector;
use egress::{Denial, DenialReason, EgressPolicy};
use expect::ExpectContinue;
use fastly_package_egress::HEADERS;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body::Body;
use http_body_util::BodyExt;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connected, capture_connection};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use socket::SocketHandle;
use std::pin::Pin;
use std::time::Duration;
use token::Token;
use tokio::runtime::Handle;
use tracing::Instrument;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};
use watch::{Failure, Watch};

const FASTLY_KEY: HeaderName = HeaderName::from_static("fastly-key");

/// Whether a header goes out: what a component may say, and the sandbox's own `Host`, which a component can't set. Of several values of one
/// name, which none of these has, the first goes.
fn is_let_out((name, _): &(HeaderName, HeaderValue)) -> bool {
    name == header::HOST || HEADERS.contains(&name.as_str())
}

/// How long an unused connection is kept: shorter than servers keep theirs, so that few requests meet a closing one.
const IDLE: Duration = Duration::from_secs(30);
/// Chunks of a request's body by which the component may be ahead of the connection, and the length of one, in bytes: that much is kept
/// outside the sandbox. With two, which is the default, every other chunk costs a turn through the component.
const BUFFERED: usize = 8;
const CHUNK: usize = 256 * 1024;
/// How many headers an answer may have.
const HEADER_LIMIT: usize = 256;

/// The connections of a `Plugin`.
pub(crate) type Pool = Client<Connector, ExpectContinue>;

/// A pool of HTTP/1.1 connections.
pub(crate) fn pool(connector: Connector) -> Pool {
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE)
        .http1_max_headers(HEADER_LIMIT)
        .build(connector)
}

/// The edges of a host that runs the component in a store of its own: what a [`Plugin`](crate::Plugin) has of its own.
///
/// They share connections. See `host/examples/bring_your_own_linker.rs`.
#[derive(Clone)]
pub struct Edges {
    pub(crate) api: ApiUrl,
    pub(crate) token: Token,
    pub(crate) pool: Pool,
}

impl Edges {
    /// The way out of the sandbox for one call: it lets the request out that [`EgressPolicy`] allows, attaches the token to it, and waits for
    /// `100 Continue` where the request asks for it. For each call another.
    pub fn edge(&self, method: Method, target: &ServiceVersion) -> Edge {
        self.with(EgressPolicy::new(&self.api, method, target))
    }

    pub(crate) fn with(&self, policy: EgressPolicy) -> Edge {
        let (token, pool) = (self.token.clone(), self.pool.clone());
        Edge { policy, token, pool, watch: Watch::default(), spent: false }
    }
}

impl std::fmt::Debug for Edges {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Edges").field("api", &self.api).finish_non_exhaustive()
    }
}

/// One call's edge: the hooks for `wasi:http`, and what they have seen.
///
/// What it has seen goes before what a component says: a success that came without [`status`](Self::status) or before the request was
/// [sent whole](Self::is_sent) is none.
pub struct Edge {
    policy: EgressPolicy,
    token: Token,
    pool: Pool,
    watch: Watch,
    spent: bool,
}

impl Edge {
    pub(crate) fn watch(&self) -> Watch {
        self.watch.clone()
    }

    /// The status of the API's answer, if one came.
    pub fn status(&self) -> Option<StatusCode> {
        self.watch.status()
    }

    /// Whether the API may have the whole request.
    pub fn is_sent(&self) -> bool {
        self.watch.request_sent()
    }

    /// Returns when the exchange has stalled or its answer takes too long, as `timeouts` say; `total` is the host's own. The limits on
    /// connecting are [`Edges`]' own, and are errors of the request.
    pub fn timed_out(
        &self,
        timeouts: Timeouts,
    ) -> impl Future<Output = TimeoutKind> + Send + use<> {
        let watch = self.watch.clone();
        async move { watch.stalled(&timeouts).await }
    }

    fn admit(&mut self, request: &Request<WasiBody>) -> Result<(), Denial> {
        self.policy.check(request.method(), request.uri())?;
        if std::mem::replace(&mut self.spent, true) {
            return Err(Denial::new(DenialReason::Repeated, request.method(), request.uri()));
        }
        Ok(())
    }
}

type Sent = (Response<WasiBody>, Box<dyn Future<Output = Result<(), Error>> + Send>);

impl WasiHttpHooks for Edge {
    fn p2_outgoing_body_buffer_chunks(&mut self) -> usize {
        // It makes room for one more than it is told.
        BUFFERED - 1
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        CHUNK
    }

    fn send_request(
        &mut self,
        mut request: Request<WasiBody>,
        _: Option<RequestOptions>,
        _: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Result<Sent, Error>> + Send> {
        if let Err(denial) = self.admit(&request) {
            tracing::warn!(%denial, "denied a request of the component");
            self.watch.fail(Failure::Denied(denial));
            return Box::new(async { Err(Error::HttpRequestDenied) });
        }
        let asked = std::mem::take(request.headers_mut());
        let named = asked.into_iter().filter_map(|(name, value)| Some((name?, value)));
        request.headers_mut().extend(named.filter(is_let_out));
        request.headers_mut().insert(FASTLY_KEY, self.token.header());
        let (pool, watch, token) = (self.pool.clone(), self.watch.clone(), self.token.clone());
        let span =
            tracing::debug_span!("request", method = %request.method(), uri = %request.uri());
        Box::new(
            async move {
                // The pool answers a request that meets a connection which is being closed with an error. On a runtime of one thread
                // the connection's task hears of the closing only now. With more, another waits for what comes in.
                if Handle::current().metrics().num_workers() == 1 {
                    tokio::task::yield_now().await;
                }
                let response = send(&pool, request, &watch).await?;
                let done = Box::new(async { Ok(()) }) as Box<_>;
                Ok((redact::response(response, &token).map(BodyExt::boxed_unsync), done))
            }
            .instrument(span),
        )
    }
}

/// Sends a request; once more without `Expect`, where the server refuses just that (417) and has seen none of the body.
async fn send(
    pool: &Pool,
    request: Request<WasiBody>,
    watch: &Watch,
) -> Result<Response<Answer>, Error> {
    let (mut parts, body) = request.into_parts();
    let expects = parts.headers.contains_key(header::EXPECT);
    let first = attempt(pool, Request::from_parts(parts.clone(), body), watch).await?;
    if !expects || first.response.status() != StatusCode::EXPECTATION_FAILED {
        return Ok(first.response);
    }
    let Some(body) = first.unsent else { return Ok(first.response) };
    drop(first.response);
    tracing::debug!("the server doesn't know 100-continue: sending again without it");
    parts.headers.remove(header::EXPECT);
    Ok(attempt(pool, Request::from_parts(parts, body), watch).await?.response)
}

/// What came of sending once.
struct Attempt {
    response: Response<Answer>,
    /// The body, if none of it was sent.
    unsent: Option<WasiBody>,
}

async fn attempt(pool: &Pool, request: Request<WasiBody>, watch: &Watch) -> Result<Attempt, Error> {
    let length = content_length(&request);
    let expects = request.headers().contains_key(header::EXPECT);
    let (parts, body) = request.into_parts();
    let (body, control) = ExpectContinue::new(body, expects, length);
    let mut request = Request::from_parts(parts, body);
    let informed = control.clone();
    hyper::ext::on_informational(&mut request, move |response| {
        tracing::debug!(status = %response.status(), "informational answer");
        informed.go_on(response.status() == StatusCode::CONTINUE);
    });
    watch.connecting(control.clone());
    let captured = capture_connection(&mut request);
    let mut sending = pool.request(request);
    // Until the answer is whole, dropping this closes the connection: a cancelled call leaves none behind.
    let mut connection = OpenConnection::default();
    let response = std::future::poll_fn(|cx| {
        let response = Pin::new(&mut sending).poll(cx);
        // Looked at after every poll: the pool sends a request that a closing connection hands back over another one.
        if let Some(socket) = captured.connection_metadata().as_ref().and_then(socket_in)
            && connection.socket.as_ref().is_none_or(|(before, _)| *before != socket)
        {
            let exchange = socket.begin();
            control.connected(&socket);
            watch.connected(socket.clone(), exchange);
            connection.socket = Some((socket, exchange));
        }
        response
    })
    .await;
    let response = response.map_err(|error| lost::request(&error, watch))?;
    let status = response.status();
    watch.answered(status);
    tracing::debug!(%status, "answer");
    let whole = control.is_whole();
    if whole {
        return Ok(Attempt { response: answer::of(response, connection, watch), unsent: None });
    }
    connection.spoilt = true;
    if let Some(connected) = captured.connection_metadata().as_ref() {
        connected.poison();
    }
    let unsent = control.close();
    if status.is_success() {
        watch.fail(Failure::Premature(status));
        return Err(Error::HttpProtocolError);
    }
    Ok(Attempt { response: answer::of(response, connection, watch), unsent })
}

fn content_length<B: Body>(request: &Request<B>) -> Option<u64> {
    match request.headers().get(header::CONTENT_LENGTH) {
        Some(length) => length.to_str().ok()?.parse().ok(),
        None => request.body().size_hint().exact(),
    }
}

/// The socket under a connection of the pool.
fn socket_in(connected: &Connected) -> Option<SocketHandle> {
    let mut extras = http::Extensions::new();
    connected.get_extras(&mut extras);
    extras.remove()
}
