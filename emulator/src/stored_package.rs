//! A stored package, and the responses that describe it.

use fastly_package_archive::{CheckReport, Manifest};
use serde_json::{Map, Value, json};

use crate::clock::rfc3339;

/// A package that was uploaded.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct StoredPackage {
    /// The package's ID: 22 alphanumeric characters, the same for every upload to a version.
    pub id: String,
    /// The service ID.
    pub service_id: String,
    /// The version number.
    pub version: u32,
    /// The report on the archive: size, hashes, manifest, wasm.
    pub archive: CheckReport,
    /// Time of the first upload, in seconds since the epoch.
    pub created_at: u64,
    /// Time of the last upload, in seconds since the epoch.
    pub updated_at: u64,
    /// Number of stored uploads.
    pub uploads: u64,
}

impl StoredPackage {
    /// Returns the size of the last upload, in bytes.
    pub fn size(&self) -> u64 {
        self.archive.size
    }

    /// Returns the SHA-512 of the last upload, in lower-case hex.
    pub fn hashsum(&self) -> &str {
        &self.archive.hashsum
    }

    /// Returns the hash over the files of the last upload, in lower-case hex.
    pub fn files_hash(&self) -> &str {
        self.archive.files_hash.as_deref().unwrap_or_default()
    }

    /// Returns the response to a GET. It was recorded with `cloned_from`, and without `wasm_metadata`.
    pub(crate) fn get_response(&self) -> Value {
        let mut response = self.response();
        if let Some(cloned_from) = self.manifest().cloned_from {
            response["metadata"]["cloned_from"] = json!(cloned_from);
        }
        response
    }

    /// Returns the response to a PUT. It was recorded with `wasm_metadata`, and without `cloned_from`.
    pub(crate) fn put_response(&self) -> Value {
        let mut response = self.response();
        response["metadata"]["wasm_metadata"] = self.wasm_metadata();
        response
    }

    fn manifest(&self) -> Manifest {
        self.archive.manifest.clone().unwrap_or_default()
    }

    /// Returns the module's `producers` section. The recorded response contains its fields as they are (`processed-by`, `language`), except that
    /// the version of `fastly_data`, which the Fastly CLI writes as JSON, is an object.
    fn wasm_metadata(&self) -> Value {
        let version = |text: &String| {
            let object = serde_json::from_str(text).ok().filter(Value::is_object);
            object.unwrap_or_else(|| Value::String(text.clone()))
        };
        let producers = self.archive.wasm.iter().flat_map(|wasm| &wasm.producers);
        let fields = producers.map(|(field, values)| {
            let values = values.iter().map(|(name, text)| (name.clone(), version(text)));
            (field.clone(), Value::Object(values.collect()))
        });
        Value::Object(fields.collect::<Map<_, _>>())
    }

    fn response(&self) -> Value {
        let manifest = self.manifest();
        json!({
            "id": self.id,
            "service_id": self.service_id,
            "version": self.version,
            "created_at": rfc3339(self.created_at),
            "updated_at": rfc3339(self.updated_at),
            "deleted_at": null,
            "metadata": {
                "name": manifest.name,
                "description": manifest.description,
                "authors": manifest.authors,
                "language": manifest.language,
                "size": self.archive.size,
                "hashsum": self.archive.hashsum,
                "files_hash": self.archive.files_hash,
            },
        })
    }
}
