//! A package as it is stored, and the two answers that show it.

use serde_json::{Value, json};

use crate::archive::PackageInfo;
use crate::clock::rfc3339;

/// A package that was uploaded.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct StoredPackage {
    /// The package's id: 22 alphanumerics, the same for every upload to one version.
    pub id: String,
    /// The service.
    pub service_id: String,
    /// The version.
    pub version: u32,
    /// What was read from the archive: size, hashes, metadata.
    pub info: PackageInfo,
    /// The first upload, in seconds since the epoch.
    pub created_at: u64,
    /// The last upload, in seconds since the epoch.
    pub updated_at: u64,
    /// How many uploads were stored.
    pub uploads: u64,
}

impl StoredPackage {
    /// Size of the last upload, in bytes.
    pub fn size(&self) -> u64 {
        self.info.size
    }

    /// SHA-512 of the last upload, in lower-case hex.
    pub fn hashsum(&self) -> &str {
        &self.info.hashsum
    }

    /// Hash over the last upload's files, in lower-case hex.
    pub fn files_hash(&self) -> &str {
        &self.info.files_hash
    }

    /// The answer to a GET: it was recorded with `cloned_from`, and without `wasm_metadata`.
    pub(crate) fn get_response(&self) -> Value {
        let mut response = self.response();
        if let Some(cloned_from) = &self.info.cloned_from {
            response["metadata"]["cloned_from"] = json!(cloned_from);
        }
        response
    }

    /// The answer to a PUT: it was recorded with `wasm_metadata`, and without `cloned_from`.
    pub(crate) fn put_response(&self) -> Value {
        let mut response = self.response();
        response["metadata"]["wasm_metadata"] = self.info.wasm_metadata.clone();
        response
    }

    fn response(&self) -> Value {
        json!({
            "id": self.id,
            "service_id": self.service_id,
            "version": self.version,
            "created_at": rfc3339(self.created_at),
            "updated_at": rfc3339(self.updated_at),
            "deleted_at": null,
            "metadata": {
                "name": self.info.name,
                "description": self.info.description,
                "authors": self.info.authors,
                "language": self.info.language,
                "size": self.info.size,
                "hashsum": self.info.hashsum,
                "files_hash": self.info.files_hash,
            },
        })
    }
}
