//! The builder of a `Plugin`.

use crate::api_url::ApiUrl;
use crate::bindings::PluginPre;
use crate::bindings::exports::fastly_package::api::package_api::ServiceVersion;
use crate::call::CallContext;
use crate::component::ComponentSource;
use crate::deadline::Cancellation;
use crate::error::{Error, Result};
use crate::outbound::OutboundHttp;
use crate::outbound::connect::Connector;
use crate::outbound::connections::Connections;
use crate::plugin::{Inner, OnRetry, OnVerify, Plugin, Retry};
use crate::sandbox::{self, Limits, SharedEngine};
use crate::service_locks::ServiceLocks;
use crate::timeouts::Timeouts;
use crate::token::Token;
use fastly_package_core::api_url::FASTLY_API;
use fastly_package_core::error::Stored;
use fastly_package_core::retry::Retries;
use hyper_util::client::proxy::matcher::Matcher;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::borrow::Cow;
use std::num::NonZeroU32;
use std::sync::Arc;
use wasmtime::component::Linker;

/// Builds a [`Plugin`]. Only the token has no default.
///
/// ```
/// use fastly_package::{Plugin, Retries, Timeouts, Token};
/// use std::time::Duration;
///
/// let plugin = Plugin::builder()
///     .token(Token::new("0123456789abcdef")?)
///     .timeouts(Timeouts { total: Some(Duration::from_secs(60)), ..Timeouts::default() })
///     .retries(Retries { limit: 5, ..Retries::default() })
///     .build()?;
/// # Ok::<(), fastly_package::Error>(())
/// ```
#[derive(Default)]
pub struct PluginBuilder {
    token: Option<Token>,
    api: Option<ApiUrl>,
    user_agent: Option<String>,
    timeouts: Timeouts,
    limits: Limits,
    retries: Retries,
    on_retry: Option<OnRetry>,
    on_verify: Option<OnVerify>,
    extra_roots: Vec<CertificateDer<'static>>,
    no_proxy: bool,
    pool_size: Option<NonZeroU32>,
    component: ComponentSource,
}

impl Plugin {
    /// Returns a builder.
    pub fn builder() -> PluginBuilder {
        PluginBuilder::default()
    }
}

impl PluginBuilder {
    /// Sets the API token, which is required.
    pub fn token(mut self, token: Token) -> Self {
        self.token = Some(token);
        self
    }

    /// Sets the API's base URL. Default: `https://api.fastly.com`.
    ///
    /// ```
    /// # use fastly_package::{Plugin, Token};
    /// # let token = Token::new("0123456789abcdef")?;
    /// let plugin = Plugin::builder().token(token).api("http://127.0.0.1:8080".parse()?).build()?;
    /// # Ok::<(), fastly_package::Error>(())
    /// ```
    pub fn api(mut self, api: ApiUrl) -> Self {
        self.api = Some(api);
        self
    }

    /// Sets the `User-Agent`, in visible ASCII characters and spaces; with anything else, each call fails with
    /// [`ErrorKind::InvalidArgument`](crate::ErrorKind::InvalidArgument). Default: this crate's name and version.
    pub fn user_agent(mut self, user_agent: impl Into<String>) -> Self {
        self.user_agent = Some(user_agent.into());
        self
    }

