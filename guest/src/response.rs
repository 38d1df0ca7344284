//! Answers to results: a package, or the API's error, or an answer that is neither. Nothing that a server sends makes it panic.

use crate::bindings::exports::fastly_package::api::package_api::{
    ApiError, ApiErrorEntry, Error, PackageMetadata, PackageResponse, RateLimit, Reply,
    UnexpectedReason, UnexpectedResponse,
};
use crate::bindings::wasi::http::types::ErrorCode;
use serde::Deserialize;
use serde_json::value::RawValue;

/// How much of a body is read, in bytes. A PackageResponse has about one KiB.
pub(crate) const BODY_LIMIT: usize = 1024 * 1024;
/// How much of a body an error shows, in bytes.
const EXCERPT_LIMIT: usize = 4096;
/// How many of an error's entries are taken: a body of the largest size could hold 350,000 empty ones.
const ENTRY_LIMIT: usize = 100;

/// What came back for a request.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
    pub(crate) end: End,
    /// Whether the whole request had been sent when the answer came.
    pub(crate) request_sent: bool,
}

/// How an answer's body ended.
#[derive(Debug)]
pub(crate) enum End {
    Complete,
    /// It goes on after `BODY_LIMIT` bytes.
    TooLarge,
    Lost(ErrorCode),
}

/// Judges an answer. Every status of the API's refusals is its error, even where the body was lost on the way.
pub(crate) fn decode(answer: Answer) -> Result<Reply, Error> {
    match answer.status {
        200..=299 => decode_success(answer),
        400..=599 => Err(Error::Api(decode_error(&answer))),
        _ => Err(unexpected(&answer, UnexpectedReason::Status, String::new())),
    }
}

fn decode_success(mut answer: Answer) -> Result<Reply, Error> {
    if !answer.request_sent {
        return Err(unexpected(&answer, UnexpectedReason::Premature, String::new()));
    }
    if matches!(answer.end, End::Complete) && answer.is_short() {
        answer.end = End::Lost(ErrorCode::HttpResponseIncomplete);
    }
    match answer.end {
        End::Complete => {}
        End::TooLarge => {
            return Err(unexpected(&answer, UnexpectedReason::TooLarge, String::new()));
        }
        End::Lost(code) => return Err(code.into()),
    }
    let no_package = |why: String| unexpected(&answer, UnexpectedReason::NotAPackage, why);
    let body = str::from_utf8(&answer.body).map_err(|error| no_package(error.to_string()))?;
    let json: PackageJson = object(body).map_err(no_package)?;
    let package = json.into_package().map_err(no_package)?;
    Ok(Reply { package, rate_limit: answer.rate_limit(), body: body.to_owned() })
}

fn decode_error(answer: &Answer) -> ApiError {
    let media_type = answer.media_type();
    let is_json = match media_type.as_deref() {
        None => true,
        Some(kind) => kind == "application/json" || kind.ends_with("+json"),
    };
    let json: ErrorJson = match str::from_utf8(&answer.body) {
        Ok(body) if is_json => object(body).unwrap_or_default(),
        _ => ErrorJson::default(),
    };
    let entries: Vec<&RawValue> = lenient(json.errors).unwrap_or_default();
    let errors: Vec<ApiErrorEntry> =
        entries.into_iter().take(ENTRY_LIMIT).filter_map(entry_of).collect();
    let title = text(json.msg).or_else(|| text(json.title));
    let detail = text(json.detail);
    ApiError {
        status: answer.status,
        title: title.or_else(|| errors.first()?.title.clone()),
        detail: detail.or_else(|| errors.first()?.detail.clone()),
        errors,
        rate_limit: answer.rate_limit(),
        media_type,
        excerpt: answer.excerpt(),
    }
}

fn entry_of(entry: &RawValue) -> Option<ApiErrorEntry> {
    let json: EntryJson = object(entry.get()).ok()?;
    Some(ApiErrorEntry {
        id: text(json.id),
        code: text(json.code),
        status: text(json.status),
        title: text(json.title),
        detail: text(json.detail).or_else(|| text(json.reason)),
        index: number(json.index),
        meta: json.meta.map(|meta| meta.get().to_owned()),
    })
}

