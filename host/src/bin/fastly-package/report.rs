//! All printing. stdout is the result, stderr is for people.

mod check;

use crate::failure::{Failure, Operation};
use check::FindingJson;
use fastly_package::{Error, PackageMetadata, Proof, RateLimit, Reply, Retry, Stored};
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::ExitCode;

/// How many of the things that are wrong with a package are shown when the API has refused it.
const FINDINGS: usize = 5;

/// How to print.
#[derive(Clone, Copy)]
pub(crate) struct Report {
    pub(crate) json: bool,
    pub(crate) quiet: bool,
    /// Whether it is about an upload: then a failure says what became of it.
    pub(crate) upload: bool,
}

/// What an upload came to, beside the reply.
#[derive(Clone, Copy)]
pub(crate) struct Sent<'a> {
    pub(crate) bytes: u64,
    pub(crate) proof: &'a Proof,
    pub(crate) attempts: u32,
}

impl Report {
    /// The package that an operation returned, for an upload with what was sent.
    ///
    /// Fails when it can't be written: a result that is lost is none.
    pub(crate) fn reply(self, reply: &Reply, sent: Option<Sent<'_>>) -> Result<(), Failure> {
        if let Some(sent) = sent {
            self.sent(sent);
        }
        match self.json {
            true => self.line(&to_json(&ReplyJson::new(reply, sent))),
            false => self.line(&table(reply)),
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
        self.say("unchanged: the version has these files already, nothing was uploaded");
        match self.json {
            true => self.line(&to_json(&ReplyJson {
                uploaded: Some(false),
                ..ReplyJson::new(reply, None)
            })),
            false => self.line(&table(reply)),
        }
    }

    /// What would have been uploaded.
    pub(crate) fn rehearsed(self, operation: &Operation, size: u64) -> Result<(), Failure> {
        let Operation { service_id, version, .. } = operation;
        match self.json {
            true => self.line(&to_json(&RehearsalJson {
                dry_run: true,
                uploaded: false,
                service_id,
                version: *version,
                size,
            })),
            false => self.line(&format!(
                "would upload {size} bytes to service {} version {version}",
                printable(service_id)
            )),
        }
    }

    fn sent(self, sent: Sent<'_>) {
        let unproven = |why: &str| self.say(&format!("warning: stored, but not verified: {why}"));
        match sent.proof {
            Proof::Unnamed => unproven("the API names no SHA-512 of it"),
            Proof::Failed(error) => unproven(&printable(&error.to_string())),
            _ => {}
        }
        let verified = if matches!(sent.proof, Proof::Verified) { ", verified" } else { "" };
        if !self.json {
            self.say(&format!("uploaded {} bytes{verified}", sent.bytes));
        }
    }

    /// A call that failed is about to be made again.
    pub(crate) fn retry(self, retry: &Retry<'_>) {
        let Retry { error, number, limit, wait, .. } = retry;
        let (error, wait) = (printable(&error.to_string()), wait.as_secs_f64());
        self.say(&format!("warning: {error}; trying again in {wait:.1}s ({number} of {limit})"));
    }

    /// A failure, and the exit code that goes with it.
    pub(crate) fn failure(self, failure: &Failure) -> ExitCode {
        let (message, hint) = (failure.message(), failure.hint());
        err(&format!("error: {}", printable(&message)));
        for finding in failure.findings().unwrap_or_default().iter().take(FINDINGS) {
            let finding = format!("{}: {finding}", finding.severity());
            err(&format!("  in the package: {}", printable(&finding)));
        }
        if let Some(hint) = &hint {
            err(&format!("hint: {}", printable(hint)));
        }
        if self.json {
            let stored = self.upload.then(|| failure.stored());
            // There is nobody left to tell that this can't be written.
            let _ = out(&to_json(&FailureJson::new(failure, stored, &message, hint.as_deref())));
        }
        ExitCode::from(failure.exit_code())
    }

    /// Something for people, unless they want it quiet.
    pub(crate) fn say(self, text: &str) {
        if !self.quiet {
            err(text);
        }
    }

    /// A line of the result.
    pub(crate) fn line(self, text: &str) -> Result<(), Failure> {
        out(text).map_err(|error| Failure::Local("can't write the result".into(), error))
    }
}

/// There is no way to run anything.
pub(crate) fn no_runtime(error: &std::io::Error) -> ExitCode {
    err(&format!("error: can't start: {error}"));
    ExitCode::FAILURE
}

/// A closed pipe is the reader's choice, not a failure.
fn out(text: &str) -> std::io::Result<()> {
    let mut stdout = std::io::stdout().lock();
    match writeln!(stdout, "{text}").and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error),
        _ => Ok(()),
    }
}

fn err(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
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

fn table(reply: &Reply) -> String {
    let package = &reply.package;
    let metadata = package.metadata.as_ref();
    let field =
        |get: fn(&PackageMetadata) -> &Option<String>| metadata.and_then(|m| get(m).clone());
    let rows = [
        ("package", Some(package.id.clone())),
        ("service", Some(package.service_id.clone())),
        ("version", Some(package.version.to_string())),
        ("name", field(|metadata| &metadata.name)),
        ("description", field(|metadata| &metadata.description)),
        ("authors", metadata.and_then(|m| m.authors.as_ref()).map(|names| names.join(", "))),
        ("language", field(|metadata| &metadata.language)),
        ("cloned from", field(|metadata| &metadata.cloned_from)),
        ("size", metadata.and_then(|m| m.size).map(|size| format!("{size} bytes"))),
        ("hashsum", field(|metadata| &metadata.hashsum)),
        ("files_hash", field(|metadata| &metadata.files_hash)),
        ("created", package.created_at.clone()),
        ("updated", package.updated_at.clone()),
        ("deleted", package.deleted_at.clone()),
    ];
    aligned(rows.into_iter().filter_map(|(name, value)| Some((name, value?))))
}

/// Names and values as people read them; what is empty is left out.
fn aligned<'n>(rows: impl IntoIterator<Item = (&'n str, String)>) -> String {
    let mut table = String::new();
    for (name, value) in rows {
        if !value.is_empty() {
            let _ = writeln!(table, "{name:<12} {}", printable(&value));
        }
    }
    table.truncate(table.trim_end().len());
    table
}

