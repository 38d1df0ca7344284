//! Bindings of the WIT: the types of `wit/`, and the calls of a component of the world `plugin`.

/// wasmtime's `wasi:http`. Its newer WIT has features that are selected at link time, which the vendored WIT doesn't have: they are disabled.
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