fn unexpected(answer: &Answer, reason: UnexpectedReason, detail: String) -> Error {
    Error::UnexpectedResponse(UnexpectedResponse {
        reason,
        status: answer.status,
        detail,
        location: answer.header("location").map(|v| String::from_utf8_lossy(v).into_owned()),
        media_type: answer.media_type(),
        excerpt: answer.excerpt(),
    })
}

impl Answer {
    fn header(&self, name: &str) -> Option<&[u8]> {
        let (_, value) = self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name))?;
        Some(value.trim_ascii())
    }

    fn number_header(&self, name: &str) -> Option<u64> {
        str::from_utf8(self.header(name)?).ok()?.parse().ok()
    }

    /// The limits as the headers give them; those that aren't numbers are as good as absent.
    fn rate_limit(&self) -> Option<RateLimit> {
        let remaining = self.number_header("fastly-ratelimit-remaining");
        let reset = self.number_header("fastly-ratelimit-reset");
        let retry_after = self
            .header("retry-after")
            .and_then(|value| str::from_utf8(value).ok())
            .filter(|value| !value.is_empty())
            .map(str::to_owned);
        if remaining.is_none() && reset.is_none() && retry_after.is_none() {
            return None;
        }
        Some(RateLimit { remaining, reset, retry_after })
    }

    /// The media type without its parameters (RFC 9110, 8.3.1).
    fn media_type(&self) -> Option<String> {
        let value = String::from_utf8_lossy(self.header("content-type")?);
        let essence = value.split(';').next().unwrap_or_default().trim();
        (!essence.is_empty()).then(|| essence.to_ascii_lowercase())
    }

    /// Whether the body is shorter than the header says: not every host notices.
    fn is_short(&self) -> bool {
        self.header("content-encoding").is_none()
            && self.number_header("content-length").is_some_and(|n| n > self.body.len() as u64)
    }

    fn excerpt(&self) -> String {
        let beginning = &self.body[..self.body.len().min(EXCERPT_LIMIT)];
        let mut excerpt = String::new();
        for chunk in beginning.utf8_chunks() {
            excerpt.push_str(chunk.valid());
            if !chunk.invalid().is_empty() {
                excerpt.push(char::REPLACEMENT_CHARACTER);
            }
        }
        excerpt.truncate(excerpt.floor_char_boundary(EXCERPT_LIMIT));
        excerpt
    }
}

/// Fields are kept as they stand and read one by one, so that one of an odd type spoils no other.
#[derive(Deserialize, Default)]
#[serde(default)]
struct PackageJson<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    service_id: Option<&'a RawValue>,
    version: Option<&'a RawValue>,
    created_at: Option<&'a RawValue>,
    updated_at: Option<&'a RawValue>,
    deleted_at: Option<&'a RawValue>,
    metadata: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct MetadataJson<'a> {
    #[serde(borrow)]
    name: Option<&'a RawValue>,
    description: Option<&'a RawValue>,
    authors: Option<&'a RawValue>,
    language: Option<&'a RawValue>,
    size: Option<&'a RawValue>,
    hashsum: Option<&'a RawValue>,
    files_hash: Option<&'a RawValue>,
    cloned_from: Option<&'a RawValue>,
    wasm_metadata: Option<&'a RawValue>,
}

/// The three shapes of the API's errors in one: `msg` and `detail`, `title` and `detail` (RFC 9457), and `errors`.
#[derive(Deserialize, Default)]
#[serde(default)]
struct ErrorJson<'a> {
    #[serde(borrow)]
    msg: Option<&'a RawValue>,
    title: Option<&'a RawValue>,
    detail: Option<&'a RawValue>,
    errors: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct EntryJson<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    code: Option<&'a RawValue>,
    status: Option<&'a RawValue>,
    title: Option<&'a RawValue>,
    detail: Option<&'a RawValue>,
    reason: Option<&'a RawValue>,
    index: Option<&'a RawValue>,
    meta: Option<&'a RawValue>,
}

