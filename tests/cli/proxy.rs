//! The way through a proxy, which the environment names.

use crate::command::{Ended, Fixture, TARGET, TOKEN, ended, package};
use crate::tls_server::{Authority, in_front_of};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

/// A name that nobody resolves: who gets there got there through the proxy.
const NAME: &str = "api.fastly.test";

/// A CONNECT proxy, and the requests that it got.
struct Proxy {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    /// Gives this answer, and the way to `target` if it is 200, whatever name is asked for.
    async fn start(answer: &'static str, target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let noted = seen.clone();
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let noted = noted.clone();
                tokio::spawn(async move {
                    let head = read_head(&mut client).await;
                    noted.lock().unwrap().push(head);
                    client
                        .write_all(format!("HTTP/1.1 {answer}\r\n\r\n").as_bytes())
                        .await
                        .unwrap();
                    if answer.starts_with("200") {
                        let mut server = TcpStream::connect(target).await.unwrap();
                        let _ = copy_bidirectional(&mut client, &mut server).await;
                    }
                });
            }
        });
        Self { address, seen }
    }

    fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

async fn read_head(client: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

/// An API behind TLS under this name, with its authority's certificate in the fixture's folder.
async fn api_behind_tls(fixture: &Fixture, name: &str) -> SocketAddr {
    let authority = Authority::named("the tests' authority");
    fixture.write("ca.pem", authority.pem().as_bytes());
    in_front_of(&fixture.emulator, authority.server(name, |_| {})).await
}

async fn run(fixture: &Fixture, args: &[&str], api: &str, environment: &[(&str, String)]) -> Ended {
    let more = ["--api", api, "--ca-cert", "ca.pem", "-v"];
    let mut command = fixture.command([args, &TARGET[..], &more].concat());
    ended(command.envs(environment.iter().map(|(name, value)| (name, value))), b"").await
}

#[tokio::test]
async fn an_upload_goes_through_the_proxy_which_sees_no_more_than_the_name() {
    let fixture = Fixture::start().await;
    fixture.write("app.tar.gz", &package());
    let front = api_behind_tls(&fixture, NAME).await;
    let proxy = Proxy::start("200 OK", front).await;
    let environment = [("HTTPS_PROXY", format!("http://me:hunter2@{}", proxy.address))];
    let put = ["put", "--package", "app.tar.gz"];
    let ended = run(&fixture, &put, &format!("https://{NAME}"), &environment).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(fixture.uploads(), 1);
    let seen = proxy.seen();
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert!(seen[0].starts_with(&format!("CONNECT {NAME}:443 HTTP/1.1\r\n")), "{seen:?}");
    assert!(seen[0].contains("Proxy-Authorization: Basic bWU6aHVudGVyMg==\r\n"), "{seen:?}");
    assert!(!seen[0].contains(TOKEN));
    assert!(!ended.stderr.contains("hunter2"), "{}", ended.stderr);
}

#[tokio::test]
async fn a_proxy_that_refuses_is_named_without_its_password() {
    let fixture = Fixture::start().await;
    let front = api_behind_tls(&fixture, NAME).await;
    for (answer, says) in [
        ("407 Proxy Authentication Required", "proxy authorization required"),
        ("403 Forbidden", "unsuccessful"),
    ] {
        let proxy = Proxy::start(answer, front).await;
        let environment = [("https_proxy", format!("http://me:hunter2@{}", proxy.address))];
        let ended = run(&fixture, &["get"], &format!("https://{NAME}"), &environment).await;
        assert_eq!(ended.code, Some(4), "{}", ended.stderr);
        let named = format!("the proxy http://{}/ gave no way through", proxy.address);
        assert!(ended.stderr.contains(&named), "{}", ended.stderr);
        assert!(ended.stderr.contains(says), "{}", ended.stderr);
        assert!(!ended.stderr.contains("hunter2"), "{}", ended.stderr);
        assert_eq!(proxy.seen().len(), 1, "it would only refuse again");
    }
    assert_eq!(fixture.emulator.connections(), 0);
}

#[tokio::test]
async fn an_authority_that_is_not_trusted_can_be_named() {
    let fixture = Fixture::start().await;
    let front = api_behind_tls(&fixture, "localhost").await;
    fixture.write("ca.pem", Authority::named("another authority").pem().as_bytes());
    let api = format!("https://localhost:{}", front.port());
    let ended = run(&fixture, &["get", "--retries", "0"], &api, &[]).await;
    assert_eq!(ended.code, Some(4), "{}", ended.stderr);
    for says in
        ["from an authority that is not trusted here", "name its certificate with --ca-cert"]
    {
        assert!(ended.stderr.contains(says), "{}", ended.stderr);
    }
}

#[tokio::test]
async fn what_no_proxy_names_is_reached_without_one() {
    let fixture = Fixture::start().await;
    let front = api_behind_tls(&fixture, "localhost").await;
    let proxy = Proxy::start("403 Forbidden", front).await;
    let environment = [
        ("HTTPS_PROXY", format!("http://{}", proxy.address)),
        ("NO_PROXY", "elsewhere.test,localhost".to_owned()),
    ];
    let api = format!("https://localhost:{}", front.port());
    let ended = run(&fixture, &["get"], &api, &environment).await;
    assert_eq!(ended.code, Some(3), "404: {}", ended.stderr);
    assert_eq!(proxy.seen().len(), 0);
}

#[tokio::test]
async fn plain_http_to_this_machine_never_uses_a_proxy() {
    let fixture = Fixture::start().await;
    let proxy = Proxy::start("403 Forbidden", fixture.emulator.addr()).await;
    let url = format!("http://{}", proxy.address);
    let environment = ["HTTP_PROXY", "http_proxy", "ALL_PROXY"].map(|name| (name, url.clone()));
    let mut command = fixture.command([&["get"], &TARGET[..]].concat());
    let ended = ended(command.envs(environment), b"").await;
    assert_eq!(ended.code, Some(3), "404: {}", ended.stderr);
    assert_eq!(proxy.seen().len(), 0);
}
