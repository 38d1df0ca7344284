//! The target of a call: a service, a version of it, and their paths in the API.

use crate::api_url::ApiUrl;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// All but the unreserved characters (RFC 3986, section 2.3).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// An operation of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Operation {
    /// `GET /service/{service_id}/version/{version_id}/package`.
    GetPackage,
    /// `PUT /service/{service_id}/version/{version_id}/package`.
    PutPackage,
    /// `GET /service/{service_id}/version`.
    ListVersions,
}

impl Operation {
    /// Returns the HTTP method.
    pub fn method(self) -> &'static str {
        match self {
            Self::GetPackage | Self::ListVersions => "GET",
            Self::PutPackage => "PUT",
        }
    }

    /// Returns the request's path below `api`. It is empty if [`check_service_id`] rejects the ID: such a path would name something else.
    ///
    /// `version_id` is not part of the path of [`Operation::ListVersions`].
    pub fn path(self, api: &ApiUrl, service_id: &str, version_id: u32) -> String {
        if check_service_id(service_id).is_err() {
            return String::new();
        }
        let service_id = utf8_percent_encode(service_id, SEGMENT);
        let versions = format!("{}/service/{service_id}/version", api.prefix);
        match self {
            Self::GetPackage | Self::PutPackage => format!("{versions}/{version_id}/package"),
            Self::ListVersions => versions,
        }
    }
}

/// Checks that a service ID can be one segment of a path.
///
/// # Errors
///
/// Returns the reason, for people to read.
pub fn check_service_id(service_id: &str) -> Result<(), &'static str> {
    match service_id {
        "" => Err("the service ID is empty"),
        // A percent-encoded dot segment is still a dot segment (RFC 3986, section 6.2.2).
        "." | ".." => Err("the service ID consists of dots"),
        _ => Ok(()),
    }
}

/// Checks the ID and the version number of a service version.
///
/// # Errors
///
/// Returns the reason, for people to read.
pub fn check_service_version(service_id: &str, version_id: u32) -> Result<(), &'static str> {
    check_service_id(service_id)?;
    match version_id == 0 || version_id > i32::MAX as u32 {
        true => Err("the version is not between 1 and 2147483647"),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests;
