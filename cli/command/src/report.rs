//! All output: results to stdout, messages for people to stderr.

mod json;
mod style;

use crate::args::Output;
use crate::call_error::Uploaded;
use crate::contract::{Reply, ServiceVersion};
use crate::error::{CommandError, Explanation};
use crate::fields::{FIELDS, FieldFormat, Value};
use crate::system::{Environment, OutputFormat, System};
use crate::times;
use anstyle::Style;
use fastly_package_core::error::NO_HASH;
use fastly_package_core::target::Operation;
use fastly_package_core::upload::{Proof, RetryNotice};
use json::{DryRunJson, ErrorLine, ReplyJson, to_json};
use serde::Serialize;
use std::fmt::{Display, Write as _};
use style::styled;
use unit_prefix::NumberPrefix;

/// The maximum number of findings that are shown after the API has rejected a package.
const MAX_FINDINGS: usize = 5;
/// The number of digits of an abbreviated hash: enough to tell two apart.
const SHORT_HASH: usize = 12;

/// Prints results and messages.
#[derive(Clone, Copy)]
pub struct Report {
    /// Whether results are JSON.
    pub json: bool,
    /// Whether only results and errors are printed.
    pub quiet: bool,
    /// Whether hashes are printed in full.
    pub verbose: bool,
    /// Whether the command is an upload. Its errors tell what became of the package.
    pub upload: bool,
    /// The system to print on.
    pub system: System,
}

impl Report {
    /// Creates the printer of a command.
    pub fn new(output: &Output, json: bool, upload: bool, system: System) -> Self {
        Self { json, quiet: output.quiet, verbose: output.verbose > 0, upload, system }
    }

    /// Prints a package.
    ///
    /// # Errors
    ///
    /// Fails if the result can't be written.
    pub fn reply(self, reply: &Reply) -> Result<(), CommandError> {
        self.package(reply, ReplyJson::new(reply))
    }

    /// Prints an upload. `bytes` is the length of the package.
    ///
    /// # Errors
    ///
    /// Fails if the result can't be written. The package is stored nevertheless.
    pub fn uploaded(self, uploaded: &Uploaded, bytes: u64) -> Result<(), CommandError> {
        let not_verified = |reason: &str| self.warn(&format!("stored, but not verified: {reason}"));
        match &uploaded.proof {
            Proof::Verified | Proof::Off => {}
            Proof::Failed(error) => not_verified(&error.to_string()),
            Proof::NotHashed => not_verified("the package can't be read a second time"),
            _ => not_verified(NO_HASH),
        }
        if !self.json {
            let is_verified = matches!(uploaded.proof, Proof::Verified);
            let verified = if is_verified { ", verified" } else { "" };
            self.status("uploaded", &format!(" {}{verified}", size(bytes)));
        }
        self.package(&uploaded.reply, ReplyJson::uploaded(uploaded, bytes))
            .map_err(CommandError::after_upload)
    }

    /// Prints the package of a version that `--if-changed` leaves as it is.
    pub(crate) fn unchanged(self, reply: &Reply) -> Result<(), CommandError> {
        self.status("unchanged", ": the version already has these files; nothing was uploaded");
        self.package(reply, ReplyJson::unchanged(reply))
    }

    fn package(self, reply: &Reply, json: ReplyJson<'_>) -> Result<(), CommandError> {
        match self.json {
            true => self.json(&json),
            false => self.line(&self.package_table(reply)),
        }
    }

    /// Formats the fields of a package in a table.
    fn package_table(self, reply: &Reply) -> String {
        let hash = |hash: String| match hash.char_indices().nth(SHORT_HASH) {
            Some((end, _)) if !self.verbose => format!("{}…", &hash[..end]),
            _ => hash,
        };
        table(FIELDS.iter().filter_map(|field| {
            let value = field.get(reply)?;
            let text = value.lines().join(", ");
            let text = match (field.format, value) {
                (FieldFormat::JsonOnly, _) => return None,
                (FieldFormat::Size, Value::Number(bytes)) => size(bytes),
                (FieldFormat::Hash, _) => hash(text),
                (FieldFormat::Time, _) => times::api_time(&text, self.system),
                _ => text,
            };
            Some((field.label, text))
        }))
    }

    /// Prints a field of a package.
    pub(crate) fn field(self, reply: &Reply, name: &str) -> Result<(), CommandError> {
        let field = FIELDS.iter().find(|field| field.name == name);
        let value = field.and_then(|field| field.get(reply));
        let value = value.ok_or_else(|| CommandError::MissingField(name.to_owned()))?;
        value.lines().iter().try_for_each(|line| self.line(&printable(line)))
    }

    /// Prints the result of `put --dry-run`.
    pub(crate) fn dry_run(self, target: &ServiceVersion, bytes: u64) -> Result<(), CommandError> {
        let ServiceVersion { service_id, version_id: version } = target;
        match self.json {
            true => self.json(&DryRunJson {
                dry_run: true,
                uploaded: false,
                service_id,
                version: *version,
                size: bytes,
            }),
            false => self.line(&format!(
                "would upload {} to service {} version {version}",
                size(bytes),
                printable(service_id)
            )),
        }
    }

    /// Warns of a retry. `target` tells several calls apart.
    pub fn retry(self, target: Option<(&str, u32)>, retry: &RetryNotice<impl Display>) {
        let RetryNotice { operation, error, number, limit, wait } = retry;
        let prefix = match target {
            Some((service_id, version_id)) => {
                format!("service {service_id} version {version_id}: ")
            }
            None if self.upload && *operation == Operation::GetPackage => {
                "checking what is stored: ".to_owned()
            }
            None => String::new(),
        };
        let wait = wait.as_secs_f64();
        self.warn(&format!("{prefix}{error}; retrying in {wait:.1}s ({number} of {limit})"));
    }

