//! Service versions.

use crate::bindings::exports::fastly_package::api::package_api::ServiceVersion;
use crate::error::{Error, Result};
use fastly_package_core::target::check_service_version;

impl ServiceVersion {
    /// Creates a target for calls. Whether the version exists shows with the first call.
    ///
    /// # Errors
    ///
    /// Fails with [`ErrorKind::InvalidArgument`](crate::ErrorKind::InvalidArgument) if the ID is empty, `.` or `..`, or the version is not between 1 and
    /// 2147483647.
    ///
    /// ```
    /// use fastly_package::ServiceVersion;
    ///
    /// assert!(ServiceVersion::new("SU1Z0isxPaozGVKXdv0eY", 3).is_ok());
    /// assert!(ServiceVersion::new("SU1Z0isxPaozGVKXdv0eY", 0).is_err());
    /// ```
    pub fn new(service_id: impl Into<String>, version_id: u32) -> Result<Self> {
        let service_id = service_id.into();
        check_service_version(&service_id, version_id).map_err(Error::invalid_argument)?;
        Ok(Self { service_id, version_id })
    }
}
