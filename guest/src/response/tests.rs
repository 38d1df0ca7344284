//! Answers as the API gives them, and as it never should.

use super::*;

fn answer(status: u16, media_type: &str, body: &str) -> Answer {
    Answer {
        status,
        headers: vec![("Content-Type".into(), media_type.into())],
        body: body.into(),
        end: End::Complete,
        request_sent: true,
    }
}

fn package(body: &str) -> PackageResponse {
    decode(answer(200, "application/json", body)).unwrap().package
}

fn api_error(answer: Answer) -> ApiError {
    match decode(answer) {
        Err(Error::Api(error)) => error,
        other => panic!("not an error of the API: {other:?}"),
    }
}

fn reason(answer: Answer) -> UnexpectedReason {
    match decode(answer) {
        Err(Error::UnexpectedResponse(unexpected)) => unexpected.reason,
        other => panic!("not an unexpected response: {other:?}"),
    }
}

#[test]
fn every_field_of_the_recorded_answers_is_read() {
    let got = package(include_str!("../../../tests/fixtures/get-200.json"));
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
fn no_field_is_taken_for_another() {
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
fn the_body_is_kept_as_it_came() {
    let body = "{ \"id\":\"p\", \"service_id\":\"s\", \"version\":1, \"new\":[1,{}] }";
    assert_eq!(decode(answer(200, "application/json", body)).unwrap().body, body);
}

#[test]
fn numbers_may_stand_in_quotes_and_odd_types_spoil_nothing_else() {
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
fn a_success_without_a_package_is_no_success() {
    let deep = "[".repeat(500_000);
    for body in [
        "",
        "null",
        "[]",
        r#"["p","s",1]"#,
        "{}",
        "{\"id\":\"p\"",
        "\u{feff}{}",
        "\"x\"",
        "{\"a\":\u{0}}",
        r#"{"id":1,"service_id":"s","version":1}"#,
        r#"{"id":"p","id":null,"service_id":"s","version":1}"#,
        r#"{"id":"p","service_id":"s","version":-1}"#,
        r#"{"id":"p","service_id":"s","version":4294967296}"#,
        &format!("{{\"id\":{deep}"),
    ] {
        assert_eq!(reason(answer(200, "", body)), UnexpectedReason::NotAPackage, "{body:.40}");
    }
    let not_utf8 = Answer { body: vec![b'{', 0xff, b'}'], ..answer(200, "", "") };
    assert_eq!(reason(not_utf8), UnexpectedReason::NotAPackage);
}

#[test]
fn a_success_that_is_cut_or_too_large_or_too_early_is_no_success() {
    let whole = include_str!("../../../tests/fixtures/get-200.json");
    let too_large = Answer { end: End::TooLarge, ..answer(200, "", whole) };
    assert_eq!(reason(too_large), UnexpectedReason::TooLarge);
    let early = Answer { request_sent: false, ..answer(200, "", whole) };
    assert_eq!(reason(early), UnexpectedReason::Premature);
    let lost = Answer { end: End::Lost(ErrorCode::ConnectionTerminated), ..answer(200, "", whole) };
    assert!(matches!(decode(lost), Err(Error::Transport(ErrorCode::ConnectionTerminated))));
    let mut short = answer(200, "", whole);
    short.headers.push(("content-length".into(), (whole.len() + 1).to_string().into()));
    assert!(matches!(decode(short), Err(Error::Transport(ErrorCode::HttpResponseIncomplete))));
}

#[test]
fn a_redirect_says_where_to_and_is_not_an_answer() {
    let mut redirect = answer(302, "text/html", "moved");
    redirect.headers.push(("Location".into(), "https://elsewhere.test/".into()));
    let Err(Error::UnexpectedResponse(unexpected)) = decode(redirect) else { panic!() };
    assert_eq!(unexpected.reason, UnexpectedReason::Status);
    assert_eq!(unexpected.location.as_deref(), Some("https://elsewhere.test/"));
    assert_eq!(reason(answer(600, "", "")), UnexpectedReason::Status);
}

#[test]
fn every_recorded_error_is_an_error_of_the_api() {
    let recorded: serde_json::Value =
        serde_json::from_str(include_str!("../../../tests/fixtures/errors.json")).unwrap();
    for recorded in recorded.as_array().unwrap() {
        let text = |name: &str| recorded[name].as_str().unwrap();
        let status = recorded["status"].as_u64().unwrap() as u16;
        let error = api_error(answer(status, text("content_type"), text("body")));
        assert_eq!(error.status, status);
        assert_eq!(error.excerpt, text("body"));
        let body: serde_json::Value = serde_json::from_str(text("body")).unwrap_or_default();
        let titled = ["msg", "title"].iter().find_map(|name| body[name].as_str());
        let titled = titled.or_else(|| body["errors"][0]["title"].as_str());
        assert_eq!(error.title.as_deref(), titled);
    }
}

#[test]
fn entries_of_both_kinds_are_read_and_bounded() {
    let error = api_error(answer(
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
    assert_eq!(api_error(answer(500, "application/json", &many)).errors.len(), ENTRY_LIMIT);
}

#[test]
fn a_number_for_a_text_stays_as_it_is_written() {
    let body = r#"{"msg":-0,"detail":1.50e400,"errors":[{"code":18446744073709551616}]}"#;
    let error = api_error(answer(500, "application/json", body));
    assert_eq!((error.title.as_deref(), error.detail.as_deref()), (Some("-0"), Some("1.50e400")));
    assert_eq!(error.errors[0].code.as_deref(), Some("18446744073709551616"));
}

#[test]
fn a_body_that_is_not_json_is_shown_and_not_parsed() {
    let error = api_error(answer(500, "text/html", r#"{"msg":"no"}"#));
    assert_eq!((error.title, error.excerpt.as_str()), (None, r#"{"msg":"no"}"#));
    let lost = Answer { end: End::Lost(ErrorCode::ConnectionTerminated), ..answer(401, "", "{") };
    assert_eq!(api_error(lost).status, 401);
}

#[test]
fn an_excerpt_is_bounded_whatever_the_bytes() {
    let bytes = Answer { body: vec![0xff; 10_000], ..answer(502, "", "") };
    assert!(api_error(bytes).excerpt.len() <= EXCERPT_LIMIT);
    let wide = answer(502, "", &"包".repeat(5_000));
    assert!(api_error(wide).excerpt.len() <= EXCERPT_LIMIT);
}

#[test]
fn odd_rate_limit_headers_are_ignored() {
    let limited = |headers: &[(&str, &str)]| {
        let headers = headers.iter().map(|(n, v)| (n.to_string(), v.as_bytes().to_vec())).collect();
        api_error(Answer { headers, ..answer(429, "", "") }).rate_limit
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
