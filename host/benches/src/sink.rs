//! A server that takes uploads and keeps nothing of them. It answers with the length and hash that it was told beforehand, so that who
//! compares them has something to compare, and refuses what isn't whole.

use anyhow::{Context, Result};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivatePkcs8KeyDer;
use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// How many services each package has besides its own: for uploads at a time, of which a service takes one.
pub const SERVICES: usize = 256;
/// A form around a package has no more bytes than this.
const FRAMING: u64 = 1024;

/// What the sink answers with, by service.
#[derive(Clone)]
pub struct Answers(Arc<HashMap<String, Answer>>);

struct Answer {
    size: u64,
    body: Bytes,
}

impl Answers {
    /// Of packages: each for its own service and for those with a number from 0 below [`SERVICES`] behind the name.
    pub fn new(packages: impl IntoIterator<Item = (String, u64, String)>) -> Result<Self> {
        let recorded = include_str!("../../../tests/fixtures/get-200.json");
        let mut json: serde_json::Value = serde_json::from_str(recorded)?;
        let mut answers = HashMap::new();
        for (name, size, sha512) in packages {
            json["metadata"]["size"] = size.into();
            json["metadata"]["hashsum"] = sha512.into();
            let numbered = (0..SERVICES).map(|number| format!("{name}{number}"));
            for service in numbered.chain([name.clone()]) {
                json["service_id"] = service.as_str().into();
                answers.insert(service, Answer { size, body: serde_json::to_vec(&json)?.into() });
            }
        }
        Ok(Self(Arc::new(answers)))
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let method = request.method().clone();
        let service = request.uri().path().split('/').nth(2).unwrap_or_default().to_owned();
        let received = match count(request.into_body()).await {
            Ok(received) => received,
            Err(error) => return refusal(StatusCode::BAD_REQUEST, &error.to_string()),
        };
        let Some(answer) = self.0.get(&service) else {
            return refusal(StatusCode::NOT_FOUND, "no such service");
        };
        if method == Method::PUT && !(answer.size..answer.size + FRAMING).contains(&received) {
            return refusal(StatusCode::BAD_REQUEST, "that isn't the whole package");
        }
        json(StatusCode::OK, answer.body.clone())
    }
}

async fn count(mut body: Incoming) -> Result<u64, hyper::Error> {
    let mut received = 0;
    while let Some(frame) = body.frame().await {
        received += frame?.data_ref().map_or(0, |data| data.len() as u64);
    }
    Ok(received)
}

fn refusal(status: StatusCode, why: &str) -> Response<Full<Bytes>> {
    json(status, format!(r#"{{"msg":"{why}"}}"#).into())
}

fn json(status: StatusCode, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
    response
}

/// Serves the connections of a listener, in TLS where there is a configuration for it, until the runtime ends.
pub async fn serve(listener: TcpListener, tls: Option<Arc<ServerConfig>>, answers: Answers) {
    let acceptor = tls.map(TlsAcceptor::from);
    while let Ok((stream, _)) = listener.accept().await {
        let (acceptor, answers) = (acceptor.clone(), answers.clone());
        tokio::spawn(async move {
            // What a client does wrong shows in its own result.
            let _ = stream.set_nodelay(true);
            match acceptor {
                None => connection(stream, answers).await,
                Some(acceptor) => {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        connection(stream, answers).await;
                    }
                }
            }
        });
    }
}

async fn connection(stream: impl AsyncRead + AsyncWrite + Unpin, answers: Answers) {
    let service =
        service_fn(|request| async { Ok::<_, Infallible>(answers.answer(request).await) });
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

/// A certificate for `localhost`, and in PEM form that of the authority that signed it.
pub fn certificate() -> Result<(Arc<ServerConfig>, String)> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, "the sink's authority");
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
    let key = KeyPair::generate()?;
    let certificate =
        CertificateParams::new(["localhost".to_owned()])?.signed_by(&key, &authority)?;
    let mut config =
        ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
            )
            .context("the certificate is of no use")?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok((Arc::new(config), authority.pem()))
}
