//! Proxies from the environment, and TLS authorities.

use crate::command::{Fixture, Output, TARGET, TOKEN, output, package};
use crate::tls_server::{Authority, in_front_of};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

/// A name that doesn't resolve, so that only the proxy leads to it.
const NAME: &str = "api.fastly.test";

/// A CONNECT proxy that records its requests.
struct Proxy {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    /// Starts a proxy that responds with this status to each request. If it is 200, the proxy connects to `target`, whatever the requested name.
    async fn start(status: &'static str, target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let recorded = requests.clone();
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let recorded = recorded.clone();
                tokio::spawn(async move {
                    let head = read_head(&mut client).await;
                    recorded.lock().unwrap().push(head);
                    client
                        .write_all(format!("HTTP/1.1 {status}\r\n\r\n").as_bytes())
                        .await
                        .unwrap();
                    if status.starts_with("200") {
                        let mut server = TcpStream::connect(target).await.unwrap();
                        let _ = copy_bidirectional(&mut client, &mut server).await;
                    }
                });
            }
        });
        Self { address, requests }
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

async fn read_head(client: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

/// Starts a TLS server with this name in front of the emulator, and writes its authority's certificate to `ca.pem`.
async fn api_behind_tls(fixture: &Fixture, name: &str) -> SocketAddr {
    let authority = Authority::named("the tests' authority");
    fixture.write("ca.pem", authority.pem().as_bytes());
    in_front_of(&fixture.emulator, authority.server(name, |_| {})).await
}

async fn run(
    fixture: &Fixture,
    args: &[&str],
    api: &str,
    environment: &[(&str, String)],
) -> Output {
    let flags = ["--api", api, "--ca-cert", "ca.pem", "-v"];
    let mut command = fixture.command([args, &TARGET[..], &flags].concat());
    output(command.envs(environment.iter().map(|(name, value)| (name, value))), b"").await
}

#[tokio::test]
async fn a_proxy_receives_the_name_of_the_api_and_not_the_token() {
    let fixture = Fixture::start().await;
    fixture.write("app.tar.gz", &package());
    let server = api_behind_tls(&fixture, NAME).await;
    let proxy = Proxy::start("200 OK", server).await;
    let environment = [("HTTPS_PROXY", format!("http://me:hunter2@{}", proxy.address))];
    let put = ["put", "--package", "app.tar.gz"];
    let output = run(&fixture, &put, &format!("https://{NAME}"), &environment).await;
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    assert_eq!(fixture.uploads(), 1);
    let requests = proxy.requests();
    assert_eq!(requests.len(), 1, "{requests:?}");
    assert!(requests[0].starts_with(&format!("CONNECT {NAME}:443 HTTP/1.1\r\n")), "{requests:?}");
    assert!(
        requests[0].contains("Proxy-Authorization: Basic bWU6aHVudGVyMg==\r\n"),
        "{requests:?}"
    );
    assert!(!requests[0].contains(TOKEN));
    assert!(!output.stderr.contains("hunter2"), "{}", output.stderr);
}

#[tokio::test]
async fn a_proxy_that_refuses_the_connection_is_reported_without_its_password() {
    let fixture = Fixture::start().await;
    let server = api_behind_tls(&fixture, NAME).await;
    for (status, expected) in [
        ("407 Proxy Authentication Required", "proxy authorization required"),
        ("403 Forbidden", "unsuccessful"),
    ] {
        let proxy = Proxy::start(status, server).await;
        let environment = [("https_proxy", format!("http://me:hunter2@{}", proxy.address))];
        let output = run(&fixture, &["get"], &format!("https://{NAME}"), &environment).await;
        assert_eq!(output.code, Some(4), "{}", output.stderr);
        let refused = format!("the proxy http://{}/ refused the connection", proxy.address);
        assert!(output.stderr.contains(&refused), "{}", output.stderr);
        assert!(output.stderr.contains(expected), "{}", output.stderr);
        assert!(!output.stderr.contains("hunter2"), "{}", output.stderr);
        assert_eq!(proxy.requests().len(), 1, "there is no retry");
    }
    assert_eq!(fixture.emulator.connections(), 0);
}

#[tokio::test]
async fn an_untrusted_authority_is_reported_with_a_hint() {
    let fixture = Fixture::start().await;
    let server = api_behind_tls(&fixture, "localhost").await;
    fixture.write("ca.pem", Authority::named("another authority").pem().as_bytes());
    let api = format!("https://localhost:{}", server.port());
    let output = run(&fixture, &["get", "--retries", "0"], &api, &[]).await;
    assert_eq!(output.code, Some(4), "{}", output.stderr);
    for expected in ["by an authority that is not trusted", "pass its certificate with --ca-cert"] {
        assert!(output.stderr.contains(expected), "{}", output.stderr);
    }
}

#[tokio::test]
async fn a_host_in_no_proxy_is_connected_to_directly() {
    let fixture = Fixture::start().await;
    let server = api_behind_tls(&fixture, "localhost").await;
    let proxy = Proxy::start("403 Forbidden", server).await;
    let environment = [
        ("HTTPS_PROXY", format!("http://{}", proxy.address)),
        ("NO_PROXY", "elsewhere.test,localhost".to_owned()),
    ];
    let api = format!("https://localhost:{}", server.port());
    let output = run(&fixture, &["get"], &api, &environment).await;
    assert_eq!(output.code, Some(3), "404: {}", output.stderr);
    assert_eq!(proxy.requests().len(), 0);
}

#[tokio::test]
async fn http_to_a_loopback_address_uses_no_proxy() {
    let fixture = Fixture::start().await;
    let proxy = Proxy::start("403 Forbidden", fixture.emulator.addr()).await;
    let url = format!("http://{}", proxy.address);
    let environment = ["HTTP_PROXY", "http_proxy", "ALL_PROXY"].map(|name| (name, url.clone()));
    let mut command = fixture.command([&["get"], &TARGET[..]].concat());
    let output = output(command.envs(environment), b"").await;
    assert_eq!(output.code, Some(3), "404: {}", output.stderr);
    assert_eq!(proxy.requests().len(), 0);
}
