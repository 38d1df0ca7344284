//! The plugin's errors.

use super::bindings::fastly_package::api::package_api::{ContentError, Error, UnexpectedReason};
use super::bindings::wasi::http::types::ErrorCode;
use crate::call_error::CallError;
use crate::contract::{RateLimit, Reply};
use fastly_package_core::digest::ReportedDigest;
use fastly_package_core::error::{
    self, ContentErrorKind, ErrorKind, Stored, TimeoutPhase, TransportErrorKind,
};
use fastly_package_core::retry::FailedCall;
use fastly_package_core::token::redact;
use fastly_package_core::upload::{Failure, HasDigest};
use fastly_package_core::{transport_error_kind, unexpected_reason};

impl HasDigest for Reply {
    fn reported_digest(&self) -> ReportedDigest<'_> {
        let metadata = self.package.metadata.as_ref();
        ReportedDigest {
            size: metadata.and_then(|it| it.size),
            hashsum: metadata.and_then(|it| it.hashsum.as_deref()),
        }
    }
}

impl Failure for CallError {
    fn call(&self) -> FailedCall<'_> {
        let limit = self.api.as_ref().and_then(|api| api.rate_limit.as_ref());
        FailedCall {
            kind: self.kind,
            status: self.status,
            retry_after: limit.and_then(|limit| limit.retry_after.as_deref()),
            reset: limit.and_then(|limit| limit.reset),
        }
    }

    fn stored(&self) -> Stored {
        self.stored
    }

    /// Only 417 is asked about, after which nothing is stored whatever was sent.
    fn is_body_unsent(&self) -> bool {
        true
    }

    fn not_stored(self) -> Self {
        Self { stored: Stored::No, ..self }
    }
}

/// Converts an error of the plugin. `upload_size` is the length of the package of an upload, in bytes. The result doesn't contain the token.
pub(super) fn call_error(error: Error, upload_size: Option<u64>, token: &str) -> CallError {
    let stored = upload_size.map_or(Stored::No, |_| stored(&error));
    let converted = match error {
        Error::InvalidArgument(reason) => CallError::new(ErrorKind::InvalidArgument, reason),
        Error::Content(error) => content_error(error, upload_size.unwrap_or_default()),
        Error::Transport(code) => {
            let kind = transport_kind(&code);
            CallError::new(timeout_or(kind, &code), kind.message(&describe(&code)))
        }
        Error::Api(mut error) => {
            let further = error.errors.iter().skip(1);
            let further = further.map(|entry| [entry.title.as_deref(), entry.detail.as_deref()]);
            let (title, detail) = (error.title.as_deref(), error.detail.as_deref());
            let message = error::api_error(error.status, title, detail, further);
            let redacted = |text: Option<String>| text.map(|text| redact(text, token));
            error.title = redacted(error.title);
            error.detail = redacted(error.detail);
            error.rate_limit = error
                .rate_limit
                .map(|limit| RateLimit { retry_after: redacted(limit.retry_after), ..limit });
            CallError {
                status: Some(error.status),
                api: Some(Box::new(error)),
                ..CallError::new(ErrorKind::Api, message)
            }
        }
        Error::UnexpectedResponse(response) => {
            let reason = unexpected_reason!(UnexpectedReason, response.reason);
            let (status, location) = (response.status, response.location.as_deref());
            let message = error::unexpected_response(status, reason, &response.detail, location);
            CallError {
                status: Some(status),
                ..CallError::new(ErrorKind::UnexpectedResponse(reason), message)
            }
        }
    };
    CallError { message: redact(converted.message, token), stored, ..converted }
}

/// Returns what is known of an upload after its error.
fn stored(error: &Error) -> Stored {
    match error {
        Error::InvalidArgument(_) | Error::Content(_) => Stored::No,
        Error::Api(error) => Stored::after_response(Some(error.status)),
        // The response came before the whole package was sent.
        Error::UnexpectedResponse(response) if response.reason == UnexpectedReason::Premature => {
            Stored::No
        }
        Error::Transport(code) if transport_kind(code).is_before_request() => Stored::No,
        Error::Transport(_) | Error::UnexpectedResponse(_) => Stored::Unknown,
    }
}

fn content_error(error: ContentError, size: u64) -> CallError {
    match error {
        ContentError::Failed(reason) => unreadable(reason),
        ContentError::TooShort(found) => {
            CallError::content(ContentErrorKind::Changed, error::too_short(size, found))
        }
        ContentError::TooLong => {
            CallError::content(ContentErrorKind::Changed, error::too_long(size))
        }
    }
}

pub(super) fn unreadable(reason: impl ToString) -> CallError {
    let message = error::unreadable(&reason.to_string());
    CallError::content(ContentErrorKind::Unreadable, message)
}

/// Returns the kind of a transport error, as far as hosts distinguish them: wasmtime reports a reset connection as a protocol error.
fn transport_kind(code: &ErrorCode) -> TransportErrorKind {
    match transport_error_kind!(ErrorCode, code) {
        TransportErrorKind::InvalidResponse => TransportErrorKind::Connection,
        kind => kind,
    }
}

fn timeout_or(kind: TransportErrorKind, code: &ErrorCode) -> ErrorKind {
    match code {
        ErrorCode::DnsTimeout | ErrorCode::ConnectionTimeout => {
            ErrorKind::Timeout(TimeoutPhase::Connect)
        }
        ErrorCode::ConnectionReadTimeout
        | ErrorCode::ConnectionWriteTimeout
        | ErrorCode::HttpResponseTimeout => ErrorKind::Timeout(TimeoutPhase::Response),
        _ => ErrorKind::Transport(kind),
    }
}

/// Describes a code by its name, such as "connection refused", or by the host's own text.
fn describe(code: &ErrorCode) -> String {
    let debug = match code {
        ErrorCode::InternalError(Some(reason)) => return reason.clone(),
        code => format!("{code:?}"),
    };
    let name = debug.split(['(', '{']).next().unwrap_or_default();
    let name = name.rsplit("::").next().unwrap_or_default();
    let mut words = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.push(letter.to_ascii_lowercase());
    }
    words
}