impl PackageJson<'_> {
    fn into_package(self) -> Result<PackageResponse, String> {
        let missing = |name: &str| format!("no `{name}` in it");
        let metadata = self.metadata.and_then(|raw| object::<MetadataJson>(raw.get()).ok());
        Ok(PackageResponse {
            id: string(self.id).ok_or_else(|| missing("id"))?,
            service_id: string(self.service_id).ok_or_else(|| missing("service_id"))?,
            version: number(self.version)
                .and_then(|version| version.try_into().ok())
                .ok_or_else(|| missing("version"))?,
            created_at: string(self.created_at),
            updated_at: string(self.updated_at),
            deleted_at: string(self.deleted_at),
            metadata: metadata.map(MetadataJson::into_metadata),
        })
    }
}

impl MetadataJson<'_> {
    fn into_metadata(self) -> PackageMetadata {
        PackageMetadata {
            name: string(self.name),
            description: string(self.description),
            authors: lenient(self.authors),
            language: string(self.language),
            size: number(self.size),
            hashsum: string(self.hashsum),
            files_hash: string(self.files_hash),
            cloned_from: string(self.cloned_from),
            wasm_metadata: self.wasm_metadata.map(|raw| raw.get().to_owned()),
        }
    }
}

/// Parses a JSON object. serde would take an array for a struct's fields in their order, and the API means no such thing.
fn object<'a, T: Deserialize<'a>>(json: &'a str) -> Result<T, String> {
    if !json.trim_ascii_start().starts_with('{') {
        return Err("it is not a JSON object".to_owned());
    }
    serde_json::from_str(json).map_err(|error| error.to_string())
}

fn lenient<'a, T: Deserialize<'a>>(raw: Option<&'a RawValue>) -> Option<T> {
    serde_json::from_str(raw?.get()).ok()
}

fn string(raw: Option<&RawValue>) -> Option<String> {
    lenient(raw)
}

/// A number that may stand in quotes: older endpoints of the API send `"2"` for `2`.
fn number(raw: Option<&RawValue>) -> Option<u64> {
    lenient(raw).or_else(|| string(raw)?.parse().ok())
}

/// A string, or a number as it is written.
fn text(raw: Option<&RawValue>) -> Option<String> {
    string(raw).or_else(|| lenient::<serde_json::Number>(raw).map(|number| number.to_string()))
}

#[cfg(test)]
mod properties;

#[cfg(test)]
mod tests {
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
        let got = package(include_str!("../../tests/fixtures/get-200.json"));
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
        let put = package(include_str!("../../tests/fixtures/put-200.json"));
        assert!(put.metadata.unwrap().wasm_metadata.unwrap().starts_with("{\"processed-by\":"));
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
        let whole = include_str!("../../tests/fixtures/get-200.json");
        let too_large = Answer { end: End::TooLarge, ..answer(200, "", whole) };
        assert_eq!(reason(too_large), UnexpectedReason::TooLarge);
        let early = Answer { request_sent: false, ..answer(200, "", whole) };
        assert_eq!(reason(early), UnexpectedReason::Premature);
        let lost =
            Answer { end: End::Lost(ErrorCode::ConnectionTerminated), ..answer(200, "", whole) };
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
            serde_json::from_str(include_str!("../../tests/fixtures/errors.json")).unwrap();
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
        assert_eq!(error.errors[0].meta.as_deref(), Some(r#"{"a":1}"#));
        assert_eq!(error.errors[1].code.as_deref(), Some("7"));
        assert_eq!(error.errors[1].detail.as_deref(), Some("because"));
        assert_eq!(error.errors[1].index, Some(2));
        let many = format!("{{\"errors\":[{}{{}}]}}", "{},".repeat(10_000));
        assert_eq!(api_error(answer(500, "application/json", &many)).errors.len(), ENTRY_LIMIT);
    }

    #[test]
    fn a_body_that_is_not_json_is_shown_and_not_parsed() {
        let error = api_error(answer(500, "text/html", r#"{"msg":"no"}"#));
        assert_eq!((error.title, error.excerpt.as_str()), (None, r#"{"msg":"no"}"#));
        let lost =
            Answer { end: End::Lost(ErrorCode::ConnectionTerminated), ..answer(401, "", "{") };
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
            let headers =
                headers.iter().map(|(n, v)| (n.to_string(), v.as_bytes().to_vec())).collect();
            api_error(Answer { headers, ..answer(429, "", "") }).rate_limit
        };
        let limit = limited(&[
            ("Fastly-RateLimit-Remaining", "0"),
            ("fastly-ratelimit-reset", "1716584400"),
        ]);
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
}
