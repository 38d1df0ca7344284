//! The table of a package.

use super::{System, size, table};
use crate::contract::Reply;
use crate::fields::{FIELDS, FieldFormat, Value};
use crate::times;

/// The number of digits of an abbreviated hash: enough to tell two apart.
const SHORT: usize = 12;

/// Formats the fields of a package. Hashes are abbreviated unless `whole`.
pub(super) fn package_table(reply: &Reply, whole: bool, system: System) -> String {
    let hash = |hash: String| match hash.char_indices().nth(SHORT) {
        Some((end, _)) if !whole => format!("{}…", &hash[..end]),
        _ => hash,
    };
    table(FIELDS.iter().filter_map(|field| {
        let value = field.get(reply)?;
        let text = value.lines().join(", ");
        let text = match (field.format, value) {
            (FieldFormat::JsonOnly, _) => return None,
            (FieldFormat::Size, Value::Number(bytes)) => size(bytes),
            (FieldFormat::Hash, _) => hash(text),
            (FieldFormat::Time, _) => times::api_time(&text, system),
            _ => text,
        };
        Some((field.label, text))
    }))
}
