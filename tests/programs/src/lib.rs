//! Bindings and functions for components that misbehave.
//!
//! Each program in `examples/` is a component of the world `plugin` that does one thing that a plugin must not or should not do. A parameter, if the
//! program needs one, is passed as the service ID.

#[expect(missing_docs, reason = "generated; the documentation is in the WIT")]
pub mod bindings {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "plugin",
        generate_all,
        pub_export_macro: true,
        default_bindings_module: "fastly_package_test_programs::bindings",
    });
}

pub use bindings::exports::fastly_package::api::package_api::*;
pub use bindings::exports::fastly_package::api::versions;
pub use bindings::wasi::http::types::{Fields, IncomingResponse, Method, OutgoingRequest, Scheme};

use bindings::wasi::http::outgoing_handler::handle;
use bindings::wasi::http::types::{FutureIncomingResponse, OutgoingBody};
use bindings::wasi::io::streams::{OutputStream, StreamError};

/// Exports a component whose `get-package` is this function of the target and the options.
#[macro_export]
macro_rules! on_get {
    ($get:path) => {
        $crate::export_program!($get, |_, _, _| panic!("this program implements get-package"));
    };
}

/// Exports a component whose `put-package` is this function of the target, the content and the options.
#[macro_export]
macro_rules! on_put {
    ($put:path) => {
        $crate::export_program!(|_, _| panic!("this program implements put-package"), $put);
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! export_program {
    ($get:expr, $put:expr) => {
        pub struct Program;

        impl $crate::Guest for Program {
            fn get_package(
                target: $crate::ServiceVersion,
                options: $crate::RequestOptions,
            ) -> Result<$crate::Reply, $crate::Error> {
                $get(target, options)
            }

            fn put_package(
                target: $crate::ServiceVersion,
                content: $crate::InputStream,
                _: u64,
                _: $crate::PutOptions,
                options: $crate::RequestOptions,
            ) -> Result<$crate::Reply, $crate::Error> {
                $put(target, content, options)
            }
        }

        impl $crate::versions::Guest for Program {
            fn list_versions(
                _: String,
                _: $crate::RequestOptions,
            ) -> Result<Vec<$crate::versions::ServiceVersionInfo>, $crate::Error> {
                panic!("no program implements list-versions")
            }
        }

        // The exports are C symbols, which a native build can't have.
        #[cfg(target_family = "wasm")]
        $crate::bindings::export!(Program with_types_in $crate::bindings);
    };
}

/// The parts of a request's URI.
pub struct Uri {
    pub scheme: Scheme,
    pub authority: String,
    pub path: String,
}

/// Returns the URI that the call is allowed to request.
pub fn allowed_uri(target: &ServiceVersion, options: &RequestOptions) -> Uri {
    let api = options.api_url.as_deref().unwrap_or("https://api.fastly.com");
    let (scheme, authority) = api.split_once("://").expect("the host passes a URL");
    Uri {
        scheme: if scheme == "http" { Scheme::Http } else { Scheme::Https },
        authority: authority.to_owned(),
        path: format!("/service/{}/version/{}/package", target.service_id, target.version_id),
    }
}

impl Uri {
    /// Creates a request for this URI.
    pub fn request(&self, method: &Method, headers: Fields) -> Result<OutgoingRequest, Error> {
        let rejected = |()| Error::InvalidArgument("the host rejects the URI".into());
        let request = OutgoingRequest::new(headers);
        request.set_method(method).map_err(rejected)?;
        request.set_scheme(Some(&self.scheme)).map_err(rejected)?;
        request.set_authority(Some(&self.authority)).map_err(rejected)?;
        request.set_path_with_query(Some(&self.path)).map_err(rejected)?;
        Ok(request)
    }
}

/// Creates header fields from names and values.
pub fn fields(entries: &[(&str, &str)]) -> Fields {
    let fields = Fields::new();
    for (name, value) in entries {
        fields.append(name, value.as_bytes()).expect("the host accepts the header");
    }
    fields
}

/// Sends a request without a body and waits for the response.
pub fn send(request: OutgoingRequest) -> Result<IncomingResponse, Error> {
    receive(&handle(request, None).map_err(Error::Transport)?)
}

/// Waits for the response.
pub fn receive(future: &FutureIncomingResponse) -> Result<IncomingResponse, Error> {
    future.subscribe().block();
    let response = future.get().expect("the future is ready").expect("this is the first call");
    response.map_err(Error::Transport)
}

/// Opens the body of a request and returns it with its stream.
pub fn open_body(request: &OutgoingRequest) -> (OutgoingBody, OutputStream) {
    let body = request.body().expect("a request has one body");
    let stream = body.write().expect("a body has one stream");
    (body, stream)
}

/// Writes `count` bytes.
pub fn write(stream: &OutputStream, count: usize) -> Result<(), StreamError> {
    for chunk in vec![b'x'; count].chunks(4096) {
        stream.blocking_write_and_flush(chunk)?;
    }
    Ok(())
}

/// Sends a request that declares a body of 100,000 bytes, writes `written` bytes, and ends the body with `end`.
pub fn send_body(
    target: ServiceVersion,
    options: RequestOptions,
    written: usize,
    end: impl FnOnce(OutgoingBody) -> Result<(), ErrorCode>,
) -> Result<Reply, Error> {
    let headers = fields(&[("content-length", "100000")]);
    let request = allowed_uri(&target, &options).request(&Method::Put, headers)?;
    let (body, stream) = open_body(&request);
    let future = handle(request, None).map_err(Error::Transport)?;
    let _ = write(&stream, written);
    drop(stream);
    end(body).map_err(Error::Transport)?;
    receive(&future)?;
    Ok(fake_reply(String::new()))
}

/// Returns a success that is not a response of the API, with this text as its body.
pub fn fake_reply(body: String) -> Reply {
    let package = PackageResponse {
        id: "fake".into(),
        service_id: "fake".into(),
        version: 1,
        created_at: None,
        updated_at: None,
        deleted_at: None,
        metadata: None,
    };
    Reply { package, rate_limit: None, body }
}
