//! Where it is printed, and what time it is there.

use crate::bindings::wasi::cli::{stderr, stdout, terminal_stderr, terminal_stdout};
use crate::bindings::wasi::clocks::wall_clock;
use crate::bindings::wasi::io::streams::{OutputStream, StreamError};
use crate::cli::variable;
use anstream::adapter::strip_str;
use fastly_package_words::args::Color;
use fastly_package_words::failure::Failure;
use fastly_package_words::report::{Form, Network, System};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::cell::Cell;
use std::io;

pub(crate) const SYSTEM: System =
    System { out, err, now, zone: || TimeZone::UTC, network: Network::Hosts };

/// What one write may hold: WASI 0.2 takes no more at a time.
const WRITE: usize = 4096;

thread_local! {
    /// Whether results are colored, and what is for people. A component has one thread.
    static COLORED: Cell<(bool, bool)> = const { Cell::new((false, false)) };
}

/// Decides on colors.
pub(crate) fn color(color: Color) {
    COLORED.set(match color {
        Color::Always => (true, true),
        Color::Never => (false, false),
        Color::Auto if variable("NO_COLOR").is_some_and(|value| !value.is_empty()) => {
            (false, false)
        }
        Color::Auto => (
            terminal_stdout::get_terminal_stdout().is_some(),
            terminal_stderr::get_terminal_stderr().is_some(),
        ),
    });
}

fn out(text: &str, form: Form) -> io::Result<()> {
    let (colored, _) = COLORED.get();
    match form {
        Form::Styled if !colored => write(&stdout::get_stdout(), &strip_str(text).to_string()),
        _ => write(&stdout::get_stdout(), text),
    }
}

fn err(text: &str) {
    let (_, colored) = COLORED.get();
    let text = if colored { text.to_owned() } else { strip_str(text).to_string() };
    // There is nobody left to tell.
    let _ = write(&stderr::get_stderr(), &text);
}

fn write(stream: &OutputStream, text: &str) -> io::Result<()> {
    let line = format!("{text}\n");
    let written =
        line.as_bytes().chunks(WRITE).try_for_each(|piece| stream.blocking_write_and_flush(piece));
    written.map_err(|error| match error {
        StreamError::Closed => io::ErrorKind::BrokenPipe.into(),
        StreamError::LastOperationFailed(error) => io::Error::other(error.to_debug_string()),
    })
}

/// Shows what clap has to say: help and version are results, and all else is an error in what was typed.
pub(crate) fn show(shown: &clap::Error) -> Result<(), ()> {
    let text = shown.to_string();
    let text = text.trim_end();
    if shown.use_stderr() {
        let (error, more) = text.split_at(text.find('\n').unwrap_or(text.len()));
        err(&format!("{error} [exit code {}]{more}", shown.exit_code()));
        return Err(());
    }
    match out(text, Form::Styled).map_err(Failure::unwritten) {
        // Whoever reads it has seen enough.
        Ok(()) | Err(Failure::Unread) => Ok(()),
        Err(_) => Err(()),
    }
}

fn now() -> Timestamp {
    let now = wall_clock::now();
    i64::try_from(now.seconds)
        .ok()
        .and_then(|seconds| Timestamp::from_second(seconds).ok())
        .unwrap_or(Timestamp::MAX)
}
