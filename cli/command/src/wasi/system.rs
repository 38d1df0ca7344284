//! The streams, clocks and variables of the component.

use super::bindings::wasi::cli::{environment, stderr, stdout, terminal_stderr, terminal_stdout};
use super::bindings::wasi::clocks::{monotonic_clock, wall_clock};
use super::bindings::wasi::io::streams::{OutputStream, StreamError};
use super::bindings::wasi::random::random::get_random_u64;
use crate::args::When;
use crate::error::CommandError;
use crate::system::{Environment, OutputFormat, System};
use anstream::adapter::strip_str;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::cell::Cell;
use std::io;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub(super) const SYSTEM: System =
    System { out, err, now: timestamp, zone: || TimeZone::UTC, environment: Environment::Wasi };

/// The maximum length of one write in WASI 0.2, in bytes.
const MAX_WRITE: usize = 4096;

thread_local! {
    /// Whether stdout and stderr are colored. A component has one thread.
    static COLORED: Cell<(bool, bool)> = const { Cell::new((false, false)) };
}

/// Decides on colors.
pub(super) fn set_color(when: When) {
    COLORED.set(match when {
        When::Always => (true, true),
        When::Never => (false, false),
        When::Auto if variable("NO_COLOR").is_some_and(|value| !value.is_empty()) => (false, false),
        When::Auto => (
            terminal_stdout::get_terminal_stdout().is_some(),
            terminal_stderr::get_terminal_stderr().is_some(),
        ),
    });
}

fn out(text: &str, format: OutputFormat) -> io::Result<()> {
    let (is_colored, _) = COLORED.get();
    let strip = format == OutputFormat::Styled && !is_colored;
    write(&stdout::get_stdout(), text, strip)
}

fn err(text: &str) {
    let (_, is_colored) = COLORED.get();
    // There is nowhere to report this error.
    let _ = write(&stderr::get_stderr(), text, !is_colored);
}

fn write(stream: &OutputStream, text: &str, strip: bool) -> io::Result<()> {
    let mut line = if strip { strip_str(text).to_string() } else { text.to_owned() };
    line.push('\n');
    let mut pieces = line.as_bytes().chunks(MAX_WRITE);
    let written = pieces.try_for_each(|piece| stream.blocking_write_and_flush(piece));
    written.map_err(|error| match error {
        StreamError::Closed => io::ErrorKind::BrokenPipe.into(),
        StreamError::LastOperationFailed(error) => io::Error::other(error.to_debug_string()),
    })
}

/// Prints clap's message: help and version are results, anything else is an error of usage.
pub(super) fn print_clap(error: &clap::Error) -> Result<(), ()> {
    let text = error.to_string();
    let text = text.trim_end();
    if error.use_stderr() {
        let (first, rest) = text.split_at(text.find('\n').unwrap_or(text.len()));
        err(&format!("{first} [exit code {}]{rest}", error.exit_code()));
        return Err(());
    }
    match out(text, OutputFormat::Styled).map_err(CommandError::output) {
        Ok(()) | Err(CommandError::BrokenPipe) => Ok(()),
        Err(_) => Err(()),
    }
}

/// Returns a variable of the environment.
pub(super) fn variable(name: &str) -> Option<String> {
    let mut variables = environment::get_environment().into_iter();
    variables.find(|(found, _)| found == name).map(|(_, value)| value)
}

/// Returns the current time.
pub(super) fn now() -> SystemTime {
    let now = wall_clock::now();
    UNIX_EPOCH + Duration::new(now.seconds, now.nanoseconds)
}

fn timestamp() -> Timestamp {
    let seconds = i64::try_from(wall_clock::now().seconds).ok();
    seconds.and_then(|it| Timestamp::from_second(it).ok()).unwrap_or(Timestamp::MAX)
}

/// Returns a random number from 0 to 1.
pub(super) fn random() -> f64 {
    get_random_u64() as f64 / u64::MAX as f64
}

/// Blocks for a while.
pub(super) fn sleep(duration: Duration) {
    let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    monotonic_clock::subscribe_duration(nanoseconds).block();
}
