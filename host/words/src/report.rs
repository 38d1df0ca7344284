//! All printing. stdout is the result, stderr is for people.

mod json;
mod package;
mod style;

use crate::failure::{Cause, Failure, Operation};
use crate::fields::field;
use crate::records::{Proof, Reply, Uploaded};
use anstyle::Style;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use json::{FailureJson, RehearsalJson, ReplyJson};
pub use json::{FindingJson, to_json};
use std::fmt::Write as _;
use std::io;
use std::time::Duration;
use style::styled;
use unit_prefix::NumberPrefix;

/// How many of the things that are wrong with a package are shown when the API has refused it.
const FINDINGS: usize = 5;

/// How to print.
#[derive(Clone, Copy)]
pub struct Report {
    /// JSON, in place of text.
    pub json: bool,
    /// Results and errors alone.
    pub quiet: bool,
    /// More than usual.
    pub verbose: bool,
    /// Whether it is about an upload: then a failure says what became of it.
    pub upload: bool,
    /// Where it is printed.
    pub system: System,
}

/// What is around the command.
#[derive(Clone, Copy)]
pub struct System {
    /// Writes a line of the result.
    pub out: fn(&str, Form) -> io::Result<()>,
    /// Writes a line for people.
    pub err: fn(&str),
    /// What time it is.
    pub now: fn() -> Timestamp,
    /// In which zone.
    pub zone: fn() -> TimeZone,
    /// Whose the network is.
    pub network: Network,
}

/// What a line of the result is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Text in which colors stand, where they are not wanted too.
    Styled,
    /// JSON, to be written as it is.
    Json,
}

/// Whose the network is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// The command's own.
    Own,
    /// That of the host which runs the command as a component. It takes from the exit code no more than whether it went well.
    Hosts,
}

/// A call that failed and is about to be made again.
#[derive(Debug, Clone, Copy)]
pub struct Again<'a> {
    /// The service and version, where there are several.
    pub target: Option<(&'a str, u32)>,
    /// Whether it is the GET that is to show what is stored.
    pub asking: bool,
    /// Why it failed.
    pub reason: &'a str,
    /// The retry's number, counted from 1.
    pub number: u32,
    /// How many there can be.
    pub limit: u32,
    /// How long is waited before it.
    pub wait: Duration,
}

impl Report {
    /// The package that an operation returned.
    ///
    /// Fails when it can't be written: a result that is lost is none.
    pub fn reply(self, reply: &Reply) -> Result<(), Failure> {
        self.package(reply, || ReplyJson::new(reply, None))
    }

    /// The same of an upload.
    ///
    /// # Errors
    ///
    /// As of [`reply`](Self::reply); the package is stored all the same.
    pub fn uploaded(self, uploaded: &Uploaded) -> Result<(), Failure> {
        self.sent(uploaded);
        let reply = &uploaded.reply;
        self.package(reply, || ReplyJson::new(reply, Some(uploaded))).map_err(Failure::after_upload)
    }

