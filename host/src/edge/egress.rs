//! Which requests may leave the sandbox.

use crate::api::ApiUrl;
use crate::bindings::exports::fastly_package::api::package_api::ServiceVersion;
use http::{Method, Uri};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::fmt;

/// All but the unreserved characters (RFC 3986, 2.3).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The one request that a call allows: scheme, host and port of the configured API, the call's method, its exact path and no query.
///
/// The request's URI is judged, never its `Host` header. A [`Plugin`](crate::Plugin) makes one for each call; it is here for hosts that run the
/// component themselves.
///
/// ```
/// use fastly_package::{DenialReason, EgressPolicy, FASTLY_API, ServiceVersion};
/// use http::{Method, Uri};
///
/// let target = ServiceVersion::new("SU1Z0isxPaozGVKXdv0eY", 3)?;
/// let policy = EgressPolicy::new(&FASTLY_API.parse()?, Method::GET, &target);
/// let elsewhere = Uri::from_static("https://api.fastly.com/tokens/self");
/// let denial = policy.check(&Method::GET, &elsewhere).unwrap_err();
/// assert_eq!(denial.reason, DenialReason::Path);
/// # Ok::<(), fastly_package::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EgressPolicy {
    tls: bool,
    host: String,
    port: u16,
    method: Method,
    path: String,
}

impl EgressPolicy {
    /// Allows `method` on the package of `target`, whose ID is percent-encoded. An ID that [`ServiceVersion::new`] refuses as one of dots or
    /// empty allows nothing.
    pub fn new(api: &ApiUrl, method: Method, target: &ServiceVersion) -> Self {
        let below = format!("/version/{}/package", target.version_id);
        Self::below_service(api, method, &target.service_id, &below)
    }

    /// Allows a GET of the version itself.
    pub(crate) fn get_version(api: &ApiUrl, target: &ServiceVersion) -> Self {
        let below = format!("/version/{}", target.version_id);
        Self::below_service(api, Method::GET, &target.service_id, &below)
    }

    /// Allows a GET of the service itself.
    pub(crate) fn get_service(api: &ApiUrl, service_id: &str) -> Self {
        Self::below_service(api, Method::GET, service_id, "")
    }

    fn below_service(api: &ApiUrl, method: Method, service_id: &str, below: &str) -> Self {
        let service = utf8_percent_encode(service_id, SEGMENT);
        let path = match service_id {
            // A server takes these for another path (RFC 3986, 5.2.4). No request has none.
            "" | "." | ".." => String::new(),
            _ => format!("{}/service/{service}{below}", api.prefix),
        };
        Self { tls: api.tls, host: api.host.clone(), port: api.port, method, path }
    }

    /// The path that it allows.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// Whether the request may go out.
    ///
    /// # Errors
    ///
    /// A [`Denial`], with the first thing about the request that isn't allowed.
    pub fn check(&self, method: &Method, uri: &Uri) -> Result<(), Denial> {
        let because = |reason| Denial::new(reason, method, uri);
        let scheme = if self.tls { "https" } else { "http" };
        if uri.scheme_str() != Some(scheme) {
            return Err(because(DenialReason::Scheme));
        }
        let Some(authority) = uri.authority() else { return Err(because(DenialReason::Host)) };
        // User-info would make the beginning of the authority look like the host.
        if authority.as_str().contains('@') || !authority.host().eq_ignore_ascii_case(&self.host) {
            return Err(because(DenialReason::Host));
        }
        let port = match authority.as_str().get(authority.host().len()..) {
            Some("") => {
                if self.tls {
                    Some(443)
                } else {
                    Some(80)
                }
            }
            _ => authority.port_u16(),
        };
        if port != Some(self.port) {
            return Err(because(DenialReason::Port));
        }
        if method != self.method {
            return Err(because(DenialReason::Method));
        }
        if uri.path() != self.path || uri.query().is_some() {
            return Err(because(DenialReason::Path));
        }
        Ok(())
    }
}

/// A request that the policy didn't let out. Nothing was connected to. `Display` shows its method and URI, up to 200 characters of them, and
/// what about it isn't allowed.
#[derive(Debug, Clone)]
pub struct Denial {
    /// What about it isn't allowed.
    pub reason: DenialReason,
    request: String,
}

impl Denial {
    pub(crate) fn new(reason: DenialReason, method: &Method, uri: &Uri) -> Self {
        // These are the component's own words: of odd ones, the beginning is enough.
        let request = format!("{method} {uri}").chars().take(200).collect();
        Self { reason, request }
    }
}

/// What about a request isn't allowed: the first that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DenialReason {
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

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.reason {
            DenialReason::Scheme => "the scheme isn't the API's",
            DenialReason::Host => "the host isn't the API's",
            DenialReason::Port => "the port isn't the API's",
            DenialReason::Method => "the method isn't the call's",
            DenialReason::Path => "the path isn't the call's",
            DenialReason::Repeated => "a call has one request",
        };
        write!(f, "{}: {what}", self.request)
    }
}

