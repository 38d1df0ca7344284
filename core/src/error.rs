//! Why a call failed: the kinds of failure, and the sentences about them that the library and the command component share.

use crate::digest::{Digest, ReportedDigest};

/// Where a call failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// An argument is invalid. Nothing was sent.
    InvalidArgument,
    /// The token is missing or invalid. Nothing was sent.
    Token,
    /// The package was refused on this side, or changed while it was read. Nothing is stored.
    Content(ContentErrorKind),
    /// The component tried to send a request that the call doesn't allow. It was not sent.
    Denied,
    /// The API was not reached, or the connection was lost.
    Transport(TransportErrorKind),
    /// A time limit elapsed.
    Timeout(TimeoutPhase),
    /// The caller cancelled the call.
    Cancelled,
    /// The API responded with a status from 400 to 599.
    Api,
    /// The response is not one of the API's: a redirect, or a success without a package.
    UnexpectedResponse(UnexpectedReason),
    /// The API stored something else than what was sent.
    Mismatch,
    /// The component trapped, exceeded a limit of the sandbox, or returned what the host knows to be false.
    Component,
}

/// Why a package was refused on this side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ContentErrorKind {
    /// The file does not exist.
    NotFound,
    /// The file is in none of the directories that the component was given.
    Outside,
    /// The file can't be opened.
    CannotOpen,
    /// It is a directory, a device or something else that is not a regular file.
    NotAFile,
    /// It is empty.
    Empty,
    /// Reading it failed.
    Unreadable,
    /// Its length or its content changed, or its length is not the announced one.
    Changed,
    /// It exceeds the API's size limit.
    TooLarge,
    /// It is not a gzip-compressed tar archive.
    NotAPackage,
}

/// Which time limit elapsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TimeoutPhase {
    /// Connecting, name resolution included.
    Connect,
    /// The TLS handshake.
    Tls,
    /// No byte of the request was sent, or, once the response had begun, no byte moved in either direction.
    Stall,
    /// Waiting for the response after the request was sent.
    Response,
    /// The call as a whole.
    Total,
}

/// Whether the package of a failed upload is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stored {
    /// It is not stored: it was not sent whole, it was refused, or a GET showed that the version does not have it.
    No,
    /// It may be stored.
    Unknown,
    /// The API stored something else in its place.
    Other,
}

impl Stored {
    /// Returns what is known of an upload after its response, `None` if there was no response.
    ///
    /// A server that responds with 408 may have the whole request, and a gateway's 5xx doesn't tell what the server behind it did.
    pub fn after_response(status: Option<u16>) -> Self {
        match status {
            Some(400..=407 | 409..=499) => Self::No,
            _ => Self::Unknown,
        }
    }
}

/// Why a response can't be taken for the API's. The same as `unexpected-reason` in the WIT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnexpectedReason {
    /// The status is neither a success nor an error.
    Status,
    /// A success before the whole request was sent.
    Premature,
    /// A success whose body exceeds the limit.
    TooLarge,
    /// A success whose body is not the expected JSON, or describes another service or version.
    InvalidBody,
}

/// Why a request or its response was lost: the classes of `wasi:http`'s `error-code` that matter here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TransportErrorKind {
    /// The host name can't be resolved.
    Dns,
    /// The connection can't be established.
    Connect,
    /// The configuration doesn't allow a connection.
    Configuration,
    /// The server's certificate is not trusted.
    Certificate,
    /// The TLS handshake failed.
    Tls,
    /// The server ended the TLS session with an alert, which can happen at any time.
    TlsAlert,
    /// The host refuses to send the request.
    Denied,
    /// The connection closed before the response was complete.
    IncompleteResponse,
    /// The response is not valid HTTP.
    InvalidResponse,
    /// The connection was lost, at any time.
    Connection,
}

impl TransportErrorKind {
    /// Describes the failure. `reason` adds detail unless it is empty.
    pub fn message(self, reason: &str) -> String {
        let what = match self {
            Self::Dns => "the API's host name can't be resolved",
            Self::Connect
            | Self::Configuration
            | Self::Certificate
            | Self::Tls
            | Self::TlsAlert => "can't connect to the API",
            Self::IncompleteResponse => "connection closed before the response was complete",
            Self::InvalidResponse => "the response is not valid HTTP",
            Self::Denied => "the request was denied",
            Self::Connection => "connection lost",
        };
        match reason {
            "" => what.to_owned(),
            reason => format!("{what}: {reason}"),
        }
    }

    /// Returns whether a retry would fail in the same way.
    pub fn is_permanent(self) -> bool {
        matches!(self, Self::Configuration | Self::Certificate | Self::Tls | Self::Denied)
    }

