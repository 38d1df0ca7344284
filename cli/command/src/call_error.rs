//! The result of an upload, and failed calls.

use crate::contract::ApiError;
use fastly_package_core::error::{ContentErrorKind, ErrorKind, Stored};
use std::fmt;

/// An upload that the API has stored.
#[cfg(target_family = "wasm")]
pub type Uploaded = fastly_package_core::upload::Uploaded<crate::contract::Reply, CallError>;
#[cfg(not(target_family = "wasm"))]
pub use fastly_package::Uploaded;

/// A failed call of the API, or a failed step on this side of it.
#[derive(Debug, Clone)]
pub struct CallError {
    /// Where it failed.
    pub kind: ErrorKind,
    /// Why, for people to read.
    pub message: String,
    /// Whether the package of an upload is stored.
    pub stored: Stored,
    /// The HTTP status, if there was a response.
    pub status: Option<u16>,
    /// The API's error response.
    pub api: Option<Box<ApiError>>,
}

impl CallError {
    /// Returns an error without a response, after which nothing is stored.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), stored: Stored::No, status: None, api: None }
    }

    /// Returns an error about the package.
    pub fn content(kind: ContentErrorKind, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Content(kind), message)
    }
}

#[cfg(not(target_family = "wasm"))]
impl From<fastly_package::Error> for CallError {
    fn from(error: fastly_package::Error) -> Self {
        Self {
            kind: error.kind(),
            message: error.to_string(),
            stored: error.stored(),
            status: error.status(),
            api: error.api().cloned().map(Box::new),
        }
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
