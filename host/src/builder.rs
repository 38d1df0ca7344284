//! How a `Plugin` is set up.

use crate::api::ApiUrl;
use crate::bindings::PluginPre;
use crate::bindings::exports::fastly_package::api::package_api::ServiceVersion;
use crate::code::Code;
use crate::deadline::Cancellation;
use crate::edge::connect::Connector;
use crate::edge::token::Token;
use crate::edge::{self, Edges};
use crate::error::{ComponentError, Error, Result, Stored, TimeoutKind};
use crate::plugin::{Inner, OnVerify, Plugin};
use crate::retries::{OnRetry, Retries, Retry};
use crate::sandbox::{self, Ground, Limits};
use crate::turns::Turns;
use fastly_package_egress::FASTLY_API;
use hyper_util::client::proxy::matcher::Matcher;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

/// The component as it was built: what other hosts run. It is a WebAssembly component of the world in `wit/world.wit`.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # std::env::set_current_dir(&folder)?;
/// std::fs::write("fastly-package.wasm", fastly_package::COMPONENT)?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub const COMPONENT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/plugin.wasm"));

/// How long each step may take. Past one of these a call fails with [`Error::Timeout`], which says which it was.
///
/// ```
/// use fastly_package::Timeouts;
/// use std::time::Duration;
///
/// let minute = Duration::from_secs(60);
/// let timeouts = Timeouts { stall: minute / 2, total: Some(10 * minute), ..Timeouts::default() };
/// assert_eq!(timeouts.connect, minute / 6);
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// Making a connection, name resolution included. Default: 10 s.
    pub connect: Duration,
    /// The TLS handshake. Default: 10 s.
    pub tls: Duration,
    /// While an exchange runs: no byte of the request going out, or, once the answer has begun, none moving at all. Default: 60 s.
    pub stall: Duration,
    /// The answer's head, counted from when the whole request was sent, and once more its body, from its head to its end. Default: 120 s.
    pub answer: Duration,
    /// The whole operation: waiting for another upload to the service, or for one of 500 calls in the process to end, retries and proof
    /// included. Default: none.
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

impl Timeouts {
    pub(crate) fn limit(&self, kind: TimeoutKind) -> Duration {
        match kind {
            TimeoutKind::Connect => self.connect,
            TimeoutKind::Tls => self.tls,
            TimeoutKind::Stall => self.stall,
            TimeoutKind::Answer => self.answer,
            TimeoutKind::Total => self.total.unwrap_or_default(),
        }
    }
}

/// Sets up a [`Plugin`]. Only the token has no default.
///
/// ```
/// use fastly_package::{Plugin, Retries, Timeouts, Token};
/// use std::time::Duration;
///
/// let plugin = Plugin::builder()
///     .token(Token::new("0123456789abcdef")?)
///     .timeouts(Timeouts { total: Some(Duration::from_secs(60)), ..Timeouts::default() })
///     .retries(Retries { limit: 5, ..Retries::default() })
///     .few_calls()
///     .build()?;
/// # Ok::<(), fastly_package::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct PluginBuilder {
    token: Option<Token>,
    api: Option<ApiUrl>,
    user_agent: Option<String>,
    timeouts: Timeouts,
    limits: Limits,
    retries: Retries,
    on_retry: OnRetry,
    on_verify: OnVerify,
    roots: Vec<CertificateDer<'static>>,
    no_proxy: bool,
    few_calls: bool,
    code: Code,
}

impl PluginBuilder {
    /// Sets the API token, without which nothing is built.
    pub fn token(mut self, token: Token) -> Self {
        self.token = Some(token);
        self
    }

    /// Sets where the API is. Default: `https://api.fastly.com`.
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

