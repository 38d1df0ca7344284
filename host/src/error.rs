//! The error type.

use crate::bindings::exports::fastly_package::api::package_api::{
    ApiError, PackageResponse, UnexpectedReason as WitUnexpectedReason, UnexpectedResponse,
};
use crate::bindings::wasi::http::types::ErrorCode;
use crate::digest::Digest;
use crate::outbound::denial::Denial;
use fastly_package_archive::NotAPackage;
use fastly_package_core::error::{
    self as message, ContentErrorKind, ErrorKind, Stored, TimeoutPhase, TransportErrorKind,
};
use fastly_package_core::retry::FailedCall;
use fastly_package_core::upload::Failure;
use fastly_package_core::{transport_error_kind, unexpected_reason};
use std::path::PathBuf;
use std::time::Duration;
use std::{fmt, io};

/// The result of this crate's operations.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an operation failed.
///
/// [`kind`](Self::kind) says where it failed, and [`stored`](Self::stored) what became of the package of an upload. `Display` is for people and may
/// change. No error contains the token.
///
/// ```no_run
/// # async fn example(plugin: fastly_package::Plugin, target: fastly_package::ServiceVersion) {
/// use fastly_package::ErrorKind;
///
/// let error = plugin.get_package(&target).await.unwrap_err();
/// match (error.kind(), error.api()) {
///     (ErrorKind::Api, Some(response)) => println!("{}: {:?}", response.status, response.title),
///     (ErrorKind::Transport(_) | ErrorKind::Timeout(_), _) => println!("not reached: {error}"),
///     _ => println!("{error}"),
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    cause: Cause,
    stored: Stored,
    /// Whether no byte of the request's body was sent.
    is_body_unsent: bool,
}

#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "`Error` boxes it")]
enum Cause {
    InvalidArgument(String),
    Token(String),
    Content(ContentError),
    Denied(Denial),
    Transport { code: ErrorCode, reason: String },
    Timeout(TimeoutError),
    Cancelled,
    Api(ApiError),
    UnexpectedResponse(UnexpectedResponse),
    Mismatch(Mismatch),
    Component(String),
}

/// Why the content was refused or could not be read. Nothing is stored.
///
/// ```
/// use fastly_package::{Content, ContentError};
///
/// let error = Content::from_bytes("").unwrap_err();
/// assert!(matches!(error.content(), Some(ContentError::Empty)));
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum ContentError {
    /// The file can't be opened.
    Open(PathBuf, io::Error),
    /// It is a directory, a device or something else that is not a regular file.
    NotAFile(PathBuf),
    /// It is empty.
    Empty,
    /// It exceeds the API's size limit.
    TooLarge {
        /// The limit, in bytes.
        limit: u64,
    },
    /// It doesn't begin as a package does.
    NotAPackage(NotAPackage),
    /// Reading it failed.
    Read(io::Error),
    /// It was modified since it was opened, or a second reading differed from the first.
    Changed,
    /// It ended early.
    TooShort {
        /// The announced length, in bytes.
        expected: u64,
        /// The actual length, in bytes.
        found: u64,
    },
    /// It went on after its announced length.
    TooLong {
        /// The announced length, in bytes.
        expected: u64,
    },
}

/// A time limit that elapsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct TimeoutError {
    /// The phase of the call.
    pub phase: TimeoutPhase,
    /// The limit.
    pub limit: Duration,
    /// The progress of the upload. `None` for other operations.
    pub upload: Option<UploadProgress>,
}

/// The progress of an upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UploadProgress {
    /// The number of bytes that were read for sending: at most 3 MiB more than were sent.
    pub read: u64,
    /// The length of the package, in bytes.
    pub size: u64,
}

/// A stored package that is not the one that was sent.
#[derive(Debug)]
#[non_exhaustive]
pub struct Mismatch {
    /// The digest of what was sent.
    pub sent: Digest,
    /// The package as the API describes it.
    pub stored: PackageResponse,
}

impl Error {
    /// Returns where the operation failed.
    pub fn kind(&self) -> ErrorKind {
        match &self.0.cause {
            Cause::InvalidArgument(_) => ErrorKind::InvalidArgument,
            Cause::Token(_) => ErrorKind::Token,
            Cause::Content(error) => ErrorKind::Content(error.kind()),
            Cause::Denied(_) => ErrorKind::Denied,
            Cause::Transport { code, .. } => ErrorKind::Transport(transport_kind(code)),
            Cause::Timeout(timeout) => ErrorKind::Timeout(timeout.phase),
            Cause::Cancelled => ErrorKind::Cancelled,
            Cause::Api(_) => ErrorKind::Api,
            Cause::UnexpectedResponse(response) => ErrorKind::UnexpectedResponse(
                unexpected_reason!(WitUnexpectedReason, response.reason),
            ),
            Cause::Mismatch(_) => ErrorKind::Mismatch,
            Cause::Component(_) => ErrorKind::Component,
        }
    }

