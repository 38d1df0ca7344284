//! Errors of connections.

use super::resolve::ResolveError;
use rustls::CertificateError;
use std::error::Error as StdError;
use std::fmt;
use std::io;

/// Why a connection can't be established.
#[derive(Debug)]
pub(crate) enum ConnectError {
    Resolve(ResolveError),
    Tcp(io::ErrorKind, String),
    Timeout,
    /// The proxy's URL without credentials, and the reason.
    Proxy(String, String),
    /// The same, if a retry would fail in the same way.
    ProxyRefused(String, String),
    Roots(rustls::Error),
    Tls(io::Error),
    TlsTimeout,
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resolve(error) => write!(f, "{error}"),
            Self::Tcp(_, reason) => f.write_str(reason),
            Self::Timeout => f.write_str("timed out while connecting"),
            Self::Proxy(proxy, reason) | Self::ProxyRefused(proxy, reason) => {
                write!(f, "the proxy {proxy} refused the connection: {reason}")
            }
            Self::Roots(error) => write!(f, "can't use the trusted certificates: {error}"),
            Self::Tls(error) => write!(f, "TLS error: {}", tls_reason(error)),
            Self::TlsTimeout => f.write_str("timed out during the TLS handshake"),
        }
    }
}

impl StdError for ConnectError {}

/// Returns the certificate error that a handshake failed with.
pub(super) fn certificate_error(error: &io::Error) -> Option<&CertificateError> {
    match error.get_ref().and_then(|inner| inner.downcast_ref())? {
        rustls::Error::InvalidCertificate(error) => Some(error),
        _ => None,
    }
}

/// Describes the error of a handshake.
fn tls_reason(error: &io::Error) -> String {
    let Some(certificate) = certificate_error(error) else { return error.to_string() };
    match certificate {
        CertificateError::UnknownIssuer => {
            "the server's certificate was issued by an authority that is not trusted".into()
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "the server's certificate has expired".into()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the server's certificate is not valid yet".into()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "the server's certificate is for another host name".into()
        }
        CertificateError::BadSignature => {
            "the server's certificate is not signed by the trusted authority of that name".into()
        }
        CertificateError::Revoked => "the server's certificate has been revoked".into(),
        other => format!("the server's certificate is not valid: {other}"),
    }
}
