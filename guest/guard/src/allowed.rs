//! What is allowed now.

use fastly_package_egress::{Base, FASTLY_API, HEADERS, Request, Rule, check_target};

/// The header with the token, which a guarded component sets itself.
const TOKEN: &str = "fastly-key";

/// The one request that may go out next, if there is one.
pub(crate) struct Allowed(Option<Rule>);

impl Allowed {
    pub(crate) const fn nothing() -> Self {
        Self(None)
    }

    /// Allows the request of a call, in place of what was allowed before.
    pub(crate) fn allow(
        &mut self,
        method: &str,
        service_id: &str,
        version_id: u32,
        api_url: Option<&str>,
    ) -> Result<(), String> {
        self.0 = None;
        let wrong = |why: &str| format!("the API's URL {why}");
        let api = Base::parse(api_url.unwrap_or(FASTLY_API)).map_err(wrong)?;
        api.check_may_have_token().map_err(wrong)?;
        check_target(service_id, version_id)?;
        self.0 = Some(Rule::package(&api, method, service_id, version_id));
        Ok(())
    }

    /// Whether a request with headers of these names may go out. One that may is the last.
    pub(crate) fn admit<'a>(
        &mut self,
        request: &Request<'_>,
        names: impl Iterator<Item = &'a str>,
    ) -> bool {
        // Of two values of one name a server may take another than whoever looks on.
        let mut left: Vec<&str> = HEADERS.into_iter().chain([TOKEN]).collect();
        let mut once = |name: &str| {
            let place = left.iter().position(|known| name.eq_ignore_ascii_case(known));
            place.map(|place| left.swap_remove(place)).is_some()
        };
        let headers = names.into_iter().all(&mut once);
        let admitted = headers && self.0.as_ref().is_some_and(|rule| rule.check(request).is_ok());
        if admitted {
            self.0 = None;
        }
        admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fastly_package_egress::table::{ALLOWED, DENIED, SERVICE, VERSION, request};

    fn allowed(api: &str) -> Allowed {
        let mut allowed = Allowed::nothing();
        allowed.allow("PUT", SERVICE, VERSION, Some(api)).unwrap();
        allowed
    }

    #[test]
    fn the_rules_are_those_of_the_edge() {
        for case in ALLOWED {
            assert!(allowed(case.api).admit(&request(&case), [].into_iter()), "{case:?}");
        }
        for (case, _) in DENIED {
            assert!(!allowed(case.api).admit(&request(&case), [].into_iter()), "{case:?}");
        }
    }

    #[test]
    fn nothing_is_allowed_before_it_was_said_nor_twice() {
        let case = &ALLOWED[0];
        assert!(!Allowed::nothing().admit(&request(case), [].into_iter()));
        let mut once = allowed(case.api);
        assert!(once.admit(&request(case), [].into_iter()));
        assert!(!once.admit(&request(case), [].into_iter()));
    }

    #[test]
    fn headers_that_a_server_may_obey_are_not_let_out() {
        let case = &ALLOWED[0];
        let known = ["Accept", "fastly-key", "content-length", "Expect", "content-type"];
        assert!(allowed(case.api).admit(&request(case), known.into_iter()));
        for name in ["host", "Accept", "cookie", "authorization", "x-http-method-override"] {
            assert!(
                !allowed(case.api).admit(&request(case), ["accept", name].into_iter()),
                "{name}"
            );
        }
    }

    #[test]
    fn what_can_not_be_allowed_allows_nothing() {
        for (service_id, version_id, api_url) in [
            ("", 1, None),
            ("..", 1, None),
            ("s", 0, None),
            ("s", 1 << 31, None),
            ("s", 1, Some("ftp://h")),
            ("s", 1, Some("http://api.fastly.com")),
            ("s", 1, Some("https://u@h")),
        ] {
            let mut before = allowed("https://api.fastly.com");
            let refused = before.allow("PUT", service_id, version_id, api_url);
            assert!(refused.is_err(), "{service_id:?} {version_id} {api_url:?}");
            assert!(!before.admit(&request(&ALLOWED[0]), [].into_iter()), "not what was before");
        }
    }
}
