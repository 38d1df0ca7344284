//! Errors in words.

use super::{
    ComponentError, ContentError, Error, Mismatch, TimeoutError, TimeoutKind, TransportError,
    Upload,
};
use crate::bindings::exports::fastly_package::api::package_api::{
    ApiError, ApiErrorEntry, UnexpectedReason, UnexpectedResponse,
};
use crate::bindings::wasi::http::types::ErrorCode;
use crate::digest::Digest;
use std::fmt;

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidArgument(why) => f.write_str(why),
            Self::Token(why) => write!(f, "no usable token: {why}"),
            Self::Content(error) => write!(f, "{error}"),
            Self::Denied { denial, .. } => {
                write!(f, "the component asked for what it may not: {denial}")
            }
            Self::Transport(error) => write!(f, "{error}"),
            Self::Timeout(error) => write!(f, "{error}"),
            Self::Cancelled { .. } => f.write_str("cancelled"),
            Self::Api { error, .. } => api_error(error, f),
            Self::UnexpectedResponse { response, .. } => unexpected_response(response, f),
            Self::Mismatch(mismatch) => write!(f, "{mismatch}"),
            Self::Component(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Content(error) => error.source(),
            Self::Denied { denial, .. } => Some(denial),
            _ => None,
        }
    }
}

fn api_error(error: &ApiError, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let status = http_status(error.status);
    f.write_str(&status)?;
    for text in [&error.title, &error.detail].into_iter().flatten() {
        // The API's titles are often the status once more.
        if !status.to_ascii_lowercase().ends_with(&text.to_ascii_lowercase()) {
            write!(f, ": {text}")?;
        }
    }
    for ApiErrorEntry { title, detail, .. } in error.errors.iter().skip(1).take(5) {
        for text in [title, detail].into_iter().flatten() {
            write!(f, "; {text}")?;
        }
    }
    Ok(())
}

fn unexpected_response(response: &UnexpectedResponse, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "{}, ", http_status(response.status))?;
    match response.reason {
        UnexpectedReason::Status => f.write_str("which is neither success nor error")?,
        UnexpectedReason::Premature => f.write_str("but before the whole package had been sent")?,
        UnexpectedReason::TooLarge => f.write_str("with an answer over 1 MiB")?,
        UnexpectedReason::NotAPackage => f.write_str("but the answer is no package")?,
    }
    if !response.detail.is_empty() {
        write!(f, ": {}", response.detail)?;
    }
    match &response.location {
        Some(location) => write!(f, ": a redirect to {location}, which is not followed"),
        None => Ok(()),
    }
}

fn http_status(status: u16) -> String {
    let reason = http::StatusCode::from_u16(status).ok().and_then(|s| s.canonical_reason());
    match reason {
        Some(reason) => format!("the API answered {status} {reason}"),
        None => format!("the API answered {status}"),
    }
}

impl fmt::Display for ContentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open(path, error) => write!(f, "can't open {}: {error}", path.display()),
            Self::NotAFile(path) => write!(f, "{} is not a file", path.display()),
            Self::Empty => f.write_str("the package is empty"),
            Self::TooLarge { limit } => write!(f, "the package is larger than {limit} bytes"),
            Self::NotAPackage(what) => write!(f, "that is no package: {what}"),
            Self::Changed => f.write_str("the package changed while it was read"),
            Self::Read(error) => write!(f, "can't read the package: {error}"),
            Self::TooShort { expected, found } => {
                write!(f, "the package ended after {found} bytes, where {expected} were expected")
            }
            Self::TooLong { expected } => {
                write!(f, "the package is longer than the expected {expected} bytes")
            }
        }
    }
}

impl std::error::Error for ContentError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Open(_, error) | Self::Read(error) => Some(error),
            _ => None,
        }
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match &self.code {
            ErrorCode::DnsTimeout | ErrorCode::DnsError(_) => "the API's name can't be resolved",
            ErrorCode::DestinationNotFound
            | ErrorCode::DestinationUnavailable
            | ErrorCode::DestinationIpProhibited
            | ErrorCode::DestinationIpUnroutable
            | ErrorCode::ConnectionRefused
            | ErrorCode::ConnectionTimeout
            | ErrorCode::ConnectionLimitReached
            | ErrorCode::ConfigurationError
            | ErrorCode::TlsProtocolError
            | ErrorCode::TlsCertificateError
            | ErrorCode::TlsAlertReceived(_) => "the API was not reached",
            ErrorCode::HttpResponseIncomplete => {
                "the connection was lost before the answer was whole"
            }
            ErrorCode::HttpProtocolError
            | ErrorCode::HttpResponseHeaderSectionSize(_)
            | ErrorCode::HttpResponseHeaderSize(_) => "what came back is not an HTTP answer",
            _ => "the connection was lost",
        };
        match self.reason.as_str() {
            "" => f.write_str(what),
            reason => write!(f, "{what}: {reason}"),
        }
    }
}

impl fmt::Display for TimeoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            TimeoutKind::Connect => "connecting to the API took longer than",
            TimeoutKind::Tls => "the TLS handshake took longer than",
            TimeoutKind::Stall => "not a byte moved for",
            TimeoutKind::Answer => "the API didn't answer within",
            TimeoutKind::Total => "the call was not done within",
        };
        write!(f, "{what} {:?}", self.limit)?;
        match self.upload {
            Some(Upload { read, size }) => write!(f, ", after {read} of {size} bytes"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let metadata = self.stored.metadata.as_ref();
        let size = metadata.and_then(|metadata| metadata.size);
        let hashsum = Digest::hashsum_of(&self.stored);
        write!(f, "what the API stored is not what was sent: sent ")?;
        write!(f, "{} bytes with SHA-512 {}, stored ", self.sent.size, self.sent.hashsum())?;
        match size {
            Some(size) => write!(f, "{size} bytes")?,
            None => f.write_str("something")?,
        }
        match hashsum {
            Some(hashsum) => write!(f, " with {hashsum}"),
            None => f.write_str(" without a hash"),
        }
    }
}

impl fmt::Display for ComponentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the component was stopped: {}", self.message)
    }
}
