//! What the components that misbehave share: the contract's bindings, and requests that are made by hand.
//!
//! Each program in `examples/` is a component of the world `plugin` that does one thing it may not do, or ought not to. What it needs to
//! be told comes in the service ID.

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
pub use bindings::wasi::http::types::{Fields, IncomingResponse, Method, OutgoingRequest, Scheme};

use bindings::wasi::http::outgoing_handler::handle;
use bindings::wasi::http::types::{FutureIncomingResponse, OutgoingBody};
use bindings::wasi::io::streams::{OutputStream, StreamError};

/// Exports a component that answers `get-package` with this function of the target and the options.
#[macro_export]
macro_rules! on_get {
    ($get:path) => {
        pub struct Program;

        impl $crate::Guest for Program {
            fn get_package(
                target: $crate::ServiceVersion,
                options: $crate::RequestOptions,
            ) -> Result<$crate::Reply, $crate::Error> {
                $get(target, options)
            }

            fn put_package(
                _: $crate::ServiceVersion,
                _: $crate::InputStream,
                _: u64,
                _: $crate::PutOptions,
                _: $crate::RequestOptions,
            ) -> Result<$crate::Reply, $crate::Error> {
                panic!("this program is for get-package")
            }
        }

        $crate::export_program!();
    };
}

/// Exports a component that answers `put-package` with this function of the target, the content and the options.
#[macro_export]
macro_rules! on_put {
    ($put:path) => {
        pub struct Program;

        impl $crate::Guest for Program {
            fn get_package(
                _: $crate::ServiceVersion,
                _: $crate::RequestOptions,
            ) -> Result<$crate::Reply, $crate::Error> {
                panic!("this program is for put-package")
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

        $crate::export_program!();
    };
}

/// The exports are C symbols, which a native build can't have.
#[doc(hidden)]
#[macro_export]
macro_rules! export_program {
    () => {
        #[cfg(target_family = "wasm")]
        $crate::bindings::export!(Program with_types_in $crate::bindings);
    };
}

/// Where a request goes, part by part.
pub struct Address {
    pub scheme: Scheme,
    pub authority: String,
    pub path: String,
}

/// Where the call is allowed to go.
pub fn address(target: &ServiceVersion, options: &RequestOptions) -> Address {
    let api = options.api_url.as_deref().unwrap_or("https://api.fastly.com");
    let (scheme, authority) = api.split_once("://").expect("the host gives a URL");
    Address {
        scheme: if scheme == "http" { Scheme::Http } else { Scheme::Https },
        authority: authority.to_owned(),
        path: format!("/service/{}/version/{}/package", target.service_id, target.version_id),
    }
}

impl Address {
    /// A request to this address.
    pub fn request(&self, method: &Method, headers: Fields) -> Result<OutgoingRequest, Error> {
        let refused = |()| Error::InvalidArgument("the host refuses the address".into());
        let request = OutgoingRequest::new(headers);
        request.set_method(method).map_err(refused)?;
        request.set_scheme(Some(&self.scheme)).map_err(refused)?;
        request.set_authority(Some(&self.authority)).map_err(refused)?;
        request.set_path_with_query(Some(&self.path)).map_err(refused)?;
        Ok(request)
    }
}

/// Header fields with these in them.
pub fn fields(entries: &[(&str, &str)]) -> Fields {
    let fields = Fields::new();
    for (name, value) in entries {
        fields.append(name, value.as_bytes()).expect("the host takes the header");
    }
    fields
}

/// Sends a request without a body and waits for the answer's head.
pub fn exchange(request: OutgoingRequest) -> Result<IncomingResponse, Error> {
    answer(&handle(request, None).map_err(Error::Transport)?)
}

/// Waits for the answer's head.
pub fn answer(future: &FutureIncomingResponse) -> Result<IncomingResponse, Error> {
    future.subscribe().block();
    let answer = future.get().expect("it is there").expect("it is taken once");
    answer.map_err(Error::Transport)
}

/// The stream into a request's body, and what it belongs to.
pub fn body_of(request: &OutgoingRequest) -> (OutgoingBody, OutputStream) {
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

/// Declares a body of a hundred thousand bytes, writes `written` and ends it as `end` does.
pub fn send_body(
    target: ServiceVersion,
    options: RequestOptions,
    written: usize,
    end: impl FnOnce(OutgoingBody) -> Result<(), ErrorCode>,
) -> Result<Reply, Error> {
    let headers = fields(&[("content-length", "100000")]);
    let request = address(&target, &options).request(&Method::Put, headers)?;
    let (body, stream) = body_of(&request);
    let future = handle(request, None).map_err(Error::Transport)?;
    let _ = write(&stream, written);
    drop(stream);
    end(body).map_err(Error::Transport)?;
    answer(&future)?;
    Ok(made_up(String::new()))
}

/// A success that nobody answered, with this text as its body.
pub fn made_up(body: String) -> Reply {
    let package = PackageResponse {
        id: "made-up".into(),
        service_id: "made-up".into(),
        version: 1,
        created_at: None,
        updated_at: None,
        deleted_at: None,
        metadata: None,
    };
    Reply { package, rate_limit: None, body }
}
