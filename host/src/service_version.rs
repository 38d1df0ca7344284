//! What the operations are about.

use crate::bindings::exports::fastly_package::api::package_api::ServiceVersion;
use crate::error::{Error, Result};
use fastly_package_egress::check_target;

impl ServiceVersion {
    /// Names a version of a service.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] when the ID is empty, `.` or `..`, which would name another path, or the version isn't between 1 and
    /// 2147483647. Whether there is such a version shows with the first call.
    ///
    /// ```
    /// use fastly_package::ServiceVersion;
    ///
    /// assert!(ServiceVersion::new("SU1Z0isxPaozGVKXdv0eY", 3).is_ok());
    /// assert!(ServiceVersion::new("SU1Z0isxPaozGVKXdv0eY", 0).is_err());
    /// ```
    pub fn new(service_id: impl Into<String>, version_id: u32) -> Result<Self> {
        let service_id = service_id.into();
        check_target(&service_id, version_id).map_err(|why| Error::InvalidArgument(why.into()))?;
        Ok(Self { service_id, version_id })
    }
}