    /// Returns what became of the package, after an error of [`Plugin::put_package`](crate::Plugin::put_package). Meaningless for other operations.
    pub fn stored(&self) -> Stored {
        self.0.stored
    }

    /// Returns the HTTP status, if there was a response.
    pub fn status(&self) -> Option<u16> {
        match &self.0.cause {
            Cause::Api(error) => Some(error.status),
            Cause::UnexpectedResponse(response) => Some(response.status),
            _ => None,
        }
    }

    /// Returns the API's error response.
    pub fn api(&self) -> Option<&ApiError> {
        let Cause::Api(error) = &self.0.cause else { return None };
        Some(error)
    }

    /// Returns the response that is not the API's.
    pub fn unexpected_response(&self) -> Option<&UnexpectedResponse> {
        let Cause::UnexpectedResponse(response) = &self.0.cause else { return None };
        Some(response)
    }

    /// Returns why the content was refused or could not be read.
    pub fn content(&self) -> Option<&ContentError> {
        let Cause::Content(error) = &self.0.cause else { return None };
        Some(error)
    }

    /// Returns `wasi:http`'s code for a transport error.
    pub fn error_code(&self) -> Option<&ErrorCode> {
        let Cause::Transport { code, .. } = &self.0.cause else { return None };
        Some(code)
    }

    /// Returns the time limit that elapsed.
    pub fn timeout(&self) -> Option<&TimeoutError> {
        let Cause::Timeout(timeout) = &self.0.cause else { return None };
        Some(timeout)
    }

    /// Returns the request that was denied.
    pub fn denial(&self) -> Option<&Denial> {
        let Cause::Denied(denial) = &self.0.cause else { return None };
        Some(denial)
    }

    /// Returns what was sent and what is stored instead.
    pub fn mismatch(&self) -> Option<&Mismatch> {
        let Cause::Mismatch(mismatch) = &self.0.cause else { return None };
        Some(mismatch)
    }

    /// Returns whether the API responded with 404: there is no such service, version or package.
    pub fn is_not_found(&self) -> bool {
        self.status() == Some(404)
    }

    /// Returns whether the API rejected the upload because the version is locked (422 with a title or detail that says so).
    pub fn is_locked(&self) -> bool {
        self.api().is_some_and(|error| {
            message::is_locked(error.status, error.title.as_deref(), error.detail.as_deref())
        })
    }

    /// Returns whether the hourly limit on writes is exhausted (429).
    pub fn is_rate_limited(&self) -> bool {
        self.status() == Some(429)
    }

    /// Returns whether the same call could succeed a little later: after a lost connection, a timeout, or 408, 500, 502, 503 or 504. After an upload,
    /// [`stored`](Self::stored) tells whether a repetition is safe.
    ///
    /// The [`Plugin`](crate::Plugin) has retried already if its [`Retries`](crate::Retries) allow it. 429 is not included: it lasts until the limit
    /// resets, for up to an hour.
    pub fn is_retryable(&self) -> bool {
        self.call().is_transient()
    }

    fn new(cause: Cause, stored: Stored) -> Self {
        Self(Box::new(Inner { cause, stored, is_body_unsent: false }))
    }

    pub(crate) fn invalid_argument(reason: impl Into<String>) -> Self {
        Self::new(Cause::InvalidArgument(reason.into()), Stored::No)
    }

    pub(crate) fn token(reason: impl Into<String>) -> Self {
        Self::new(Cause::Token(reason.into()), Stored::No)
    }

    pub(crate) fn denied(denial: Denial, stored: Stored) -> Self {
        Self::new(Cause::Denied(denial), stored)
    }

    pub(crate) fn transport(code: ErrorCode, reason: String, stored: Stored) -> Self {
        Self::new(Cause::Transport { code, reason }, stored)
    }

    pub(crate) fn timed_out(timeout: TimeoutError, stored: Stored) -> Self {
        Self::new(Cause::Timeout(timeout), stored)
    }

    pub(crate) fn cancelled(stored: Stored) -> Self {
        Self::new(Cause::Cancelled, stored)
    }

    pub(crate) fn api_response(error: ApiError, stored: Stored) -> Self {
        Self::new(Cause::Api(error), stored)
    }

    pub(crate) fn unexpected(response: UnexpectedResponse, stored: Stored) -> Self {
        Self::new(Cause::UnexpectedResponse(response), stored)
    }

    pub(crate) fn mismatched(sent: Digest, stored: PackageResponse) -> Self {
        Self::new(Cause::Mismatch(Mismatch { sent, stored }), Stored::Other)
    }

    pub(crate) fn component(message: impl Into<String>, stored: Stored) -> Self {
        Self::new(Cause::Component(message.into()), stored)
    }

