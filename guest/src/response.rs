//! Answers to results: a package, or the API's error, or an answer that is neither. Nothing that a server sends makes it panic.

use crate::bindings::exports::fastly_package::api::package_api::{
    ApiError, ApiErrorEntry, Error, PackageMetadata, PackageResponse, RateLimit, Reply,
    UnexpectedReason, UnexpectedResponse,
};
use crate::bindings::wasi::http::types::ErrorCode;
use json::{number, string, text};
use serde_json::value::RawValue;

mod json;

/// How much of a body is read, in bytes. A PackageResponse has about one KiB.
pub(crate) const BODY_LIMIT: usize = 1024 * 1024;
/// How much of a body an error shows, in bytes.
const EXCERPT_LIMIT: usize = 4096;
/// How many of an error's entries are taken: a body of the largest size could hold 350,000 empty ones.
const ENTRY_LIMIT: usize = 100;

/// What came back for a request.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
    pub(crate) end: End,
    /// Whether the whole request had been sent when the answer came.
    pub(crate) request_sent: bool,
}

/// How an answer's body ended.
#[derive(Debug)]
pub(crate) enum End {
    Complete,
    /// It goes on after `BODY_LIMIT` bytes.
    TooLarge,
    Lost(ErrorCode),
}

/// Judges an answer. Every status of the API's refusals is its error, even where the body was lost on the way.
pub(crate) fn decode(answer: Answer) -> Result<Reply, Error> {
    match answer.status {
        200..=299 => decode_success(answer),
        400..=599 => Err(Error::Api(decode_error(&answer))),
        _ => Err(unexpected(&answer, UnexpectedReason::Status, String::new())),
    }
}

fn decode_success(mut answer: Answer) -> Result<Reply, Error> {
    if !answer.request_sent {
        return Err(unexpected(&answer, UnexpectedReason::Premature, String::new()));
    }
    if matches!(answer.end, End::Complete) && answer.is_short() {
        answer.end = End::Lost(ErrorCode::HttpResponseIncomplete);
    }
    match answer.end {
        End::Complete => {}
        End::TooLarge => {
            return Err(unexpected(&answer, UnexpectedReason::TooLarge, String::new()));
        }
        End::Lost(code) => return Err(code.into()),
    }
    let no_package = |why: String| unexpected(&answer, UnexpectedReason::NotAPackage, why);
    let body = str::from_utf8(&answer.body).map_err(|error| no_package(error.to_string()))?;
    let package = package_of(body).map_err(no_package)?;
    Ok(Reply { package, rate_limit: answer.rate_limit(), body: body.to_owned() })
}

fn decode_error(answer: &Answer) -> ApiError {
    let media_type = answer.media_type();
    let is_json = match media_type.as_deref() {
        None => true,
        Some(kind) => kind == "application/json" || kind.ends_with("+json"),
    };
    let [msg, title, detail, errors] = match str::from_utf8(&answer.body) {
        Ok(body) if is_json => {
            json::fields(body, ["msg", "title", "detail", "errors"]).unwrap_or_default()
        }
        _ => [None; 4],
    };
    let entries = json::list(errors).unwrap_or_default();
    let errors: Vec<ApiErrorEntry> =
        entries.into_iter().take(ENTRY_LIMIT).filter_map(entry_of).collect();
    let title = text(msg).or_else(|| text(title));
    let detail = text(detail);
    ApiError {
        status: answer.status,
        title: title.or_else(|| errors.first()?.title.clone()),
        detail: detail.or_else(|| errors.first()?.detail.clone()),
        errors,
        rate_limit: answer.rate_limit(),
        media_type,
        excerpt: answer.excerpt(),
    }
}

fn entry_of(entry: &RawValue) -> Option<ApiErrorEntry> {
    let [id, code, status, title, detail, reason, index, meta] = json::fields(
        entry.get(),
        ["id", "code", "status", "title", "detail", "reason", "index", "meta"],
    )
    .ok()?;
    Some(ApiErrorEntry {
        id: text(id),
        code: text(code),
        status: text(status),
        title: text(title),
        detail: text(detail).or_else(|| text(reason)),
        index: number(index),
        meta: meta.map(|meta| meta.get().to_owned()),
    })
}

