//! The one request that a call allows.

use crate::base::{Base, default_port, number, split_port};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::fmt;

/// All but the unreserved characters (RFC 3986, 2.3).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The headers that a component may set beside the token, in lower case and each once: the rest of what a server could obey is not its to say.
/// `Host` isn't either: it is the host's, of the URI's authority.
pub const HEADERS: [&str; 5] = ["accept", "user-agent", "content-type", "content-length", "expect"];

/// Checks that a service version can be one.
///
/// # Errors
///
/// What is wrong with it, for people to read.
pub fn check_target(service_id: &str, version_id: u32) -> Result<(), &'static str> {
    match service_id {
        "" => return Err("the service ID is empty"),
        // An encoded dot segment is still one (RFC 3986, 6.2.2): it would name another path.
        "." | ".." => return Err("the service ID is a path of dots"),
        _ => {}
    }
    match version_id == 0 || version_id > i32::MAX as u32 {
        true => Err("the version is not between 1 and 2147483647"),
        false => Ok(()),
    }
}

/// The path of a service version's package. Empty where the identifier can't be one segment of it, of which
/// [`check_target`] says why.
pub fn package_path(api: &Base, service_id: &str, version_id: u32) -> String {
    path(api, service_id, &format!("/version/{version_id}/package"))
}

fn path(api: &Base, service_id: &str, below: &str) -> String {
    match service_id {
        // A server takes these for another path (RFC 3986, 5.2.4). No request has none.
        "" | "." | ".." => String::new(),
        _ => {
            format!("{}/service/{}{below}", api.prefix, utf8_percent_encode(service_id, SEGMENT))
        }
    }
}

/// What a request is judged by: its target, never its `Host` header.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// In lower case.
    pub scheme: Option<&'a str>,
    /// Host, and port if there is one.
    pub authority: Option<&'a str>,
    /// In upper case, as it goes out.
    pub method: &'a str,
    /// With the query, if there is one.
    pub path: &'a str,
}

/// The one request that is allowed: scheme, host and port of the API, one method, one path and no query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    tls: bool,
    host: String,
    port: u16,
    method: String,
    path: String,
}

impl Rule {
    /// Allows `method` on the package of a service version.
    pub fn package(api: &Base, method: &str, service_id: &str, version_id: u32) -> Self {
        Self::of(api, method, package_path(api, service_id, version_id))
    }

    /// Allows a GET of the version itself.
    pub fn version(api: &Base, service_id: &str, version_id: u32) -> Self {
        Self::of(api, "GET", path(api, service_id, &format!("/version/{version_id}")))
    }

    /// Allows a GET of the service itself.
    pub fn service(api: &Base, service_id: &str) -> Self {
        Self::of(api, "GET", path(api, service_id, ""))
    }

    fn of(api: &Base, method: &str, path: String) -> Self {
        let (host, method) = (api.host.clone(), method.to_owned());
        Self { tls: api.tls, host, port: api.port, method, path }
    }

    /// The path that it allows; empty where it allows none.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Whether the request may go out.
    ///
    /// # Errors
    ///
    /// The first thing about it that isn't allowed.
    pub fn check(&self, request: &Request<'_>) -> Result<(), Reason> {
        let scheme = if self.tls { "https" } else { "http" };
        if request.scheme != Some(scheme) {
            return Err(Reason::Scheme);
        }
        let authority = request.authority.ok_or(Reason::Host)?;
        let (host, port) = split_port(authority);
        // User-info would make the beginning of the authority look like the host.
        if authority.contains('@') || !host.eq_ignore_ascii_case(&self.host) {
            return Err(Reason::Host);
        }
        let port = match port {
            None => Some(default_port(self.tls)),
            Some(port) => number(port),
        };
        if port != Some(self.port) {
            return Err(Reason::Port);
        }
        if request.method != self.method {
            return Err(Reason::Method);
        }
        if self.path.is_empty() || request.path != self.path {
            return Err(Reason::Path);
        }
        Ok(())
    }
}

/// What about a request isn't allowed: the first that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// Another scheme than the API's.
    Scheme,
    /// Another host than the API's.
    Host,
    /// Another port than the API's.
    Port,
    /// Another method than the call's.
    Method,
    /// Another path than the call's, or a query.
    Path,
    /// A second request in one call.
    Repeated,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scheme => "the scheme isn't the API's",
            Self::Host => "the host isn't the API's",
            Self::Port => "the port isn't the API's",
            Self::Method => "the method isn't the call's",
            Self::Path => "the path isn't the call's",
            Self::Repeated => "a call has one request",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{ALLOWED, DENIED, request, rule};

    #[test]
    fn the_request_of_the_call_is_allowed() {
        for case in ALLOWED {
            assert_eq!(rule(case.api).check(&request(&case)), Ok(()), "{case:?}");
        }
    }

    #[test]
    fn every_other_request_is_denied() {
        for (case, reason) in DENIED {
            assert_eq!(rule(case.api).check(&request(&case)), Err(reason), "{case:?}");
        }
    }

    #[test]
    fn a_lookup_is_allowed_alone() {
        let api = Base::parse("https://h.test/prefix").unwrap();
        let get = |path| Request {
            scheme: Some("https"),
            authority: Some("h.test"),
            method: "GET",
            path,
        };
        let (version, service) = (Rule::version(&api, "a/b", 3), Rule::service(&api, "a/b"));
        for (rule, own, other) in [
            (&version, "/prefix/service/a%2Fb/version/3", "/prefix/service/a%2Fb"),
            (&service, "/prefix/service/a%2Fb", "/prefix/service/a%2Fb/version/3"),
        ] {
            assert_eq!(rule.check(&get(own)), Ok(()));
            assert_eq!(rule.check(&Request { method: "PUT", ..get(own) }), Err(Reason::Method));
            for other in [other, "/prefix/service/a%2Fb/version/3/package"] {
                assert_eq!(rule.check(&get(other)), Err(Reason::Path));
            }
        }
    }

    #[test]
    fn an_identifier_can_not_reach_another_path() {
        let api = Base::parse("https://h.test").unwrap();
        let rule = Rule::package(&api, "GET", "a/../../b?c", 1);
        assert_eq!(rule.path(), "/service/a%2F..%2F..%2Fb%3Fc/version/1/package");
    }

    #[test]
    fn an_identifier_of_dots_allows_nothing() {
        let api = Base::parse("https://h.test").unwrap();
        for id in ["", ".", ".."] {
            for rule in [Rule::package(&api, "GET", id, 1), Rule::service(&api, id)] {
                for path in ["", "/", &format!("/service/{id}"), "/version/1/package"] {
                    let request = Request {
                        scheme: Some("https"),
                        authority: Some("h.test"),
                        method: "GET",
                        path,
                    };
                    assert_eq!(rule.check(&request), Err(Reason::Path), "{id:?} {path:?}");
                }
            }
        }
    }
}
