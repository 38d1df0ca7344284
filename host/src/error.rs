//! What can fail, by where it failed.

mod display;

use crate::bindings::exports::fastly_package::api::package_api::{
    ApiError, PackageResponse, UnexpectedResponse,
};
use crate::bindings::wasi::http::types::ErrorCode;
use crate::digest::Digest;
use crate::edge::egress::Denial;
use fastly_package_archive::NotAPackage;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// The result of this crate's operations.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an operation failed, by where it failed. No variant holds the token.
///
/// `Display` is for people and may change; a program looks at the variant, and asks the methods below.
///
/// ```
/// use fastly_package::Error;
/// # use fastly_package::{Plugin, Retries, ServiceVersion, Token};
/// # use fastly_package_emulator::{Answer, Emulator, Fault};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let emulator = Emulator::start(Default::default()).await?;
/// # let builder = Plugin::builder().token(Token::new("secret")?).api(emulator.url().parse()?);
/// # let plugin = builder.retries(Retries::none()).build()?;
/// # let target = ServiceVersion::new("SU1Z0isxPaozGVKXdv0eY", 3)?;
/// # emulator.fault(Fault::answer(Answer::unauthorized()));
/// let error = plugin.get_package(&target).await.unwrap_err();
/// match &error {
///     Error::Api { error, .. } => println!("{}: {:?}", error.status, error.title),
///     Error::Transport(_) | Error::Timeout(_) => println!("not reached: {error}"),
///     other => println!("{other}"),
/// }
/// # assert_eq!(error.status(), Some(401));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// An argument is wrong: an empty service ID, a version out of range, a URL that is none. Nothing was sent.
    InvalidArgument(String),
    /// There is no token, or what there is isn't one. Nothing was sent.
    Token(String),
    /// The package is none, couldn't be read, or wasn't what it was said to be. What was sent of it was aborted; nothing is stored.
    Content(ContentError),
    /// The component asked for a request that a call doesn't allow. Nothing was connected to for it.
    Denied {
        /// What it asked for.
        denial: Denial,
        /// What became of the upload, which an allowed request before it may have made.
        stored: Stored,
    },
    /// The API was not reached, or the connection was lost.
    Transport(TransportError),
    /// Something took too long.
    Timeout(TimeoutError),
    /// [`Plugin::cancel`](crate::Plugin::cancel) ended it.
    Cancelled {
        /// What became of the upload.
        stored: Stored,
    },
    /// The API said no: a status from 400 to 599.
    Api {
        /// Its words.
        error: Box<ApiError>,
        /// What became of the upload.
        stored: Stored,
    },
    /// An answer came that can't be taken for the API's: a redirect, or a success without a whole package in it.
    UnexpectedResponse {
        /// What came.
        response: Box<UnexpectedResponse>,
        /// What became of the upload.
        stored: Stored,
    },
    /// The API says that it stored something else than was sent.
    Mismatch(Box<Mismatch>),
    /// The component trapped, went over a limit of its sandbox, or said what the host knows to be false.
    Component(ComponentError),
}

/// What is wrong with the content. Nothing of it is stored.
///
/// ```
/// use fastly_package::{Content, ContentError, Error};
///
/// let empty = Content::from_bytes("");
/// assert!(matches!(empty, Err(Error::Content(ContentError::Empty))));
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum ContentError {
    /// It can't be opened.
    Open(PathBuf, io::Error),
    /// It is a folder, a device or something else that isn't a file.
    NotAFile(PathBuf),
    /// It is empty.
    Empty,
    /// It is larger than the API takes.
    TooLarge {
        /// The limit, in bytes.
        limit: u64,
    },
    /// It doesn't begin as a package does.
    NotAPackage(NotAPackage),
    /// Reading it failed.
    Read(io::Error),
    /// It was written to since it was opened, or wasn't the same when it was read again.
    Changed,
    /// It ended early.
    TooShort {
        /// How long it was said to be, in bytes.
        expected: u64,
        /// How long it was, in bytes.
        found: u64,
    },
    /// It went on after its end.
    TooLong {
        /// How long it was said to be, in bytes.
        expected: u64,
    },
}

/// How the way to the API or back failed.
///
/// ```
/// use fastly_package::Error;
/// # use fastly_package::{Plugin, Retries, ServiceVersion, Token};
/// # use fastly_package_emulator::{Emulator, Fault};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let emulator = Emulator::start(Default::default()).await?;
/// # let builder = Plugin::builder().token(Token::new("secret")?).api(emulator.url().parse()?);
/// # let plugin = builder.retries(Retries::none()).build()?;
/// # let target = ServiceVersion::new("SU1Z0isxPaozGVKXdv0eY", 3)?;
/// # emulator.fault(Fault::reset());
/// let result = plugin.get_package(&target).await;
/// let Err(Error::Transport(error)) = result else { panic!("{result:?}") };
/// println!("{error}: {:?}", error.code);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct TransportError {
    /// wasi:http's word for it.
    pub code: ErrorCode,
    /// What is known of the reason, for people to read. Often empty.
    pub reason: String,
    /// What became of the upload.
    pub stored: Stored,
}

