//! The request that is allowed.

use fastly_package_core::api_url::{ApiUrl, FASTLY_API};
use fastly_package_core::egress::{HEADERS, Request, Rule};
use fastly_package_core::target::{Operation, check_service_id, check_service_version};

/// The header that contains the token, which a guarded plugin sets itself.
const TOKEN: &str = "fastly-key";

/// The rule for the next request, if one is allowed.
pub(crate) struct Allowed(Option<Rule>);

impl Allowed {
    pub(crate) const fn nothing() -> Self {
        Self(None)
    }

    /// Allows the request of a call, and no longer what was allowed before.
    pub(crate) fn allow(
        &mut self,
        operation: Operation,
        service_id: &str,
        version_id: u32,
        api_url: Option<&str>,
    ) -> Result<(), String> {
        self.0 = None;
        let invalid = |reason| format!("the API's URL {reason}");
        let api = ApiUrl::parse(api_url.unwrap_or(FASTLY_API)).map_err(invalid)?;
        api.check_token_allowed().map_err(invalid)?;
        match operation {
            Operation::ListVersions => check_service_id(service_id)?,
            _ => check_service_version(service_id, version_id)?,
        }
        self.0 = Some(Rule::new(&api, operation, service_id, version_id));
        Ok(())
    }

    /// Returns whether a request with headers of these names is allowed. If it is, no further one is.
    pub(crate) fn take<'a>(
        &mut self,
        request: &Request<'_>,
        mut headers: impl Iterator<Item = &'a str>,
    ) -> bool {
        // Each name is allowed once: of two values, a server may use either.
        let mut left: Vec<&str> = HEADERS.into_iter().chain([TOKEN]).collect();
        let headers_allowed = headers.all(|name| {
            let index = left.iter().position(|known| name.eq_ignore_ascii_case(known));
            index.map(|index| left.swap_remove(index)).is_some()
        });
        let allowed =
            headers_allowed && self.0.as_ref().is_some_and(|rule| rule.check(request).is_ok());
        if allowed {
            self.0 = None;
        }
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fastly_package_core::egress_cases::{ALLOWED, DENIED, SERVICE, VERSION, request};

    fn allowed(api: &str) -> Allowed {
        let mut allowed = Allowed::nothing();
        allowed.allow(Operation::PutPackage, SERVICE, VERSION, Some(api)).unwrap();
        allowed
    }

    #[test]
    fn the_rule_is_that_of_the_host_library() {
        for case in ALLOWED {
            assert!(allowed(case.api).take(&request(&case), [].into_iter()), "{case:?}");
        }
        for (case, _) in DENIED {
            assert!(!allowed(case.api).take(&request(&case), [].into_iter()), "{case:?}");
        }
    }

    #[test]
    fn each_operation_allows_its_method_and_path_and_no_other() {
        let package = "/service/SU1Z0isxPaozGVKXdv0eY/version/3/package";
        let versions = "/service/SU1Z0isxPaozGVKXdv0eY/version";
        for (operation, method, path) in [
            (Operation::GetPackage, "GET", package),
            (Operation::PutPackage, "PUT", package),
            (Operation::ListVersions, "GET", versions),
        ] {
            for requested_method in ["GET", "PUT", "POST", "DELETE", ""] {
                for requested_path in [
                    package,
                    versions,
                    "/service/SU1Z0isxPaozGVKXdv0eY",
                    "/service/SU1Z0isxPaozGVKXdv0eY/version/",
                    "/service/SU1Z0isxPaozGVKXdv0eY/version/3",
                    "/service/SU1Z0isxPaozGVKXdv0eY/version?page=2",
                    "/service/other/version",
                ] {
                    let mut allowed = Allowed::nothing();
                    allowed.allow(operation, SERVICE, VERSION, None).unwrap();
                    let request = Request {
                        scheme: Some("https"),
                        authority: Some("api.fastly.com"),
                        method: requested_method,
                        path: requested_path,
                    };
                    let is_own = (requested_method, requested_path) == (method, path);
                    assert_eq!(
                        allowed.take(&request, [].into_iter()),
                        is_own,
                        "{operation:?} {request:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn listing_versions_ignores_the_version() {
        for version_id in [0, 1, VERSION, 1 << 31] {
            let mut allowed = Allowed::nothing();
            allowed.allow(Operation::ListVersions, SERVICE, version_id, None).unwrap();
            let request = Request {
                scheme: Some("https"),
                authority: Some("api.fastly.com"),
                method: "GET",
                path: "/service/SU1Z0isxPaozGVKXdv0eY/version",
            };
            assert!(allowed.take(&request, [].into_iter()), "{version_id}");
        }
    }

    #[test]
    fn a_request_is_allowed_once_and_only_after_it_was_configured() {
        let case = &ALLOWED[0];
        assert!(!Allowed::nothing().take(&request(case), [].into_iter()));
        let mut once = allowed(case.api);
        assert!(once.take(&request(case), [].into_iter()));
        assert!(!once.take(&request(case), [].into_iter()));
    }

    #[test]
    fn only_known_headers_are_allowed_and_each_once() {
        let case = &ALLOWED[0];
        let known = ["Accept", "fastly-key", "content-length", "Expect", "content-type"];
        assert!(allowed(case.api).take(&request(case), known.into_iter()));
        for name in ["host", "Accept", "cookie", "authorization", "x-http-method-override"] {
            assert!(
                !allowed(case.api).take(&request(case), ["accept", name].into_iter()),
                "{name}"
            );
        }
    }

    #[test]
    fn an_invalid_argument_allows_nothing() {
        for (operation, service_id, version_id, api_url) in [
            (Operation::PutPackage, "", 1, None),
            (Operation::PutPackage, "..", 1, None),
            (Operation::PutPackage, "s", 0, None),
            (Operation::PutPackage, "s", 1 << 31, None),
            (Operation::GetPackage, "s", 0, None),
            (Operation::ListVersions, "", 1, None),
            (Operation::ListVersions, "..", 1, None),
            (Operation::PutPackage, "s", 1, Some("ftp://h")),
            (Operation::PutPackage, "s", 1, Some("http://api.fastly.com")),
            (Operation::PutPackage, "s", 1, Some("https://u@h")),
            (Operation::ListVersions, "s", 1, Some("http://api.fastly.com")),
        ] {
            let mut before = allowed("https://api.fastly.com");
            let result = before.allow(operation, service_id, version_id, api_url);
            assert!(result.is_err(), "{operation:?} {service_id:?} {version_id} {api_url:?}");
            assert!(!before.take(&request(&ALLOWED[0]), [].into_iter()), "the previous rule holds");
        }
    }
}
