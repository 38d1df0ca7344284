//! The fields of a package, by the names that they have in JSON.

use crate::records::{Metadata, Reply};

/// What a field says, a line for each of its values. `None`: the API doesn't name it.
type Get = fn(&Reply) -> Option<Vec<String>>;

/// All of them.
pub const FIELDS: [(&str, Get); 14] = [
    ("id", |reply| one(&reply.package.id)),
    ("service_id", |reply| one(&reply.package.service_id)),
    ("version", |reply| one(reply.package.version)),
    ("name", |reply| one(metadata(reply)?.name.as_ref()?)),
    ("description", |reply| one(metadata(reply)?.description.as_ref()?)),
    ("authors", |reply| metadata(reply)?.authors.clone()),
    ("language", |reply| one(metadata(reply)?.language.as_ref()?)),
    ("cloned_from", |reply| one(metadata(reply)?.cloned_from.as_ref()?)),
    ("size", |reply| one(metadata(reply)?.size?)),
    ("hashsum", |reply| one(metadata(reply)?.hashsum.as_ref()?)),
    ("files_hash", |reply| one(metadata(reply)?.files_hash.as_ref()?)),
    ("created_at", |reply| one(reply.package.created_at.as_ref()?)),
    ("updated_at", |reply| one(reply.package.updated_at.as_ref()?)),
    ("deleted_at", |reply| one(reply.package.deleted_at.as_ref()?)),
];

/// What the field of this name says.
pub(crate) fn field(reply: &Reply, name: &str) -> Option<Vec<String>> {
    let (_, get) = FIELDS.iter().find(|(known, _)| *known == name)?;
    get(reply)
}

fn one(value: impl ToString) -> Option<Vec<String>> {
    Some(vec![value.to_string()])
}

fn metadata(reply: &Reply) -> Option<&Metadata> {
    reply.package.metadata.as_ref()
}
