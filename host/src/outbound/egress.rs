//! The egress policy: the rule of `fastly-package-core`, applied to the requests of the `http` crate.

use super::denial::Denial;
use crate::api_url::ApiUrl;
use fastly_package_core::egress::{Request, Rule};
use fastly_package_core::target::Operation;
use http::{Method, Uri};

/// The one request that a call may send: scheme, host and port of the configured API, the operation's method, its exact path and no query.
///
/// The policy examines the request's URI, never its `Host` header. A [`Plugin`](crate::Plugin) creates one for each call; it is public for hosts that
/// send requests themselves.
///
/// ```
/// use fastly_package::{DenialReason, EgressPolicy, FASTLY_API, Operation};
/// use http::{Method, Uri};
///
/// let api = FASTLY_API.parse()?;
/// let policy = EgressPolicy::new(&api, Operation::GetPackage, "SU1Z0isxPaozGVKXdv0eY", 3);
/// let elsewhere = Uri::from_static("https://api.fastly.com/tokens/self");
/// let denial = policy.check(&Method::GET, &elsewhere).unwrap_err();
/// assert_eq!(denial.reason, DenialReason::Path);
/// # Ok::<(), fastly_package::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EgressPolicy(Rule);

impl EgressPolicy {
    /// Allows the request of one operation. `version_id` is ignored for [`Operation::ListVersions`]. A service ID that
    /// [`ServiceVersion::new`](crate::ServiceVersion::new) rejects allows nothing.
    pub fn new(api: &ApiUrl, operation: Operation, service_id: &str, version_id: u32) -> Self {
        Self(Rule::new(&api.0, operation, service_id, version_id))
    }

    /// Checks a request.
    ///
    /// # Errors
    ///
    /// Returns a [`Denial`], with the first part of the request that is not allowed.
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

#[cfg(test)]
mod tests {
    use super::*;
    use fastly_package_core::egress::DenialReason;
    use fastly_package_core::egress_cases::{ALLOWED, Case, DENIED, SERVICE, VERSION};

    /// Checks a case. `None` if its parts don't form a URI.
    fn check(case: &Case) -> Option<Result<(), DenialReason>> {
        let api = case.api.parse().unwrap();
        let policy = EgressPolicy::new(&api, Operation::PutPackage, SERVICE, VERSION);
        let uri = format!("{}://{}{}", case.scheme, case.authority, case.path).parse().ok()?;
        let method = Method::from_bytes(case.method.as_bytes()).unwrap();
        Some(policy.check(&method, &uri).map_err(|denial| denial.reason))
    }

    #[test]
    fn requests_of_the_http_crate_are_checked_by_the_rule() {
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
