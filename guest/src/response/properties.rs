//! Properties of every response, whatever the server sends.

use super::*;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The fields that are decoded, and one that isn't.
const FIELDS: &str = "active authors cloned_from code comment created_at deleted_at description detail errors files_hash \
    hashsum id index language locked meta metadata msg name number reason service_id size status title unknown updated_at \
    version wasm_metadata";
/// The headers that are decoded, and one that isn't.
const HEADERS: &str = "Content-Encoding Content-Length Content-Type Fastly-RateLimit-Remaining Fastly-RateLimit-Reset \
    Location Retry-After Server";

fn word_of(words: &'static str) -> impl Strategy<Value = String> {
    select(Vec::from_iter(words.split_ascii_whitespace())).prop_map(str::to_owned)
}

/// Any string: the strategy of `String` generates no control characters.
fn text() -> impl Strategy<Value = String> {
    vec(any::<char>(), 0..20).prop_map(String::from_iter)
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<u32>().prop_map(|number| Value::from(number.to_string())),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        let name = prop_oneof![3 => word_of(FIELDS), 1 => text()];
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::from),
            vec((name, inner), 0..5).prop_map(Value::from_iter),
        ]
    })
}

/// A package with any further fields.
fn package() -> impl Strategy<Value = Map<String, Value>> {
    let fields = vec((word_of(FIELDS), json()), 0..10);
    (fields, text(), text(), any::<u32>()).prop_map(|(fields, id, service_id, version)| {
        let mut package = Map::from_iter(fields);
        package.insert("id".to_owned(), id.into());
        package.insert("service_id".to_owned(), service_id.into());
        package.insert("version".to_owned(), version.into());
        package
    })
}

/// A list of versions with any further fields. A few have no number.
fn versions() -> impl Strategy<Value = Vec<Value>> {
    let number = prop_oneof![
        8 => any::<u32>().prop_map(Value::from),
        4 => any::<u32>().prop_map(|number| number.to_string().into()),
        1 => json(),
    ];
    let fields = vec((word_of(FIELDS), json()), 0..5);
    let version = (fields, number).prop_map(|(fields, number)| {
        let mut version = Map::from_iter(fields);
        version.insert("number".to_owned(), number);
        Value::from(version)
    });
    vec(version, 0..4)
}

/// A package except for one required field, which is absent or has any value.
fn nearly_package() -> impl Strategy<Value = Map<String, Value>> {
    let change = (word_of("id service_id version"), prop::option::of(json()));
    (package(), change).prop_map(|(mut package, (name, value))| {
        package.remove(&name);
        package.extend(value.map(|value| (name, value)));
        package
    })
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    let json = prop_oneof![
        1 => json(),
        2 => package().prop_map(Value::from),
        2 => nearly_package().prop_map(Value::from),
        2 => versions().prop_map(Value::from),
    ];
    let json = json.prop_map(|json| json.to_string().into_bytes()).boxed();
    let damaged = (json.clone(), any::<Index>(), any::<u8>()).prop_map(|(mut json, at, byte)| {
        let at = at.index(json.len());
        json[at] = byte;
        json
    });
    let long =
        prop_oneof![any::<char>().prop_map(|c| c.to_string().into()), vec(any::<u8>(), 1..8)];
    prop_oneof![
        6 => json,
        1 => damaged,
        1 => vec(any::<u8>(), 0..200),
        1 => (long, 0..6000usize).prop_map(|(unit, times)| unit.repeat(times)),
    ]
}

fn headers() -> impl Strategy<Value = Vec<(String, Vec<u8>)>> {
    let name = prop_oneof![
        2 => word_of(HEADERS),
        2 => word_of(HEADERS).prop_map(|name| name.to_ascii_lowercase()),
        1 => text(),
    ];
    let value = prop_oneof![
        word_of("application/json application/problem+json;charset=utf-8 text/html 0 17 5000 -1")
            .prop_map(String::into_bytes),
        any::<u64>().prop_map(|number| number.to_string().into_bytes()),
        text().prop_map(String::into_bytes),
        vec(any::<u8>(), 0..20),
    ];
    vec((name, value), 0..6)
}

