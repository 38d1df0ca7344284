//! The types that are generated from the WIT, for this platform.

#[cfg(target_family = "wasm")]
pub use crate::wasi::bindings::fastly_package::api::{
    package_api::{ApiError, PackageMetadata, PackageResponse, RateLimit, Reply, ServiceVersion},
    versions::ServiceVersionInfo,
};
#[cfg(not(target_family = "wasm"))]
pub use fastly_package::{
    ApiError, PackageMetadata, PackageResponse, RateLimit, Reply, ServiceVersion,
    ServiceVersionInfo,
};
