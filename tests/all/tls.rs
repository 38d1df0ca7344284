//! The API over TLS: trusted certificates, and the errors of the others.

use crate::fixture::{
    ALWAYS, AUTO, MIB, NEVER, SERVICE, TOKEN, api_error, assert_no_connections, hashsum, package,
    plugin_for, sha512, version, with_timeout,
};
use crate::tls_server::{Authority, in_front_of};
use fastly_package::{Content, ErrorCode, ErrorKind, Plugin, PutOptions, Reply, Result, Stored};
use fastly_package_emulator::{Answer, Config, Emulator, Fault, Then};
use rustls::ServerConfig;

/// An emulator behind a TLS proxy, and a plugin that trusts an authority.
struct TlsFixture {
    emulator: Emulator,
    plugin: Plugin,
}

impl TlsFixture {
    async fn with(server: ServerConfig, trusted: &Authority) -> Self {
        let config = Config { token: Some(TOKEN.into()), ..Config::default() };
        let emulator = Emulator::start(config).await.unwrap();
        let url = format!("https://{}", in_front_of(&emulator, server).await);
        let plugin = plugin_for(&url).ca_certificates(trusted.pem().as_bytes()).unwrap();
        Self { emulator, plugin: plugin.build().unwrap() }
    }

    async fn start() -> Self {
        let authority = Authority::named("Known");
        Self::with(authority.server("127.0.0.1", |_| {}), &authority).await
    }

    async fn get(&self) -> Result<Reply> {
        with_timeout(self.plugin.get_package(&version(1))).await
    }

    async fn put(&self, package: &[u8], options: PutOptions) -> Result<Reply> {
        let content = Content::from_bytes(package.to_vec()).unwrap();
        let uploaded = with_timeout(self.plugin.put_package(&version(1), content, options)).await;
        uploaded.map(|uploaded| uploaded.reply)
    }

    /// Asserts that a GET and a PUT fail because of the certificate, and returns the message.
    async fn certificate_error(&self) -> String {
        let put = self.put(&package(2000), AUTO).await;
        let get = self.get().await;
        let [put, get] = [put, get].map(|result| {
            let error = result.expect_err("the certificate is not trusted");
            let Some(code) = error.error_code() else { panic!("{error:?}") };
            assert!(matches!(code, ErrorCode::TlsCertificateError), "{code:?}");
            assert_eq!(error.stored(), Stored::No);
            error.to_string()
        });
        assert_eq!(put, get);
        assert_no_connections(&self.emulator).await;
        get
    }
}

#[tokio::test]
async fn a_configured_authority_is_trusted() {
    let fixture = TlsFixture::start().await;
    let package = package(5 * MIB);
    for options in [NEVER, ALWAYS] {
        let reply = fixture.put(&package, options).await.unwrap();
        assert_eq!(hashsum(&reply), sha512(&package));
    }
    assert_eq!(hashsum(&fixture.get().await.unwrap()), sha512(&package));
    assert_eq!(fixture.emulator.connections(), 1, "the connection is reused");
}

#[tokio::test]
async fn tls_1_2_is_supported() {
    let authority = Authority::named("Known");
    let default = authority.server("127.0.0.1", |_| {});
    let provider = default.crypto_provider().clone();
    let mut tls12 = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS12])
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(default.cert_resolver.clone());
    tls12.alpn_protocols = default.alpn_protocols.clone();
    let fixture = TlsFixture::with(tls12, &authority).await;
    fixture.put(&package(2000), AUTO).await.unwrap();
}

#[tokio::test]
async fn an_unknown_authority_is_refused() {
    let server = Authority::named("Unknown").server("127.0.0.1", |_| {});
    let fixture = TlsFixture::with(server, &Authority::named("Known")).await;
    let message = fixture.certificate_error().await;
    assert!(message.contains("authority that is not trusted"), "{message}");
}

#[tokio::test]
async fn another_authority_with_the_name_of_a_trusted_one_is_refused() {
    let server = Authority::named("Known").server("127.0.0.1", |_| {});
    let fixture = TlsFixture::with(server, &Authority::named("Known")).await;
    let message = fixture.certificate_error().await;
    assert!(message.contains("is not signed by the trusted authority of that name"), "{message}");
}

#[tokio::test]
async fn a_connection_that_closes_during_the_handshake_is_retryable_and_not_a_certificate_error() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { while listener.accept().await.is_ok() {} });
    let plugin = plugin_for(&url).build().unwrap();
    let error = with_timeout(plugin.get_package(&version(1))).await.unwrap_err();
    assert!(error.is_retryable(), "{error:?}");
    let Some(code) = error.error_code() else { panic!("{error:?}") };
    assert!(matches!(code, ErrorCode::ConnectionTerminated), "{code:?}");
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    let authority = Authority::named("Known");
    for name in ["127.0.0.2", "api.fastly.com", "localhost"] {
        let fixture = TlsFixture::with(authority.server(name, |_| {}), &authority).await;
        let message = fixture.certificate_error().await;
        assert!(message.contains("certificate is for another host name"), "{message}");
    }
}

#[tokio::test]
async fn a_certificate_is_refused_outside_its_validity_period() {
    let authority = Authority::named("Known");
    let expired = authority.server("127.0.0.1", |certificate| {
        certificate.not_before = rcgen::date_time_ymd(2000, 1, 1);
        certificate.not_after = rcgen::date_time_ymd(2001, 1, 1);
    });
    let message = TlsFixture::with(expired, &authority).await.certificate_error().await;
    assert!(message.contains("certificate has expired"), "{message}");

    let future = authority.server("127.0.0.1", |certificate| {
        certificate.not_before = rcgen::date_time_ymd(3000, 1, 1);
    });
    let message = TlsFixture::with(future, &authority).await.certificate_error().await;
    assert!(message.contains("certificate is not valid yet"), "{message}");
}

#[tokio::test]
async fn no_request_is_sent_to_an_api_without_tls() {
    let config = Config { token: Some(TOKEN.into()), ..Config::default() };
    let emulator = Emulator::start(config).await.unwrap();
    let plugin = plugin_for(&format!("https://{}", emulator.addr())).build().unwrap();
    let error = with_timeout(plugin.get_package(&version(1))).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Transport(_)), "{error:?}");
    with_timeout(emulator.all_closed()).await;
    assert!(emulator.requests().is_empty(), "the request was sent");
}

#[tokio::test]
async fn an_early_error_response_over_tls_is_returned_although_the_package_is_not_read() {
    let fixture = TlsFixture::start().await;
    let package = package(10 * MIB);
    for options in [NEVER, ALWAYS] {
        for then in [Then::Keep, Then::Close, Then::Stall] {
            let fault = Fault::early_answer(Answer::unauthorized()).then(then);
            fixture.emulator.fault(fault);
            let error = api_error(fixture.put(&package, options).await);
            assert_eq!(error.status, 401, "{options:?} {then:?}");
        }
    }
    assert!(fixture.emulator.package(SERVICE, 1).is_none());
    fixture.emulator.clear_faults();
    fixture.put(&package, AUTO).await.unwrap();
}

#[test]
fn a_ca_file_without_a_certificate_is_an_invalid_argument() {
    let key = rcgen::KeyPair::generate().unwrap().serialize_pem();
    for pem in ["", "no PEM at all", &key] {
        let error = plugin_for("https://127.0.0.1").ca_certificates(pem.as_bytes()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error:?}");
    }
}
