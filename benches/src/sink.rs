//! A server that discards uploads. It responds with the size and hash that it was configured with, so that clients can verify them, and rejects
//! incomplete uploads.

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

/// The number of services per package besides its own, for concurrent uploads: a service accepts one at a time.
pub const SERVICES: usize = 256;
/// The maximum length of a form, in addition to the package.
const MAX_FRAMING: u64 = 1024;

/// The sink's responses, by service.
#[derive(Clone)]
pub struct Responses(Arc<HashMap<String, Package>>);

struct Package {
    size: u64,
    /// The JSON object of the response, without its version.
    json: String,
}

impl Responses {
    /// Creates the responses for packages, given as service, size and SHA-512. Each package also belongs to the services whose name ends in a number
    /// below [`SERVICES`].
    pub fn new(packages: impl IntoIterator<Item = (String, u64, String)>) -> Result<Self> {
        let recorded = include_str!("../../tests/fixtures/get-200.json");
        let mut json: serde_json::Map<_, _> = serde_json::from_str(recorded)?;
        json.remove("version");
        let mut responses = HashMap::new();
        for (name, size, sha512) in packages {
            json["metadata"]["size"] = size.into();
            json["metadata"]["hashsum"] = sha512.into();
            let numbered = (0..SERVICES).map(|number| format!("{name}{number}"));
            for service in numbered.chain([name.clone()]) {
                json["service_id"] = service.as_str().into();
                responses.insert(service, Package { size, json: serde_json::to_string(&json)? });
            }
        }
        Ok(Self(Arc::new(responses)))
    }

    async fn respond(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let method = request.method().clone();
        let path = request.uri().path().to_owned();
        let [service, version] = [2, 4].map(|index| path.split('/').nth(index).unwrap_or_default());
        let received = match body_length(request.into_body()).await {
            Ok(received) => received,
            Err(error) => return error_response(StatusCode::BAD_REQUEST, &error.to_string()),
        };
        let Some(package) = self.0.get(service) else {
            return error_response(StatusCode::NOT_FOUND, "service not found");
        };
        if method == Method::PUT && !(package.size..package.size + MAX_FRAMING).contains(&received)
        {
            return error_response(StatusCode::BAD_REQUEST, "incomplete package");
        }
        let body = format!("{{\"version\":{version},{}", &package.json[1..]);
        json(StatusCode::OK, body.into())
    }
}

async fn body_length(mut body: Incoming) -> Result<u64, hyper::Error> {
    let mut received = 0;
    while let Some(frame) = body.frame().await {
        received += frame?.data_ref().map_or(0, |data| data.len() as u64);
    }
    Ok(received)
}

fn error_response(status: StatusCode, message: &str) -> Response<Full<Bytes>> {
    json(status, format!(r#"{{"msg":"{message}"}}"#).into())
}

fn json(status: StatusCode, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
    response
}

/// Serves the connections of a listener, over TLS if there is a configuration for it, until the runtime shuts down.
pub async fn serve(listener: TcpListener, tls: Option<Arc<ServerConfig>>, responses: Responses) {
    let acceptor = tls.map(TlsAcceptor::from);
    while let Ok((stream, _)) = listener.accept().await {
        let (acceptor, responses) = (acceptor.clone(), responses.clone());
        tokio::spawn(async move {
            // The client reports errors of its connection.
            let _ = stream.set_nodelay(true);
            match acceptor {
                None => serve_connection(stream, responses).await,
                Some(acceptor) => {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        serve_connection(stream, responses).await;
                    }
                }
            }
        });
    }
}

async fn serve_connection(stream: impl AsyncRead + AsyncWrite + Unpin, responses: Responses) {
    let service =
        service_fn(|request| async { Ok::<_, Infallible>(responses.respond(request).await) });
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

/// Creates a certificate for `localhost`. Also returns the CA's certificate in PEM.
pub fn certificate() -> Result<(Arc<ServerConfig>, String)> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, "sink CA");
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
            .context("the certificate is invalid")?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok((Arc::new(config), authority.pem()))
}
