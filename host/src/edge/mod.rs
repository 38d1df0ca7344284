//! The only way out of the sandbox: policy, token, `100 Continue`, sending, in this order.

pub(crate) mod connect;
pub(crate) mod egress;
mod expect;
mod socket;
pub(crate) mod token;
pub(crate) mod watch;

use bytes::Bytes;
use connect::{ConnectError, Connector};
use egress::{Denial, DenialReason, EgressPolicy};
use expect::ExpectContinue;
use http::{HeaderName, Request, Response, StatusCode, header};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper_util::client::legacy::connect::{Connected, capture_connection};
use hyper_util::client::legacy::{Client, Error as ClientError};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use socket::SocketHandle;
use std::error::Error as StdError;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use token::Token;
use tracing::Instrument;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};
use watch::{Failure, Watch};

const FASTLY_KEY: HeaderName = HeaderName::from_static("fastly-key");
/// How long an unused connection is kept: shorter than servers keep theirs, so that few requests meet a closing one.
const IDLE: Duration = Duration::from_secs(30);
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

/// One call's edge.
pub(crate) struct Edge {
    policy: EgressPolicy,
    token: Option<Token>,
    pool: Pool,
    watch: Watch,
    spent: bool,
}

impl Edge {
    pub(crate) fn new(
        policy: EgressPolicy,
        token: Option<Token>,
        pool: Pool,
        watch: Watch,
    ) -> Self {
        Self { policy, token, pool, watch, spent: false }
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
        if let Some(token) = &self.token {
            request.headers_mut().insert(FASTLY_KEY, token.header());
        }
        let (pool, watch) = (self.pool.clone(), self.watch.clone());
        let span =
            tracing::debug_span!("request", method = %request.method(), uri = %request.uri());
        Box::new(
            async move {
                let response = send(&pool, request, &watch).await?;
                let done = Box::new(async { Ok(()) }) as Box<_>;
                Ok((response.map(BodyExt::boxed_unsync), done))
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
            && connection.socket.as_ref() != Some(&socket)
        {
            control.connected(&socket);
            watch.connected(socket.clone());
            connection.socket = Some(socket);
        }
        response
    })
    .await;
    let response = response.map_err(|error| lost(&error, watch))?;
    watch.answered();
    let status = response.status();
    tracing::debug!(%status, "answer");
    let whole = control.is_whole();
    if whole {
        return Ok(Attempt { response: answer(response, connection, watch), unsent: None });
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
    Ok(Attempt { response: answer(response, connection, watch), unsent })
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

/// A connection with an exchange on it that isn't over.
#[derive(Default)]
struct OpenConnection {
    socket: Option<SocketHandle>,
    /// The exchange can't end well any more: the request wasn't sent whole.
    spoilt: bool,
    over: bool,
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        if (self.spoilt || !self.over)
            && let Some(socket) = &self.socket
        {
            socket.close();
        }
    }
}

/// The body of an answer, which holds its connection until it was read to the end.
struct Answer {
    body: Incoming,
    connection: OpenConnection,
    watch: Watch,
}

fn answer(
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
        Poll::Ready(frame.map(|frame| frame.map_err(|error| lost_in_http(&error, &self.watch))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Notes why a request failed in full, and gives the component wasi:http's word for it.
fn lost(error: &ClientError, watch: &Watch) -> Error {
    let mut source: Option<&(dyn StdError + 'static)> = Some(error);
    let mut last = error.to_string();
    while let Some(current) = source {
        if let Some(error) = current.downcast_ref::<ConnectError>() {
            tracing::debug!(%error, "no connection");
            watch.fail(match error {
                ConnectError::Timeout => Failure::Timeout(crate::error::TimeoutKind::Connect),
                ConnectError::TlsTimeout => Failure::Timeout(crate::error::TimeoutKind::Tls),
                other => Failure::Lost(other.to_string()),
            });
            return connect_code(error);
        }
        if let Some(error) = current.downcast_ref::<hyper::Error>() {
            return lost_in_http(error, watch);
        }
        last = current.to_string();
        source = current.source();
    }
    watch.fail(Failure::Lost(last));
    Error::ConnectionTerminated
}

fn lost_in_http(error: &hyper::Error, watch: &Watch) -> Error {
    let why = match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    };
    tracing::debug!(error = why, "the exchange was lost");
    watch.fail(Failure::Lost(why));
    if error.is_parse_too_large() {
        Error::HttpResponseHeaderSectionSize(None)
    } else if error.is_parse() {
        Error::HttpProtocolError
    } else if error.is_incomplete_message() || error.source().is_some_and(is_unexpected_eof) {
        Error::HttpResponseIncomplete
    } else {
        Error::ConnectionTerminated
    }
}

fn is_unexpected_eof(error: &(dyn StdError + 'static)) -> bool {
    error
        .downcast_ref::<std::io::Error>()
        .is_some_and(|error| error.kind() == std::io::ErrorKind::UnexpectedEof)
}

fn connect_code(error: &ConnectError) -> Error {
    match error {
        ConnectError::Resolve(_) => Error::DnsError { rcode: None, info_code: None },
        ConnectError::Tcp(std::io::ErrorKind::ConnectionRefused, _) => Error::ConnectionRefused,
        ConnectError::Tcp(..) | ConnectError::Proxy(..) => Error::DestinationUnavailable,
        ConnectError::Timeout | ConnectError::TlsTimeout => Error::ConnectionTimeout,
        ConnectError::Roots(_) => Error::ConfigurationError,
        ConnectError::Tls(_) => Error::TlsCertificateError,
    }
}
