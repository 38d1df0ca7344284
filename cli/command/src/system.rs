//! The system that a command runs on.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::io;

/// The streams and clocks of the process.
#[derive(Clone, Copy)]
pub struct System {
    /// Writes a line to stdout.
    pub out: fn(&str, OutputFormat) -> io::Result<()>,
    /// Writes a line to stderr, in one write.
    pub err: fn(&str),
    /// Returns the current time.
    pub now: fn() -> Timestamp,
    /// Returns the local time zone.
    pub zone: fn() -> TimeZone,
    /// The environment of the process.
    pub environment: Environment,
}

/// The format of a line of stdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputFormat {
    /// Text with styles, which are stripped if colors are off.
    Styled,
    /// JSON, which is written as it is.
    Json,
}

/// The environment of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Environment {
    /// An operating system.
    Native,
    /// The host of a component. It makes the connections, and takes success or failure in place of an exit code.
    Wasi,
}