/// What took too long.
///
/// ```
/// use fastly_package::{Error, TimeoutKind, Timeouts};
/// use std::time::Duration;
/// # use fastly_package::{Plugin, ServiceVersion, Token};
/// # use fastly_package_emulator::{Emulator, Fault};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let emulator = Emulator::start(Default::default()).await?;
/// # let builder = Plugin::builder().token(Token::new("secret")?).api(emulator.url().parse()?);
/// # let target = ServiceVersion::new("SU1Z0isxPaozGVKXdv0eY", 3)?;
/// # emulator.fault(Fault::never_answer());
/// let total = Some(Duration::from_millis(100));
/// let plugin = builder.timeouts(Timeouts { total, ..Timeouts::default() }).build()?;
/// let result = plugin.get_package(&target).await;
/// let Err(Error::Timeout(error)) = result else { panic!("{result:?}") };
/// assert_eq!((error.kind, Some(error.limit)), (TimeoutKind::Total, total));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy)]
pub struct TimeoutError {
    /// Which limit was passed.
    pub kind: TimeoutKind,
    /// The limit.
    pub limit: Duration,
    /// How far the upload was. `None`: there was none.
    pub upload: Option<Upload>,
    /// What became of the upload.
    pub stored: Stored,
}

/// How far an upload was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Upload {
    /// How much of the package had been read for sending, in bytes: at most 3 MiB more than was on the wire.
    pub read: u64,
    /// The package's length, in bytes.
    pub size: u64,
}

/// Which of the [`Timeouts`](crate::Timeouts) was passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TimeoutKind {
    /// Connecting, name resolution included.
    Connect,
    /// The TLS handshake.
    Tls,
    /// No byte moved, in either direction.
    Stall,
    /// The answer, after the whole request had been sent.
    Answer,
    /// The whole call.
    Total,
}

/// Why the component was stopped, or stopped by itself. `Display` says it.
///
/// ```
/// use fastly_package::{Error, Limits};
/// # use fastly_package::{Plugin, ServiceVersion, Token};
/// # use fastly_package_emulator::Emulator;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let emulator = Emulator::start(Default::default()).await?;
/// # let builder = Plugin::builder().token(Token::new("secret")?).api(emulator.url().parse()?);
/// # let plugin = builder.limits(Limits { memory: 1000, ..Limits::default() }).build()?;
/// # let target = ServiceVersion::new("SU1Z0isxPaozGVKXdv0eY", 3)?;
/// // A sandbox in which nothing could run.
/// let result = plugin.get_package(&target).await;
/// let Err(Error::Component(error)) = result else { panic!("{result:?}") };
/// assert!(error.to_string().contains("memory"));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct ComponentError {
    message: String,
    stored: Stored,
}

impl ComponentError {
    pub(crate) fn new(message: String, stored: Stored) -> Self {
        Self { message, stored }
    }
}

/// What was sent, and what the API says it stored.
///
/// ```
/// use fastly_package::Error;
/// # use fastly_package::{Content, Plugin, PutOptions, Retries, ServiceVersion, Token};
/// # use fastly_package_emulator::{Answer, Emulator, Fault, sample};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let emulator = Emulator::start(Default::default()).await?;
/// # let builder = Plugin::builder().token(Token::new("secret")?).api(emulator.url().parse()?);
/// # let plugin = builder.retries(Retries::none()).build()?;
/// # let target = ServiceVersion::new("SU1Z0isxPaozGVKXdv0eY", 3)?;
/// # let package = Content::from_bytes(sample::package(Default::default()))?;
/// # let other = serde_json::json!({ "hashsum": "0".repeat(128) });
/// # emulator.fault(Fault::answer(Answer::described(other)));
/// let result = plugin.put_package(&target, package, PutOptions::default()).await;
/// let Err(Error::Mismatch(mismatch)) = result else { panic!("{result:?}") };
/// println!("sent {}, stored {:?}", mismatch.sent.hashsum(), mismatch.stored.metadata);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Mismatch {
    /// Length and SHA-512 of what was read and sent.
    pub sent: Digest,
    /// The package as the API describes it.
    pub stored: PackageResponse,
}

/// What became of an upload that failed: what [`Error::stored`] says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stored {
    /// It isn't stored: it was never whole, it was refused, or a GET showed that the version hasn't got it.
    No,
    /// It may be: ask with [`Plugin::get_package`](crate::Plugin::get_package).
    Unknown,
    /// The API stored something else in its place.
    Other,
}

impl Error {
    /// Whether the API said that there is no such service, version or package (404).
    pub fn is_not_found(&self) -> bool {
        self.status() == Some(404)
    }

    /// Whether the API said that the version is locked (422, with a title that says so).
    pub fn is_locked(&self) -> bool {
        let Self::Api { error, .. } = self else { return false };
        let texts = [&error.title, &error.detail].map(Option::as_deref);
        fastly_package_words::error::is_locked(error.status, texts)
    }

