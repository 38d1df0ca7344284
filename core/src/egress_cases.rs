//! Allowed and denied requests of a PUT to [`SERVICE`]'s version [`VERSION`].

use crate::api_url::ApiUrl;
use crate::egress::{DenialReason, Request, Rule};
use crate::target::Operation;

/// The service of the call.
pub const SERVICE: &str = "SU1Z0isxPaozGVKXdv0eY";
/// The version of the call.
pub const VERSION: u32 = 3;

const API: &str = "https://api.fastly.com";
const PATH: &str = "/service/SU1Z0isxPaozGVKXdv0eY/version/3/package";

/// A request, and the API that the call is for.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// The API's base URL.
    pub api: &'static str,
    /// The scheme of the request.
    pub scheme: &'static str,
    /// The authority of the request.
    pub authority: &'static str,
    /// The method of the request.
    pub method: &'static str,
    /// The path of the request, with the query.
    pub path: &'static str,
}

/// Returns the rule of the call.
///
/// # Panics
///
/// Panics if `api` is not a URL.
pub fn rule(api: &str) -> Rule {
    let api = ApiUrl::parse(api).expect("the table's APIs are well formed");
    Rule::new(&api, Operation::PutPackage, SERVICE, VERSION)
}

/// Returns the parts of a case that the rule examines.
pub fn request<'a>(case: &Case) -> Request<'a> {
    Request {
        scheme: Some(case.scheme),
        authority: Some(case.authority),
        method: case.method,
        path: case.path,
    }
}

const fn of(api: &'static str, scheme: &'static str, authority: &'static str) -> Case {
    Case { api, scheme, authority, method: "PUT", path: PATH }
}

const fn to(scheme: &'static str, authority: &'static str) -> Case {
    of(API, scheme, authority)
}

const fn with_method(method: &'static str) -> Case {
    Case { method, ..to("https", "api.fastly.com") }
}

const fn at(path: &'static str) -> Case {
    Case { path, ..to("https", "api.fastly.com") }
}

/// Requests that the rule allows.
pub const ALLOWED: [Case; 6] = [
    to("https", "api.fastly.com"),
    to("https", "API.fastly.com"),
    to("https", "api.fastly.com:443"),
    of("https://API.Fastly.com:443/", "https", "api.fastly.com"),
    of("http://localhost:8080", "http", "localhost:8080"),
    Case {
        path: "/prefix/service/SU1Z0isxPaozGVKXdv0eY/version/3/package",
        ..of("http://[::1]:8080/prefix/", "http", "[::1]:8080")
    },
];

/// Requests that the rule denies, and the reasons.
pub const DENIED: [(Case, DenialReason); 31] = [
    (to("http", "api.fastly.com"), DenialReason::Scheme),
    (to("http", "api.fastly.com:443"), DenialReason::Scheme),
    (to("https", "evil.test"), DenialReason::Host),
    (to("https", "api.fastly.com.evil.test"), DenialReason::Host),
    (to("https", "api.fastly.com."), DenialReason::Host),
    (to("https", "api.fastly.com@evil.test"), DenialReason::Host),
    (to("https", "evil.test@api.fastly.com"), DenialReason::Host),
    (to("https", "151.101.1.57"), DenialReason::Host),
    (to("https", "api.fastly.com:8443"), DenialReason::Port),
    (to("https", "api.fastly.com:80"), DenialReason::Port),
    (to("https", "api.fastly.com:"), DenialReason::Port),
    (of("https://api.fastly.com:8443", "https", "api.fastly.com"), DenialReason::Port),
    (of("http://127.0.0.1:8080", "http", "127.0.0.1:8081"), DenialReason::Port),
    (of("http://127.0.0.1:8080", "http", "127.0.0.2:8080"), DenialReason::Host),
    (of("http://[::1]:8080", "http", "[::2]:8080"), DenialReason::Host),
    (with_method("GET"), DenialReason::Method),
    (with_method("POST"), DenialReason::Method),
    (with_method("DELETE"), DenialReason::Method),
    (with_method("put"), DenialReason::Method),
    (at(""), DenialReason::Path),
    (at("/"), DenialReason::Path),
    (at("/service"), DenialReason::Path),
    (at("/service/other/version/3/package"), DenialReason::Path),
    (at("/service/su1z0isxpaozgvkxdv0ey/version/3/package"), DenialReason::Path),
    (at("/service/SU1Z0isxPaozGVKXdv0eY/version/4/package"), DenialReason::Path),
    (at("/service/SU1Z0isxPaozGVKXdv0eY/version/3/package/"), DenialReason::Path),
    (at("/service/SU1Z0isxPaozGVKXdv0eY/version/3/package?a=b"), DenialReason::Path),
    (at("/service/SU1Z0isxPaozGVKXdv0eY/version/3/package?"), DenialReason::Path),
    (at("/service/x/../SU1Z0isxPaozGVKXdv0eY/version/3/package"), DenialReason::Path),
    (at("/service/%53U1Z0isxPaozGVKXdv0eY/version/3/package"), DenialReason::Path),
    (at("/service/SU1Z0isxPaozGVKXdv0eY/version/03/package"), DenialReason::Path),
];
