//! What went wrong, for the person who typed the command: exit code, message, hint.

mod hints;

use crate::records::{Case, Content, Error, Finding, Missing, Stored};
use std::path::PathBuf;

/// The exit code where a package was refused here.
pub const REFUSED: u8 = 6;
const TIMED_OUT: u8 = 5;
/// What a shell adds to a signal's number to make an exit code of it.
const SIGNALLED: i32 = 128;

/// A command that failed.
#[derive(Debug)]
pub enum Failure {
    /// There is no token at all.
    NoToken,
    /// Arguments that don't go together, or one that means nothing.
    Usage(String),
    /// A field that the API doesn't name.
    NoField(String),
    /// A package that can't be checked: its name, what is wrong with it, and why.
    Package(String, Content, String),
    /// A step on this machine.
    Local(String, std::io::Error),
    /// An operation.
    Operation(Box<Operation>, Error),
    /// The result that can't be written.
    Unwritten {
        /// Why.
        error: std::io::Error,
        /// It is that of an upload, which is stored.
        stored: bool,
    },
    /// Whoever read the result has gone, which is no failure.
    Unread,
    /// What came of an upload that a signal ended.
    Interrupted {
        /// The signal's number.
        signal: i32,
        /// `None`: it was done, or isn't known.
        failure: Option<Box<Failure>>,
    },
    /// Some of many operations.
    SomeFailed {
        /// How many.
        failed: usize,
        /// Of how many.
        of: usize,
        /// The highest of their exit codes.
        worst: u8,
        /// No more of them came in time.
        cut_off: bool,
    },
}

/// What was to be done, and with what.
#[derive(Debug, Clone)]
pub struct Operation {
    /// Which one.
    pub kind: Kind,
    /// Whose package.
    pub service_id: String,
    /// Of which version.
    pub version: u32,
    /// With which token.
    pub token: TokenSource,
    /// What was found out afterwards about why the API said no.
    pub cause: Option<Cause>,
}

/// An operation of the API.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// `get`.
    Get,
    /// `put`.
    Put,
}

/// Why the API said no, where it doesn't say so itself.
#[derive(Debug, Clone)]
pub enum Cause {
    /// What is wrong with the package, which may be nothing.
    Package(Vec<Finding>),
    /// What isn't there.
    Missing(Missing),
}

/// Where the token was read.
#[derive(Debug, Clone)]
pub enum TokenSource {
    /// In `FASTLY_API_TOKEN`.
    Environment,
    /// In a file.
    File(PathBuf),
    /// On standard input.
    Stdin,
    /// Made up, for the emulator.
    Demo,
}

impl std::fmt::Display for TokenSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Environment => f.write_str("FASTLY_API_TOKEN"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Stdin => f.write_str("stdin"),
            Self::Demo => f.write_str("the demo"),
        }
    }
}

