//! Why there is no connection, in words that say what to do.

use super::resolve::ResolveError;
use rustls::CertificateError;
use std::error::Error as StdError;
use std::fmt;
use std::io;

/// Why there is no connection.
#[derive(Debug)]
pub(crate) enum ConnectError {
    Resolve(ResolveError),
    Tcp(io::ErrorKind, String),
    Timeout,
    /// The proxy's URL without credentials, and what it did.
    Proxy(String, String),
    /// The same, where it would do no other on another try.
    ProxyRefused(String, String),
    Roots(rustls::Error),
    Tls(io::Error),
    TlsTimeout,
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resolve(error) => write!(f, "{error}"),
            Self::Tcp(_, why) => write!(f, "can't connect: {why}"),
            Self::Timeout => f.write_str("connecting took too long"),
            Self::Proxy(proxy, why) | Self::ProxyRefused(proxy, why) => {
                write!(f, "the proxy {proxy} gave no way through: {why}")
            }
            Self::Roots(error) => write!(f, "the trusted certificates can't be used: {error}"),
            Self::Tls(error) => write!(f, "TLS failed: {}", tls_reason(error)),
            Self::TlsTimeout => f.write_str("the TLS handshake took too long"),
        }
    }
}

impl StdError for ConnectError {}

/// What is wrong with the server's certificate, if that is what a handshake failed for.
pub(super) fn wrong_certificate(error: &io::Error) -> Option<&CertificateError> {
    match error.get_ref().and_then(|inner| inner.downcast_ref())? {
        rustls::Error::InvalidCertificate(wrong) => Some(wrong),
        _ => None,
    }
}

/// Why a handshake failed, in words that say what to do.
fn tls_reason(error: &io::Error) -> String {
    let Some(wrong) = wrong_certificate(error) else { return error.to_string() };
    match wrong {
        CertificateError::UnknownIssuer => {
            "the server's certificate is from an authority that is not trusted here".into()
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "the server's certificate has expired".into()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the server's certificate is not valid yet".into()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "the server's certificate is for another name".into()
        }
        CertificateError::BadSignature => {
            "the server's certificate isn't signed by the authority of that name that is trusted here".into()
        }
        CertificateError::Revoked => "the server's certificate was revoked".into(),
        other => format!("the server's certificate is not valid: {other}"),
    }
}
