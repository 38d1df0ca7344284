//! The plugin component: Fastly's GetPackage and PutPackage, and the list of a service's versions, over `wasi:http`.
//!
//! The component implements the protocol and depends on nothing else: requests leave through the host, the package is spliced from stream to
//! stream, and every response becomes a `result`. The interfaces are in `wit/package-api.wit` and `wit/versions.wit`.

#![allow(
    clippy::result_large_err,
    reason = "the WIT's error is as large as its cases, and every call that returns it has waited for the network"
)]

mod error;
mod multipart;
mod request;
mod response;
mod transport;

mod bindings {
    wit_bindgen::generate!({ path: "../wit", world: "plugin", generate_all });
}

use bindings::exports::fastly_package::api::package_api::{
    self, Error, PutOptions, Reply, RequestOptions, ServiceVersion,
};
use bindings::exports::fastly_package::api::versions::{self, ServiceVersionInfo};
use bindings::wasi::io::streams::InputStream;
use bindings::wasi::random::random::get_random_bytes;
use multipart::Multipart;
use request::Request;
use transport::{Upload, send};

/// Uses the memory that the module begins with. The version in std grows the memory instead, which costs each call twice: the host has to
/// provide the new pages, and to reclaim them after the call.
#[cfg(target_family = "wasm")]
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

struct Plugin;

impl package_api::Guest for Plugin {
    fn get_package(target: ServiceVersion, options: RequestOptions) -> Result<Reply, Error> {
        let request = Request::get_package(&target, &options)?;
        response::decode_reply_for(&target, &send(request, None)?)
    }

    fn put_package(
        target: ServiceVersion,
        content: InputStream,
        size: u64,
        put: PutOptions,
        options: RequestOptions,
    ) -> Result<Reply, Error> {
        let multipart = Multipart::new(&get_random_bytes(16), put.filename.as_deref());
        let request = Request::put_package(&target, &multipart, size, put.flags, &options)?;
        response::decode_reply_for(
            &target,
            &send(request, Some(Upload { multipart, content, size }))?,
        )
    }
}

impl versions::Guest for Plugin {
    fn list_versions(
        service_id: String,
        options: RequestOptions,
    ) -> Result<Vec<ServiceVersionInfo>, Error> {
        let request = Request::list_versions(&service_id, &options)?;
        response::decode_versions(&send(request, None)?)
    }
}

// The macro defines the component's exports as C symbols, which a native build for the unit tests can't have.
#[cfg(target_family = "wasm")]
bindings::export!(Plugin with_types_in bindings);

/// Functions for benchmarks and fuzz targets.
#[cfg(feature = "internals")]
pub mod internals {
    use crate::multipart::Multipart;
    pub use crate::package_api::{Error, Reply};
    use crate::response::{self, Response};
    pub use crate::versions::ServiceVersionInfo;

    /// Returns the multipart body before and after the content.
    pub fn frame(random: &[u8], filename: Option<&str>) -> (Vec<u8>, Vec<u8>) {
        let multipart = Multipart::new(random, filename);
        (multipart.head, multipart.tail)
    }

    /// Decodes a complete response to GetPackage or PutPackage.
    pub fn decode(
        status: u16,
        headers: Vec<(String, Vec<u8>)>,
        body: Vec<u8>,
    ) -> Result<Reply, Error> {
        response::decode_reply(&Response::complete(status, headers, body))
    }

    /// Decodes a complete response to the request for a service's versions.
    pub fn decode_versions(
        status: u16,
        headers: Vec<(String, Vec<u8>)>,
        body: Vec<u8>,
    ) -> Result<Vec<ServiceVersionInfo>, Error> {
        response::decode_versions(&Response::complete(status, headers, body))
    }
}