impl Failure {
    /// The exit code, as `--help` lists them.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::NoToken | Self::NoField(_) | Self::Local(..) | Self::Unwritten { .. } => 1,
            Self::Unread => 0,
            Self::Usage(_) => 2,
            Self::Package(..) => REFUSED,
            Self::Interrupted { signal, .. } => {
                u8::try_from(SIGNALLED.saturating_add(*signal)).unwrap_or(u8::MAX)
            }
            Self::SomeFailed { worst, cut_off: false, .. } => *worst,
            Self::SomeFailed { worst, cut_off: true, .. } => TIMED_OUT.max(*worst),
            Self::Operation(_, error) => match error.case {
                Case::InvalidArgument | Case::Token => 2,
                Case::Api(_) => 3,
                Case::Transport(_) => 4,
                Case::Timeout(_) => TIMED_OUT,
                Case::Content(_) => REFUSED,
                Case::Mismatch => 7,
                Case::UnexpectedResponse { .. } | Case::Component | Case::Cancelled => 1,
            },
        }
    }

    /// What failed, and why.
    pub fn message(&self) -> String {
        match self {
            Self::NoToken => "no API token: FASTLY_API_TOKEN is not set".into(),
            Self::Usage(why) => why.clone(),
            Self::NoField(name) => format!("the API names no {name} of this package"),
            Self::Package(name, _, why) => format!("can't check {name}: {why}"),
            Self::Local(what, error) => format!("{what}: {error}"),
            Self::Operation(operation, error) => {
                let nothing =
                    if self.says_nothing_is_stored() { "; nothing is stored" } else { "" };
                format!("{operation}: {}{nothing}", error.reason)
            }
            Self::Unwritten { error, stored: false } => format!("can't write the result: {error}"),
            Self::Unwritten { error, stored: true } => {
                format!("the package is stored, but the result can't be written: {error}")
            }
            Self::Unread => "nobody reads the result".into(),
            Self::Interrupted { failure: Some(failure), .. } => failure.message(),
            Self::Interrupted { failure: None, .. } => "interrupted".into(),
            Self::SomeFailed { failed, of, cut_off, .. } => {
                let more =
                    if *cut_off { "; the lines that followed were not read in time" } else { "" };
                format!("{failed} of {of} failed{more}")
            }
        }
    }

    /// Whether it is worth saying that an upload left nothing behind: after a refusal or on bad arguments it goes without saying.
    fn says_nothing_is_stored(&self) -> bool {
        let Self::Operation(operation, error) = self else { return false };
        let in_doubt = match &error.case {
            Case::Transport(_)
            | Case::Timeout(_)
            | Case::Component
            | Case::Cancelled
            | Case::UnexpectedResponse { .. } => true,
            Case::Api(error) => error.status == 408 || error.status >= 500,
            _ => false,
        };
        operation.kind == Kind::Put && in_doubt && error.stored == Stored::No
    }

    /// What was to be done, where that is known.
    pub fn operation(&self) -> Option<&Operation> {
        match self {
            Self::Operation(operation, _) => Some(operation),
            Self::Interrupted { failure: Some(failure), .. } => failure.operation(),
            _ => None,
        }
    }

    /// What the operation came to.
    pub fn error(&self) -> Option<&Error> {
        match self {
            Self::Operation(_, error) => Some(error),
            Self::Interrupted { failure: Some(failure), .. } => failure.error(),
            _ => None,
        }
    }

    /// What was found out afterwards about why the API said no.
    pub fn cause(&self) -> Option<&Cause> {
        self.operation()?.cause.as_ref()
    }

    /// The same, now that something was found out about why the API said no.
    pub fn because(mut self, cause: Option<Cause>) -> Self {
        if let Self::Operation(operation, _) = &mut self
            && cause.is_some()
        {
            operation.cause = cause;
        }
        self
    }

    /// What it is that the result can't be written.
    pub fn unwritten(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::BrokenPipe => Self::Unread,
            _ => Self::Unwritten { error, stored: false },
        }
    }

    /// The same, where the upload that it is about was done.
    pub fn after_upload(self) -> Self {
        match self {
            Self::Unwritten { error, .. } => Self::Unwritten { error, stored: true },
            other => other,
        }
    }

    /// What it is that a signal ended an upload.
    pub fn interrupted(signal: i32, failure: Option<Failure>) -> Self {
        // A result that nobody reads is none to speak of.
        let failure = failure.filter(|failure| !matches!(failure, Self::Unread));
        Self::Interrupted { signal, failure: failure.map(Box::new) }
    }

    /// The signal that ended it.
    pub fn signal(&self) -> Option<i32> {
        match self {
            Self::Interrupted { signal, .. } => Some(*signal),
            _ => None,
        }
    }

    /// Whether there is something to say of it.
    pub fn is_said(&self) -> bool {
        !matches!(self, Self::Unread | Self::Interrupted { failure: None, .. })
    }

    /// Whether anything is stored, if it was an upload that failed.
    pub fn stored(&self) -> Stored {
        match self {
            Self::Operation(_, error) => error.stored,
            Self::Interrupted { failure: Some(failure), .. } => failure.stored(),
            Self::Interrupted { failure: None, .. } | Self::Unwritten { stored: true, .. } => {
                Stored::Unknown
            }
            _ => Stored::No,
        }
    }
}

impl Operation {
    /// One of which nothing has been found out yet.
    pub fn new(kind: Kind, service_id: &str, version: u32, token: &TokenSource) -> Self {
        Self { kind, service_id: service_id.to_owned(), version, token: token.clone(), cause: None }
    }
}

impl std::fmt::Display for Operation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { kind, service_id, version, .. } = self;
        let what = match kind {
            Kind::Get => "can't get the package of",
            Kind::Put => "can't upload to",
        };
        write!(f, "{what} service {service_id} version {version}")
    }
}
