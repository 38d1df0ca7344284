//! What went wrong, for the person who typed the command: exit code, message, hint.

mod hints;

use fastly_package::{ContentError, Error, Missing, Stored};
use fastly_package_archive::Finding;
use std::path::PathBuf;

/// The exit code where a package was refused here.
pub(crate) const REFUSED: u8 = 6;
const TIMED_OUT: u8 = 5;
/// What a shell adds to a signal's number to make an exit code of it.
const SIGNALLED: u8 = 128;

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
    /// An upload that a signal ended.
    Interrupted { operation: Box<Operation>, signal: u8, stored: Stored },
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
            Self::NoToken | Self::NoField(_) | Self::Local(..) => 1,
            Self::Usage(_) => 2,
            Self::Package(..) => REFUSED,
            Self::Interrupted { signal, .. } => SIGNALLED.saturating_add(*signal),
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
            Self::Interrupted { operation, stored, .. } => {
                let stored = match stored {
                    Stored::No => "nothing is stored",
                    _ => "it had been sent whole",
                };
                format!("{operation}: interrupted; {stored}")
            }
            Self::SomeFailed { failed, of, cut_off, .. } => {
                let more = if *cut_off { "; no more lines came in time" } else { "" };
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
            | Error::UnexpectedResponse { .. } => true,
            Error::Api { error, .. } => error.status == 408 || error.status >= 500,
            _ => false,
        };
        operation.kind == Kind::Put && in_doubt && error.stored() == Stored::No
    }

    /// What was to be done, where that is known.
    pub(crate) fn operation(&self) -> Option<&Operation> {
        match self {
            Self::Operation(operation, _) | Self::Interrupted { operation, .. } => Some(operation),
            _ => None,
        }
    }

    /// What was found out afterwards about why the API said no.
    pub(crate) fn cause(&self) -> Option<&Cause> {
        self.operation()?.cause.as_ref()
    }

    /// Whether anything is stored, if it was an upload that failed.
    pub(crate) fn stored(&self) -> Stored {
        match self {
            Self::NoToken
            | Self::NoField(_)
            | Self::Usage(_)
            | Self::Package(..)
            | Self::SomeFailed { .. } => Stored::No,
            // The result of an upload that was done couldn't be written.
            Self::Local(..) => Stored::Unknown,
            Self::Operation(_, error) => error.stored(),
            Self::Interrupted { stored, .. } => *stored,
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
