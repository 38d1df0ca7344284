//! The guard: a component that imports and exports `wasi:http/outgoing-handler`, and passes the one request of a call on. The contract is
//! `wit/egress.wit`, the rules are those of the host's edge.

mod allowed;
mod bindings {
    wit_bindgen::generate!({ path: "../../wit", world: "guard", generate_all });
}

use allowed::Allowed;
use bindings::exports::fastly_package::api::egress::{self, Operation};
use bindings::exports::wasi::http::outgoing_handler;
use bindings::wasi::http::types::{
    ErrorCode, FutureIncomingResponse, Method, OutgoingRequest, RequestOptions, Scheme,
};
use fastly_package_egress::Request;
use std::cell::RefCell;

thread_local! {
    /// A component has one thread.
    static ALLOWED: RefCell<Allowed> = const { RefCell::new(Allowed::nothing()) };
}

struct Guard;

impl egress::Guest for Guard {
    fn allow(
        operation: Operation,
        service_id: String,
        version_id: u32,
        api_url: Option<String>,
    ) -> Result<(), String> {
        let method = match operation {
            Operation::GetPackage => "GET",
            Operation::PutPackage => "PUT",
        };
        ALLOWED.with_borrow_mut(|allowed| {
            allowed.allow(method, &service_id, version_id, api_url.as_deref())
        })
    }
}

impl outgoing_handler::Guest for Guard {
    fn handle(
        request: OutgoingRequest,
        options: Option<RequestOptions>,
    ) -> Result<FutureIncomingResponse, ErrorCode> {
        match ALLOWED.with_borrow_mut(|allowed| admit(allowed, &request)) {
            true => bindings::wasi::http::outgoing_handler::handle(request, options),
            false => Err(ErrorCode::HttpRequestDenied),
        }
    }
}

fn admit(allowed: &mut Allowed, request: &OutgoingRequest) -> bool {
    let method = request.method();
    let scheme = request.scheme();
    let authority = request.authority();
    let path = request.path_with_query();
    let names: Vec<String> =
        request.headers().entries().into_iter().map(|(name, _)| name).collect();
    let judged = Request {
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
            // No call has another.
            _ => "",
        },
        path: path.as_deref().unwrap_or_default(),
    };
    allowed.admit(&judged, names.iter().map(String::as_str))
}

// The macro defines the component's exports as C symbols, which a native build for the unit tests can't have.
#[cfg(target_family = "wasm")]
bindings::export!(Guard with_types_in bindings);
