//! Where this command prints, and what time it is there.

use fastly_package_words::report::{Form, Network, System};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::io::{self, Write};

pub(crate) const SYSTEM: System =
    System { out, err, now: Timestamp::now, zone: TimeZone::system, network: Network::Own };

fn out(text: &str, form: Form) -> io::Result<()> {
    match form {
        // Not through what takes colors out: it takes more than that.
        Form::Json => write_line(io::stdout().lock(), text),
        Form::Styled => write_line(anstream::stdout().lock(), text),
    }
}

fn write_line(mut stdout: impl Write, text: &str) -> io::Result<()> {
    writeln!(stdout, "{text}")?;
    stdout.flush()
}

fn err(text: &str) {
    let _ = writeln!(anstream::stderr().lock(), "{text}");
}
