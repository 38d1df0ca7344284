//! Errors of requests: in detail for the host, as `wasi:http` codes for the component.

use super::connect_error::{ConnectError, certificate_error};
use super::exchange::state::RequestFailure;
use fastly_package_core::error::TimeoutPhase;
use std::error::Error as StdError;
use std::io::{self, ErrorKind};
use wasmtime_wasi_http::Error;

/// Returns the code for the component, and the reason for the host, of a connection that can't be established.
pub(super) fn connect(error: &ConnectError) -> (Error, RequestFailure) {
    tracing::debug!(%error, "can't connect");
    let failure = match error {
        ConnectError::Timeout => RequestFailure::Timeout(TimeoutPhase::Connect),
        ConnectError::TlsTimeout => RequestFailure::Timeout(TimeoutPhase::Tls),
        other => RequestFailure::Lost(other.to_string()),
    };
    (connect_code(error), failure)
}

/// Returns the code for the component, and the reason for the host, of an exchange that failed after it had begun.
pub(super) fn exchange(error: &hyper::Error) -> (Error, RequestFailure) {
    let why = match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    };
    tracing::debug!(error = why, "exchange failed");
    let code = if error.is_parse_too_large() {
        Error::HttpResponseHeaderSectionSize(None)
    } else if error.is_parse() {
        Error::HttpProtocolError
    } else if error.is_incomplete_message() || error.source().is_some_and(is_unexpected_eof) {
        Error::HttpResponseIncomplete
    } else {
        Error::ConnectionTerminated
    };
    (code, RequestFailure::Lost(why))
}

fn is_unexpected_eof(error: &(dyn StdError + 'static)) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == ErrorKind::UnexpectedEof)
}

fn connect_code(error: &ConnectError) -> Error {
    match error {
        ConnectError::Resolve(error) if error.not_loopback => Error::ConfigurationError,
        ConnectError::Resolve(_) => Error::DnsError { rcode: None, info_code: None },
        ConnectError::Tcp(ErrorKind::ConnectionRefused, _) => Error::ConnectionRefused,
        ConnectError::Tcp(..) | ConnectError::Proxy(..) => Error::DestinationUnavailable,
        ConnectError::Timeout | ConnectError::TlsTimeout => Error::ConnectionTimeout,
        ConnectError::Roots(_) | ConnectError::ProxyRefused(..) => Error::ConfigurationError,
        ConnectError::Tls(error) if certificate_error(error).is_some() => {
            Error::TlsCertificateError
        }
        ConnectError::Tls(error) if is_end(error.kind()) => Error::ConnectionTerminated,
        ConnectError::Tls(_) => Error::TlsProtocolError,
    }
}

/// Returns whether the peer closed the connection.
fn is_end(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe)
}
