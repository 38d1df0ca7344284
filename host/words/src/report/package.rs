//! A package as people read it.

use super::{System, aligned, size};
use crate::records::{Metadata, Reply};
use crate::times;

/// How much of a hash is shown: enough to tell two apart.
const SHORT: usize = 12;

/// Names and values; `whole` hashes, or their beginnings.
pub(super) fn table(reply: &Reply, whole: bool, system: System) -> String {
    let package = &reply.package;
    let metadata = package.metadata.as_ref();
    let field = |get: fn(&Metadata) -> &Option<String>| metadata.and_then(|m| get(m).clone());
    let hash = |hash: String| match hash.char_indices().nth(SHORT) {
        Some((end, _)) if !whole => format!("{}…", &hash[..end]),
        _ => hash,
    };
    let time = |time: &Option<String>| time.as_deref().map(|time| times::of_api(time, system));
    let rows = [
        ("package", Some(package.id.clone())),
        ("service", Some(package.service_id.clone())),
        ("version", Some(package.version.to_string())),
        ("name", field(|metadata| &metadata.name)),
        ("description", field(|metadata| &metadata.description)),
        ("authors", metadata.and_then(|m| m.authors.as_ref()).map(|names| names.join(", "))),
        ("language", field(|metadata| &metadata.language)),
        ("cloned from", field(|metadata| &metadata.cloned_from)),
        ("size", metadata.and_then(|m| m.size).map(size)),
        ("hashsum", field(|metadata| &metadata.hashsum).map(hash)),
        ("files_hash", field(|metadata| &metadata.files_hash).map(hash)),
        ("created", time(&package.created_at)),
        ("updated", time(&package.updated_at)),
        ("deleted", time(&package.deleted_at)),
    ];
    aligned(rows.into_iter().filter_map(|(name, value)| Some((name, value?))))
}