    /// Whether the API said that the hour's writes are used up (429).
    pub fn is_rate_limited(&self) -> bool {
        self.status() == Some(429)
    }

    /// Whether the same call could succeed a little later: a lost connection, a timeout, or 408, 500, 502, 503, 504. After an upload, ask
    /// [`stored`](Self::stored) first.
    ///
    /// Where its [`Retries`](crate::Retries) say so, the [`Plugin`](crate::Plugin) has tried again already. 429 isn't among these: it lasts until
    /// the limit resets, up to an hour.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Transport(error) => !display::lost(&error.code).is_lasting(),
            Self::Timeout(_) => true,
            Self::Api { error, .. } => fastly_package_words::retries::is_passing(error.status),
            _ => false,
        }
    }

    /// The HTTP status, where an answer came.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Api { error, .. } => Some(error.status),
            Self::UnexpectedResponse { response, .. } => Some(response.status),
            _ => None,
        }
    }

    /// What became of the upload, after this error of [`Plugin::put_package`](crate::Plugin::put_package). After a GET it says nothing.
    ///
    /// ```
    /// use fastly_package::Stored;
    /// # use fastly_package::{Content, Plugin, PutOptions, Retries, ServiceVersion, Token};
    /// # use fastly_package_emulator::{Emulator, Fault, sample};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let emulator = Emulator::start(Default::default()).await?;
    /// # let builder = Plugin::builder().token(Token::new("secret")?).api(emulator.url().parse()?);
    /// # let plugin = builder.retries(Retries::none()).build()?;
    /// # let target = ServiceVersion::new("SU1Z0isxPaozGVKXdv0eY", 3)?;
    /// # let package = Content::from_bytes(sample::package(Default::default()))?;
    /// # emulator.fault(Fault::lost_answer());
    /// let error = plugin.put_package(&target, package, PutOptions::default()).await.unwrap_err();
    /// match error.stored() {
    ///     Stored::No => println!("nothing has changed: {error}"),
    ///     Stored::Other => println!("another package is there now: {error}"),
    ///     _ => println!("look, before it is uploaded again: {error}"),
    /// }
    /// # assert_eq!(error.stored(), Stored::Unknown);
    /// # Ok(())
    /// # }
    /// ```
    pub fn stored(&self) -> Stored {
        match self {
            Self::InvalidArgument(_) | Self::Token(_) | Self::Content(_) => Stored::No,
            Self::Transport(TransportError { stored, .. })
            | Self::Timeout(TimeoutError { stored, .. })
            | Self::Component(ComponentError { stored, .. })
            | Self::Denied { stored, .. }
            | Self::Cancelled { stored }
            | Self::Api { stored, .. }
            | Self::UnexpectedResponse { stored, .. } => *stored,
            Self::Mismatch(_) => Stored::Other,
        }
    }

    /// The same error, after it was found out that nothing is stored.
    pub(crate) fn not_stored(mut self) -> Self {
        match &mut self {
            Self::InvalidArgument(_) | Self::Token(_) | Self::Content(_) | Self::Mismatch(_) => {}
            Self::Transport(TransportError { stored, .. })
            | Self::Timeout(TimeoutError { stored, .. })
            | Self::Component(ComponentError { stored, .. })
            | Self::Denied { stored, .. }
            | Self::Cancelled { stored }
            | Self::Api { stored, .. }
            | Self::UnexpectedResponse { stored, .. } => *stored = Stored::No,
        }
        self
    }

    /// Says where a token came from.
    pub(crate) fn in_token(self, source: &str) -> Self {
        match self {
            Self::Token(why) => Self::Token(format!("{source}: {why}")),
            other => other,
        }
    }
}

impl From<ContentError> for Error {
    fn from(error: ContentError) -> Self {
        Self::Content(error)
    }
}

impl ApiError {
    /// Every text that came from outside.
    pub(crate) fn texts_mut(&mut self) -> impl Iterator<Item = &mut String> {
        let entries = self.errors.iter_mut().flat_map(|entry| {
            [&mut entry.id, &mut entry.code, &mut entry.status, &mut entry.title]
                .into_iter()
                .chain([&mut entry.detail, &mut entry.meta])
                .flatten()
        });
        let retry_after = self.rate_limit.as_mut().map(|limit| &mut limit.retry_after);
        [&mut self.title, &mut self.detail, &mut self.media_type]
            .into_iter()
            .chain(retry_after)
            .flatten()
            .chain([&mut self.excerpt])
            .chain(entries)
    }
}

impl UnexpectedResponse {
    /// Every text that came from outside.
    pub(crate) fn texts_mut(&mut self) -> impl Iterator<Item = &mut String> {
        [&mut self.location, &mut self.media_type]
            .into_iter()
            .flatten()
            .chain([&mut self.detail, &mut self.excerpt])
    }
}