fn response() -> impl Strategy<Value = Response> {
    let status = prop_oneof![
        1 => any::<u16>(),
        1 => select(vec![199, 200, 299, 300, 399, 400, 599, 600]),
        4 => 200..=299u16,
        2 => 400..=599u16,
    ];
    let body_error = (0..6u8).prop_map(|error| match error {
        0 => Some(BodyError::TooLarge),
        1 => Some(BodyError::Transport(ErrorCode::HttpResponseIncomplete)),
        _ => None,
    });
    (status, headers(), body(), body_error, prop::bool::weighted(0.75)).prop_map(
        |(status, headers, body, body_error, request_sent)| Response {
            body_error,
            request_sent,
            ..Response::complete(status, headers, body)
        },
    )
}

/// Checks that the kind of a result matches the status.
fn check_kind<T: std::fmt::Debug>(
    status: u16,
    result: Result<T, Error>,
) -> Result<(), TestCaseError> {
    match (status, result) {
        (200..=299, Ok(_) | Err(Error::Transport(_))) => {}
        (200..=299, Err(Error::UnexpectedResponse(unexpected))) => {
            prop_assert_ne!(unexpected.reason, UnexpectedReason::Status);
            prop_assert_eq!(unexpected.status, status);
            prop_assert!(unexpected.excerpt.len() <= EXCERPT_LIMIT);
        }
        (400..=599, Err(Error::Api(error))) => {
            prop_assert_eq!(error.status, status);
            prop_assert!(error.excerpt.len() <= EXCERPT_LIMIT);
        }
        (0..=199 | 300..=399 | 600.., Err(Error::UnexpectedResponse(unexpected))) => {
            prop_assert_eq!(unexpected.reason, UnexpectedReason::Status);
            prop_assert_eq!(unexpected.status, status);
            prop_assert!(unexpected.excerpt.len() <= EXCERPT_LIMIT);
        }
        (_, result) => prop_assert!(false, "{} became {:?}", status, result),
    }
    Ok(())
}

/// The fields of an object. `Value` would reject numbers and strings in fields that are not decoded.
type Fields<'a> = BTreeMap<String, &'a RawValue>;

proptest! {
    #[test]
    fn every_status_has_its_kind_of_result(response in response()) {
        check_kind(response.status, decode_reply(&response))?;
        check_kind(response.status, decode_versions(&response))?;
    }

    #[test]
    fn only_a_whole_package_for_a_whole_request_is_a_success(response in response()) {
        if let Ok(reply) = decode_reply(&response) {
            prop_assert!(response.request_sent && response.body_error.is_none());
            prop_assert_eq!(reply.body.as_bytes(), &response.body);
            let fields: Fields = serde_json::from_slice(&response.body).unwrap();
            let text = |name: &str| serde_json::from_str::<String>(fields[name].get());
            prop_assert_eq!(text("id").unwrap(), reply.package.id);
            prop_assert_eq!(text("service_id").unwrap(), reply.package.service_id);
            let version = fields["version"].get().trim_matches('"').parse();
            prop_assert_eq!(version, Ok(reply.package.version));
        }
    }

    #[test]
    fn only_a_whole_list_of_versions_is_a_success(response in response()) {
        if let Ok(versions) = decode_versions(&response) {
            prop_assert!(response.request_sent && response.body_error.is_none());
            let entries: Vec<Fields> = serde_json::from_slice(&response.body).unwrap();
            prop_assert_eq!(entries.len(), versions.len());
            for (fields, version) in entries.iter().zip(versions) {
                let number = fields["number"].get().trim_matches('"').parse();
                prop_assert_eq!(number, Ok(version.number));
                let is_true = |name: &str| fields.get(name).is_some_and(|raw| raw.get() == "true");
                prop_assert_eq!(is_true("active"), version.active);
                prop_assert_eq!(is_true("locked"), version.locked);
            }
        }
    }

    #[test]
    fn a_whole_package_is_a_success_whatever_else_it_contains(
        mut headers in headers(), package in package(), status in 200..=299u16,
    ) {
        headers.retain(|(name, _)| !name.eq_ignore_ascii_case("content-length"));
        let body = Value::from(package).to_string().into_bytes();
        prop_assert!(decode_reply(&Response::complete(status, headers, body)).is_ok());
    }

    #[test]
    fn an_excerpt_of_text_is_its_beginning(body in text(), times in 1..2000usize) {
        let body = body.repeat(times);
        let response = Response::complete(500, Vec::new(), body.clone().into());
        let excerpt = response.excerpt();
        let beginning = excerpt.trim_end_matches(char::REPLACEMENT_CHARACTER);
        prop_assert!(body.starts_with(beginning));
        prop_assert!(excerpt.len() + 4 > body.len().min(EXCERPT_LIMIT));
    }
}
