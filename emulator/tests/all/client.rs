//! A client that sends raw bytes and returns raw responses.

use std::future::Future;
use std::io;
use std::time::Duration;

use fastly_package_emulator::{Config, Emulator, sample};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub const TARGET: &str = "/service/SU1Z0isxPaozGVKXdv0eY/version/3/package";
pub const SERVICE: &str = "SU1Z0isxPaozGVKXdv0eY";
pub const BOUNDARY: &str = "boundary";

/// Far longer than any test takes, so that a test that hangs fails.
const TIMEOUT: Duration = Duration::from_secs(30);

pub async fn start() -> Emulator {
    start_with(Config::default()).await
}

pub async fn start_with(config: Config) -> Emulator {
    Emulator::start(config).await.unwrap()
}

pub async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(TIMEOUT, future).await.expect("timed out")
}

/// A small package.
pub fn package() -> Vec<u8> {
    sample::package(sample::SampleOptions::default())
}

pub fn package_of(size: u64) -> Vec<u8> {
    sample::package(sample::SampleOptions { size: Some(size), ..Default::default() })
}

/// Returns the form in which clients upload a package.
pub fn form(package: &[u8]) -> Vec<u8> {
    let head = format!(
        "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"package\"; filename=\"app.tar.gz\"\r\n\
         Content-Type: application/octet-stream\r\n\r\n"
    );
    let tail = format!("\r\n--{BOUNDARY}--\r\n");
    [head.as_bytes(), package, tail.as_bytes()].concat()
}

pub fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: emulator\r\nFastly-Key: token\r\n\r\n").into_bytes()
}

/// Returns a PUT without a body.
pub fn put_empty(path: &str) -> Vec<u8> {
    format!(
        "PUT {path} HTTP/1.1\r\nHost: emulator\r\nFastly-Key: token\r\nContent-Length: 0\r\n\r\n"
    )
    .into_bytes()
}

/// Returns the head of an upload. `more` contains lines that end with CRLF.
pub fn put_head(length: usize, more: &str) -> Vec<u8> {
    format!(
        "PUT {TARGET} HTTP/1.1\r\nHost: emulator\r\nFastly-Key: token\r\n\
         Content-Type: multipart/form-data; boundary={BOUNDARY}\r\nContent-Length: {length}\r\n{more}\r\n"
    )
    .into_bytes()
}

pub fn put(package: &[u8]) -> Vec<u8> {
    let form = form(package);
    [put_head(form.len(), ""), form].concat()
}

/// Sends a request on a new connection.
pub async fn ask(emulator: &Emulator, request: &[u8]) -> Reply {
    let mut client = Client::connect(emulator).await;
    client.send(request).await;
    client.reply().await
}

/// A final response.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

pub struct Client {
    stream: TcpStream,
    received: Vec<u8>,
}

impl Client {
    pub async fn connect(emulator: &Emulator) -> Self {
        let stream = TcpStream::connect(emulator.addr()).await.unwrap();
        Self { stream, received: Vec::new() }
    }

    pub async fn send(&mut self, bytes: &[u8]) {
        self.try_send(bytes).await.unwrap();
    }

    pub async fn try_send(&mut self, bytes: &[u8]) -> io::Result<()> {
        within(self.stream.write_all(bytes)).await
    }

    /// Sends FIN. Reading is still possible.
    pub async fn finish(&mut self) {
        self.stream.shutdown().await.unwrap();
    }

    /// Returns the bytes up to and including the next empty line.
    pub async fn head(&mut self) -> String {
        loop {
            let end = self.received.windows(4).position(|window| window == b"\r\n\r\n");
            if let Some(end) = end {
                let rest = self.received.split_off(end + 4);
                let head = std::mem::replace(&mut self.received, rest);
                return String::from_utf8_lossy(&head).into_owned();
            }
            assert!(self.more().await.unwrap() > 0, "no head: {:?}", self.received);
        }
    }

    /// Returns the next final response. Its body must have a length.
    pub async fn reply(&mut self) -> Reply {
        loop {
            let head = self.head().await;
            let status: u16 = head[9..12].parse().unwrap();
            let mut reply = Reply { status, head, body: Vec::new() };
            if status < 200 {
                continue;
            }
            let length = reply.header("Content-Length").map_or(0, |value| value.parse().unwrap());
            while self.received.len() < length {
                assert!(self.more().await.unwrap() > 0, "the body is truncated");
            }
            let rest = self.received.split_off(length);
            reply.body = std::mem::replace(&mut self.received, rest);
            return reply;
        }
    }

    /// Reads to the end. Returns the bytes, and the error if there was one.
    pub async fn rest(&mut self) -> (Vec<u8>, io::Result<()>) {
        loop {
            match self.more().await {
                Ok(0) => return (std::mem::take(&mut self.received), Ok(())),
                Ok(_) => {}
                Err(error) => return (std::mem::take(&mut self.received), Err(error)),
            }
        }
    }

    /// Reads until at least this many bytes have arrived.
    pub async fn at_least(&mut self, bytes: usize) -> &[u8] {
        while self.received.len() < bytes {
            assert!(self.more().await.unwrap() > 0, "the connection ended");
        }
        &self.received
    }

    async fn more(&mut self) -> io::Result<usize> {
        within(self.stream.read_buf(&mut self.received)).await
    }
}