    /// Prints an error, and its hint.
    pub fn command_error(self, error: &CommandError) {
        if !error.is_reportable() {
            return;
        }
        match self.system.environment {
            Environment::Native => self.error(&error.to_string()),
            // There is no other place for it.
            Environment::Wasi => self.error(&format!("{error} [exit code {}]", error.exit_code())),
        }
        let explanation = error.call().and_then(|(context, _)| context.explanation.as_ref());
        if let Some(Explanation::Findings(findings)) = explanation {
            for finding in findings.iter().take(MAX_FINDINGS) {
                let finding = format!("{}: {}", finding.severity, finding.message);
                (self.system.err)(&format!("  in the package: {}", printable(&finding)));
            }
        }
        if let Some(hint) = error.hint(self.system) {
            self.labelled("hint", style::HINT, &hint);
        }
        // Each of several targets has a line of its own.
        if self.json && !matches!(error, CommandError::Targets(_)) {
            // The command fails already.
            let _ = self.error_line(error);
        }
    }

    /// Prints an error as a line of JSON.
    pub(crate) fn error_line(self, error: &CommandError) -> Result<(), CommandError> {
        let stored = self.upload.then(|| error.stored());
        self.json(&ErrorLine::new(error, stored, error.hint(self.system)))
    }

    /// Prints an error message.
    pub fn error(self, text: &str) {
        self.labelled("error", style::ERROR, text);
    }

    /// Prints a warning, unless `--quiet` is set.
    pub fn warn(self, text: &str) {
        if !self.quiet {
            self.labelled("warning", style::WARNING, text);
        }
    }

    /// Prints a hint, unless `--quiet` is set.
    pub fn hint(self, text: &str) {
        if !self.quiet {
            self.labelled("hint", style::HINT, text);
        }
    }

    /// Prints a message, unless `--quiet` is set.
    pub fn message(self, text: &str) {
        if !self.quiet {
            (self.system.err)(text);
        }
    }

    /// Prints a message that begins with a status, unless `--quiet` is set.
    pub fn status(self, status: &str, rest: &str) {
        self.message(&format!("{}{rest}", styled(style::STATUS, status)));
    }

    /// Prints a value as a line of JSON.
    ///
    /// # Errors
    ///
    /// Fails if it can't be written.
    pub fn json(self, value: &impl Serialize) -> Result<(), CommandError> {
        self.line(&to_json(value))
    }

    /// Prints a line of the result.
    ///
    /// # Errors
    ///
    /// Fails if it can't be written.
    pub fn line(self, text: &str) -> Result<(), CommandError> {
        let format = if self.json { OutputFormat::Json } else { OutputFormat::Styled };
        (self.system.out)(text, format).map_err(CommandError::output)
    }

    fn labelled(self, label: &str, style: Style, text: &str) {
        let label = styled(style, &format!("{label}:"));
        (self.system.err)(&format!("{label} {}", printable(text)));
    }
}

/// Escapes the characters of a text that would change the state of a terminal.
pub fn printable(text: &str) -> String {
    text.chars()
        .flat_map(|character| match character {
            '\n' => vec![' '],
            character if changes_terminal(character) => character.escape_unicode().collect(),
            character => vec![character],
        })
        .collect()
}

/// Returns whether a character is a control character, or changes the direction of the following text (Unicode, UAX #9, section 2), by which a name
/// could look like another.
fn changes_terminal(character: char) -> bool {
    let changes_direction = matches!(
        character,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    );
    changes_direction || character.is_control()
}

/// Formats a number of bytes in a suitable unit, and in full.
pub fn size(bytes: u64) -> String {
    match bytes {
        1 => "1 byte".to_owned(),
        0..1000 => format!("{bytes} bytes"),
        _ => format!("{} ({bytes} bytes)", decimal(bytes)),
    }
}

/// Formats a number of bytes in a suitable unit.
pub fn decimal(bytes: u64) -> String {
    match NumberPrefix::decimal(bytes as f64) {
        NumberPrefix::Standalone(bytes) => format!("{bytes:.0} B"),
        NumberPrefix::Prefixed(prefix, number) => format!("{number:.2} {prefix}B"),
    }
}

/// Formats labels and values in two columns. Empty values are omitted.
pub fn table<'n>(rows: impl IntoIterator<Item = (&'n str, String)>) -> String {
    let mut table = String::new();
    for (label, value) in rows {
        if !value.is_empty() {
            let label = styled(style::LABEL, &format!("{label:<12}"));
            let _ = writeln!(table, "{label} {}", printable(&value));
        }
    }
    table.truncate(table.trim_end().len());
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_outside_does_not_change_the_state_of_a_terminal() {
        assert_eq!(printable("a\u{1b}[31mred\u{7}\r\n"), "a\\u{1b}[31mred\\u{7}\\u{d} ");
        assert_eq!(printable("\u{202e}zg.rat\u{2069}"), "\\u{202e}zg.rat\\u{2069}");
        assert_eq!(printable("paquet é 包"), "paquet é 包");
    }

    #[test]
    fn a_size_is_in_a_unit_and_in_full() {
        assert_eq!(size(1), "1 byte");
        assert_eq!(size(999), "999 bytes");
        assert_eq!(size(1_540_845), "1.54 MB (1540845 bytes)");
        assert_eq!(size(99_000_000), "99.00 MB (99000000 bytes)");
    }
}
