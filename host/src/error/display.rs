//! Errors in words.

use super::{
    ComponentError, ContentError, Error, Mismatch, TimeoutError, TimeoutKind, TransportError,
    Upload,
};
use crate::bindings::exports::fastly_package::api::package_api::{
    ApiError, UnexpectedReason, UnexpectedResponse,
};
use crate::bindings::wasi::http::types::ErrorCode;
use crate::digest::Digest;
use fastly_package_words::error::{self as words, Lost};
use fastly_package_words::unexpected_reason;
use std::fmt;

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidArgument(why) => f.write_str(why),
            Self::Token(why) => f.write_str(&words::no_token(why)),
            Self::Content(error) => write!(f, "{error}"),
            Self::Denied { denial, .. } => {
                write!(f, "the component asked for what it may not: {denial}")
            }
            Self::Transport(error) => write!(f, "{error}"),
            Self::Timeout(error) => write!(f, "{error}"),
            Self::Cancelled { .. } => f.write_str("cancelled"),
            Self::Api { error, .. } => f.write_str(&api_error(error)),
            Self::UnexpectedResponse { response, .. } => {
                f.write_str(&unexpected_response(response))
            }
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

fn api_error(error: &ApiError) -> String {
    let ApiError { status, title, detail, errors, .. } = error;
    let further =
        errors.iter().skip(1).map(|entry| [&entry.title, &entry.detail].map(Option::as_deref));
    words::api_error(*status, [title, detail].map(Option::as_deref), further)
}

fn unexpected_response(response: &UnexpectedResponse) -> String {
    let UnexpectedResponse { status, reason, detail, location, .. } = response;
    let reason = unexpected_reason!(UnexpectedReason, reason);
    words::unexpected_response(*status, reason, detail, location.as_deref())
}

impl fmt::Display for ContentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open(path, error) => {
                f.write_str(&words::cant_open(&path.display().to_string(), &error.to_string()))
            }
            Self::NotAFile(path) => f.write_str(&words::not_a_file(&path.display().to_string())),
            Self::Empty => f.write_str(words::EMPTY),
            Self::TooLarge { limit } => f.write_str(&words::too_large(*limit)),
            Self::NotAPackage(what) => f.write_str(&words::no_package(&what.to_string())),
            Self::Changed => f.write_str(words::CHANGED),
            Self::Read(error) => f.write_str(&words::unreadable(&error.to_string())),
            Self::TooShort { expected, found } => f.write_str(&words::too_short(*expected, *found)),
            Self::TooLong { expected } => f.write_str(&words::too_long(*expected)),
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
        f.write_str(&lost(&self.code).words(&self.reason))
    }
}

/// Why it was lost, as far as that is told apart.
pub(super) fn lost(code: &ErrorCode) -> Lost {
    fastly_package_words::lost!(ErrorCode, code)
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
        let stored =
            (metadata.and_then(|metadata| metadata.size), Digest::hashsum_of(&self.stored));
        f.write_str(&words::mismatch((self.sent.size, &self.sent.hashsum()), stored))
    }
}

impl fmt::Display for ComponentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the component was stopped: {}", self.message)
    }
}
