//! GetPackage and PutPackage without a sandbox: hyper-util's pooled client and serde_json.

use crate::package::hex;
use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http::{Method, Request, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty};
use hyper::body::{Body, Frame};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use serde::Deserialize;
use sha2::{Digest, Sha512};
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};
use tokio::sync::{mpsc, oneshot};

const CHUNK_SIZE: usize = 256 * 1024;
const QUEUED_CHUNKS: usize = 2;

/// A client with a connection pool.
#[derive(Clone)]
pub struct Native {
    client: Client<HttpConnector, UnsyncBoxBody<Bytes, std::io::Error>>,
    api: String,
    token: String,
}

/// A package as the API describes it.
#[derive(Debug, Deserialize)]
#[expect(missing_docs, reason = "the API's own names")]
pub struct PackageResponse {
    pub id: String,
    pub service_id: String,
    pub version: u32,
    pub created_at: Option<String>,
    pub updated_at: Option<String>,
    pub deleted_at: Option<String>,
    pub metadata: Metadata,
}

/// The content of a package as the API describes it.
#[derive(Debug, Deserialize)]
#[expect(missing_docs, reason = "the API's own names")]
pub struct Metadata {
    pub name: Option<String>,
    pub description: Option<String>,
    pub authors: Option<Vec<String>>,
    pub language: Option<String>,
    pub size: Option<u64>,
    pub hashsum: Option<String>,
    pub files_hash: Option<String>,
    pub cloned_from: Option<String>,
}

impl Native {
    /// Creates a client of the API with this base URL, without a trailing slash.
    pub fn new(api: &str, token: &str) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client =
            Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(connector);
        Self { client, api: api.to_owned(), token: token.to_owned() }
    }

    /// Gets the package of a service's version 1.
    pub async fn get(&self, service: &str) -> Result<PackageResponse> {
        let body = Empty::new().map_err(|never| match never {});
        self.send(self.request(Method::GET, service).body(body.boxed_unsync())?).await
    }

    /// Uploads a package to a service's version 1. With `verify`, hashes it on the reading thread and compares the hash with the response's.
    pub async fn put(&self, service: &str, path: &Path, verify: bool) -> Result<PackageResponse> {
        const BOUNDARY: &str = "native-0123456789abcdef0123456789abcdef";
        let file = File::open(path).with_context(|| format!("can't open {}", path.display()))?;
        let head = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"package\"; filename=\"p.tar.gz\"\r\n\
             Content-Type: application/gzip\r\n\r\n"
        );
        let tail = format!("\r\n--{BOUNDARY}--\r\n");
        let length = head.len() as u64 + file.metadata()?.len() + tail.len() as u64;
        let (sender, chunks) = mpsc::channel(QUEUED_CHUNKS);
        let (hash_sender, hash) = oneshot::channel();
        std::thread::spawn(move || {
            let sha512 = read(file, head, tail, verify, &sender);
            let _ = hash_sender.send(sha512);
        });
        let request = self
            .request(Method::PUT, service)
            .header(header::CONTENT_TYPE, format!("multipart/form-data; boundary={BOUNDARY}"))
            .header(header::CONTENT_LENGTH, length)
            .body(Chunks(chunks).boxed_unsync())?;
        let package = self.send(request).await?;
        if verify {
            let sent = hash.await?;
            ensure!(
                package.metadata.hashsum == sent,
                "the stored package is not the one that was sent"
            );
        }
        Ok(package)
    }

    fn request(&self, method: Method, service: &str) -> http::request::Builder {
        Request::builder()
            .method(method)
            .uri(format!("{}/service/{service}/version/1/package", self.api))
            .header("fastly-key", &self.token)
            .header(header::ACCEPT, "application/json")
            .header(header::USER_AGENT, "native")
    }

    async fn send(
        &self,
        request: Request<UnsyncBoxBody<Bytes, std::io::Error>>,
    ) -> Result<PackageResponse> {
        let response = self.client.request(request).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        ensure!(status.is_success(), "{status}: {}", String::from_utf8_lossy(&body));
        Ok(serde_json::from_slice(&body)?)
    }
}

/// Reads the file into the channel. Returns the hash if `verify` is set. `None` if the receiver was dropped or reading failed.
fn read(
    mut file: File,
    head: String,
    tail: String,
    verify: bool,
    sender: &mpsc::Sender<Bytes>,
) -> Option<String> {
    let mut hasher = Sha512::new();
    sender.blocking_send(head.into()).ok()?;
    loop {
        let mut chunk = Vec::with_capacity(CHUNK_SIZE);
        (&mut file).take(CHUNK_SIZE as u64).read_to_end(&mut chunk).ok()?;
        if chunk.is_empty() {
            break;
        }
        let chunk = Bytes::from(chunk);
        sender.blocking_send(chunk.clone()).ok()?;
        if verify {
            hasher.update(&chunk);
        }
    }
    sender.blocking_send(tail.into()).ok()?;
    verify.then(|| hex(&hasher.finalize()))
}

struct Chunks(mpsc::Receiver<Bytes>);

impl Body for Chunks {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut TaskContext<'_>,
    ) -> Poll<Option<std::io::Result<Frame<Bytes>>>> {
        self.0.poll_recv(cx).map(|chunk| chunk.map(|bytes| Ok(Frame::data(bytes))))
    }
}
