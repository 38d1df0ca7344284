//! Errors of the command: exit code, message and hint.

mod hints;

use crate::call_error::CallError;
use crate::contract::ServiceVersion;
use fastly_package_core::error::{ErrorKind, Stored};
use fastly_package_core::target::{Operation, check_service_version};
use serde::Serialize;
use std::{fmt, io};

/// The exit code for a package that is refused on this side.
pub const REFUSED: u8 = 6;
const TIMED_OUT: u8 = 5;
/// A shell adds this to the number of a signal that ended a process.
const SIGNALLED: i32 = 128;

/// Why a command failed.
#[derive(Debug)]
pub enum CommandError {
    /// There is no token.
    NoToken,
    /// An argument is invalid, or two contradict each other.
    Usage(String),
    /// The response doesn't contain this field.
    MissingField(String),
    /// The package of this name can't be checked.
    Check(String, CallError),
    /// A step on this machine failed.
    Io(String, io::Error),
    /// A call failed.
    Call(Box<ErrorContext>, CallError),
    /// The result can't be written.
    Output {
        /// The cause.
        error: io::Error,
        /// Whether it is the result of an upload, which is stored.
        is_stored: bool,
    },
    /// The reader of stdout has closed it. It is not reported.
    BrokenPipe,
    /// A signal ended an upload.
    Interrupted {
        /// The signal's number.
        signal: i32,
        /// The error of the upload, if it failed.
        error: Option<Box<CommandError>>,
    },
    /// Some of many calls failed, or the time limit elapsed before the list was read to its end.
    Targets(Tally),
}

/// A count of the results of several calls.
#[derive(Debug, Default)]
pub struct Tally {
    pub(crate) total: usize,
    pub(crate) failed: usize,
    /// The highest exit code.
    pub(crate) worst: u8,
    /// Whether the time limit elapsed before the list was read to its end.
    pub(crate) is_cut_off: bool,
}

/// The operation that a call is part of, and what its error messages need.
#[derive(Debug, Clone)]
pub struct ErrorContext {
    /// The operation.
    pub operation: Operation,
    /// Its target.
    pub target: ServiceVersion,
    /// Where its token was read, such as `FASTLY_API_TOKEN`.
    pub token_source: String,
    /// The cause of an error response that doesn't contain it.
    pub explanation: Option<Explanation>,
}

/// The cause of an error response that doesn't contain it.
#[derive(Debug, Clone)]
pub enum Explanation {
    /// The errors and warnings of the full check of a package, if there are any.
    Findings(Vec<Finding>),
    /// The part of the target that doesn't exist.
    Missing(Missing),
}

/// The part of a target that doesn't exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Missing {
    /// The service.
    Service,
    /// The version of an existing service.
    Version,
    /// The package of an existing version.
    Package,
}

/// An error or a warning of the full check of a package.
#[derive(Debug, Clone, Serialize)]
pub struct Finding {
    /// `error` or `warning`.
    pub severity: String,
    /// A stable name.
    pub kind: &'static str,
    /// The message, for people to read.
    pub message: String,
    /// The next step, for people to read.
    pub hint: &'static str,
    /// Whether the API rejects an upload because of it.
    #[serde(skip)]
    pub refuses_upload: bool,
}

