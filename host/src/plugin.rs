//! The embedded component, loaded once and called many times.

use crate::api::{ApiUrl, FASTLY_API};
use crate::bindings::PluginPre;
use crate::bindings::exports::fastly_package::api::package_api::{
    Auth, ContentError as Shortfall, Error as Refusal, PutFlags, PutOptions as WitPutOptions,
    Reply, RequestOptions, ServiceVersion, UnexpectedReason, UnexpectedResponse,
};
use crate::content::{Content, ContentWatch};
use crate::edge::connect::Connector;
use crate::edge::egress::EgressPolicy;
use crate::edge::token::Token;
use crate::edge::watch::{Failure, Watch};
use crate::edge::{self, Edge, Pool};
use crate::error::{
    ComponentError, ContentError, Error, Result, TimeoutError, TimeoutKind, TransportError,
};
use crate::sandbox::{self, Limits, State, Ticker};
use http::Method;
use hyper_util::client::proxy::matcher::Matcher;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;
use wasmtime::component::{Component, Resource};
use wasmtime::{Engine, Store};
use wasmtime_wasi::p2::DynInputStream;

/// The component as it was built: what other hosts run.
pub const COMPONENT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/plugin.wasm"));
/// The same, compiled for this machine.
const PRECOMPILED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/plugin.cwasm"));

/// From this size on `100-continue` is worth a round trip. In bytes; curl's figure.
const EXPECT_FROM: u64 = 1024 * 1024;

/// Fastly's GetPackage and PutPackage, run in a sandbox.
///
/// Loaded once, cheap to clone, and safe to use from many tasks: each call runs in a fresh instance, connections are shared. Dropping a
/// call's future cancels it and closes its connection. It needs a tokio runtime with time and I/O.
///
/// ```no_run
/// use fastly_package::{Content, Plugin, PutOptions, ServiceVersion, Token};
///
/// # async fn example() -> fastly_package::Result<()> {
/// let plugin = Plugin::builder().token(Token::from_env("FASTLY_API_TOKEN")?).build()?;
/// let target = ServiceVersion::new("SU1Z0isxPaozGVKXdv0eY", 3)?;
/// let package = Content::open("pkg/app.tar.gz").await?;
/// let reply = plugin.put_package(&target, package, PutOptions::default()).await?;
/// println!("{}", reply.package.id);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Plugin(Arc<Inner>);

struct Inner {
    engine: Engine,
    component: PluginPre<State>,
    ticker: Ticker,
    pool: Pool,
    api: ApiUrl,
    token: Token,
    user_agent: Option<String>,
    timeouts: Timeouts,
    limits: Limits,
}

/// How long each step may take.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// Making a connection, name resolution included. Default: 10 s.
    pub connect: Duration,
    /// The TLS handshake. Default: 10 s.
    pub tls: Duration,
    /// While an exchange runs: no byte moving, in either direction. Default: 60 s.
    pub stall: Duration,
    /// The answer, counted from when the whole request was sent. Default: 120 s.
    pub answer: Duration,
    /// The whole call. Default: none.
    pub total: Option<Duration>,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            tls: Duration::from_secs(10),
            stall: Duration::from_secs(60),
            answer: Duration::from_secs(120),
            total: None,
        }
    }
}

/// How to upload.
#[derive(Debug, Clone, Copy, Default)]
pub struct PutOptions {
    /// Whether to ask before sending.
    pub expect: Expect,
}

/// Whether an upload asks with `Expect: 100-continue` before it sends the package, so that the API can refuse from the headers alone.
///
/// The package then waits for the API's word, for one second at most.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Expect {
    /// Asks from 1 MiB on.
    #[default]
    Auto,
    /// Asks.
    Always,
    /// Doesn't.
    Never,
}

/// Sets up a [`Plugin`].
#[derive(Debug, Default)]
pub struct PluginBuilder {
    token: Option<Token>,
    api: Option<ApiUrl>,
    user_agent: Option<String>,
    timeouts: Timeouts,
    limits: Limits,
    roots: Vec<CertificateDer<'static>>,
    no_proxy: bool,
    component: Option<Cow<'static, [u8]>>,
}

