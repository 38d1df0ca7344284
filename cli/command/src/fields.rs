//! The fields of a package: one table for text, `--field` and `--json`.

use crate::contract::{PackageMetadata, PackageResponse, Reply};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

/// A field of a package.
pub(crate) struct Field {
    /// Its name in the API's JSON.
    pub(crate) name: &'static str,
    /// Its label in the table.
    pub(crate) label: &'static str,
    /// Its representation in the table.
    pub(crate) format: FieldFormat,
    get: Getter,
}

/// The representation of a field in the table.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum FieldFormat {
    Plain,
    /// A number of bytes.
    Size,
    /// A hash, of which the beginning tells two apart.
    Hash,
    /// An RFC 3339 time.
    Time,
    /// It is part of `--json` only.
    JsonOnly,
}

/// How to get a field. `None` if the API's response doesn't contain it.
enum Getter {
    Package(fn(&PackageResponse) -> Option<Value<'_>>),
    Metadata(fn(&PackageMetadata) -> Option<Value<'_>>),
}

/// The value of a field.
pub(crate) enum Value<'a> {
    Text(&'a str),
    Number(u64),
    List(&'a [String]),
    Json(&'a str),
}

use FieldFormat::{Hash, JsonOnly, Plain, Size, Time};
use Getter::{Metadata, Package};
use Value::{Json, List, Number, Text};

/// All fields, in the order in which they are printed.
pub(crate) const FIELDS: [Field; 15] = [
    field("id", "package", Plain, Package(|it| Some(Text(&it.id)))),
    field("service_id", "service", Plain, Package(|it| Some(Text(&it.service_id)))),
    field("version", "version", Plain, Package(|it| Some(Number(it.version.into())))),
    field("name", "name", Plain, Metadata(|it| text(&it.name))),
    field("description", "description", Plain, Metadata(|it| text(&it.description))),
    field("authors", "authors", Plain, Metadata(|it| it.authors.as_deref().map(List))),
    field("language", "language", Plain, Metadata(|it| text(&it.language))),
    field("size", "size", Size, Metadata(|it| it.size.map(Number))),
    field("hashsum", "hashsum", Hash, Metadata(|it| text(&it.hashsum))),
    field("files_hash", "files_hash", Hash, Metadata(|it| text(&it.files_hash))),
    field("cloned_from", "cloned from", Plain, Metadata(|it| text(&it.cloned_from))),
    field("wasm_metadata", "", JsonOnly, Metadata(|it| it.wasm_metadata.as_deref().map(Json))),
    field("created_at", "created", Time, Package(|it| text(&it.created_at))),
    field("updated_at", "updated", Time, Package(|it| text(&it.updated_at))),
    field("deleted_at", "deleted", Time, Package(|it| text(&it.deleted_at))),
];

const fn field(name: &'static str, label: &'static str, format: FieldFormat, get: Getter) -> Field {
    Field { name, label, format, get }
}

fn text(text: &Option<String>) -> Option<Value<'_>> {
    text.as_deref().map(Text)
}

/// Returns the names that `--field` accepts.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    FIELDS.into_iter().filter(|field| field.format != JsonOnly).map(|field| field.name)
}

impl Field {
    pub(crate) fn get<'a>(&self, reply: &'a Reply) -> Option<Value<'a>> {
        match self.get {
            Package(get) => get(&reply.package),
            Metadata(get) => get(reply.package.metadata.as_ref()?),
        }
    }
}

impl Value<'_> {
    /// Returns the lines of the value: one for each entry of a list.
    pub(crate) fn lines(&self) -> Vec<String> {
        match self {
            Text(text) | Json(text) => vec![(*text).to_owned()],
            Number(number) => vec![number.to_string()],
            List(entries) => entries.to_vec(),
        }
    }
}

impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Text(text) => serializer.serialize_str(text),
            Number(number) => serializer.serialize_u64(*number),
            List(entries) => serializer.collect_seq(*entries),
            Json(json) => raw_json(json).serialize(serializer),
        }
    }
}

/// Serializes the fields of the package itself.
pub(crate) fn serialize_package<S: Serializer>(reply: &&Reply, to: S) -> Result<S::Ok, S::Error> {
    let fields = FIELDS.iter().filter(|field| matches!(field.get, Package(_)));
    to.collect_map(fields.map(|field| (field.name, field.get(reply))))
}

/// Serializes the fields of its metadata.
pub(crate) fn serialize_metadata<S: Serializer>(reply: &&Reply, to: S) -> Result<S::Ok, S::Error> {
    if reply.package.metadata.is_none() {
        return to.serialize_none();
    }
    let fields = FIELDS.iter().filter(|field| matches!(field.get, Metadata(_)));
    to.collect_map(fields.map(|field| (field.name, field.get(reply))))
}

/// Returns the API's own JSON on one line: line breaks are only between its tokens.
pub(crate) fn raw_json(json: &str) -> Option<Box<RawValue>> {
    RawValue::from_string(json.replace(['\n', '\r'], " ")).ok()
}
