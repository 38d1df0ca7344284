use super::*;
use crate::egress_cases::{ALLOWED, DENIED, request, rule};

#[test]
fn a_reason_names_the_part_of_the_request() {
    for (reason, part) in [
        (DenialReason::Scheme, "scheme"),
        (DenialReason::Host, "host"),
        (DenialReason::Port, "port"),
        (DenialReason::Method, "method"),
        (DenialReason::Path, "path"),
        (DenialReason::Repeated, "one request"),
        (DenialReason::Length, "body"),
    ] {
        assert!(reason.to_string().contains(part), "{reason}");
    }
}

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
fn listing_versions_allows_no_other_path() {
    let api = ApiUrl::parse("https://h.test/prefix").unwrap();
    let get =
        |path| Request { scheme: Some("https"), authority: Some("h.test"), method: "GET", path };
    let rule = Rule::new(&api, Operation::ListVersions, "a/b", 3);
    let own = get("/prefix/service/a%2Fb/version");
    assert_eq!(rule.check(&own), Ok(()));
    assert_eq!(rule.check(&Request { method: "PUT", ..own }), Err(DenialReason::Method));
    for other in [
        "/prefix/service/a%2Fb",
        "/prefix/service/a%2Fb/version/",
        "/prefix/service/a%2Fb/version/3",
        "/prefix/service/a%2Fb/version/3/package",
        "/prefix/service/a%2Fb/version?page=2",
    ] {
        assert_eq!(rule.check(&get(other)), Err(DenialReason::Path), "{other}");
    }
}

#[test]
fn a_service_id_of_dots_allows_nothing() {
    let api = ApiUrl::parse("https://h.test").unwrap();
    for id in ["", ".", ".."] {
        for operation in [Operation::GetPackage, Operation::ListVersions] {
            let rule = Rule::new(&api, operation, id, 1);
            for path in ["", "/", &format!("/service/{id}"), "/version", "/version/1/package"] {
                let request = Request {
                    scheme: Some("https"),
                    authority: Some("h.test"),
                    method: "GET",
                    path,
                };
                assert_eq!(rule.check(&request), Err(DenialReason::Path), "{id:?} {path:?}");
            }
        }
    }
}
