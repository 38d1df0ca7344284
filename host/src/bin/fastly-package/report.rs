//! All printing. stdout is the result, stderr is for people.

mod check;
mod json;
mod package;
mod style;

use crate::failure::{Cause, Failure, Operation};
use anstyle::Style;
use fastly_package::{Proof, Reply, Retry, Uploaded};
use http::Method;
use indicatif::DecimalBytes;
use json::{FailureJson, RehearsalJson, ReplyJson, to_json};
use serde_json::Value;
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::ExitCode;
use style::styled;

/// How many of the things that are wrong with a package are shown when the API has refused it.
const FINDINGS: usize = 5;

/// How to print.
#[derive(Clone, Copy)]
pub(crate) struct Report {
    pub(crate) json: bool,
    pub(crate) quiet: bool,
    pub(crate) verbose: bool,
    /// Whether it is about an upload: then a failure says what became of it.
    pub(crate) upload: bool,
}

/// What an upload came to, beside the reply.
#[derive(Clone, Copy)]
struct Sent<'a> {
    bytes: u64,
    proof: &'a Proof,
    attempts: u32,
}

impl Report {
    /// The package that an operation returned.
    ///
    /// Fails when it can't be written: a result that is lost is none.
    pub(crate) fn reply(self, reply: &Reply) -> Result<(), Failure> {
        self.package(reply, || ReplyJson::new(reply, None))
    }

    /// The same of an upload of so many bytes.
    pub(crate) fn uploaded(self, uploaded: &Uploaded, bytes: u64) -> Result<(), Failure> {
        let sent = Sent { bytes, proof: &uploaded.proof, attempts: uploaded.attempts };
        self.sent(sent);
        let reply = &uploaded.reply;
        self.package(reply, || ReplyJson::new(reply, Some(sent))).map_err(Failure::after_upload)
    }

    fn package<'a>(
        self,
        reply: &'a Reply,
        json: impl FnOnce() -> ReplyJson<'a>,
    ) -> Result<(), Failure> {
        match self.json {
            true => self.line(&to_json(&json())),
            false => self.line(&package::table(reply, self.verbose)),
        }
    }

    /// The value of one field alone, for scripts.
    pub(crate) fn field(self, reply: &Reply, name: &str) -> Result<(), Failure> {
        let package = serde_json::to_value(ReplyJson::new(reply, None)).unwrap_or_default();
        let value = package.get(name).or_else(|| package["metadata"].get(name));
        match value {
            Some(Value::String(text)) => self.line(&printable(text)),
            Some(Value::Array(values)) => values
                .iter()
                .filter_map(Value::as_str)
                .try_for_each(|text| self.line(&printable(text))),
            Some(Value::Number(number)) => self.line(&number.to_string()),
            _ => Err(Failure::NoField(name.to_owned())),
        }
    }

    /// The package that a version has, which is what was to be uploaded.
    pub(crate) fn unchanged(self, reply: &Reply) -> Result<(), Failure> {
        self.done("unchanged", ": the version has these files already, nothing was uploaded");
        self.package(reply, || ReplyJson::new(reply, None).unchanged())
    }

    /// What would have been uploaded.
    pub(crate) fn rehearsed(self, operation: &Operation, bytes: u64) -> Result<(), Failure> {
        let Operation { service_id, version, .. } = operation;
        match self.json {
            true => self.line(&to_json(&RehearsalJson {
                dry_run: true,
                uploaded: false,
                service_id,
                version: *version,
                size: bytes,
            })),
            false => self.line(&format!(
                "would upload {} to service {} version {version}",
                size(bytes),
                printable(service_id)
            )),
        }
    }

    fn sent(self, sent: Sent<'_>) {
        let unproven = |why: &str| self.warn(&format!("stored, but not verified: {why}"));
        match sent.proof {
            Proof::Unnamed => unproven("the API names no SHA-512 of it"),
            Proof::Failed(error) => unproven(&error.to_string()),
            _ => {}
        }
        let verified = if matches!(sent.proof, Proof::Verified) { ", verified" } else { "" };
        if !self.json {
            self.done("uploaded", &format!(" {}{verified}", size(sent.bytes)));
        }
    }

    /// A call that failed is about to be made again. `named`: say which one, of several.
    pub(crate) fn retry(self, retry: &Retry<'_>, named: bool) {
        let Retry { target, method, error, number, limit, wait, .. } = retry;
        if self.verbose {
            // There is a trace of it.
            return;
        }
        let which = match (named, self.upload && *method == Method::GET) {
            (true, _) => format!("service {} version {}: ", target.service_id, target.version_id),
            (false, true) => "asking what is stored: ".to_owned(),
            (false, false) => String::new(),
        };
        let wait = wait.as_secs_f64();
        self.warn(&format!("{which}{error}; trying again in {wait:.1}s ({number} of {limit})"));
    }

    /// A failure, and the exit code that goes with it.
    pub(crate) fn failure(self, failure: &Failure) -> ExitCode {
        if !failure.is_said() {
            return ExitCode::from(failure.exit_code());
        }
        let hint = failure.hint();
        self.error(&failure.message());
        if let Some(Cause::Package(findings)) = failure.cause() {
            for finding in findings.iter().take(FINDINGS) {
                let finding = format!("{}: {finding}", finding.severity());
                err(&format!("  in the package: {}", printable(&finding)));
            }
        }
        if let Some(hint) = &hint {
            labelled("hint", style::HINT, hint);
        }
        // Several have each had a line of their own.
        if self.json && !matches!(failure, Failure::SomeFailed { .. }) {
            // There is nobody left to tell that this can't be written.
            let _ = self.failed_line(failure);
        }
        ExitCode::from(failure.exit_code())
    }

    /// A failure as a line of the result.
    pub(crate) fn failed_line(self, failure: &Failure) -> Result<(), Failure> {
        let (message, hint) = (failure.message(), failure.hint());
        let stored = self.upload.then(|| failure.stored());
        self.line(&to_json(&FailureJson::new(failure, stored, &message, hint.as_deref())))
    }

    /// Something that failed.
    pub(crate) fn error(self, text: &str) {
        labelled("error", style::ERROR, text);
    }

    /// Something that may be wrong, unless they want it quiet.
    pub(crate) fn warn(self, text: &str) {
        if !self.quiet {
            labelled("warning", style::WARNING, text);
        }
    }

    /// What to do next, unless they want it quiet.
    pub(crate) fn hint(self, text: &str) {
        if !self.quiet {
            labelled("hint", style::HINT, text);
        }
    }

    /// Something for people, unless they want it quiet.
    pub(crate) fn say(self, text: &str) {
        if !self.quiet {
            err(text);
        }
    }

    /// That something went well, with the word for it first.
    fn done(self, word: &str, rest: &str) {
        self.say(&format!("{}{rest}", styled(style::DONE, word)));
    }

    /// A line of the result.
    pub(crate) fn line(self, text: &str) -> Result<(), Failure> {
        let written = match self.json {
            // Not through what takes colors out: it takes more than that.
            true => write_line(std::io::stdout().lock(), text),
            false => write_line(anstream::stdout().lock(), text),
        };
        written.map_err(Failure::unwritten)
    }
}

