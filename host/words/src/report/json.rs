//! The JSON that is printed.

use super::is_obeyed;
use crate::failure::{Cause, Failure};
use crate::records::{Case, Error, Finding, Missing, Proof, RateLimit, Reply, Stored, Uploaded};
use serde::Serialize;
use serde_json::value::RawValue;

/// One line of JSON.
pub fn to_json(value: &impl Serialize) -> String {
    let json =
        serde_json::to_string(value).unwrap_or_else(|error| format!("{{\"error\":\"{error}\"}}"));
    // What serde_json leaves as it is though a terminal may obey it: in JSON they stand in strings alone.
    let is_left = |character: char| character >= '\u{7f}' && is_obeyed(character);
    if !json.contains(is_left) {
        return json;
    }
    let escaped = |character: char| match is_left(character) {
        true => format!("\\u{:04x}", u32::from(character)),
        false => character.to_string(),
    };
    json.chars().map(escaped).collect()
}

/// A package, as `get --json` and `put --json` print it.
#[derive(Serialize)]
pub(super) struct ReplyJson<'a> {
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
    raw: Option<Box<RawValue>>,
}

#[derive(Serialize)]
pub(super) struct RehearsalJson<'a> {
    pub(super) dry_run: bool,
    pub(super) uploaded: bool,
    pub(super) service_id: &'a str,
    pub(super) version: u32,
    pub(super) size: u64,
}

#[derive(Serialize)]
pub(super) struct MetadataJson<'a> {
    name: Option<&'a str>,
    description: Option<&'a str>,
    authors: Option<&'a [String]>,
    language: Option<&'a str>,
    size: Option<u64>,
    hashsum: Option<&'a str>,
    files_hash: Option<&'a str>,
    cloned_from: Option<&'a str>,
    wasm_metadata: Option<Box<RawValue>>,
}

#[derive(Serialize)]
pub(super) struct RateLimitJson<'a> {
    remaining: Option<u64>,
    reset: Option<u64>,
    retry_after: Option<&'a str>,
}

#[derive(Serialize)]
pub(super) struct SentJson {
    uploaded_bytes: u64,
    verified: bool,
    attempts: u32,
}

impl<'a> ReplyJson<'a> {
    pub(super) fn new(reply: &'a Reply, sent: Option<&Uploaded>) -> Self {
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
            sent: sent.map(|sent| SentJson {
                uploaded_bytes: sent.bytes,
                verified: matches!(sent.proof, Proof::Verified),
                attempts: sent.attempts,
            }),
            raw: raw(&reply.body),
        }
    }

    /// Of an upload that wasn't needed.
    pub(super) fn unchanged(self) -> Self {
        Self { uploaded: Some(false), ..self }
    }
}

impl<'a> RateLimitJson<'a> {
    fn new(limit: &'a RateLimit) -> Self {
        let RateLimit { remaining, reset, retry_after } = limit;
        Self { remaining: *remaining, reset: *reset, retry_after: retry_after.as_deref() }
    }
}

fn named(missing: Missing) -> &'static str {
    match missing {
        Missing::Service => "service",
        Missing::Version => "version",
        Missing::Package => "package",
    }
}

/// The API's own JSON, as it came but for line ends, which stand between its tokens alone: what is printed is one line.
fn raw(json: &str) -> Option<Box<RawValue>> {
    RawValue::from_string(json.replace(['\n', '\r'], " ")).ok()
}

/// A failure, with the service version that it is about.
#[derive(Serialize)]
pub(super) struct FailureJson<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    service_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u32>,
    error: ErrorJson<'a>,
}

#[derive(Serialize)]
pub(super) struct ErrorJson<'a> {
    message: &'a str,
    exit_code: u8,
    status: Option<u16>,
    title: Option<&'a str>,
    detail: Option<&'a str>,
    hint: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stored: Option<&'static str>,
    rate_limit: Option<RateLimitJson<'a>>,
    /// Of a 404: what isn't there.
    #[serde(skip_serializing_if = "Option::is_none")]
    missing: Option<&'static str>,
    /// Of an upload that the API took for no package: what is wrong with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    findings: Option<Vec<FindingJson<'a>>>,
}

impl<'a> FailureJson<'a> {
    pub(super) fn new(
        failure: &'a Failure,
        stored: Option<Stored>,
        message: &'a str,
        hint: Option<&'a str>,
    ) -> Self {
        let error = failure.error();
        let api = match error.map(|error| &error.case) {
            Some(Case::Api(error)) => Some(error),
            _ => None,
        };
        let operation = failure.operation();
        let (missing, findings) = match failure.cause() {
            Some(Cause::Missing(missing)) => (Some(named(*missing)), None),
            Some(Cause::Package(findings)) => {
                (None, Some(findings.iter().map(FindingJson::new).collect()))
            }
            None => (None, None),
        };
        Self {
            service_id: operation.map(|operation| operation.service_id.as_str()),
            version: operation.map(|operation| operation.version),
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
                    Stored::Unknown => "unknown",
                }),
                rate_limit: api.and_then(|api| api.rate_limit.as_ref()).map(RateLimitJson::new),
                missing,
                findings,
            },
        }
    }
}

/// Something that is wrong with a package.
#[derive(Serialize)]
pub struct FindingJson<'a> {
    severity: &'a str,
    kind: &'static str,
    message: &'a str,
    hint: &'static str,
}

impl<'a> FindingJson<'a> {
    /// One of them.
    pub fn new(finding: &'a Finding) -> Self {
        let Finding { severity, kind, message, hint, .. } = finding;
        Self { severity, kind, message, hint }
    }
}