    /// Returns whether nothing can have been sent. Unknown for TLS failures, which may come in the middle of a request.
    pub fn is_before_request(self) -> bool {
        matches!(
            self,
            Self::Dns | Self::Connect | Self::Configuration | Self::Certificate | Self::Denied
        )
    }
}

/// Describes an error response: its status, its title and detail, and those of the further entries of its `errors`.
pub fn api_error<'a>(
    status: u16,
    title: Option<&'a str>,
    detail: Option<&'a str>,
    further: impl IntoIterator<Item = [Option<&'a str>; 2]>,
) -> String {
    /// The number of further entries that are shown.
    const FURTHER: usize = 5;
    let status = status_line(status);
    let mut message = status.clone();
    for text in [title, detail].into_iter().flatten() {
        // The API's titles often repeat the status.
        if !status.to_ascii_lowercase().ends_with(&text.to_ascii_lowercase()) {
            message.push_str(": ");
            message.push_str(text);
        }
    }
    for text in further.into_iter().take(FURTHER).flatten().flatten() {
        message.push_str("; ");
        message.push_str(text);
    }
    message
}

/// Returns whether an error response means that the version is locked.
pub fn is_locked(status: u16, title: Option<&str>, detail: Option<&str>) -> bool {
    let says_locked = |text: &str| text.to_ascii_lowercase().contains("locked");
    status == 422 && [title, detail].into_iter().flatten().any(says_locked)
}

/// Describes a response that is not the API's. `detail` adds to the reason unless it is empty.
pub fn unexpected_response(
    status: u16,
    reason: UnexpectedReason,
    detail: &str,
    location: Option<&str>,
) -> String {
    let mut message = status_line(status);
    message.push_str(match reason {
        UnexpectedReason::Status => ", which is neither a success nor an error",
        UnexpectedReason::Premature => " before the whole package was sent",
        UnexpectedReason::TooLarge => " with a response over 1 MiB",
        UnexpectedReason::InvalidBody => ", but the response body is invalid",
    });
    if !detail.is_empty() {
        message.push_str(&format!(": {detail}"));
    }
    if let Some(location) = location {
        message.push_str(&format!(": a redirect to {location}, which is not followed"));
    }
    message
}

/// Describes a token that can't be used or read.
pub fn unusable_token(reason: &str) -> String {
    format!("no usable token: {reason}")
}

/// Describes a file that can't be opened.
pub fn cannot_open(name: &str, reason: &str) -> String {
    format!("can't open {name}: {reason}")
}

/// Describes a path that is not a regular file.
pub fn not_a_file(name: &str) -> String {
    format!("{name} is not a file")
}

/// Describes a package without content.
pub const EMPTY: &str = "the package is empty";

/// Describes a package over the limit, in bytes.
pub fn too_large(limit: u64) -> String {
    format!("the package is larger than {limit} bytes")
}

/// Describes a file that is not a package.
pub fn not_a_package(reason: &str) -> String {
    format!("not a valid package: {reason}")
}

/// Describes a package that can't be read to its end.
pub fn unreadable(reason: &str) -> String {
    format!("can't read the package: {reason}")
}

/// Describes a package that was modified while it was read.
pub const CHANGED: &str = "the package changed while it was read";

/// Describes content that ended after `found` of `expected` bytes.
pub fn too_short(expected: u64, found: u64) -> String {
    format!("the package ended after {found} of {expected} bytes")
}

/// Describes content that goes on after `expected` bytes.
pub fn too_long(expected: u64) -> String {
    format!("the package is longer than the expected {expected} bytes")
}

/// Describes an upload that the API confirmed without a hash.
pub const NO_HASH: &str = "the API's response contains no SHA-512";

/// Describes a package that the API stored differently from what was sent.
pub fn mismatch(sent: &Digest, stored: ReportedDigest<'_>) -> String {
    format!(
        "the stored package differs from the one that was sent: sent {} bytes with SHA-512 {}, stored {}",
        sent.size,
        sent.hashsum(),
        describe_stored(stored)
    )
}

/// Describes a package that was modified during its upload, so that only the API knows what it stored.
pub fn modified_during_upload(stored: ReportedDigest<'_>) -> String {
    format!("the package changed during the upload, and the API stored {}", describe_stored(stored))
}

fn describe_stored(stored: ReportedDigest<'_>) -> String {
    let size = stored
        .size
        .map_or_else(|| "an unknown number of bytes".to_owned(), |size| format!("{size} bytes"));
    match stored.sha512() {
        Some(hashsum) => format!("{size} with SHA-512 {hashsum}"),
        None => format!("{size} without a SHA-512"),
    }
}

fn status_line(status: u16) -> String {
    let reason = http::StatusCode::from_u16(status).ok().and_then(|s| s.canonical_reason());
    match reason {
        Some(reason) => format!("the API responded with {status} {reason}"),
        None => format!("the API responded with {status}"),
    }
}

#[cfg(test)]
mod tests;