fn unexpected(answer: &Answer, reason: UnexpectedReason, detail: String) -> Error {
    Error::UnexpectedResponse(UnexpectedResponse {
        reason,
        status: answer.status,
        detail,
        location: answer.header("location").map(|v| String::from_utf8_lossy(v).into_owned()),
        media_type: answer.media_type(),
        excerpt: answer.excerpt(),
    })
}

impl Answer {
    fn header(&self, name: &str) -> Option<&[u8]> {
        let (_, value) = self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name))?;
        Some(value.trim_ascii())
    }

    fn number_header(&self, name: &str) -> Option<u64> {
        str::from_utf8(self.header(name)?).ok()?.parse().ok()
    }

    /// The limits as the headers give them; those that aren't numbers are as good as absent.
    fn rate_limit(&self) -> Option<RateLimit> {
        let remaining = self.number_header("fastly-ratelimit-remaining");
        let reset = self.number_header("fastly-ratelimit-reset");
        let retry_after = self
            .header("retry-after")
            .and_then(|value| str::from_utf8(value).ok())
            .filter(|value| !value.is_empty())
            .map(str::to_owned);
        if remaining.is_none() && reset.is_none() && retry_after.is_none() {
            return None;
        }
        Some(RateLimit { remaining, reset, retry_after })
    }

    /// The media type without its parameters (RFC 9110, 8.3.1).
    fn media_type(&self) -> Option<String> {
        let value = self.header("content-type")?;
        let essence = value.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
        (!essence.is_empty()).then(|| String::from_utf8_lossy(essence).to_ascii_lowercase())
    }

    /// Whether the body is shorter than the header says: not every host notices.
    fn is_short(&self) -> bool {
        self.header("content-encoding").is_none()
            && self.number_header("content-length").is_some_and(|n| n > self.body.len() as u64)
    }

    fn excerpt(&self) -> String {
        let beginning = &self.body[..self.body.len().min(EXCERPT_LIMIT)];
        let mut excerpt = String::from_utf8_lossy(beginning).into_owned();
        excerpt.truncate(excerpt.floor_char_boundary(EXCERPT_LIMIT));
        excerpt
    }
}

fn package_of(json: &str) -> Result<PackageResponse, String> {
    let [id, service_id, version, created_at, updated_at, deleted_at, metadata] = json::fields(
        json,
        ["id", "service_id", "version", "created_at", "updated_at", "deleted_at", "metadata"],
    )?;
    let missing = |name: &str| format!("no `{name}` in it");
    Ok(PackageResponse {
        id: string(id).ok_or_else(|| missing("id"))?,
        service_id: string(service_id).ok_or_else(|| missing("service_id"))?,
        version: number(version)
            .and_then(|version| version.try_into().ok())
            .ok_or_else(|| missing("version"))?,
        created_at: string(created_at),
        updated_at: string(updated_at),
        deleted_at: string(deleted_at),
        metadata: metadata.and_then(metadata_of),
    })
}

fn metadata_of(json: &RawValue) -> Option<PackageMetadata> {
    let [name, description, authors, language, size, hashsum, files_hash, cloned_from, wasm] =
        json::fields(
            json.get(),
            [
                "name",
                "description",
                "authors",
                "language",
                "size",
                "hashsum",
                "files_hash",
                "cloned_from",
                "wasm_metadata",
            ],
        )
        .ok()?;
    let authors = json::list(authors);
    Some(PackageMetadata {
        name: string(name),
        description: string(description),
        authors: authors.and_then(|all| all.into_iter().map(|one| string(Some(one))).collect()),
        language: string(language),
        size: number(size),
        hashsum: string(hashsum),
        files_hash: string(files_hash),
        cloned_from: string(cloned_from),
        wasm_metadata: wasm.map(|raw| raw.get().to_owned()),
    })
}

#[cfg(test)]
mod properties;

#[cfg(test)]
mod tests;
