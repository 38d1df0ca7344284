//! What the plugin's errors are, as the command's words take it.

use crate::bindings::fastly_package::api::package_api::{ContentError, Error, UnexpectedReason};
use crate::bindings::wasi::http::types::ErrorCode;
use fastly_package_words::error::{self, Lost};
use fastly_package_words::records::{
    ApiError, Case, Content, Error as Failed, RateLimit, Stored, Waited,
};
use fastly_package_words::token::redact;
use fastly_package_words::{lost, rate_limit, unexpected_reason};

/// A call that failed, of an upload of so many bytes or of something else.
pub(crate) fn failed(error: Error, upload: Option<u64>, token: &str) -> Failed {
    let stored = match upload {
        Some(_) => stored(&error),
        None => Stored::No,
    };
    let (case, reason) = match error {
        Error::InvalidArgument(why) => (Case::InvalidArgument, why),
        Error::Content(error) => content(error, upload.unwrap_or_default()),
        Error::Transport(code) => transport(&code),
        Error::Api(error) => {
            let texts = [&error.title, &error.detail].map(Option::as_deref);
            let further = error
                .errors
                .iter()
                .skip(1)
                .map(|entry| [&entry.title, &entry.detail].map(Option::as_deref));
            let reason = error::api_error(error.status, texts, further);
            let redacted = |text: Option<String>| text.map(|text| redact(text, token));
            let api = ApiError {
                status: error.status,
                title: redacted(error.title),
                detail: redacted(error.detail),
                rate_limit: error.rate_limit.map(|limit| {
                    let limit = rate_limit!(limit);
                    RateLimit { retry_after: redacted(limit.retry_after), ..limit }
                }),
            };
            (Case::Api(Box::new(api)), reason)
        }
        Error::UnexpectedResponse(response) => {
            let reason = unexpected_reason!(UnexpectedReason, response.reason);
            let status = response.status;
            let location = response.location.as_deref();
            let words = error::unexpected_response(status, reason, &response.detail, location);
            (Case::UnexpectedResponse { status, reason }, words)
        }
    };
    Failed { case, reason: redact(reason, token), stored }
}

/// What became of an upload that failed, as far as the error tells.
fn stored(error: &Error) -> Stored {
    match error {
        Error::InvalidArgument(_) | Error::Content(_) => Stored::No,
        // A server that waited too long for a request may have it after all.
        Error::Api(error) if error.status == 408 || error.status >= 500 => Stored::Unknown,
        Error::Api(_) => Stored::No,
        // It says itself that not all was sent.
        Error::UnexpectedResponse(response) if response.reason == UnexpectedReason::Premature => {
            Stored::No
        }
        Error::Transport(code) if lost(code).is_before_sending() => Stored::No,
        Error::Transport(_) | Error::UnexpectedResponse(_) => Stored::Unknown,
    }
}

fn content(error: ContentError, expected: u64) -> (Case, String) {
    match error {
        ContentError::Failed(why) => (Case::Content(Content::Unreadable), error::unreadable(&why)),
        ContentError::TooShort(found) => {
            (Case::Content(Content::Varying), error::too_short(expected, found))
        }
        ContentError::TooLong => (Case::Content(Content::Varying), error::too_long(expected)),
    }
}

fn transport(code: &ErrorCode) -> (Case, String) {
    let lost = lost(code);
    let case = match code {
        ErrorCode::DnsTimeout | ErrorCode::ConnectionTimeout => Case::Timeout(Waited::ToConnect),
        ErrorCode::ConnectionReadTimeout
        | ErrorCode::ConnectionWriteTimeout
        | ErrorCode::HttpResponseTimeout => Case::Timeout(Waited::ForAnswer),
        _ => Case::Transport(lost),
    };
    (case, lost.words(&name(code)))
}

/// Why it was lost, as far as hosts tell: what wasmtime calls a protocol error is a connection that was reset too.
fn lost(code: &ErrorCode) -> Lost {
    match lost!(ErrorCode, code) {
        Lost::NotHttp => Lost::Connection,
        lost => lost,
    }
}

/// The name of a code in words, and what the host says with it.
fn name(code: &ErrorCode) -> String {
    let debug = match code {
        ErrorCode::InternalError(Some(why)) => return why.clone(),
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
