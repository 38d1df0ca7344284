//! Requests in a PUT of [`SERVICE`]'s version [`VERSION`]: those that are allowed, and those that aren't.

use crate::{Base, Reason, Request, Rule};

/// Whose package the call is about.
pub const SERVICE: &str = "SU1Z0isxPaozGVKXdv0eY";
/// Which version of it.
pub const VERSION: u32 = 3;

const API: &str = "https://api.fastly.com";
const PATH: &str = "/service/SU1Z0isxPaozGVKXdv0eY/version/3/package";

/// A request, and the API that the call is for.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// The API's base.
    pub api: &'static str,
    /// The request's.
    pub scheme: &'static str,
    /// The request's.
    pub authority: &'static str,
    /// The request's.
    pub method: &'static str,
    /// The request's, with the query.
    pub path: &'static str,
}

/// What the call allows.
///
/// # Panics
///
/// If the API of the table isn't one.
pub fn rule(api: &str) -> Rule {
    let api = Base::parse(api).expect("the table's APIs are well formed");
    Rule::package(&api, "PUT", SERVICE, VERSION)
}

/// What is judged of a case.
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

/// What may go out.
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

/// What may not, and why.
pub const DENIED: [(Case, Reason); 31] = [
    (to("http", "api.fastly.com"), Reason::Scheme),
    (to("http", "api.fastly.com:443"), Reason::Scheme),
    (to("https", "evil.test"), Reason::Host),
    (to("https", "api.fastly.com.evil.test"), Reason::Host),
    (to("https", "api.fastly.com."), Reason::Host),
    (to("https", "api.fastly.com@evil.test"), Reason::Host),
    (to("https", "evil.test@api.fastly.com"), Reason::Host),
    (to("https", "151.101.1.57"), Reason::Host),
    (to("https", "api.fastly.com:8443"), Reason::Port),
    (to("https", "api.fastly.com:80"), Reason::Port),
    (to("https", "api.fastly.com:"), Reason::Port),
    (of("https://api.fastly.com:8443", "https", "api.fastly.com"), Reason::Port),
    (of("http://127.0.0.1:8080", "http", "127.0.0.1:8081"), Reason::Port),
    (of("http://127.0.0.1:8080", "http", "127.0.0.2:8080"), Reason::Host),
    (of("http://[::1]:8080", "http", "[::2]:8080"), Reason::Host),
    (with_method("GET"), Reason::Method),
    (with_method("POST"), Reason::Method),
    (with_method("DELETE"), Reason::Method),
    (with_method("put"), Reason::Method),
    (at(""), Reason::Path),
    (at("/"), Reason::Path),
    (at("/service"), Reason::Path),
    (at("/service/other/version/3/package"), Reason::Path),
    (at("/service/su1z0isxpaozgvkxdv0ey/version/3/package"), Reason::Path),
    (at("/service/SU1Z0isxPaozGVKXdv0eY/version/4/package"), Reason::Path),
    (at("/service/SU1Z0isxPaozGVKXdv0eY/version/3/package/"), Reason::Path),
    (at("/service/SU1Z0isxPaozGVKXdv0eY/version/3/package?a=b"), Reason::Path),
    (at("/service/SU1Z0isxPaozGVKXdv0eY/version/3/package?"), Reason::Path),
    (at("/service/x/../SU1Z0isxPaozGVKXdv0eY/version/3/package"), Reason::Path),
    (at("/service/%53U1Z0isxPaozGVKXdv0eY/version/3/package"), Reason::Path),
    (at("/service/SU1Z0isxPaozGVKXdv0eY/version/03/package"), Reason::Path),
];
