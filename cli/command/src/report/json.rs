//! JSON output.

use super::changes_terminal;
use crate::call_error::Uploaded;
use crate::contract::{RateLimit, Reply};
use crate::error::{CommandError, Explanation, Finding, Missing};
use crate::fields::{raw_json, serialize_metadata, serialize_package};
use fastly_package_core::error::Stored;
use fastly_package_core::upload::Proof;
use serde::Serialize;
use serde_json::value::RawValue;

/// Formats a value on one line.
pub(super) fn to_json(value: &impl Serialize) -> String {
    let json =
        serde_json::to_string(value).unwrap_or_else(|error| format!("{{\"error\":\"{error}\"}}"));
    // serde_json escapes the other control characters. In JSON, these occur in strings only.
    let is_unescaped = |character: char| character >= '\u{7f}' && changes_terminal(character);
    if !json.contains(is_unescaped) {
        return json;
    }
    let escaped = |character: char| match is_unescaped(character) {
        true => format!("\\u{:04x}", u32::from(character)),
        false => character.to_string(),
    };
    json.chars().map(escaped).collect()
}

/// A package, as `get --json` and `put --json` print it.
#[derive(Serialize)]
pub(super) struct ReplyJson<'a> {
    #[serde(flatten, serialize_with = "serialize_package")]
    package: &'a Reply,
    #[serde(serialize_with = "serialize_metadata")]
    metadata: &'a Reply,
    rate_limit: Option<RateLimitJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    uploaded: Option<bool>,
    #[serde(flatten)]
    upload: Option<UploadJson>,
    raw: Option<Box<RawValue>>,
}

#[derive(Serialize)]
struct UploadJson {
    uploaded_bytes: u64,
    verified: bool,
    attempts: u32,
}

#[derive(Serialize)]
struct RateLimitJson<'a> {
    remaining: Option<u64>,
    reset: Option<u64>,
    retry_after: Option<&'a str>,
}

/// The result of `put --dry-run`.
#[derive(Serialize)]
pub(super) struct DryRunJson<'a> {
    pub(super) dry_run: bool,
    pub(super) uploaded: bool,
    pub(super) service_id: &'a str,
    pub(super) version: u32,
    pub(super) size: u64,
}

impl<'a> ReplyJson<'a> {
    pub(super) fn new(reply: &'a Reply) -> Self {
        Self {
            package: reply,
            metadata: reply,
            rate_limit: reply.rate_limit.as_ref().map(RateLimitJson::new),
            uploaded: None,
            upload: None,
            raw: raw_json(&reply.body),
        }
    }

    pub(super) fn uploaded(uploaded: &'a Uploaded, bytes: u64) -> Self {
        let upload = UploadJson {
            uploaded_bytes: bytes,
            verified: matches!(uploaded.proof, Proof::Verified),
            attempts: uploaded.attempts,
        };
        Self { uploaded: Some(true), upload: Some(upload), ..Self::new(&uploaded.reply) }
    }

    pub(super) fn unchanged(reply: &'a Reply) -> Self {
        Self { uploaded: Some(false), ..Self::new(reply) }
    }
}

impl<'a> RateLimitJson<'a> {
    fn new(limit: &'a RateLimit) -> Self {
        let RateLimit { remaining, reset, retry_after } = limit;
        Self { remaining: *remaining, reset: *reset, retry_after: retry_after.as_deref() }
    }
}

/// An error, with the target of the call.
#[derive(Serialize)]
pub(super) struct ErrorLine<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    service_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u32>,
    error: ErrorJson<'a>,
}

#[derive(Serialize)]
struct ErrorJson<'a> {
    message: String,
    exit_code: u8,
    status: Option<u16>,
    title: Option<&'a str>,
    detail: Option<&'a str>,
    hint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stored: Option<&'static str>,
    rate_limit: Option<RateLimitJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    missing: Option<Missing>,
    #[serde(skip_serializing_if = "Option::is_none")]
    findings: Option<&'a [Finding]>,
}

impl<'a> ErrorLine<'a> {
    pub(super) fn new(
        error: &'a CommandError,
        stored: Option<Stored>,
        hint: Option<String>,
    ) -> Self {
        let (context, call) = error.call().unzip();
        let api = call.and_then(|call| call.api.as_ref());
        let (missing, findings) = match context.and_then(|context| context.explanation.as_ref()) {
            Some(Explanation::Missing(missing)) => (Some(*missing), None),
            Some(Explanation::Findings(findings)) => (None, Some(findings.as_slice())),
            None => (None, None),
        };
        Self {
            service_id: context.map(|context| context.target.service_id.as_str()),
            version: context.map(|context| context.target.version_id),
            error: ErrorJson {
                message: error.to_string(),
                exit_code: error.exit_code(),
                status: call.and_then(|call| call.status),
                title: api.and_then(|api| api.title.as_deref()),
                detail: api.and_then(|api| api.detail.as_deref()),
                hint,
                stored: stored.map(|stored| match stored {
                    Stored::No => "no",
                    Stored::Other => "other",
                    _ => "unknown",
                }),
                rate_limit: api.and_then(|api| api.rate_limit.as_ref()).map(RateLimitJson::new),
                missing,
                findings,
            },
        }
    }
}