    /// Sets the time limits of calls.
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = timeouts;
        self
    }

    /// Sets the limits on the component.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Trusts the certificates in a PEM text, in addition to the platform's.
    ///
    /// # Errors
    ///
    /// Fails with [`ErrorKind::InvalidArgument`](crate::ErrorKind::InvalidArgument) if the text contains no certificate, or a malformed one.
    pub fn ca_certificates(mut self, pem: &[u8]) -> Result<Self> {
        let invalid =
            |reason: &str| Error::invalid_argument(format!("the CA certificates: {reason}"));
        let before = self.extra_roots.len();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            self.extra_roots.push(certificate.map_err(|error| invalid(&error.to_string()))?);
        }
        if self.extra_roots.len() == before {
            return Err(invalid("the text contains no certificate in PEM format"));
        }
        Ok(self)
    }

    /// Sets how failed calls are retried.
    pub fn retries(mut self, retries: Retries) -> Self {
        self.retries = retries;
        self
    }

    /// Calls `listener` before the wait for each retry. It must not block. A second listener replaces the first one.
    ///
    /// ```
    /// # use fastly_package::Plugin;
    /// let builder = Plugin::builder().on_retry(|retry| {
    ///     eprintln!("{}; retry {} of {} in {:?}", retry.error, retry.number, retry.limit, retry.wait);
    /// });
    /// ```
    pub fn on_retry(mut self, listener: impl Fn(&Retry<'_>) + Send + Sync + 'static) -> Self {
        self.on_retry = Some(Box::new(listener));
        self
    }

    /// Calls `listener` before each GET that finds out what is stored: after the response to an upload was lost, or contained no hash. It must not
    /// block. A second listener replaces the first one.
    pub fn on_verify(mut self, listener: impl Fn(&ServiceVersion) + Send + Sync + 'static) -> Self {
        self.on_verify = Some(Box::new(listener));
        self
    }

    /// Ignores the proxies in `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`.
    pub fn no_proxy(mut self) -> Self {
        self.no_proxy = true;
        self
    }

    /// Runs instances in a pool of this size, which all plugins of the process with this size share. A call then takes a third less time; more
    /// concurrent calls wait. By default, instances are allocated on demand, at most 500 at a time.
    ///
    /// The first plugin reserves 8 GiB of address space for each instance of the pool, which takes milliseconds; the reservation lasts until the process
    /// ends. Up to 1 MiB of memory stays resident for each instance that was in use at a time. If the address space can't be reserved, instances are
    /// allocated on demand. In a pool, a component may have at most 12 core instances, 2 memories and 4 tables.
    pub fn pooling_allocator(mut self, size: NonZeroU32) -> Self {
        self.pool_size = Some(size);
        self
    }

    /// Runs another component of the world `plugin` in place of the embedded one, with the same permissions. [`build`](Self::build) compiles it, which
    /// takes about a second: clone the [`Plugin`] instead of building another. It fails for a component of more than 8 MiB, and
    /// after a minute, when the compilation continues in the background. [`precompiled_component`](Self::precompiled_component) has no such limits.
    #[cfg(feature = "jit")]
    pub fn component(mut self, wasm: impl Into<Cow<'static, [u8]>>) -> Self {
        self.component = ComponentSource::Wasm(wasm.into());
        self
    }

    /// Runs another component of the world `plugin`, compiled ahead of time, in place of the embedded one.
    ///
    /// # Safety
    ///
    /// The bytes must have been compiled by this version of wasmtime with this crate's engine configuration, and must come from a source that is
    /// trusted as much as this program: they are machine code, which wasmtime can't check.
    pub unsafe fn precompiled_component(mut self, bytes: impl Into<Cow<'static, [u8]>>) -> Self {
        self.component = ComponentSource::Precompiled(bytes.into());
        self
    }

    /// Loads the component. It doesn't connect to anything.
    ///
    /// # Errors
    ///
    /// Fails with [`ErrorKind::Token`](crate::ErrorKind::Token) without a token, and with [`ErrorKind::Component`](crate::ErrorKind::Component) if the
    /// component can't be loaded, imports what the sandbox doesn't provide, or doesn't export the operations.
    ///
    /// ```
    /// use fastly_package::{ErrorKind, Plugin};
    ///
    /// assert_eq!(Plugin::builder().build().unwrap_err().kind(), ErrorKind::Token);
    /// ```
    pub fn build(self) -> Result<Plugin> {
        let engine = SharedEngine::shared(self.pool_size).map_err(unloadable)?;
        self.build_on(engine)
    }

    /// Returns outbound HTTP for a host that runs the component in a store of its own. The settings of token, API, certificates, proxies and the limits
    /// on connecting apply to it.
    ///
    /// # Errors
    ///
    /// Fails with [`ErrorKind::Token`](crate::ErrorKind::Token) without a token.
    pub fn outbound_http(mut self) -> Result<OutboundHttp> {
        self.take_outbound()
    }

    fn take_outbound(&mut self) -> Result<OutboundHttp> {
        let token = self.token.take().ok_or_else(|| Error::token("none was set"))?;
        let api = match self.api.take() {
            Some(api) => api,
            None => FASTLY_API.parse()?,
        };
        let proxies = (!self.no_proxy).then(Matcher::from_env);
        let roots = std::mem::take(&mut self.extra_roots);
        let connections = Connections::new(Connector::new(self.timeouts, proxies, roots));
        Ok(OutboundHttp { api, token, connections: Arc::new(connections) })
    }

    pub(crate) fn build_on(mut self, shared: &'static SharedEngine) -> Result<Plugin> {
        let outbound = self.take_outbound()?;
        let mut linker = Linker::new(&shared.engine);
        let component = sandbox::add_to_linker(&mut linker)
            .and_then(|()| self.component.load(&shared.engine))
            .and_then(|component| linker.instantiate_pre(&component))
            .and_then(PluginPre::new);
        let inner = Inner {
            calls: CallContext {
                engine: shared,
                component: component.map_err(unloadable)?,
                outbound,
                user_agent: self.user_agent,
                timeouts: self.timeouts,
                limits: self.limits,
            },
            retries: self.retries,
            on_retry: self.on_retry,
            on_verify: self.on_verify,
            locks: ServiceLocks::default(),
            cancellation: Cancellation::default(),
        };
        Ok(Plugin { inner: Arc::new(inner), time_limit: None })
    }
}

impl std::fmt::Debug for PluginBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PluginBuilder").field("api", &self.api).finish_non_exhaustive()
    }
}

fn unloadable(error: wasmtime::Error) -> Error {
    Error::component(format!("it can't be loaded: {error:#}"), Stored::No)
}
