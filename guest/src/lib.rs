//! The component: Fastly's GetPackage and PutPackage over `wasi:http`.
//!
//! It knows the protocol and nothing of the world: requests go out through the host, the package passes by as a spliced
//! stream, and every answer becomes a `result`. The contract is `wit/package-api.wit`.

#![allow(
    clippy::result_large_err,
    reason = "the contract's error is as large as its cases, and every call that returns it has waited for the network"
)]

mod error;
mod multipart;
mod request;
mod response;
mod transport;

mod bindings {
    wit_bindgen::generate!({ path: "../wit", world: "plugin", generate_all });
}

use bindings::exports::fastly_package::api::package_api as api;
use bindings::wasi::io::streams::InputStream;
use bindings::wasi::random::random::get_random_bytes;

/// Uses the memory that the module begins with. The version in std leaves that alone and grows it, which costs each call twice: the host
/// must give the memory, and take it away afterwards.
#[cfg(target_family = "wasm")]
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

struct Plugin;

impl api::Guest for Plugin {
    fn get_package(
        target: api::ServiceVersion,
        options: api::RequestOptions,
    ) -> Result<api::Reply, api::Error> {
        let request = request::get_package(&target, &options)?;
        let answer = transport::send(request, None)?;
        response::decode(answer)
    }

    fn put_package(
        target: api::ServiceVersion,
        content: InputStream,
        size: u64,
        put: api::PutOptions,
        options: api::RequestOptions,
    ) -> Result<api::Reply, api::Error> {
        let framing = multipart::frame(&get_random_bytes(16), put.filename.as_deref());
        let request = request::put_package(&target, &framing, size, put.flags, &options)?;
        let answer = transport::send(request, Some(transport::Upload { framing, content, size }))?;
        response::decode(answer)
    }
}

// The macro defines the component's exports as C symbols, which a native build for the unit tests can't have.
#[cfg(target_family = "wasm")]
bindings::export!(Plugin with_types_in bindings);

/// What benches and fuzz targets need.
#[cfg(feature = "internals")]
pub mod internals {
    pub use crate::api::{Error, Reply};
    use crate::response::{Answer, End};

    /// Frames a package: what goes before it and after it.
    pub fn frame(random: &[u8], filename: Option<&str>) -> (Vec<u8>, Vec<u8>) {
        let framing = crate::multipart::frame(random, filename);
        (framing.head, framing.tail)
    }

    /// Decodes an answer that arrived whole, for a request that was sent whole.
    pub fn decode(
        status: u16,
        headers: Vec<(String, Vec<u8>)>,
        body: Vec<u8>,
    ) -> Result<Reply, Error> {
        crate::response::decode(Answer {
            status,
            headers,
            body,
            end: End::Complete,
            request_sent: true,
        })
    }
}
