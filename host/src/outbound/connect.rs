//! Connections to the API: TCP, proxy tunnel and TLS, each with its time limit.

use super::connect_error::ConnectError;
use super::resolve::{ResolveError, Resolver};
use crate::timeouts::Timeouts;
use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::{CertificateDer, ServerName};
use std::error::Error as StdError;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tower_service::Service;

/// The maximum number of unsent bytes in the kernel's buffer. They are sent even if the response has arrived.
#[cfg(any(target_os = "linux", target_os = "macos"))]
const UNSENT: u32 = 512 * 1024;

/// Opens connections. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Connector(Arc<Inner>);

struct Inner {
    timeouts: Timeouts,
    /// `None` if proxies of the environment are not used.
    proxies: Option<Matcher>,
    extra_roots: Vec<CertificateDer<'static>>,
    /// Initialized by the first connection that needs it: loading the platform's roots takes milliseconds.
    tls: OnceLock<Arc<ClientConfig>>,
}

impl Connector {
    pub(crate) fn new(
        timeouts: Timeouts,
        proxies: Option<Matcher>,
        extra_roots: Vec<CertificateDer<'static>>,
    ) -> Self {
        Self(Arc::new(Inner { timeouts, proxies, extra_roots, tls: OnceLock::new() }))
    }

    pub(super) async fn connect(&self, uri: &Uri) -> Result<Box<dyn Stream>, ConnectError> {
        if uri.scheme_str() != Some("https") {
            // Plain HTTP is for loopback addresses, never uses a proxy, and `localhost` must resolve to loopback.
            return self.tcp(uri, true).await;
        }
        let proxy = self.0.proxies.as_ref().and_then(|proxies| proxies.intercept(uri));
        let stream = match proxy {
            None => self.tcp(uri, false).await?,
            Some(proxy) => self.tunnel(proxy, uri).await?,
        };
        self.tls(stream, uri).await
    }

    async fn tcp(&self, uri: &Uri, loopback_only: bool) -> Result<Box<dyn Stream>, ConnectError> {
        let mut connector = HttpConnector::new_with_resolver(Resolver { loopback_only });
        connector.enforce_http(false);
        connector.set_nodelay(true);
        // Divided among the addresses of the host, so that an unresponsive one leaves time for the others.
        connector.set_connect_timeout(Some(self.0.timeouts.connect));
        let connecting = connector.call(uri.clone());
        let limit = self.0.timeouts.connect;
        let stream = within(limit, ConnectError::Timeout, connecting).await?.map_err(tcp_error)?;
        let stream = stream.into_inner();
        // Best effort: without it, the kernel buffers more.
        #[cfg(any(target_os = "linux", target_os = "macos"))]
        let _ = socket2::SockRef::from(&stream).set_tcp_notsent_lowat(UNSENT);
        Ok(Box::new(stream))
    }

    async fn tunnel(&self, proxy: Intercept, uri: &Uri) -> Result<Box<dyn Stream>, ConnectError> {
        let name = Uri::builder()
            .scheme(proxy.uri().scheme_str().unwrap_or("http"))
            .authority(proxy.uri().authority().map_or("", |authority| authority.as_str()))
            .path_and_query("/")
            .build()
            .map_err(|error| ConnectError::Proxy("the proxy".into(), error.to_string()))?;
        if !matches!(name.scheme_str(), Some("http" | "https")) {
            let reason = "only http and https proxies are supported".to_owned();
            return Err(ConnectError::ProxyRefused(name.to_string(), reason));
        }
        let mut tunnel = Tunnel::new(name.clone(), ProxyHop(self.clone()));
        if let Some(auth) = proxy.basic_auth() {
            tunnel = tunnel.with_auth(auth.clone());
        }
        // The hop to the proxy has limits of its own; this one is for a proxy that doesn't respond.
        let limit = self.0.timeouts.connect.saturating_add(self.0.timeouts.tls);
        // The compiler can't see that the future is `Send` without the type.
        let connecting: Pin<Box<dyn Future<Output = _> + Send>> =
            Box::pin(tunnel.call(uri.clone()));
        within(limit, ConnectError::Timeout, connecting)
            .await?
            .map(TokioIo::into_inner)
            .map_err(|error| proxy_error(&name, &error))
    }

    async fn tls(
        &self,
        stream: Box<dyn Stream>,
        uri: &Uri,
    ) -> Result<Box<dyn Stream>, ConnectError> {
        let host = uri.host().unwrap_or_default();
        let name = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let name = ServerName::try_from(name).map_err(|error| {
            ConnectError::Tls(io::Error::new(io::ErrorKind::InvalidInput, error))
        })?;
        let config = self.tls_config()?;
        let handshake = tokio_rustls::TlsConnector::from(config).connect(name, stream);
        let limit = self.0.timeouts.tls;
        let stream =
            within(limit, ConnectError::TlsTimeout, handshake).await?.map_err(ConnectError::Tls)?;
        Ok(Box::new(stream))
    }

