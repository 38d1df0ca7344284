//! The guard: a component that imports and exports `wasi:http/outgoing-handler`, and forwards only the request of the current call. Its interface
//! is `wit/egress.wit`, and its rule is that of the host library.

mod allowed;
mod bindings {
    wit_bindgen::generate!({ path: "../../wit", world: "guard", generate_all });
}

use allowed::Allowed;
use bindings::exports::fastly_package::api::egress;
use bindings::exports::wasi::http::outgoing_handler;
use bindings::wasi::http::types::{
    ErrorCode, FutureIncomingResponse, Method, OutgoingRequest, RequestOptions, Scheme,
};
use fastly_package_core::egress::Request;
use fastly_package_core::target::Operation;
use std::cell::RefCell;

thread_local! {
    /// A component has one thread.
    static ALLOWED: RefCell<Allowed> = const { RefCell::new(Allowed::nothing()) };
}

struct Guard;

impl egress::Guest for Guard {
    fn allow(
        operation: egress::Operation,
        service_id: String,
        version_id: u32,
        api_url: Option<String>,
    ) -> Result<(), String> {
        let operation = match operation {
            egress::Operation::GetPackage => Operation::GetPackage,
            egress::Operation::PutPackage => Operation::PutPackage,
            egress::Operation::ListVersions => Operation::ListVersions,
        };
        ALLOWED.with_borrow_mut(|allowed| {
            allowed.allow(operation, &service_id, version_id, api_url.as_deref())
        })
    }
}

impl outgoing_handler::Guest for Guard {
    fn handle(
        request: OutgoingRequest,
        options: Option<RequestOptions>,
    ) -> Result<FutureIncomingResponse, ErrorCode> {
        match ALLOWED.with_borrow_mut(|allowed| is_allowed(allowed, &request)) {
            true => bindings::wasi::http::outgoing_handler::handle(request, options),
            false => Err(ErrorCode::HttpRequestDenied),
        }
    }
}

fn is_allowed(allowed: &mut Allowed, request: &OutgoingRequest) -> bool {
    let method = request.method();
    let scheme = request.scheme();
    let authority = request.authority();
    let path = request.path_with_query();
    let headers: Vec<String> =
        request.headers().entries().into_iter().map(|(name, _)| name).collect();
    let request = Request {
        scheme: scheme.as_ref().map(|scheme| match scheme {
            Scheme::Http => "http",
            Scheme::Https => "https",
            Scheme::Other(other) => other,
        }),
        authority: authority.as_deref(),
        method: match &method {
            Method::Get => "GET",
            Method::Put => "PUT",
            Method::Other(other) => other,
            // No operation has another method.
            _ => "",
        },
        path: path.as_deref().unwrap_or_default(),
    };
    allowed.take(&request, headers.iter().map(String::as_str))
}

// The macro defines the component's exports as C symbols, which a native build for the unit tests can't have.
#[cfg(target_family = "wasm")]
bindings::export!(Guard with_types_in bindings);