    /// Sets the `User-Agent`, in visible ASCII characters and spaces: with another one each call fails with
    /// [`Error::InvalidArgument`]. Default: this crate's name and version.
    ///
    /// ```
    /// # use fastly_package::{Plugin, ServiceVersion, Token};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let emulator = fastly_package_emulator::Emulator::start(Default::default()).await?;
    /// # let builder = Plugin::builder().token(Token::new("secret")?).api(emulator.url().parse()?);
    /// # let target = ServiceVersion::new("SU1Z0isxPaozGVKXdv0eY", 3)?;
    /// let plugin = builder.user_agent("deployer/2.1").build()?;
    /// # plugin.get_package(&target).await.unwrap_err();
    /// # assert_eq!(emulator.requests()[0].header("user-agent"), Some("deployer/2.1"));
    /// # Ok(())
    /// # }
    /// ```
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
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] when there is no certificate in it, or one of them is malformed.
    ///
    /// ```
    /// # use fastly_package::Plugin;
    /// # let folder = tempfile::tempdir()?;
    /// # std::env::set_current_dir(&folder)?;
    /// # std::fs::write("ca.pem", rcgen::generate_simple_self_signed(["api.test".into()])?.cert.pem())?;
    /// let builder = Plugin::builder().ca_certificates(&std::fs::read("ca.pem")?)?;
    /// assert!(builder.ca_certificates(b"no certificate").is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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

    /// Sets how calls that failed are made again.
    pub fn retries(mut self, retries: Retries) -> Self {
        self.retries = retries;
        self
    }

    /// Calls `listener` before each retry, before it is waited for. It must not block. One listener: another takes its place.
    ///
    /// ```
    /// # use fastly_package::Plugin;
    /// let builder = Plugin::builder().on_retry(|retry| {
    ///     eprintln!("{}; try {} of {} in {:?}", retry.error, retry.number, retry.limit, retry.wait);
    /// });
    /// ```
    pub fn on_retry(mut self, listener: impl Fn(&Retry<'_>) + Send + Sync + 'static) -> Self {
        self.on_retry = OnRetry::new(Arc::new(listener));
        self
    }

    /// Calls `listener` before a GET is made that is to show what is stored: where the answer to an upload was lost, or names no hash. It
    /// must not block.
    ///
    /// ```
    /// # use fastly_package::Plugin;
    /// let builder = Plugin::builder().on_verify(|target| {
    ///     eprintln!("service {}: verifying", target.service_id);
    /// });
    /// ```
    pub fn on_verify(mut self, listener: impl Fn(&ServiceVersion) + Send + Sync + 'static) -> Self {
        self.on_verify = OnVerify::new(Arc::new(listener));
        self
    }

    /// Doesn't use the proxies that `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` name.
    pub fn no_proxy(mut self) -> Self {
        self.no_proxy = true;
        self
    }

    /// For a process that makes a few calls and ends: memory is mapped for each by itself.
    ///
    /// Else the first plugin of a process reserves, for all of them and until the process ends, the addresses for 500 calls at a time (4 TiB),
    /// which takes milliseconds, and from then on a call takes a third less time. What of it calls have used is wiped and kept, up to 1 MiB
    /// for each call that ran at a time. Where the addresses can't be had, memory is mapped for each call too.
    ///
    /// Plugins that make few calls may make 500 at a time as well, beside those of the others.
    pub fn few_calls(mut self) -> Self {
        self.few_calls = true;
        self
    }

    /// Runs another component of the same world, `plugin` in `wit/world.wit`, in place of the embedded one. [`build`](Self::build) compiles
    /// it, which takes about a second: clone the [`Plugin`] rather than build another. It may have 12 core instances, 2 memories and 4
    /// tables; with [`few_calls`](Self::few_calls), more.
    ///
    /// Of the feature `jit`. What it may do is what the embedded one may.
    ///
    /// ```
    /// # use fastly_package::{Plugin, Token};
    /// # let token = Token::new("0123456789abcdef")?;
    /// # let folder = tempfile::tempdir()?;
    /// # std::env::set_current_dir(&folder)?;
    /// # std::fs::write("plugin.wasm", fastly_package::COMPONENT)?;
    /// let wasm = std::fs::read("plugin.wasm")?;
    /// let plugin = Plugin::builder().token(token).component(wasm).build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(feature = "jit")]
    pub fn component(mut self, wasm: impl Into<Cow<'static, [u8]>>) -> Self {
        self.code = Code::Wasm(wasm.into());
        self
    }

    /// Runs another component of the same world, compiled ahead of time, in place of the embedded one. It may have 12 core instances, 2
    /// memories and 4 tables; with [`few_calls`](Self::few_calls), more.
    ///
    /// # Safety
    ///
    /// The bytes must be what this version of wasmtime compiled under this crate's engine configuration, and must come from a place
    /// that is trusted as much as this program: they are machine code, and wasmtime can't check it.
    ///
    /// ```no_run
    /// # use fastly_package::{Plugin, Token};
    /// # let token = Token::new("0123456789abcdef")?;
    /// let code = std::fs::read("plugin.cwasm")?;
    /// // SAFETY: this program's build compiled it and installed it beside the program.
    /// let plugin = unsafe { Plugin::builder().token(token).precompiled_component(code) }.build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub unsafe fn precompiled_component(mut self, bytes: impl Into<Cow<'static, [u8]>>) -> Self {
        self.code = Code::Precompiled(bytes.into());
        self
    }

    /// Loads the component. Nothing is connected to.
    ///
    /// # Errors
    ///
    /// [`Error::Token`] without a token. [`Error::Component`] when the component can't be loaded (it isn't one, or isn't for this engine), wants to
    /// import what the sandbox doesn't have, or doesn't export the two operations.
    ///
    /// ```
    /// use fastly_package::{Error, Plugin};
    ///
    /// assert!(matches!(Plugin::builder().build(), Err(Error::Token(_))));
    /// ```
    pub fn build(self) -> Result<Plugin> {
        let ground = Ground::shared(!self.few_calls).map_err(unloadable)?;
        self.build_on(ground)
    }

    /// What a host needs that runs the component in a store of its own: the way out, set up as this says of the token, the API, certificates,
    /// proxies and the limits on connecting. The rest of what is set is for a [`Plugin`] alone.
    ///
    /// # Errors
    ///
    /// [`Error::Token`] without a token.
    pub fn edges(mut self) -> Result<Edges> {
        self.take_edges()
    }

    fn take_edges(&mut self) -> Result<Edges> {
        let token = self.token.take().ok_or_else(|| Error::Token("none was given".into()))?;
        let api = match self.api.take() {
            Some(api) => api,
            None => FASTLY_API.parse()?,
        };
        let proxies = (!self.no_proxy).then(Matcher::from_env);
        let roots = std::mem::take(&mut self.roots);
        let pool = edge::pool(Connector::new(self.timeouts, proxies, roots));
        Ok(Edges { api, token, pool })
    }

    pub(crate) fn build_on(mut self, ground: &'static Ground) -> Result<Plugin> {
        let edges = self.take_edges()?;
        let engine = &ground.engine;
        let component = self.code.load(engine).map_err(unloadable)?;
        let linked = sandbox::linker(engine)
            .and_then(|linker| linker.instantiate_pre(&component))
            .and_then(PluginPre::new);
        Ok(Plugin::from(Inner {
            ground,
            component: linked.map_err(unloadable)?,
            edges,
            user_agent: self.user_agent,
            timeouts: self.timeouts,
            limits: self.limits,
            retries: self.retries,
            on_retry: self.on_retry,
            on_verify: self.on_verify,
            turns: Turns::default(),
            cancellation: Cancellation::default(),
        }))
    }
}

fn unloadable(error: impl Into<wasmtime::Error>) -> Error {
    let message = format!("it can't be loaded: {:#}", error.into());
    Error::Component(ComponentError::new(message, Stored::No))
}