    fn tls_config(&self) -> Result<Arc<ClientConfig>, ConnectError> {
        if let Some(config) = self.0.tls.get() {
            return Ok(config.clone());
        }
        let config = tls_config(self.0.extra_roots.clone()).map_err(ConnectError::Roots)?;
        Ok(self.0.tls.get_or_init(|| Arc::new(config)).clone())
    }
}

fn tls_config(extra_roots: Vec<CertificateDer<'static>>) -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier =
        rustls_platform_verifier::Verifier::new_with_extra_roots(extra_roots, provider.clone())?;
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous() // The name is rustls's own for any verifier of a caller's choice; this one is the platform's.
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

async fn within<F: Future>(
    limit: Duration,
    error: ConnectError,
    future: F,
) -> Result<F::Output, ConnectError> {
    tokio::time::timeout(limit, future).await.map_err(|_| error)
}

/// Converts the error of a tunnel. A timeout on the way to the proxy is a timeout.
fn proxy_error(name: &Uri, error: &(dyn StdError + 'static)) -> ConnectError {
    match error.source().and_then(|hop| hop.downcast_ref()) {
        Some(ConnectError::Timeout) => ConnectError::Timeout,
        Some(ConnectError::TlsTimeout) => ConnectError::TlsTimeout,
        _ => match error.source() {
            Some(source) => ConnectError::Proxy(name.to_string(), format!("{error}: {source}")),
            None => ConnectError::ProxyRefused(name.to_string(), error.to_string()),
        },
    }
}

fn tcp_error(error: impl StdError + Send + Sync + 'static) -> ConnectError {
    let mut source: Option<&(dyn StdError + 'static)> = Some(&error);
    while let Some(current) = source {
        if let Some(resolve) = current.downcast_ref::<ResolveError>() {
            return ConnectError::Resolve(resolve.clone());
        }
        if let Some(io) = current.downcast_ref::<io::Error>() {
            if io.kind() == io::ErrorKind::TimedOut {
                return ConnectError::Timeout;
            }
            return ConnectError::Tcp(io.kind(), io.to_string());
        }
        source = current.source();
    }
    ConnectError::Tcp(io::ErrorKind::Other, error.to_string())
}

/// The connection to a proxy, over TLS if its URL is https.
#[derive(Clone)]
struct ProxyHop(Connector);

impl Service<Uri> for ProxyHop {
    type Response = TokioIo<Box<dyn Stream>>;
    type Error = ConnectError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, ConnectError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, proxy: Uri) -> Self::Future {
        let connector = self.0.clone();
        Box::pin(async move {
            let stream = connector.tcp(&proxy, false).await?;
            let stream = match proxy.scheme_str() {
                Some("https") => connector.tls(stream, &proxy).await?,
                _ => stream,
            };
            Ok(TokioIo::new(stream))
        })
    }
}

/// A connection: a TCP stream, or TLS over one.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {
    /// Returns the TCP stream below.
    fn tcp(&self) -> &TcpStream;
}

impl Stream for TcpStream {
    fn tcp(&self) -> &TcpStream {
        self
    }
}

impl Stream for TlsStream<Box<dyn Stream>> {
    fn tcp(&self) -> &TcpStream {
        self.get_ref().0.tcp()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    const SHORT: Duration = Duration::from_millis(200);

    /// Connects by a proxy that accepts connections and doesn't respond.
    async fn connect_by_an_unresponsive_proxy(scheme: &str, timeouts: Timeouts) -> ConnectError {
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = format!("{scheme}://{}", silent.local_addr().unwrap());
        let proxies = Matcher::builder().https(proxy).build();
        let connector = Connector::new(timeouts, Some(proxies), Vec::new());
        let uri = Uri::from_static("https://api.fastly.test/");
        match tokio::time::timeout(100 * SHORT, connector.connect(&uri)).await.expect("it hangs") {
            Ok(_) => panic!("it must fail"),
            Err(error) => error,
        }
    }

    #[tokio::test]
    async fn a_proxy_that_does_not_respond_is_a_timeout() {
        let short = Timeouts { connect: SHORT, tls: SHORT, ..Timeouts::default() };
        let error = connect_by_an_unresponsive_proxy("http", short).await;
        assert!(matches!(error, ConnectError::Timeout), "{error:?}");
        let short = Timeouts { tls: SHORT, ..Timeouts::default() };
        let error = connect_by_an_unresponsive_proxy("https", short).await;
        assert!(matches!(error, ConnectError::TlsTimeout), "{error:?}");
    }
}
