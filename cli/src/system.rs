//! The streams and clocks of the process.

use anstream::ColorChoice;
use anstream::adapter::strip_str;
use fastly_package_command::system::{Environment, OutputFormat, System};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::io::{self, Write};

pub(crate) const SYSTEM: System = System {
    out,
    err,
    now: Timestamp::now,
    zone: TimeZone::system,
    environment: Environment::Native,
};

fn out(text: &str, format: OutputFormat) -> io::Result<()> {
    // JSON is not stripped: that removes more than colors.
    let strip = format == OutputFormat::Styled && is_plain(anstream::stdout().current_choice());
    let mut stdout = io::stdout().lock();
    stdout.write_all(line(text, strip).as_bytes())?;
    stdout.flush()
}

fn err(text: &str) {
    let line = line(text, is_plain(anstream::stderr().current_choice()));
    // There is nowhere to report this error.
    let _ = io::stderr().write_all(line.as_bytes());
}

fn is_plain(choice: ColorChoice) -> bool {
    choice == ColorChoice::Never
}

/// Returns a whole line: it is written at once, so that lines of several processes don't mix.
fn line(text: &str, strip: bool) -> String {
    match strip {
        true => format!("{}\n", strip_str(text)),
        false => format!("{text}\n"),
    }
}
