//! The API over TLS: who is trusted, and what is said where somebody isn't.

use crate::fixture::{
    ALWAYS, AUTO, MIB, NEVER, SERVICE, TOKEN, api_error, assert_untouched, hashsum, in_time,
    package, plugin_for, sha512, version,
};
use crate::tls_server::{Authority, in_front_of};
use fastly_package::{Content, Error, ErrorCode, Plugin, PutOptions, Reply, Result, Stored};
use fastly_package_emulator::{Answer, Config, Emulator, Fault, Then};
use rustls::ServerConfig;

/// An emulator behind TLS, and a plugin that trusts an authority.
struct Secured {
    emulator: Emulator,
    plugin: Plugin,
}

impl Secured {
    async fn by(server: ServerConfig, trusted: &Authority) -> Self {
        let config = Config { token: Some(TOKEN.into()), ..Config::default() };
        let emulator = Emulator::start(config).await.unwrap();
        let url = format!("https://{}", in_front_of(&emulator, server).await);
        let plugin = plugin_for(&url).ca_certificates(trusted.pem().as_bytes()).unwrap();
        Self { emulator, plugin: plugin.build().unwrap() }
    }

    async fn trusted() -> Self {
        let authority = Authority::named("Known");
        Self::by(authority.server("127.0.0.1", |_| {}), &authority).await
    }

    async fn get(&self) -> Result<Reply> {
        in_time(self.plugin.get_package(&version(1))).await
    }

    async fn put(&self, package: &[u8], options: PutOptions) -> Result<Reply> {
        let content = Content::from_bytes(package.to_vec()).unwrap();
        let uploaded = in_time(self.plugin.put_package(&version(1), content, options)).await;
        uploaded.map(|uploaded| uploaded.reply)
    }

    /// Both calls fail in the handshake; this is what is said.
    async fn refused(&self) -> String {
        let put = self.put(&package(2000), AUTO).await;
        let get = self.get().await;
        let [put, get] = [put, get].map(|result| {
            let error = result.expect_err("the certificate is wrong");
            let Error::Transport(lost) = &error else { panic!("{error:?}") };
            assert!(matches!(lost.code, ErrorCode::TlsCertificateError), "{lost:?}");
            assert_eq!(error.stored(), Stored::No);
            error.to_string()
        });
        assert_eq!(put, get);
        assert_untouched(&self.emulator).await;
        get
    }
}

#[tokio::test]
async fn an_authority_that_was_named_is_trusted() {
    let secured = Secured::trusted().await;
    let package = package(5 * MIB);
    for options in [NEVER, ALWAYS] {
        let reply = secured.put(&package, options).await.unwrap();
        assert_eq!(hashsum(&reply), sha512(&package));
    }
    assert_eq!(hashsum(&secured.get().await.unwrap()), sha512(&package));
    assert_eq!(secured.emulator.connections(), 1, "the connection is kept");
}

#[tokio::test]
async fn tls_1_2_is_enough() {
    let authority = Authority::named("Known");
    let modern = authority.server("127.0.0.1", |_| {});
    let provider = modern.crypto_provider().clone();
    let mut old = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS12])
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(modern.cert_resolver.clone());
    old.alpn_protocols = modern.alpn_protocols.clone();
    let secured = Secured::by(old, &authority).await;
    secured.put(&package(2000), AUTO).await.unwrap();
}

#[tokio::test]
async fn an_unknown_authority_is_refused() {
    let server = Authority::named("Unknown").server("127.0.0.1", |_| {});
    let secured = Secured::by(server, &Authority::named("Known")).await;
    let said = secured.refused().await;
    assert!(said.contains("authority that is not trusted"), "{said}");
}

#[tokio::test]
async fn an_authority_that_was_made_anew_under_its_old_name_is_refused() {
    let server = Authority::named("Known").server("127.0.0.1", |_| {});
    let secured = Secured::by(server, &Authority::named("Known")).await;
    let said = secured.refused().await;
    assert!(said.contains("isn't signed by the authority of that name"), "{said}");
}

#[tokio::test]
async fn a_handshake_that_breaks_off_is_a_lost_connection_and_no_wrong_certificate() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { while listener.accept().await.is_ok() {} });
    let plugin = plugin_for(&url).build().unwrap();
    let error = in_time(plugin.get_package(&version(1))).await.unwrap_err();
    assert!(error.is_retryable(), "{error:?}");
    let Error::Transport(lost) = &error else { panic!("{error:?}") };
    assert!(matches!(lost.code, ErrorCode::ConnectionTerminated), "{lost:?}");
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    let authority = Authority::named("Known");
    for name in ["127.0.0.2", "api.fastly.com", "localhost"] {
        let secured = Secured::by(authority.server(name, |_| {}), &authority).await;
        let said = secured.refused().await;
        assert!(said.contains("certificate is for another name"), "{said}");
    }
}

#[tokio::test]
async fn a_certificate_is_refused_outside_its_time() {
    let authority = Authority::named("Known");
    let expired = authority.server("127.0.0.1", |certificate| {
        certificate.not_before = rcgen::date_time_ymd(2000, 1, 1);
        certificate.not_after = rcgen::date_time_ymd(2001, 1, 1);
    });
    let said = Secured::by(expired, &authority).await.refused().await;
    assert!(said.contains("certificate has expired"), "{said}");

    let future = authority.server("127.0.0.1", |certificate| {
        certificate.not_before = rcgen::date_time_ymd(3000, 1, 1);
    });
    let said = Secured::by(future, &authority).await.refused().await;
    assert!(said.contains("certificate is not valid yet"), "{said}");
}

#[tokio::test]
async fn plain_http_where_tls_is_expected_is_not_spoken_to() {
    let config = Config { token: Some(TOKEN.into()), ..Config::default() };
    let emulator = Emulator::start(config).await.unwrap();
    let plugin = plugin_for(&format!("https://{}", emulator.addr())).build().unwrap();
    let error = in_time(plugin.get_package(&version(1))).await.unwrap_err();
    assert!(matches!(error, Error::Transport(_)), "{error:?}");
    in_time(emulator.all_closed()).await;
    assert!(emulator.requests().is_empty(), "no request was readable");
}

#[tokio::test]
async fn a_refusal_comes_through_tls_though_the_package_was_not_read() {
    let secured = Secured::trusted().await;
    let package = package(10 * MIB);
    for options in [NEVER, ALWAYS] {
        for then in [Then::Keep, Then::Close, Then::Stall] {
            let refusal = Fault::early_answer(Answer::unauthorized()).then(then);
            secured.emulator.fault(refusal);
            let error = api_error(secured.put(&package, options).await);
            assert_eq!(error.status, 401, "{options:?} {then:?}");
        }
    }
    assert!(secured.emulator.package(SERVICE, 1).is_none());
    secured.emulator.clear_faults();
    secured.put(&package, AUTO).await.unwrap();
}

#[test]
fn what_holds_no_certificate_is_no_authority() {
    let key = rcgen::KeyPair::generate().unwrap().serialize_pem();
    for pem in ["", "no PEM at all", &key] {
        let error = plugin_for("https://127.0.0.1").ca_certificates(pem.as_bytes()).unwrap_err();
        assert!(matches!(error, Error::InvalidArgument(_)), "{error:?}");
    }
}