impl PluginBuilder {
    /// Sets the API token, without which nothing is built.
    pub fn token(mut self, token: Token) -> Self {
        self.token = Some(token);
        self
    }

    /// Sets where the API is. Default: `https://api.fastly.com`.
    pub fn api(mut self, api: ApiUrl) -> Self {
        self.api = Some(api);
        self
    }

    /// Sets the `User-Agent`. Default: this crate's name and version.
    pub fn user_agent(mut self, user_agent: impl Into<String>) -> Self {
        self.user_agent = Some(user_agent.into());
        self
    }

    /// Sets how long each step may take.
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = timeouts;
        self
    }

    /// Sets what the component may use up.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Trusts the certificates in this PEM text, beside the platform's.
    ///
    /// Fails with [`Error::InvalidArgument`] when there is no certificate in it.
    pub fn ca_certificates(mut self, pem: &[u8]) -> Result<Self> {
        let wrong = |why: &str| Error::InvalidArgument(format!("the CA certificates: {why}"));
        let before = self.roots.len();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            self.roots.push(certificate.map_err(|error| wrong(&error.to_string()))?);
        }
        if self.roots.len() == before {
            return Err(wrong("there is no certificate in PEM form"));
        }
        Ok(self)
    }

    /// Doesn't use the proxies that `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` name.
    pub fn no_proxy(mut self) -> Self {
        self.no_proxy = true;
        self
    }

    /// Runs another component of the same world, compiled ahead of time, in place of the embedded one.
    ///
    /// # Safety
    ///
    /// The bytes must be what this version of wasmtime compiled under this crate's engine configuration, and must come from a place
    /// that is trusted as much as this program: they are machine code, and wasmtime can't check it.
    pub unsafe fn precompiled_component(mut self, bytes: impl Into<Cow<'static, [u8]>>) -> Self {
        self.component = Some(bytes.into());
        self
    }

    /// Loads the component.
    ///
    /// Fails with [`Error::Token`] without a token, and with [`Error::Component`] when the component can't be loaded or wants to import
    /// what the sandbox doesn't have.
    pub fn build(self) -> Result<Plugin> {
        let token = self.token.ok_or_else(|| Error::Token("none was given".into()))?;
        let engine = Engine::new(&crate::engine::config()).map_err(unloadable)?;
        let bytes = self.component.as_deref().unwrap_or(PRECOMPILED);
        // SAFETY: the bytes are those that the build script compiled, or those that the caller of `precompiled_component` vouches for.
        let component = unsafe { Component::deserialize(&engine, bytes) }.map_err(unloadable)?;
        let linked = sandbox::linker(&engine)
            .and_then(|linker| linker.instantiate_pre(&component))
            .and_then(PluginPre::new);
        let ticker = Ticker::start(&engine).map_err(unloadable)?;
        let proxies = (!self.no_proxy).then(Matcher::from_env);
        let api = match self.api {
            Some(api) => api,
            None => FASTLY_API.parse()?,
        };
        Ok(Plugin(Arc::new(Inner {
            engine,
            component: linked.map_err(unloadable)?,
            ticker,
            pool: edge::pool(Connector::new(self.timeouts, proxies, self.roots)),
            api,
            token,
            user_agent: self.user_agent,
            timeouts: self.timeouts,
            limits: self.limits,
        })))
    }
}

fn unloadable(error: impl Into<wasmtime::Error>) -> Error {
    let message = format!("it can't be loaded: {:#}", error.into());
    Error::Component(ComponentError { message, request_sent: false })
}