impl std::error::Error for Denial {}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(api: &str) -> EgressPolicy {
        let target = ServiceVersion { service_id: "SU1Z0isxPaozGVKXdv0eY".into(), version_id: 3 };
        EgressPolicy::new(&api.parse().unwrap(), Method::PUT, &target)
    }

    fn reason(policy: &EgressPolicy, method: Method, uri: &str) -> Option<DenialReason> {
        policy.check(&method, &uri.parse().unwrap()).err().map(|denial| denial.reason)
    }

    #[test]
    fn the_request_of_the_call_is_allowed() {
        let api = policy("https://api.fastly.com");
        for host in ["api.fastly.com", "API.fastly.com", "api.fastly.com:443"] {
            let uri = format!("https://{host}/service/SU1Z0isxPaozGVKXdv0eY/version/3/package");
            assert_eq!(reason(&api, Method::PUT, &uri), None, "{uri}");
        }
        let prefixed = policy("http://[::1]:8080/prefix/");
        let uri = "http://[::1]:8080/prefix/service/SU1Z0isxPaozGVKXdv0eY/version/3/package";
        assert_eq!(reason(&prefixed, Method::PUT, uri), None);
    }

    #[test]
    fn every_other_request_is_denied() {
        use DenialReason as Because;
        let api = policy("https://api.fastly.com");
        let path = "/service/SU1Z0isxPaozGVKXdv0eY/version/3/package";
        for (origin, expected) in [
            ("http://api.fastly.com", Because::Scheme),
            ("http://api.fastly.com:443", Because::Scheme),
            ("https://evil.test", Because::Host),
            ("https://api.fastly.com.evil.test", Because::Host),
            ("https://api.fastly.com.", Because::Host),
            ("https://api.fastly.com@evil.test", Because::Host),
            ("https://evil.test@api.fastly.com", Because::Host),
            ("https://151.101.1.57", Because::Host),
            ("https://api.fastly.com:8443", Because::Port),
            ("https://api.fastly.com:80", Because::Port),
        ] {
            assert_eq!(
                reason(&api, Method::PUT, &format!("{origin}{path}")),
                Some(expected),
                "{origin}"
            );
        }
        for method in
            [Method::GET, Method::POST, Method::DELETE, Method::from_bytes(b"put").unwrap()]
        {
            let uri = format!("https://api.fastly.com{path}");
            assert_eq!(reason(&api, method, &uri), Some(Because::Method));
        }
        for path in [
            "",
            "/",
            "/service",
            "/service/other/version/3/package",
            "/service/su1z0isxpaozgvkxdv0ey/version/3/package",
            "/service/SU1Z0isxPaozGVKXdv0eY/version/4/package",
            "/service/SU1Z0isxPaozGVKXdv0eY/version/3/package/",
            "/service/SU1Z0isxPaozGVKXdv0eY/version/3/package?a=b",
            "/service/SU1Z0isxPaozGVKXdv0eY/version/3/package?",
            "/service/x/../SU1Z0isxPaozGVKXdv0eY/version/3/package",
            "//service/SU1Z0isxPaozGVKXdv0eY/version/3/package",
            "/service/%53U1Z0isxPaozGVKXdv0eY/version/3/package",
            "/service/SU1Z0isxPaozGVKXdv0eY/version/03/package",
        ] {
            let uri = format!("https://api.fastly.com{path}");
            assert_eq!(reason(&api, Method::PUT, &uri), Some(Because::Path), "{path}");
        }
    }

    #[test]
    fn a_lookup_is_allowed_alone() {
        let api = "https://h.test/prefix".parse().unwrap();
        let target = ServiceVersion { service_id: "a/b".into(), version_id: 3 };
        let version = EgressPolicy::get_version(&api, &target);
        let service = EgressPolicy::get_service(&api, &target.service_id);
        let package = "https://h.test/prefix/service/a%2Fb/version/3/package";
        for (policy, own, other) in [
            (&version, "/service/a%2Fb/version/3", "/service/a%2Fb"),
            (&service, "/service/a%2Fb", "/service/a%2Fb/version/3"),
        ] {
            let own = format!("https://h.test/prefix{own}");
            assert_eq!(reason(policy, Method::GET, &own), None);
            assert_eq!(reason(policy, Method::PUT, &own), Some(DenialReason::Method));
            for other in [&format!("https://h.test/prefix{other}"), package] {
                assert_eq!(reason(policy, Method::GET, other), Some(DenialReason::Path));
            }
        }
        let dots = EgressPolicy::get_service(&api, "..");
        assert_eq!(
            reason(&dots, Method::GET, "https://h.test/prefix/service/.."),
            Some(DenialReason::Path)
        );
    }

    #[test]
    fn an_identifier_can_not_reach_another_path() {
        let target = ServiceVersion { service_id: "a/../../b?c".into(), version_id: 1 };
        let policy = EgressPolicy::new(&"https://h.test".parse().unwrap(), Method::GET, &target);
        let uri = "https://h.test/service/a%2F..%2F..%2Fb%3Fc/version/1/package";
        assert_eq!(reason(&policy, Method::GET, uri), None);
        assert_eq!(
            reason(&policy, Method::GET, "https://h.test/service/a/../../b?c/version/1/package"),
            Some(DenialReason::Path)
        );
    }

    #[test]
    fn an_identifier_of_dots_allows_nothing() {
        for id in ["", ".", ".."] {
            let target = ServiceVersion { service_id: id.into(), version_id: 1 };
            let policy =
                EgressPolicy::new(&"https://h.test".parse().unwrap(), Method::GET, &target);
            for path in ["", "/", &format!("/service/{id}/version/1/package"), "/version/1/package"]
            {
                let uri = format!("https://h.test{path}");
                assert_eq!(reason(&policy, Method::GET, &uri), Some(DenialReason::Path), "{uri}");
            }
        }
    }
}