/// There is no way to run anything.
pub(crate) fn no_runtime(error: &std::io::Error) -> ExitCode {
    labelled("error", style::ERROR, &format!("can't start: {error}"));
    ExitCode::FAILURE
}

fn write_line(mut stdout: impl std::io::Write, text: &str) -> std::io::Result<()> {
    writeln!(stdout, "{text}")?;
    stdout.flush()
}

fn err(text: &str) {
    let _ = writeln!(anstream::stderr().lock(), "{text}");
}

fn labelled(label: &str, style: Style, text: &str) {
    err(&format!("{} {}", styled(style, &format!("{label}:")), printable(text)));
}

/// Text from outside without what a terminal would obey.
pub(crate) fn printable(text: &str) -> String {
    text.chars()
        .flat_map(|character| match character {
            '\n' => vec![' '],
            character if character.is_control() => character.escape_unicode().collect(),
            character => vec![character],
        })
        .collect()
}

/// A number of bytes in a unit that is easy to read, and whole.
fn size(bytes: u64) -> String {
    match bytes {
        0..1000 => format!("{bytes} bytes"),
        _ => format!("{} ({bytes} bytes)", DecimalBytes(bytes)),
    }
}

/// Names and values as people read them; what is empty is left out.
fn aligned<'n>(rows: impl IntoIterator<Item = (&'n str, String)>) -> String {
    let mut table = String::new();
    for (name, value) in rows {
        if !value.is_empty() {
            let name = styled(style::NAME, &format!("{name:<12}"));
            let _ = writeln!(table, "{name} {}", printable(&value));
        }
    }
    table.truncate(table.trim_end().len());
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_obeys_nothing_that_came_from_outside() {
        assert_eq!(printable("a\u{1b}[31mred\u{7}\r\n"), "a\\u{1b}[31mred\\u{7}\\u{d} ");
        assert_eq!(printable("paquet é 包"), "paquet é 包");
    }

    #[test]
    fn a_size_has_a_unit_and_is_whole_beside_it() {
        assert_eq!(size(1), "1 bytes");
        assert_eq!(size(999), "999 bytes");
        assert_eq!(size(1_540_845), "1.54 MB (1540845 bytes)");
        assert_eq!(size(99_000_000), "99.00 MB (99000000 bytes)");
    }
}