fn to_json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_else(|error| format!("{{\"error\":\"{error}\"}}"))
}

#[derive(Serialize)]
struct ReplyJson<'a> {
    id: &'a str,
    service_id: &'a str,
    version: u32,
    created_at: Option<&'a str>,
    updated_at: Option<&'a str>,
    deleted_at: Option<&'a str>,
    metadata: Option<MetadataJson<'a>>,
    rate_limit: Option<RateLimitJson<'a>>,
    /// Of `put`: whether it was needed.
    #[serde(skip_serializing_if = "Option::is_none")]
    uploaded: Option<bool>,
    #[serde(flatten)]
    sent: Option<SentJson>,
    raw: Option<&'a RawValue>,
}

#[derive(Serialize)]
struct RehearsalJson<'a> {
    dry_run: bool,
    uploaded: bool,
    service_id: &'a str,
    version: u32,
    size: u64,
}

#[derive(Serialize)]
struct MetadataJson<'a> {
    name: Option<&'a str>,
    description: Option<&'a str>,
    authors: Option<&'a [String]>,
    language: Option<&'a str>,
    size: Option<u64>,
    hashsum: Option<&'a str>,
    files_hash: Option<&'a str>,
    cloned_from: Option<&'a str>,
    wasm_metadata: Option<&'a RawValue>,
}

#[derive(Serialize)]
struct RateLimitJson<'a> {
    remaining: Option<u64>,
    reset: Option<u64>,
    retry_after: Option<&'a str>,
}

#[derive(Serialize)]
struct SentJson {
    uploaded_bytes: u64,
    verified: bool,
    attempts: u32,
}

impl<'a> ReplyJson<'a> {
    fn new(reply: &'a Reply, sent: Option<Sent<'_>>) -> Self {
        let package = &reply.package;
        Self {
            id: &package.id,
            service_id: &package.service_id,
            version: package.version,
            created_at: package.created_at.as_deref(),
            updated_at: package.updated_at.as_deref(),
            deleted_at: package.deleted_at.as_deref(),
            metadata: package.metadata.as_ref().map(|metadata| MetadataJson {
                name: metadata.name.as_deref(),
                description: metadata.description.as_deref(),
                authors: metadata.authors.as_deref(),
                language: metadata.language.as_deref(),
                size: metadata.size,
                hashsum: metadata.hashsum.as_deref(),
                files_hash: metadata.files_hash.as_deref(),
                cloned_from: metadata.cloned_from.as_deref(),
                wasm_metadata: metadata.wasm_metadata.as_deref().and_then(raw),
            }),
            rate_limit: reply.rate_limit.as_ref().map(RateLimitJson::new),
            uploaded: sent.map(|_| true),
            sent: sent.map(|Sent { bytes, proof, attempts }| SentJson {
                uploaded_bytes: bytes,
                verified: matches!(proof, Proof::Verified),
                attempts,
            }),
            raw: raw(&reply.body),
        }
    }
}

impl<'a> RateLimitJson<'a> {
    fn new(limit: &'a RateLimit) -> Self {
        let RateLimit { remaining, reset, retry_after } = limit;
        Self { remaining: *remaining, reset: *reset, retry_after: retry_after.as_deref() }
    }
}

/// The API's own JSON, as it came.
fn raw(json: &str) -> Option<&RawValue> {
    serde_json::from_str(json).ok()
}

#[derive(Serialize)]
struct FailureJson<'a> {
    error: ErrorJson<'a>,
}

#[derive(Serialize)]
struct ErrorJson<'a> {
    message: &'a str,
    exit_code: u8,
    status: Option<u16>,
    title: Option<&'a str>,
    detail: Option<&'a str>,
    hint: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stored: Option<&'static str>,
    rate_limit: Option<RateLimitJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    findings: Option<Vec<FindingJson>>,
}

impl<'a> FailureJson<'a> {
    fn new(
        failure: &'a Failure,
        stored: Option<Stored>,
        message: &'a str,
        hint: Option<&'a str>,
    ) -> Self {
        let error = match failure {
            Failure::Operation(_, error) => Some(error),
            _ => None,
        };
        let api = match error {
            Some(Error::Api { error, .. }) => Some(error),
            _ => None,
        };
        Self {
            error: ErrorJson {
                message,
                exit_code: failure.exit_code(),
                status: error.and_then(Error::status),
                title: api.and_then(|api| api.title.as_deref()),
                detail: api.and_then(|api| api.detail.as_deref()),
                hint,
                stored: stored.map(|stored| match stored {
                    Stored::No => "no",
                    Stored::Other => "other",
                    _ => "unknown",
                }),
                rate_limit: api.and_then(|api| api.rate_limit.as_ref()).map(RateLimitJson::new),
                findings: failure.findings().map(FindingJson::all),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_obeys_nothing_that_came_from_outside() {
        assert_eq!(printable("a\u{1b}[31mred\u{7}\r\n"), "a\\u{1b}[31mred\\u{7}\\u{d} ");
        assert_eq!(printable("paquet é 包"), "paquet é 包");
    }
}
