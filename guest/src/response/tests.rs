//! Recorded responses of the API, and invalid ones.

use super::*;
use records::ENTRY_LIMIT;

const GET_200: &str = include_str!("../../../tests/fixtures/get-200.json");

fn response(status: u16, media_type: &str, body: &str) -> Response {
    Response::complete(status, vec![("Content-Type".into(), media_type.into())], body.into())
}

fn package(body: &str) -> PackageResponse {
    decode_reply(&response(200, "application/json", body)).unwrap().package
}

fn versions(body: &str) -> Vec<ServiceVersionInfo> {
    decode_versions(&response(200, "application/json", body)).unwrap()
}

/// Returns the error of a response, which is the same for every operation.
fn error(response: Response) -> Error {
    let error = decode_reply(&response).unwrap_err();
    let of_versions = decode_versions(&response).unwrap_err();
    assert_eq!(format!("{error:?}"), format!("{of_versions:?}"));
    error
}

fn api_error(response: Response) -> ApiError {
    match error(response) {
        Error::Api(error) => error,
        other => panic!("not an error of the API: {other:?}"),
    }
}

fn unexpected(error: Error) -> UnexpectedResponse {
    match error {
        Error::UnexpectedResponse(unexpected) => unexpected,
        other => panic!("not an unexpected response: {other:?}"),
    }
}

#[test]
fn every_field_of_the_recorded_responses_is_decoded() {
    let got = package(GET_200);
    assert_eq!(got.id, "ET9AMPS47ntJazcce7f0W7");
    assert_eq!(got.service_id, "OOaJq4HVv57fNDv86Qfzf5");
    assert_eq!(got.version, 2);
    assert_eq!(got.created_at.as_deref(), Some("2024-05-24T20:12:52Z"));
    assert_eq!(got.updated_at.as_deref(), Some("2024-05-24T20:12:52Z"));
    assert_eq!(got.deleted_at, None);
    let metadata = got.metadata.unwrap();
    assert_eq!(metadata.name.as_deref(), Some("test-package"));
    assert_eq!(metadata.description.as_deref(), Some("An empty starter kit project template."));
    assert_eq!(metadata.authors, Some(vec!["<oss@fastly.com>".to_owned()]));
    assert_eq!(metadata.language.as_deref(), Some("rust"));
    assert_eq!(metadata.size, Some(1540845));
    assert!(metadata.hashsum.unwrap().starts_with("ecc068ef"));
    assert!(metadata.files_hash.unwrap().starts_with("75ff1cf4"));
    assert!(metadata.cloned_from.unwrap().ends_with("compute-starter-kit-rust-empty"));
    let put = package(include_str!("../../../tests/fixtures/put-200.json"));
    assert!(put.metadata.unwrap().wasm_metadata.unwrap().starts_with("{\"processed-by\":"));
}

#[test]
fn no_field_of_a_package_is_confused_with_another() {
    let got = package(
        r#"{"id":"a","service_id":"b","version":3,"created_at":"d","updated_at":"e","deleted_at":"f","metadata":
           {"name":"g","description":"h","authors":["i"],"language":"j","size":11,"hashsum":"l","files_hash":"m",
            "cloned_from":"n","wasm_metadata":{"o":1}}}"#,
    );
    let metadata = got.metadata.unwrap();
    let texts = [
        Some(got.id),
        Some(got.service_id),
        got.created_at,
        got.updated_at,
        got.deleted_at,
        metadata.name,
        metadata.description,
        metadata.authors.map(|authors| authors.concat()),
        metadata.language,
        metadata.hashsum,
        metadata.files_hash,
        metadata.cloned_from,
        metadata.wasm_metadata,
    ];
    assert_eq!(texts.map(Option::unwrap).concat(), r#"abdefghijlmn{"o":1}"#);
    assert_eq!((got.version, metadata.size), (3, Some(11)));
}

#[test]
fn the_body_is_returned_unchanged() {
    let body = "{ \"id\":\"p\", \"service_id\":\"s\", \"version\":1, \"new\":[1,{}] }";
    assert_eq!(decode_reply(&response(200, "application/json", body)).unwrap().body, body);
}

