//! Why there is no answer: in full for the host, in wasi:http's words for the component.

use super::connect_error::{ConnectError, wrong_certificate};
use super::watch::{Failure, Watch};
use crate::error::TimeoutKind;
use hyper_util::client::legacy::Error as ClientError;
use std::error::Error as StdError;
use std::io::{self, ErrorKind};
use wasmtime_wasi_http::Error;

/// Notes why a request failed in full, and gives the component wasi:http's word for it.
pub(super) fn request(error: &ClientError, watch: &Watch) -> Error {
    let mut source: Option<&(dyn StdError + 'static)> = Some(error);
    let mut last = error.to_string();
    while let Some(current) = source {
        if let Some(error) = current.downcast_ref::<ConnectError>() {
            tracing::debug!(%error, "no connection");
            watch.fail(match error {
                ConnectError::Timeout => Failure::Timeout(TimeoutKind::Connect),
                ConnectError::TlsTimeout => Failure::Timeout(TimeoutKind::Tls),
                other => Failure::Lost(other.to_string()),
            });
            return connect_code(error);
        }
        if let Some(error) = current.downcast_ref::<hyper::Error>() {
            return exchange(error, watch);
        }
        last = current.to_string();
        source = current.source();
    }
    watch.fail(Failure::Lost(last));
    Error::ConnectionTerminated
}

/// Notes why an exchange that had begun was lost.
pub(super) fn exchange(error: &hyper::Error, watch: &Watch) -> Error {
    let why = match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    };
    tracing::debug!(error = why, "the exchange was lost");
    watch.fail(Failure::Lost(why));
    if error.is_parse_too_large() {
        Error::HttpResponseHeaderSectionSize(None)
    } else if error.is_parse() {
        Error::HttpProtocolError
    } else if error.is_incomplete_message() || error.source().is_some_and(is_unexpected_eof) {
        Error::HttpResponseIncomplete
    } else {
        Error::ConnectionTerminated
    }
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
        ConnectError::Tls(error) if wrong_certificate(error).is_some() => {
            Error::TlsCertificateError
        }
        ConnectError::Tls(error) if is_end(error.kind()) => Error::ConnectionTerminated,
        ConnectError::Tls(_) => Error::TlsProtocolError,
    }
}

/// Whether the peer ended the connection.
fn is_end(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe)
}