impl ServiceVersion {
    /// Names a version of a service.
    ///
    /// Fails with [`Error::InvalidArgument`] when the ID is empty or the version isn't between 1 and 2147483647.
    pub fn new(service_id: impl Into<String>, version_id: u32) -> Result<Self> {
        let service_id = service_id.into();
        if service_id.is_empty() {
            return Err(Error::InvalidArgument("the service ID is empty".into()));
        }
        if version_id == 0 || version_id > i32::MAX as u32 {
            let why = "the version is not between 1 and 2147483647";
            return Err(Error::InvalidArgument(why.into()));
        }
        Ok(Self { service_id, version_id })
    }
}

impl Plugin {
    /// Starts setting one up.
    pub fn builder() -> PluginBuilder {
        PluginBuilder::default()
    }

    /// Gets the package of a service version.
    ///
    /// # Errors
    ///
    /// Every variant but [`Error::Content`]. A version without a package is [`Error::Api`] with status 404.
    #[tracing::instrument(level = "debug", skip_all, fields(service = %target.service_id, version = target.version_id))]
    pub async fn get_package(&self, target: &ServiceVersion) -> Result<Reply> {
        let mut call = self.begin(Method::GET, target);
        let options = self.request_options();
        let finished = call
            .watched(&self.0, async |component, store| {
                let api = component.fastly_package_api_package_api();
                api.call_get_package(store, target, &options).await
            })
            .await;
        call.conclude(&self.0, finished)
    }

    /// Uploads a package to a service version, in place of the one that it has.
    ///
    /// # Errors
    ///
    /// Every variant. [`Error::stored`] tells what became of the upload. A locked or active version is [`Error::Api`] with status 422.
    #[tracing::instrument(level = "debug", skip_all, fields(service = %target.service_id, version = target.version_id, size = content.size()))]
    pub async fn put_package(
        &self,
        target: &ServiceVersion,
        mut content: Content,
        put: PutOptions,
    ) -> Result<Reply> {
        let mut call = self.begin(Method::PUT, target);
        let options = self.request_options();
        let size = content.size();
        let expect = match put.expect {
            Expect::Auto => size >= EXPECT_FROM,
            Expect::Always => true,
            Expect::Never => false,
        };
        let flags = if expect { PutFlags::EXPECT_CONTINUE } else { PutFlags::empty() };
        let put = WitPutOptions { flags, filename: content.take_filename() };
        let (stream, watch) = content.into_stream();
        call.content = Some((size, watch));
        let finished = call
            .watched(&self.0, async |component, store| {
                let stream: DynInputStream = Box::new(stream);
                let stream: Resource<DynInputStream> = store.data_mut().table.push(stream)?;
                let api = component.fastly_package_api_package_api();
                api.call_put_package(store, target, stream, size, &put, &options).await
            })
            .await;
        call.conclude(&self.0, finished)
    }

    fn request_options(&self) -> RequestOptions {
        RequestOptions {
            auth: Auth::Host,
            api_url: Some(self.0.api.to_string()),
            user_agent: self.0.user_agent.clone(),
        }
    }

    fn begin(&self, method: Method, target: &ServiceVersion) -> Call {
        let plugin = &self.0;
        let watch = Watch::default();
        let policy = EgressPolicy::new(&plugin.api, method, target);
        let token = Some(plugin.token.clone());
        let edge = Edge::new(policy, token, plugin.pool.clone(), watch.clone());
        let store = sandbox::store(&plugin.engine, edge, &plugin.limits);
        Call { store, watch, content: None }
    }
}

impl std::fmt::Debug for Plugin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plugin").field("api", &self.0.api).finish_non_exhaustive()
    }
}

/// One call: a fresh store, and what is known of it from outside.
struct Call {
    store: Store<State>,
    watch: Watch,
    content: Option<(u64, ContentWatch)>,
}

/// Why a component didn't return.
enum Stopped {
    Trapped(wasmtime::Error),
    TimedOut(TimeoutKind),
}

type Finished = Result<Result<Reply, Refusal>, Stopped>;

