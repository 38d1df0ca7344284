//! Which requests may leave the sandbox: the rules, applied to the requests of the `http` crate.

use crate::api::ApiUrl;
use crate::bindings::exports::fastly_package::api::package_api::ServiceVersion;
pub use fastly_package_egress::Reason as DenialReason;
use fastly_package_egress::{Request, Rule};
use http::{Method, Uri};
use std::fmt;

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
pub struct EgressPolicy(Rule);

impl EgressPolicy {
    /// Allows `method` on the package of `target`, whose ID is percent-encoded. An ID that [`ServiceVersion::new`] refuses as one of dots or
    /// empty allows nothing.
    pub fn new(api: &ApiUrl, method: Method, target: &ServiceVersion) -> Self {
        Self(Rule::package(&api.0, method.as_str(), &target.service_id, target.version_id))
    }

    /// Allows a GET of the version itself.
    pub(crate) fn get_version(api: &ApiUrl, target: &ServiceVersion) -> Self {
        Self(Rule::version(&api.0, &target.service_id, target.version_id))
    }

    /// Allows a GET of the service itself.
    pub(crate) fn get_service(api: &ApiUrl, service_id: &str) -> Self {
        Self(Rule::service(&api.0, service_id))
    }

    /// The path that it allows.
    pub(crate) fn path(&self) -> &str {
        self.0.path()
    }

    /// Whether the request may go out.
    ///
    /// # Errors
    ///
    /// A [`Denial`], with the first thing about the request that isn't allowed.
    pub fn check(&self, method: &Method, uri: &Uri) -> Result<(), Denial> {
        let request = Request {
            scheme: uri.scheme_str(),
            authority: uri.authority().map(http::uri::Authority::as_str),
            method: method.as_str(),
            path: uri.path_and_query().map_or("", http::uri::PathAndQuery::as_str),
        };
        self.0.check(&request).map_err(|reason| Denial::new(reason, method, uri))
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

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.request, self.reason)
    }
}

impl std::error::Error for Denial {}

#[cfg(test)]
mod tests {
    use super::*;
    use fastly_package_egress::table::{ALLOWED, Case, DENIED, SERVICE, VERSION};

    /// What is said of a case; `None` where its parts make no URI.
    fn check(case: &Case) -> Option<Result<(), DenialReason>> {
        let target = ServiceVersion { service_id: SERVICE.into(), version_id: VERSION };
        let policy = EgressPolicy::new(&case.api.parse().unwrap(), Method::PUT, &target);
        let uri = format!("{}://{}{}", case.scheme, case.authority, case.path).parse().ok()?;
        let method = Method::from_bytes(case.method.as_bytes()).unwrap();
        Some(policy.check(&method, &uri).map_err(|denial| denial.reason))
    }

    #[test]
    fn the_rules_hold_for_requests_as_they_are_sent() {
        for case in ALLOWED {
            assert_eq!(check(&case), Some(Ok(())), "{case:?}");
        }
        let denied: Vec<_> =
            DENIED.iter().filter_map(|(case, reason)| Some((case, check(case)?, reason))).collect();
        assert!(denied.len() > 25, "{}", denied.len());
        for (case, checked, reason) in denied {
            assert_eq!(checked, Err(*reason), "{case:?}");
        }
    }
}
