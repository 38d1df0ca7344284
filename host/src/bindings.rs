//! The contract in Rust: the types of `wit/package-api.wit`, and calls of a component that exports it.

/// `wasi:http` as wasmtime implements it. Its newer WIT has features that are switched at link time, which the vendored one doesn't
/// know; here they are off.
#[expect(missing_docs, reason = "documented by wasmtime-wasi-http")]
pub mod wasi_http {
    pub use wasmtime_wasi_http::p2::bindings::http::outgoing_handler;

    pub mod types {
        use wasmtime::component::{HasData, Linker};
        pub use wasmtime_wasi_http::p2::bindings::http::types::*;

        pub fn add_to_linker<T: 'static, D: HasData>(
            linker: &mut Linker<T>,
            data: fn(&mut T) -> D::Data<'_>,
        ) -> wasmtime::Result<()>
        where
            for<'a> D::Data<'a>: Host,
        {
            let options = LinkOptions::default();
            wasmtime_wasi_http::p2::bindings::http::types::add_to_linker::<T, D>(
                linker, &options, data,
            )
        }
    }
}

wasmtime::component::bindgen!({
    path: "../wit",
    world: "plugin",
    exports: { default: async },
    with: {
        "wasi:io": wasmtime_wasi::p2::bindings::io,
        "wasi:http": wasi_http,
        "wasi:random": wasmtime_wasi::p2::bindings::random,
    },
});