impl Call {
    /// Runs an operation in a fresh instance, until it returns or takes too long.
    async fn watched(
        &mut self,
        plugin: &Inner,
        operation: impl AsyncFnOnce(
            &crate::bindings::Plugin,
            &mut Store<State>,
        ) -> wasmtime::Result<Result<Reply, Refusal>>,
    ) -> Finished {
        let _running = plugin.ticker.running();
        let store = &mut self.store;
        let run = async {
            let instance = plugin.component.instantiate_async(&mut *store).await?;
            operation(&instance, store).await
        };
        let total = async {
            match plugin.timeouts.total {
                Some(total) => tokio::time::sleep(total).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            result = run => result.map_err(Stopped::Trapped),
            kind = self.watch.stalled(&plugin.timeouts) => Err(Stopped::TimedOut(kind)),
            () = total => Err(Stopped::TimedOut(TimeoutKind::Total)),
        }
    }

    /// What a call came to. What the edge saw goes before what the component says.
    fn conclude(self, plugin: &Inner, finished: Finished) -> Result<Reply> {
        let request_sent = self.watch.request_sent();
        let timeout = |kind| {
            let limit = match kind {
                TimeoutKind::Connect => plugin.timeouts.connect,
                TimeoutKind::Tls => plugin.timeouts.tls,
                TimeoutKind::Stall => plugin.timeouts.stall,
                TimeoutKind::Answer => plugin.timeouts.answer,
                TimeoutKind::Total => plugin.timeouts.total.unwrap_or_default(),
            };
            let content_read = self.content.as_ref().map_or(0, |(_, watch)| watch.read());
            Error::Timeout(TimeoutError { kind, limit, content_read, request_sent })
        };
        let failure = match self.watch.take_failure() {
            Some(Failure::Denied(denial)) => return Err(Error::Denied(denial)),
            failure => failure,
        };
        let refusal = match finished {
            Ok(Ok(reply)) => return Ok(reply),
            Ok(Err(refusal)) => refusal,
            Err(Stopped::TimedOut(kind)) => return Err(timeout(kind)),
            Err(Stopped::Trapped(error)) => {
                let message = plugin.token.redact(format!("{:#}", error.root_cause()));
                return Err(Error::Component(ComponentError { message, request_sent }));
            }
        };
        Err(match (refusal, failure) {
            (Refusal::InvalidArgument(why), _) => Error::InvalidArgument(why),
            (Refusal::Content(shortfall), _) => self.shortfall(shortfall).into(),
            (Refusal::Transport(_), Some(Failure::Timeout(kind))) => timeout(kind),
            (Refusal::Transport(_), Some(Failure::Premature(status))) => premature(status),
            (Refusal::Transport(code), failure) => {
                let reason = match failure {
                    Some(Failure::Lost(reason)) => plugin.token.redact(reason),
                    _ => String::new(),
                };
                Error::Transport(TransportError { code, reason, request_sent })
            }
            (Refusal::Api(mut error), _) => {
                for text in error.texts_mut() {
                    *text = plugin.token.redact(std::mem::take(text));
                }
                Error::Api(Box::new(error))
            }
            (Refusal::UnexpectedResponse(mut response), _) => {
                for text in response.texts_mut() {
                    *text = plugin.token.redact(std::mem::take(text));
                }
                Error::UnexpectedResponse(Box::new(response))
            }
        })
    }

    fn shortfall(&self, shortfall: Shortfall) -> ContentError {
        let (expected, watch) = match &self.content {
            Some((size, watch)) => (*size, Some(watch)),
            None => (0, None),
        };
        match shortfall {
            Shortfall::TooShort(found) => ContentError::TooShort { expected, found },
            Shortfall::TooLong => ContentError::TooLong { expected },
            Shortfall::Failed(why) => {
                let error = watch.and_then(ContentWatch::take_error);
                ContentError::Read(error.unwrap_or_else(|| std::io::Error::other(why)))
            }
        }
    }
}

fn premature(status: http::StatusCode) -> Error {
    Error::UnexpectedResponse(Box::new(UnexpectedResponse {
        reason: UnexpectedReason::Premature,
        status: status.as_u16(),
        detail: String::new(),
        location: None,
        media_type: None,
        excerpt: String::new(),
    }))
}