impl CommandError {
    /// Returns an error about writing to stdout.
    pub fn output(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::BrokenPipe,
            _ => Self::Output { error, is_stored: false },
        }
    }

    /// Returns an error about an upload that a signal ended.
    pub(crate) fn interrupted(signal: i32, error: Option<Self>) -> Self {
        let error = error.filter(Self::is_reportable);
        Self::Interrupted { signal, error: error.map(Box::new) }
    }

    /// Notes that the result belongs to an upload, which is stored.
    pub(crate) fn after_upload(self) -> Self {
        match self {
            Self::Output { error, .. } => Self::Output { error, is_stored: true },
            other => other,
        }
    }

    /// Returns the exit code, as documented in `--help`.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::NoToken | Self::MissingField(_) | Self::Io(..) | Self::Output { .. } => 1,
            Self::BrokenPipe => 0,
            Self::Usage(_) => 2,
            Self::Check(..) => REFUSED,
            Self::Interrupted { signal, .. } => {
                u8::try_from(SIGNALLED.saturating_add(*signal)).unwrap_or(u8::MAX)
            }
            Self::Targets(tally) if tally.is_cut_off => TIMED_OUT.max(tally.worst),
            Self::Targets(tally) => tally.worst,
            Self::Call(_, error) => match error.kind {
                ErrorKind::InvalidArgument | ErrorKind::Token => 2,
                ErrorKind::Api => 3,
                ErrorKind::Transport(_) => 4,
                ErrorKind::Timeout(_) => TIMED_OUT,
                ErrorKind::Content(_) => REFUSED,
                ErrorKind::Mismatch => 7,
                _ => 1,
            },
        }
    }

    /// Returns the call that failed.
    pub(crate) fn call(&self) -> Option<(&ErrorContext, &CallError)> {
        match self {
            Self::Call(context, error) => Some((context, error)),
            Self::Interrupted { error: Some(error), .. } => error.call(),
            _ => None,
        }
    }

    /// Returns the number of the signal that ended an upload.
    pub fn signal(&self) -> Option<i32> {
        match self {
            Self::Interrupted { signal, .. } => Some(*signal),
            _ => None,
        }
    }

    /// Returns whether the error is printed.
    pub(crate) fn is_reportable(&self) -> bool {
        !matches!(self, Self::BrokenPipe | Self::Interrupted { error: None, .. })
    }

    /// Returns what became of the package, if the command is an upload.
    pub(crate) fn stored(&self) -> Stored {
        match self {
            Self::Call(context, error) if context.operation == Operation::PutPackage => {
                error.stored
            }
            Self::Interrupted { error: Some(error), .. } => error.stored(),
            Self::Interrupted { error: None, .. } | Self::Output { is_stored: true, .. } => {
                Stored::Unknown
            }
            _ => Stored::No,
        }
    }
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoToken => f.write_str("no API token: FASTLY_API_TOKEN is not set"),
            Self::Usage(reason) => f.write_str(reason),
            Self::MissingField(name) => write!(f, "the package has no {name}"),
            Self::Check(name, error) => write!(f, "can't check {name}: {error}"),
            Self::Io(step, error) => write!(f, "{step}: {error}"),
            Self::Call(context, error) => {
                let suffix = match is_outcome_in_question(context, error) {
                    true if error.stored == Stored::No => "; nothing is stored",
                    _ => "",
                };
                write!(f, "{context}: {error}{suffix}")
            }
            Self::Output { error, is_stored: false } => {
                write!(f, "can't write the result: {error}")
            }
            Self::Output { error, is_stored: true } => {
                write!(f, "the package is stored, but the result can't be written: {error}")
            }
            Self::BrokenPipe => f.write_str("stdout is closed"),
            Self::Interrupted { error: Some(error), .. } => error.fmt(f),
            Self::Interrupted { error: None, .. } => f.write_str("interrupted"),
            Self::Targets(Tally { total, failed, is_cut_off, .. }) => {
                let suffix = match is_cut_off {
                    true => "; the remaining lines were not read in time",
                    false => "",
                };
                write!(f, "{failed} of {total} failed{suffix}")
            }
        }
    }
}

/// Returns whether a reader may wonder if the package of an upload is stored. After a refusal, it obviously is not.
fn is_outcome_in_question(context: &ErrorContext, error: &CallError) -> bool {
    let is_in_question = match error.kind {
        ErrorKind::InvalidArgument
        | ErrorKind::Token
        | ErrorKind::Content(_)
        | ErrorKind::Mismatch => false,
        ErrorKind::Api => Stored::after_response(error.status) == Stored::Unknown,
        _ => true,
    };
    context.operation == Operation::PutPackage && is_in_question
}

impl ErrorContext {
    /// Describes a call before it is made.
    ///
    /// # Errors
    ///
    /// Fails if the service ID or the version is invalid.
    pub fn new(
        operation: Operation,
        target: ServiceVersion,
        token_source: &str,
    ) -> Result<Self, CommandError> {
        let token_source = token_source.to_owned();
        let context = Self { operation, target, token_source, explanation: None };
        match check_service_version(&context.target.service_id, context.target.version_id) {
            Ok(()) => Ok(context),
            Err(reason) => Err(context.error(CallError::new(ErrorKind::InvalidArgument, reason))),
        }
    }

    /// Adds the context to an error.
    pub fn error(&self, error: CallError) -> CommandError {
        CommandError::Call(Box::new(self.clone()), error)
    }
}

impl fmt::Display for ErrorContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ServiceVersion { service_id, version_id } = &self.target;
        let failed = match self.operation {
            Operation::PutPackage => "can't upload to",
            _ => "can't get the package of",
        };
        write!(f, "{failed} service {service_id} version {version_id}")
    }
}
