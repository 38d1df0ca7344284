//! What the plugin returns, as the command's words take it.

use crate::bindings::fastly_package::api::package_api::{
    self, ContentError, Error, UnexpectedReason,
};
use crate::bindings::wasi::http::types::ErrorCode;
use fastly_package_words::error::{self, Lost};
use fastly_package_words::records::{
    ApiError, Case, Content, Error as Failed, Metadata, Package, RateLimit, Reply, Stored,
};
use fastly_package_words::token::redact;

pub(crate) fn reply(reply: package_api::Reply) -> Reply {
    let package_api::Reply { package, rate_limit: limit, body } = reply;
    let metadata = package.metadata.map(|metadata| Metadata {
        name: metadata.name,
        description: metadata.description,
        authors: metadata.authors,
        language: metadata.language,
        size: metadata.size,
        hashsum: metadata.hashsum,
        files_hash: metadata.files_hash,
        cloned_from: metadata.cloned_from,
        wasm_metadata: metadata.wasm_metadata,
    });
    let package = Package {
        id: package.id,
        service_id: package.service_id,
        version: package.version,
        created_at: package.created_at,
        updated_at: package.updated_at,
        deleted_at: package.deleted_at,
        metadata,
    };
    Reply { package, rate_limit: limit.map(rate_limit), body }
}

fn rate_limit(limit: package_api::RateLimit) -> RateLimit {
    let package_api::RateLimit { remaining, reset, retry_after } = limit;
    RateLimit { remaining, reset, retry_after }
}

/// A call that failed, of an upload of so many bytes or of something else.
pub(crate) fn failed(error: Error, upload: Option<u64>, token: &str) -> Failed {
    let stored = match upload {
        Some(_) => stored(&error),
        None => Stored::No,
    };
    let passing = is_passing(&error);
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
                    let limit = rate_limit(limit);
                    RateLimit { retry_after: redacted(limit.retry_after), ..limit }
                }),
            };
            (Case::Api(Box::new(api)), reason)
        }
        Error::UnexpectedResponse(response) => {
            let reason = match response.reason {
                UnexpectedReason::Status => error::UnexpectedReason::Status,
                UnexpectedReason::Premature => error::UnexpectedReason::Premature,
                UnexpectedReason::TooLarge => error::UnexpectedReason::TooLarge,
                UnexpectedReason::NotAPackage => error::UnexpectedReason::NotAPackage,
            };
            let status = response.status;
            let location = response.location.as_deref();
            let words = error::unexpected_response(status, reason, &response.detail, location);
            (Case::UnexpectedResponse { status, reason }, words)
        }
    };
    Failed { case, reason: redact(reason, token), stored, passing }
}

/// What became of an upload that failed, as far as the error tells.
fn stored(error: &Error) -> Stored {
    match error {
        Error::InvalidArgument(_) | Error::Content(_) => Stored::No,
        // A server that waited too long for a request may have it after all.
        Error::Api(error) if error.status == 408 || error.status >= 500 => Stored::Unknown,
        Error::Api(_) => Stored::No,
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
        ErrorCode::DnsTimeout
        | ErrorCode::ConnectionTimeout
        | ErrorCode::ConnectionReadTimeout
        | ErrorCode::ConnectionWriteTimeout
        | ErrorCode::HttpResponseTimeout => Case::Timeout { total: false },
        _ => Case::Transport { untrusted: lost == Lost::Untrusted },
    };
    (case, lost.words(&name(code)))
}

/// Whether the same call may go well in a moment. One that waited in vain for its answer has had its time.
fn is_passing(error: &Error) -> bool {
    match error {
        Error::Transport(
            ErrorCode::ConnectionReadTimeout
            | ErrorCode::ConnectionWriteTimeout
            | ErrorCode::HttpResponseTimeout,
        ) => false,
        Error::Transport(code) => !lost(code).is_lasting(),
        _ => false,
    }
}

fn lost(code: &ErrorCode) -> Lost {
    match code {
        ErrorCode::DnsTimeout | ErrorCode::DnsError(_) => Lost::Name,
        ErrorCode::DestinationNotFound
        | ErrorCode::DestinationUnavailable
        | ErrorCode::DestinationIpProhibited
        | ErrorCode::DestinationIpUnroutable
        | ErrorCode::ConnectionRefused
        | ErrorCode::ConnectionTimeout
        | ErrorCode::ConnectionLimitReached => Lost::Unreached,
        ErrorCode::ConfigurationError => Lost::Configuration,
        ErrorCode::TlsProtocolError => Lost::Tls,
        ErrorCode::TlsCertificateError => Lost::Untrusted,
        ErrorCode::TlsAlertReceived(_) => Lost::Alert,
        ErrorCode::HttpRequestDenied | ErrorCode::HttpRequestUriInvalid => Lost::Refused,
        ErrorCode::HttpResponseIncomplete => Lost::Incomplete,
        ErrorCode::HttpProtocolError
        | ErrorCode::HttpResponseHeaderSectionSize(_)
        | ErrorCode::HttpResponseHeaderSize(_) => Lost::NotHttp,
        _ => Lost::Connection,
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