    /// Notes that no byte of the request's body was sent.
    pub(crate) fn with_body_unsent(mut self, is_body_unsent: bool) -> Self {
        self.0.is_body_unsent = is_body_unsent;
        self
    }

    /// Adds where the token was read.
    pub(crate) fn in_token(mut self, source: &str) -> Self {
        if let Cause::Token(reason) = &mut self.0.cause {
            *reason = format!("{source}: {reason}");
        }
        self
    }
}

impl Failure for Error {
    fn call(&self) -> FailedCall<'_> {
        let rate_limit = self.api().and_then(|error| error.rate_limit.as_ref());
        FailedCall {
            kind: self.kind(),
            status: self.status(),
            retry_after: rate_limit.and_then(|limit| limit.retry_after.as_deref()),
            reset: rate_limit.and_then(|limit| limit.reset),
        }
    }

    fn stored(&self) -> Stored {
        self.0.stored
    }

    fn is_body_unsent(&self) -> bool {
        self.0.is_body_unsent
    }

    fn not_stored(mut self) -> Self {
        self.0.stored = Stored::No;
        self
    }
}

impl From<ContentError> for Error {
    fn from(error: ContentError) -> Self {
        Self::new(Cause::Content(error), Stored::No)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.cause {
            Cause::InvalidArgument(reason) => f.write_str(reason),
            Cause::Token(reason) => f.write_str(&message::unusable_token(reason)),
            Cause::Content(error) => error.fmt(f),
            Cause::Denied(denial) => write!(f, "denied a request of the component: {denial}"),
            Cause::Transport { code, reason } => f.write_str(&transport_kind(code).message(reason)),
            Cause::Timeout(timeout) => timeout.fmt(f),
            Cause::Cancelled => f.write_str("cancelled"),
            Cause::Api(error) => {
                let further = error.errors.iter().skip(1);
                let further = further.map(|e| [e.title.as_deref(), e.detail.as_deref()]);
                let (title, detail) = (error.title.as_deref(), error.detail.as_deref());
                f.write_str(&message::api_error(error.status, title, detail, further))
            }
            Cause::UnexpectedResponse(response) => f.write_str(&message::unexpected_response(
                response.status,
                unexpected_reason!(WitUnexpectedReason, response.reason),
                &response.detail,
                response.location.as_deref(),
            )),
            Cause::Mismatch(Mismatch { sent, stored }) => {
                f.write_str(&message::mismatch(sent, crate::digest::reported_digest(stored)))
            }
            Cause::Component(reason) => write!(f, "the component failed: {reason}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.0.cause {
            Cause::Content(error) => error.source(),
            Cause::Denied(denial) => Some(denial),
            _ => None,
        }
    }
}

fn transport_kind(code: &ErrorCode) -> TransportErrorKind {
    transport_error_kind!(ErrorCode, code)
}

impl ContentError {
    fn kind(&self) -> ContentErrorKind {
        match self {
            Self::Open(_, error) if error.kind() == io::ErrorKind::NotFound => {
                ContentErrorKind::NotFound
            }
            Self::Open(..) => ContentErrorKind::CannotOpen,
            Self::NotAFile(_) => ContentErrorKind::NotAFile,
            Self::Empty => ContentErrorKind::Empty,
            Self::TooLarge { .. } => ContentErrorKind::TooLarge,
            Self::NotAPackage(_) => ContentErrorKind::NotAPackage,
            Self::Read(_) => ContentErrorKind::Unreadable,
            Self::Changed | Self::TooShort { .. } | Self::TooLong { .. } => {
                ContentErrorKind::Changed
            }
        }
    }
}

impl fmt::Display for ContentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&match self {
            Self::Open(path, error) => {
                message::cannot_open(&path.display().to_string(), &error.to_string())
            }
            Self::NotAFile(path) => message::not_a_file(&path.display().to_string()),
            Self::Empty => message::EMPTY.into(),
            Self::TooLarge { limit } => message::too_large(*limit),
            Self::NotAPackage(reason) => message::not_a_package(&reason.to_string()),
            Self::Changed => message::CHANGED.into(),
            Self::Read(error) => message::unreadable(&error.to_string()),
            Self::TooShort { expected, found } => message::too_short(*expected, *found),
            Self::TooLong { expected } => message::too_long(*expected),
        })
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

impl fmt::Display for TimeoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { phase, limit, upload } = self;
        match phase {
            TimeoutPhase::Connect => write!(f, "connecting timed out after {limit:?}"),
            TimeoutPhase::Tls => write!(f, "the TLS handshake timed out after {limit:?}"),
            TimeoutPhase::Stall => write!(f, "no data was transferred for {limit:?}"),
            TimeoutPhase::Response => write!(f, "no response within {limit:?}"),
            _ => write!(f, "timed out after {limit:?}"),
        }?;
        match upload {
            Some(UploadProgress { read, size }) => write!(f, ", at {read} of {size} bytes"),
            None => Ok(()),
        }
    }
}
