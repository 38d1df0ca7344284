//! What went wrong, for the person who typed the command: exit code, message, hint.

mod hints;

use fastly_package::{ContentError, Error, Missing, Stored};
use fastly_package_archive::Finding;
use std::path::PathBuf;

/// The exit code where a package was refused here.
pub(crate) const REFUSED: u8 = 6;
const TIMED_OUT: u8 = 5;
/// What a shell adds to a signal's number to make an exit code of it.
const SIGNALLED: i32 = 128;

/// A command that failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// There is no token at all.
    NoToken,
    /// Arguments that don't go together, or one that means nothing.
    Usage(String),
    /// A field that the API doesn't name.
    NoField(String),
    /// A package that can't be read.
    Package(PathBuf, ContentError),
    /// A step on this machine.
    Local(String, std::io::Error),
    /// An operation.
    Operation(Box<Operation>, Error),
    /// The result that can't be written, of an upload that is `stored` or of something else.
    Unwritten { error: std::io::Error, stored: bool },
    /// Whoever read the result has gone, which is no failure.
    Unread,
    /// What came of an upload that a signal ended. `None`: it was done, or isn't known.
    Interrupted { signal: i32, failure: Option<Box<Failure>> },
    /// Some of many operations, with the highest of their exit codes; or no more of them came in time.
    SomeFailed { failed: usize, of: usize, worst: u8, cut_off: bool },
}

/// What was to be done, and with what.
#[derive(Debug, Clone)]
pub(crate) struct Operation {
    pub(crate) kind: Kind,
    pub(crate) service_id: String,
    pub(crate) version: u32,
    pub(crate) token: TokenSource,
    /// What was found out afterwards about why the API said no.
    pub(crate) cause: Option<Cause>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    Get,
    Put,
}

/// Why the API said no, where it doesn't say so itself.
#[derive(Debug, Clone)]
pub(crate) enum Cause {
    /// What is wrong with the package, which may be nothing.
    Package(Vec<Finding>),
    /// What isn't there.
    Missing(Missing),
}

/// Where the token was read.
#[derive(Debug, Clone)]
pub(crate) enum TokenSource {
    Environment,
    File(PathBuf),
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
    pub(crate) fn exit_code(&self) -> u8 {
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
            Self::Operation(_, error) => match error {
                Error::InvalidArgument(_) | Error::Token(_) => 2,
                Error::Api { .. } => 3,
                Error::Transport(_) => 4,
                Error::Timeout(_) => TIMED_OUT,
                Error::Content(_) => REFUSED,
                Error::Mismatch(_) => 7,
                _ => 1,
            },
        }
    }

    /// What failed, and why.
    pub(crate) fn message(&self) -> String {
        match self {
            Self::NoToken => "no API token: FASTLY_API_TOKEN is not set".into(),
            Self::Usage(why) => why.clone(),
            Self::NoField(name) => format!("the API names no {name} of this package"),
            Self::Package(path, error) => format!("can't check {}: {error}", path.display()),
            Self::Local(what, error) => format!("{what}: {error}"),
            Self::Operation(operation, error) => {
                let nothing =
                    if self.says_nothing_is_stored() { "; nothing is stored" } else { "" };
                format!("{operation}: {error}{nothing}")
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
        let in_doubt = match error {
            Error::Transport(_)
            | Error::Timeout(_)
            | Error::Component(_)
            | Error::Cancelled { .. }
            | Error::UnexpectedResponse { .. } => true,
            Error::Api { error, .. } => error.status == 408 || error.status >= 500,
            _ => false,
        };
        operation.kind == Kind::Put && in_doubt && error.stored() == Stored::No
    }

    /// What was to be done, where that is known.
    pub(crate) fn operation(&self) -> Option<&Operation> {
        match self {
            Self::Operation(operation, _) => Some(operation),
            Self::Interrupted { failure: Some(failure), .. } => failure.operation(),
            _ => None,
        }
    }

    /// What the operation came to.
    pub(crate) fn error(&self) -> Option<&Error> {
        match self {
            Self::Operation(_, error) => Some(error),
            Self::Interrupted { failure: Some(failure), .. } => failure.error(),
            _ => None,
        }
    }

    /// What was found out afterwards about why the API said no.
    pub(crate) fn cause(&self) -> Option<&Cause> {
        self.operation()?.cause.as_ref()
    }

    /// The same, now that something was found out about why the API said no.
    pub(crate) fn because(mut self, cause: Option<Cause>) -> Self {
        if let Self::Operation(operation, _) = &mut self
            && cause.is_some()
        {
            operation.cause = cause;
        }
        self
    }

    /// What it is that the result can't be written.
    pub(crate) fn unwritten(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::BrokenPipe => Self::Unread,
            _ => Self::Unwritten { error, stored: false },
        }
    }

    /// The same, where the upload that it is about was done.
    pub(crate) fn after_upload(self) -> Self {
        match self {
            Self::Unwritten { error, .. } => Self::Unwritten { error, stored: true },
            other => other,
        }
    }

    pub(crate) fn interrupted(signal: i32, failure: Option<Failure>) -> Self {
        // A result that nobody reads is none to speak of.
        let failure = failure.filter(|failure| !matches!(failure, Self::Unread));
        Self::Interrupted { signal, failure: failure.map(Box::new) }
    }

    /// The signal that ended it.
    pub(crate) fn signal(&self) -> Option<i32> {
        match self {
            Self::Interrupted { signal, .. } => Some(*signal),
            _ => None,
        }
    }

    /// Whether there is something to say of it.
    pub(crate) fn is_said(&self) -> bool {
        !matches!(self, Self::Unread | Self::Interrupted { failure: None, .. })
    }

    /// Whether anything is stored, if it was an upload that failed.
    pub(crate) fn stored(&self) -> Stored {
        match self {
            Self::Operation(_, error) => error.stored(),
            Self::Interrupted { failure: Some(failure), .. } => failure.stored(),
            Self::Interrupted { failure: None, .. } | Self::Unwritten { stored: true, .. } => {
                Stored::Unknown
            }
            _ => Stored::No,
        }
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