    fn package<'a>(
        self,
        reply: &'a Reply,
        json: impl FnOnce() -> ReplyJson<'a>,
    ) -> Result<(), Failure> {
        match self.json {
            true => self.line(&to_json(&json())),
            false => self.line(&package::table(reply, self.verbose, self.system)),
        }
    }

    /// The value of one field alone, for scripts.
    pub fn field(self, reply: &Reply, name: &str) -> Result<(), Failure> {
        match field(reply, name) {
            Some(values) => values.iter().try_for_each(|text| self.line(&printable(text))),
            None => Err(Failure::NoField(name.to_owned())),
        }
    }

    /// The package that a version has, which is what was to be uploaded.
    pub fn unchanged(self, reply: &Reply) -> Result<(), Failure> {
        self.done("unchanged", ": the version has these files already, nothing was uploaded");
        self.package(reply, || ReplyJson::new(reply, None).unchanged())
    }

    /// What would have been uploaded.
    pub fn rehearsed(self, operation: &Operation, bytes: u64) -> Result<(), Failure> {
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

    fn sent(self, sent: &Uploaded) {
        if let Proof::Unproven(why) = &sent.proof {
            self.warn(&format!("stored, but not verified: {why}"));
        }
        let verified = if matches!(sent.proof, Proof::Verified) { ", verified" } else { "" };
        if !self.json {
            self.done("uploaded", &format!(" {}{verified}", size(sent.bytes)));
        }
    }

    /// A call that failed is about to be made again.
    pub fn again(self, again: &Again<'_>) {
        let Again { target, asking, reason, number, limit, wait } = again;
        let which = match target {
            Some((service_id, version)) => format!("service {service_id} version {version}: "),
            None if *asking => "asking what is stored: ".to_owned(),
            None => String::new(),
        };
        let wait = wait.as_secs_f64();
        self.warn(&format!("{which}{reason}; trying again in {wait:.1}s ({number} of {limit})"));
    }

    /// A failure. Its exit code is [`Failure::exit_code`].
    pub fn failure(self, failure: &Failure) {
        if !failure.is_said() {
            return;
        }
        let hint = failure.hint(self.system);
        match self.system.network {
            Network::Own => self.error(&failure.message()),
            // The only place for it.
            Network::Hosts => {
                self.error(&format!("{} [exit code {}]", failure.message(), failure.exit_code()));
            }
        }
        if let Some(Cause::Package(findings)) = failure.cause() {
            for finding in findings.iter().take(FINDINGS) {
                let finding = format!("{}: {}", finding.severity, finding.message);
                (self.system.err)(&format!("  in the package: {}", printable(&finding)));
            }
        }
        if let Some(hint) = &hint {
            self.labelled("hint", style::HINT, hint);
        }
        // Several have each had a line of their own.
        if self.json && !matches!(failure, Failure::SomeFailed { .. }) {
            // There is nobody left to tell that this can't be written.
            let _ = self.failed_line(failure);
        }
    }

    /// A failure as a line of the result.
    pub fn failed_line(self, failure: &Failure) -> Result<(), Failure> {
        let (message, hint) = (failure.message(), failure.hint(self.system));
        let stored = self.upload.then(|| failure.stored());
        self.line(&to_json(&FailureJson::new(failure, stored, &message, hint.as_deref())))
    }

    /// Something that failed.
    pub fn error(self, text: &str) {
        self.labelled("error", style::ERROR, text);
    }

    /// Something that may be wrong, unless they want it quiet.
    pub fn warn(self, text: &str) {
        if !self.quiet {
            self.labelled("warning", style::WARNING, text);
        }
    }

    /// What to do next, unless they want it quiet.
    pub fn hint(self, text: &str) {
        if !self.quiet {
            self.labelled("hint", style::HINT, text);
        }
    }

    /// Something for people, unless they want it quiet.
    pub fn say(self, text: &str) {
        if !self.quiet {
            (self.system.err)(text);
        }
    }

    /// That something went well, with the word for it first.
    pub fn done(self, word: &str, rest: &str) {
        self.say(&format!("{}{rest}", styled(style::DONE, word)));
    }

    /// A line of the result.
    ///
    /// # Errors
    ///
    /// When it can't be written: a result that is lost is none.
    pub fn line(self, text: &str) -> Result<(), Failure> {
        let form = if self.json { Form::Json } else { Form::Styled };
        (self.system.out)(text, form).map_err(Failure::unwritten)
    }

    fn labelled(self, label: &str, style: Style, text: &str) {
        let label = styled(style, &format!("{label}:"));
        (self.system.err)(&format!("{label} {}", printable(text)));
    }
}

/// Text from outside without what a terminal would obey.
pub fn printable(text: &str) -> String {
    text.chars()
        .flat_map(|character| match character {
            '\n' => vec![' '],
            character if is_obeyed(character) => character.escape_unicode().collect(),
            character => vec![character],
        })
        .collect()
}

/// Whether a terminal does something at this character: a control, or one that turns the direction of what follows (Unicode, UAX #9, 2), by
/// which a name could look like another.
pub(crate) fn is_obeyed(character: char) -> bool {
    let turns = matches!(
        character,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    );
    turns || character.is_control()
}

/// A number of bytes in a unit that is easy to read, and whole.
pub fn size(bytes: u64) -> String {
    match bytes {
        0..1000 => format!("{bytes} bytes"),
        _ => format!("{} ({bytes} bytes)", decimal(bytes)),
    }
}

/// A number of bytes in a unit that is easy to read.
pub fn decimal(bytes: u64) -> String {
    match NumberPrefix::decimal(bytes as f64) {
        NumberPrefix::Standalone(bytes) => format!("{bytes:.0} B"),
        NumberPrefix::Prefixed(prefix, number) => format!("{number:.2} {prefix}B"),
    }
}

/// Names and values as people read them; what is empty is left out.
pub fn aligned<'n>(rows: impl IntoIterator<Item = (&'n str, String)>) -> String {
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
        assert_eq!(printable("\u{202e}zg.rat\u{2069}"), "\\u{202e}zg.rat\\u{2069}");
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
