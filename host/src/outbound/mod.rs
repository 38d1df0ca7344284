//! Outbound HTTP: the only way out of the sandbox. Egress policy, token, `100 Continue` and sending, in this order.

pub(crate) mod connect;
mod connect_error;
pub(crate) mod connections;
pub(crate) mod denial;
pub(crate) mod egress;
mod error_map;
pub(crate) mod exchange;
mod idle;
mod redact;
mod resolve;

use crate::api_url::ApiUrl;
use crate::timeouts::Timeouts;
use crate::token::Token;
use connections::Connections;
use denial::Denial;
use egress::EgressPolicy;
use exchange::state::RequestFailure;
use exchange::{Exchange, content_length};
use fastly_package_core::egress::{DenialReason, HEADERS};
use fastly_package_core::error::TimeoutPhase;
use fastly_package_core::target::Operation;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Empty};
use std::sync::Arc;
use tracing::Instrument;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

const FASTLY_KEY: HeaderName = HeaderName::from_static("fastly-key");

/// Returns whether a header is sent: one that a component may set, or `Host`, which the sandbox sets.
fn is_allowed_header((name, _): &(HeaderName, HeaderValue)) -> bool {
    name == header::HOST || HEADERS.contains(&name.as_str())
}

/// The number of chunks of a request's body that are buffered outside the sandbox, and the size of one, in bytes. With wasmtime's default of two
/// chunks, every other one costs a wake-up of the component.
const BUFFERED_CHUNKS: usize = 8;
const CHUNK_SIZE: usize = 256 * 1024;
/// The maximum number of bytes by which the body of an upload is longer than the content. The embedded component's is less than 1 KiB longer.
const FRAMING: u64 = 1024 * 1024;

/// Outbound HTTP for hosts that run the component in a store of their own: a [`Plugin`](crate::Plugin) has one.
///
/// Its hooks share connections. `examples/bring_your_own_linker.rs` shows its use.
#[derive(Clone)]
pub struct OutboundHttp {
    pub(crate) api: ApiUrl,
    pub(crate) token: Token,
    pub(crate) connections: Arc<Connections>,
}

impl OutboundHttp {
    /// Returns the hooks for one call: they send the request that [`EgressPolicy`] allows, attach the token to it, and wait for `100 Continue` if the
    /// request has `Expect`. `version_id` is ignored for [`Operation::ListVersions`]. The [`Limits`](crate::Limits) are those of
    /// the host's own store.
    pub fn hooks(&self, operation: Operation, service_id: &str, version_id: u32) -> RequestHooks {
        RequestHooks {
            policy: EgressPolicy::new(&self.api, operation, service_id, version_id),
            token: self.token.clone(),
            connections: self.connections.clone(),
            exchange: Exchange::default(),
            content_size: None,
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
    connections: Arc<Connections>,
    exchange: Exchange,
    /// The length of the content to upload.
    pub(crate) content_size: Option<u64>,
    is_used: bool,
}

impl RequestHooks {
    pub(crate) fn exchange(&self) -> Exchange {
        self.exchange.clone()
    }

    /// Returns the status of the API's response, if there was one.
    pub fn status(&self) -> Option<StatusCode> {
        self.exchange.state().status()
    }

    /// Returns whether the API may have received the whole request.
    pub fn is_request_sent(&self) -> bool {
        self.exchange.state().is_request_sent()
    }

    /// Waits until the exchange has stalled, or its response takes too long; returns which of the `timeouts` elapsed. [`Timeouts::total`] is left to the
    /// caller, and the limits on connecting, which [`OutboundHttp`] has, are errors of the request.
    pub fn timed_out(
        &self,
        timeouts: Timeouts,
    ) -> impl Future<Output = TimeoutPhase> + Send + use<> {
        let exchange = self.exchange.clone();
        async move { exchange.timed_out(&timeouts).await }
    }

    /// A call has one request, even if it is denied.
    fn authorize(&mut self, request: &Request<WasiBody>) -> Result<(), Denial> {
        if std::mem::replace(&mut self.is_used, true) {
            return Err(Denial::new(DenialReason::Repeated, request.method(), request.uri()));
        }
        self.policy.check(request.method(), request.uri())?;
        let limit = self.content_size.map(|size| size.saturating_add(FRAMING));
        self.exchange.state().body_limit = limit;
        match (limit, content_length(request)) {
            (Some(limit), Some(length)) if length > limit => {
                Err(Denial::new(DenialReason::Length, request.method(), request.uri()))
            }
            _ => Ok(()),
        }
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
            self.exchange.state().fail(RequestFailure::Denied(denial));
            return Box::new(async { Err(Error::HttpRequestDenied) });
        }
        let headers = std::mem::take(request.headers_mut());
        // The name is `None` for further values of the same header. Only the first one is sent.
        let headers = headers.into_iter().filter_map(|(name, value)| Some((name?, value)));
        request.headers_mut().extend(headers.filter(is_allowed_header));
        if request.method() == Method::GET {
            // A server that ignores the body of a GET would take it for another request.
            request.headers_mut().remove(header::CONTENT_LENGTH);
            request.headers_mut().remove(header::EXPECT);
            *request.body_mut() = Empty::new().map_err(|never| match never {}).boxed_unsync();
        }
        request.headers_mut().insert(FASTLY_KEY, self.token.header());
        let (connections, exchange, token) =
            (self.connections.clone(), self.exchange.clone(), self.token.clone());
        let span =
            tracing::debug_span!("request", method = %request.method(), uri = %request.uri());
        Box::new(
            async move {
                let response = exchange.send(request, &connections).await?;
                let done = Box::new(async { Ok(()) }) as Box<_>;
                Ok((redact::response(response, &token).map(BodyExt::boxed_unsync), done))
            }
            .instrument(span),
        )
    }
}

/// Closes the connection of a call that is dropped, unless it can be used again.
impl Drop for RequestHooks {
    fn drop(&mut self) {
        if let Some(idle) = self.exchange.take_reusable() {
            self.connections.give_back(idle);
        }
    }
}