#[test]
fn numbers_may_be_strings_and_a_field_of_another_type_invalidates_no_other() {
    let got = package(
        r#"{"id":"p","service_id":"s","version":"2","created_at":7,"metadata":
           {"name":null,"authors":"me","size":"12","hashsum":{},"files_hash":"ab","unknown":1}}"#,
    );
    assert_eq!((got.version, got.created_at), (2, None));
    let metadata = got.metadata.unwrap();
    assert_eq!((metadata.name, metadata.authors, metadata.hashsum), (None, None, None));
    assert_eq!((metadata.size, metadata.files_hash.as_deref()), (Some(12), Some("ab")));
}

#[test]
fn metadata_may_be_null_or_absent() {
    for metadata in ["", ",\"metadata\":null", ",\"metadata\":[]"] {
        let body = format!(r#"{{"id":"p","service_id":"s","version":1{metadata}}}"#);
        assert!(package(&body).metadata.is_none());
    }
}

#[test]
fn a_success_without_a_package_is_unexpected() {
    let deep = "[".repeat(500_000);
    for (body, detail) in [
        ("", "not a JSON object"),
        ("null", "not a JSON object"),
        ("[]", "not a JSON object"),
        (r#"["p","s",1]"#, "not a JSON object"),
        ("\u{feff}{}", "not a JSON object"),
        ("\"x\"", "not a JSON object"),
        ("{}", "missing or invalid field `id`"),
        ("{\"id\":\"p\"", "EOF while parsing"),
        ("{\"a\":\u{0}}", "expected value"),
        (r#"{"id":1,"service_id":"s","version":1}"#, "missing or invalid field `id`"),
        (r#"{"id":"p","id":null,"service_id":"s","version":1}"#, "duplicate field `id`"),
        (r#"{"id":"p","version":1}"#, "missing or invalid field `service_id`"),
        (r#"{"id":"p","service_id":"s"}"#, "missing or invalid field `version`"),
        (r#"{"id":"p","service_id":"s","version":-1}"#, "missing or invalid field `version`"),
        (
            r#"{"id":"p","service_id":"s","version":4294967296}"#,
            "missing or invalid field `version`",
        ),
        (&format!("{{\"id\":{deep}"), "EOF while parsing"),
    ] {
        let unexpected = unexpected(decode_reply(&response(200, "", body)).unwrap_err());
        assert_eq!(unexpected.reason, UnexpectedReason::InvalidBody, "{body:.40}");
        assert!(unexpected.detail.starts_with(detail), "{body:.40}: {}", unexpected.detail);
    }
    let not_utf8 = Response { body: vec![b'{', 0xff, b'}'], ..response(200, "", "") };
    assert_eq!(unexpected(error(not_utf8)).reason, UnexpectedReason::InvalidBody);
}

#[test]
fn a_package_of_another_service_or_version_is_unexpected() {
    let target =
        |service_id: &str, version_id| ServiceVersion { service_id: service_id.into(), version_id };
    let got = response(200, "application/json", GET_200);
    let recorded = target("OOaJq4HVv57fNDv86Qfzf5", 2);
    assert_eq!(decode_reply_for(&recorded, &got).unwrap().body, GET_200);
    for other in [
        target("OOaJq4HVv57fNDv86Qfzf5", 3),
        target("ooajq4hvv57fndv86qfzf5", 2),
        target("OOaJq4HVv57fNDv86Qfzf", 2),
        target("", 2),
    ] {
        let unexpected = unexpected(decode_reply_for(&other, &got).unwrap_err());
        assert_eq!((unexpected.reason, unexpected.status), (UnexpectedReason::InvalidBody, 200));
        let detail = "it describes version 2 of the service OOaJq4HVv57fNDv86Qfzf5";
        assert_eq!((unexpected.detail.as_str(), unexpected.excerpt.as_str()), (detail, GET_200));
    }
}

#[test]
fn every_field_of_a_version_is_decoded() {
    let [first, second] = versions(
        r#"[{"number":1,"active":true,"locked":true,"comment":"a","created_at":"b","updated_at":"c","deleted_at":"d",
             "service_id":"s","staging":false,"environments":[{"name":"n"}]},
            {"number":"2","active":false,"locked":false,"comment":"","created_at":null,"updated_at":null}]"#,
    )
    .try_into()
    .unwrap();
    assert_eq!((first.number, first.active, first.locked), (1, true, true));
    let texts = [first.comment, first.created_at, first.updated_at, first.deleted_at];
    assert_eq!(texts.map(Option::unwrap).concat(), "abcd");
    assert_eq!((second.number, second.active, second.locked), (2, false, false));
    assert_eq!(second.comment.as_deref(), Some(""));
    assert_eq!([second.created_at, second.updated_at, second.deleted_at], [None, None, None]);
}

#[test]
fn absent_and_invalid_flags_of_a_version_are_false() {
    for flags in ["", r#","active":null,"locked":null"#, r#","active":1,"locked":"true""#] {
        let [version] = versions(&format!(r#"[{{"number":1{flags}}}]"#)).try_into().unwrap();
        assert_eq!((version.active, version.locked), (false, false), "{flags}");
    }
    let [locked] = versions(r#"[{"number":1,"locked":true}]"#).try_into().unwrap();
    assert_eq!((locked.active, locked.locked), (false, true));
}

#[test]
fn versions_keep_the_order_of_the_api() {
    assert!(versions("[]").is_empty());
    let numbers = versions(r#" [ {"number":3}, {"number":1}, {"number":4294967295} ] "#);
    assert_eq!(Vec::from_iter(numbers.iter().map(|version| version.number)), [3, 1, u32::MAX]);
}

#[test]
fn a_success_without_a_list_of_versions_is_unexpected() {
    for (body, detail) in [
        ("", "not a JSON array"),
        ("null", "not a JSON array"),
        ("{}", "not a JSON array"),
        (r#"{"number":1}"#, "not a JSON array"),
        ("<html>", "not a JSON array"),
        ("[", "EOF while parsing"),
        ("[] []", "trailing characters"),
        ("[1]", "not a JSON object"),
        ("[null]", "not a JSON object"),
        ("[[]]", "not a JSON object"),
        ("[{}]", "missing or invalid field `number`"),
        (r#"[{"number":1},{"active":true}]"#, "missing or invalid field `number`"),
        (r#"[{"number":-1}]"#, "missing or invalid field `number`"),
        (r#"[{"number":4294967296}]"#, "missing or invalid field `number`"),
        (r#"[{"number":1,"number":2}]"#, "duplicate field `number`"),
    ] {
        let unexpected = unexpected(decode_versions(&response(200, "", body)).unwrap_err());
        assert_eq!(unexpected.reason, UnexpectedReason::InvalidBody, "{body}");
        assert!(unexpected.detail.starts_with(detail), "{body}: {}", unexpected.detail);
    }
}

#[test]
fn a_success_that_is_incomplete_or_too_large_or_premature_is_an_error() {
    for whole in [GET_200, r#"[{"number":1}]"#] {
        let with = |body_error| Response { body_error, ..response(200, "", whole) };
        let too_large = with(Some(BodyError::TooLarge));
        assert_eq!(unexpected(error(too_large)).reason, UnexpectedReason::TooLarge);
        let premature = Response { request_sent: false, ..response(200, "", whole) };
        assert_eq!(unexpected(error(premature)).reason, UnexpectedReason::Premature);
        let lost = with(Some(BodyError::Transport(ErrorCode::ConnectionTerminated)));
        assert!(matches!(error(lost), Error::Transport(ErrorCode::ConnectionTerminated)));
        let mut short = response(200, "", whole);
        short.headers.push(("content-length".into(), (whole.len() + 1).to_string().into()));
        assert!(matches!(error(short), Error::Transport(ErrorCode::HttpResponseIncomplete)));
    }
}

#[test]
fn a_redirect_is_unexpected_and_has_its_location() {
    let mut redirect = response(302, "text/html", "moved");
    redirect.headers.push(("Location".into(), "https://elsewhere.test/".into()));
    let redirect = unexpected(error(redirect));
    assert_eq!(redirect.reason, UnexpectedReason::Status);
    assert_eq!(redirect.location.as_deref(), Some("https://elsewhere.test/"));
    let out_of_range = unexpected(error(response(600, "", "")));
    assert_eq!(out_of_range.reason, UnexpectedReason::Status);
}

#[test]
fn every_recorded_error_is_an_error_of_the_api() {
    let recorded: serde_json::Value =
        serde_json::from_str(include_str!("../../../tests/fixtures/errors.json")).unwrap();
    for recorded in recorded.as_array().unwrap() {
        let text = |name: &str| recorded[name].as_str().unwrap();
        let status = recorded["status"].as_u64().unwrap() as u16;
        let error = api_error(response(status, text("content_type"), text("body")));
        assert_eq!(error.status, status);
        assert_eq!(error.excerpt, text("body"));
        let body: serde_json::Value = serde_json::from_str(text("body")).unwrap_or_default();
        let titled = ["msg", "title"].iter().find_map(|name| body[name].as_str());
        let titled = titled.or_else(|| body["errors"][0]["title"].as_str());
        assert_eq!(error.title.as_deref(), titled);
    }
}

#[test]
fn error_entries_of_both_kinds_are_decoded_and_limited() {
    let error = api_error(response(
        409,
        "application/vnd.api+json; charset=utf-8",
        r#"{"errors":[{"id":"1","code":"conflict","status":"409","title":"Conflict","detail":"duplicate",
            "meta":{"a":1}},{"code":7,"reason":"because","index":2},3]}"#,
    ));
    assert_eq!(error.errors.len(), 2);
    assert_eq!(error.title.as_deref(), Some("Conflict"));
    assert_eq!(error.detail.as_deref(), Some("duplicate"));
    assert_eq!(error.errors[0].id.as_deref(), Some("1"));
    assert_eq!(error.errors[0].status.as_deref(), Some("409"));
    assert_eq!(error.errors[0].meta.as_deref(), Some(r#"{"a":1}"#));
    assert_eq!(error.errors[1].code.as_deref(), Some("7"));
    assert_eq!(error.errors[1].detail.as_deref(), Some("because"));
    assert_eq!(error.errors[1].index, Some(2));
    let many = format!("{{\"errors\":[{}{{}}]}}", "{},".repeat(10_000));
    assert_eq!(api_error(response(500, "application/json", &many)).errors.len(), ENTRY_LIMIT);
}

#[test]
fn a_number_in_place_of_a_string_keeps_its_text() {
    let body = r#"{"msg":-0,"detail":1.50e400,"errors":[{"code":18446744073709551616}]}"#;
    let error = api_error(response(500, "application/json", body));
    assert_eq!((error.title.as_deref(), error.detail.as_deref()), (Some("-0"), Some("1.50e400")));
    assert_eq!(error.errors[0].code.as_deref(), Some("18446744073709551616"));
}

#[test]
fn a_body_that_is_not_json_is_not_parsed() {
    let error = api_error(response(500, "text/html", r#"{"msg":"no"}"#));
    assert_eq!((error.title, error.excerpt.as_str()), (None, r#"{"msg":"no"}"#));
    let lost = Response {
        body_error: Some(BodyError::Transport(ErrorCode::ConnectionTerminated)),
        ..response(401, "", "{")
    };
    assert_eq!(api_error(lost).status, 401);
}

#[test]
fn an_excerpt_is_limited_whatever_the_bytes() {
    let bytes = Response { body: vec![0xff; 10_000], ..response(502, "", "") };
    assert!(api_error(bytes).excerpt.len() <= EXCERPT_LIMIT);
    let wide = response(502, "", &"包".repeat(5_000));
    assert!(api_error(wide).excerpt.len() <= EXCERPT_LIMIT);
}

#[test]
fn invalid_rate_limit_headers_are_ignored() {
    let limited = |headers: &[(&str, &str)]| {
        let headers = headers.iter().map(|(n, v)| (n.to_string(), v.as_bytes().to_vec())).collect();
        api_error(Response { headers, ..response(429, "", "") }).rate_limit
    };
    let limit =
        limited(&[("Fastly-RateLimit-Remaining", "0"), ("fastly-ratelimit-reset", "1716584400")]);
    let limit = limit.unwrap();
    assert_eq!(
        (limit.remaining, limit.reset, limit.retry_after),
        (Some(0), Some(1716584400), None)
    );
    assert!(
        limited(&[("fastly-ratelimit-remaining", "lots"), ("fastly-ratelimit-reset", "-1")])
            .is_none()
    );
    let after = limited(&[("retry-after", "Fri, 31 Dec 1999 23:59:59 GMT")]).unwrap();
    assert!(after.retry_after.unwrap().starts_with("Fri"));
}
