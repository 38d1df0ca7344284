//! A TLS proxy in front of an emulator, and certificate authorities for its certificates.

use fastly_package_emulator::Emulator;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivatePkcs8KeyDer;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncWriteExt, copy, sink};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// A new certificate authority.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn named(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Returns its certificate.
    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// Returns a server configuration with a certificate for `name`, which `change` may modify before it is signed.
    pub(crate) fn server(
        &self,
        name: &str,
        change: impl FnOnce(&mut CertificateParams),
    ) -> ServerConfig {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
            )
            .unwrap()
    }
}

/// Starts a TLS proxy and returns its address. It connects to the emulator after each handshake, and stops with the runtime.
pub(crate) async fn in_front_of(emulator: &Emulator, config: ServerConfig) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let upstream = emulator.addr();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(client) = acceptor.accept(stream).await else { return };
                let server = TcpStream::connect(upstream).await.unwrap();
                forward(client, server).await;
            });
        }
    });
    address
}

/// Copies in both directions. If one fails, the other continues: an error response may arrive after the server has stopped reading.
async fn forward(client: TlsStream<TcpStream>, server: TcpStream) {
    let (mut from_client, mut to_client) = tokio::io::split(client);
    let (mut from_server, mut to_server) = server.into_split();
    let requests = async {
        let _ = copy(&mut from_client, &mut to_server).await;
        let _ = copy(&mut from_client, &mut sink()).await;
    };
    let responses = async {
        let _ = copy(&mut from_server, &mut to_client).await;
        let _ = to_client.shutdown().await;
    };
    tokio::join!(requests, responses);
}
