//! The API's JSON objects, decoded into records of the WIT.

use super::json;
use crate::bindings::exports::fastly_package::api::package_api::{
    ApiErrorEntry, PackageMetadata, PackageResponse,
};
use crate::bindings::exports::fastly_package::api::versions::ServiceVersionInfo;
use serde_json::value::RawValue;

/// The maximum number of an error's entries: a body of 1 MiB can contain 350,000 empty ones.
pub(super) const ENTRY_LIMIT: usize = 100;

/// Decodes a JSON object into a record. In the expressions, the name of a field is its JSON value, an `Option<&RawValue>`. The names after the
/// record are further fields of the object.
macro_rules! record {
    ($json:expr, $record:ident { $($field:ident: $value:expr),* $(,)? } $(, $further:ident)* $(,)?) => {{
        let [$($field,)* $($further,)*] =
            json::fields($json, [$(stringify!($field),)* $(stringify!($further),)*])?;
        Ok($record { $($field: $value),* })
    }};
}

pub(super) fn package(json: &str) -> Result<PackageResponse, String> {
    record!(
        json,
        PackageResponse {
            id: required("id", json::string(id))?,
            service_id: required("service_id", json::string(service_id))?,
            version: required("version", version_number(version))?,
            created_at: json::string(created_at),
            updated_at: json::string(updated_at),
            deleted_at: json::string(deleted_at),
            metadata: metadata.and_then(|metadata| package_metadata(metadata.get()).ok()),
        }
    )
}

fn package_metadata(json: &str) -> Result<PackageMetadata, String> {
    record!(
        json,
        PackageMetadata {
            name: json::string(name),
            description: json::string(description),
            authors: json::strings(authors),
            language: json::string(language),
            size: json::number(size),
            hashsum: json::string(hashsum),
            files_hash: json::string(files_hash),
            cloned_from: json::string(cloned_from),
            wasm_metadata: json::text(wasm_metadata),
        }
    )
}

pub(super) fn versions(json: &str) -> Result<Vec<ServiceVersionInfo>, String> {
    json::array(json)?.into_iter().map(|version| service_version(version.get())).collect()
}

fn service_version(json: &str) -> Result<ServiceVersionInfo, String> {
    record!(
        json,
        ServiceVersionInfo {
            number: required("number", version_number(number))?,
            active: json::is_true(active),
            locked: json::is_true(locked),
            created_at: json::string(created_at),
            updated_at: json::string(updated_at),
            deleted_at: json::string(deleted_at),
            comment: json::string(comment),
        }
    )
}

fn version_number(number: Option<&RawValue>) -> Option<u32> {
    json::number(number)?.try_into().ok()
}

fn required<T>(field: &str, value: Option<T>) -> Result<T, String> {
    value.ok_or_else(|| format!("missing or invalid field `{field}`"))
}

/// The body of an error response.
#[derive(Default)]
pub(super) struct ErrorBody {
    pub(super) title: Option<String>,
    pub(super) detail: Option<String>,
    pub(super) errors: Vec<ApiErrorEntry>,
}

pub(super) fn error_body(json: &str) -> Result<ErrorBody, String> {
    record!(
        json,
        ErrorBody {
            title: json::string_or_number(msg).or_else(|| json::string_or_number(title)),
            detail: json::string_or_number(detail),
            errors: errors.map(error_entries).unwrap_or_default(),
        },
        msg
    )
}

fn error_entries(errors: &RawValue) -> Vec<ApiErrorEntry> {
    let entries = json::array(errors.get()).unwrap_or_default().into_iter().take(ENTRY_LIMIT);
    entries.filter_map(|entry| error_entry(entry.get()).ok()).collect()
}

fn error_entry(json: &str) -> Result<ApiErrorEntry, String> {
    record!(
        json,
        ApiErrorEntry {
            id: json::string_or_number(id),
            code: json::string_or_number(code),
            status: json::string_or_number(status),
            title: json::string_or_number(title),
            detail: json::string_or_number(detail).or_else(|| json::string_or_number(reason)),
            index: json::number(index),
            meta: json::text(meta),
        },
        reason
    )
}
