//! The response decoders of the plugin. The input is a line with the status, lines of headers, an empty line, and the body.

#![no_main]

use std::collections::BTreeMap;

use fastly_package_guest::internals::{Error, Reply, ServiceVersionInfo, decode, decode_versions};
use libfuzzer_sys::fuzz_target;
use serde_json::value::RawValue;

/// The maximum length of the excerpt in an error, in bytes.
const EXCERPT_LIMIT: usize = 4096;
/// The maximum number of an error's entries.
const ENTRY_LIMIT: usize = 100;

fuzz_target!(|input: &[u8]| {
    let Some((status, headers, body)) = parse(input) else { return };
    if let Some(reply) = check(status, decode(status, headers.clone(), body.to_vec())) {
        assert_is_package(&reply, body);
    }
    if let Some(versions) = check(status, decode_versions(status, headers, body.to_vec())) {
        assert_are_versions(&versions, body);
    }
});

/// Checks that the kind of a result matches the status, and returns a success.
fn check<T: std::fmt::Debug>(status: u16, result: Result<T, Error>) -> Option<T> {
    match (status, result) {
        (200..=299, Ok(success)) => return Some(success),
        (200..=299, Err(Error::Transport(_))) => {}
        (400..=599, Err(Error::Api(error))) => {
            assert_eq!(error.status, status);
            assert!(error.excerpt.len() <= EXCERPT_LIMIT);
            assert!(error.errors.len() <= ENTRY_LIMIT);
        }
        (0..=399 | 600.., Err(Error::UnexpectedResponse(unexpected))) => {
            assert_eq!(unexpected.status, status);
            assert!(unexpected.excerpt.len() <= EXCERPT_LIMIT);
        }
        (_, result) => panic!("{status} is decoded as {result:?}"),
    }
    None
}

type Headers = Vec<(String, Vec<u8>)>;

fn parse(input: &[u8]) -> Option<(u16, Headers, &[u8])> {
    let (status, mut rest) = line(input)?;
    let status = str::from_utf8(status).ok()?.parse().ok()?;
    let mut headers = Vec::new();
    loop {
        let (header, after) = line(rest)?;
        rest = after;
        if header.is_empty() {
            return Some((status, headers, rest));
        }
        let colon = header.iter().position(|byte| *byte == b':')?;
        let name = String::from_utf8_lossy(&header[..colon]).into_owned();
        headers.push((name, header[colon + 1..].to_vec()));
    }
}

fn line(input: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = input.iter().position(|byte| *byte == b'\n')?;
    Some((&input[..end], &input[end + 1..]))
}

type Fields<'a> = BTreeMap<String, &'a RawValue>;

fn assert_is_package(reply: &Reply, body: &[u8]) {
    assert_eq!(reply.body.as_bytes(), body);
    let fields: Fields = serde_json::from_slice(body).unwrap();
    assert_eq!(string(fields["id"]).unwrap(), reply.package.id);
    assert_eq!(string(fields["service_id"]).unwrap(), reply.package.service_id);
    assert_eq!(number(fields["version"]), reply.package.version);
}

fn assert_are_versions(versions: &[ServiceVersionInfo], body: &[u8]) {
    let entries: Vec<Fields> = serde_json::from_slice(body).unwrap();
    let numbers = entries.iter().map(|fields| number(fields["number"]));
    assert!(numbers.eq(versions.iter().map(|version| version.number)));
}

fn string(value: &RawValue) -> serde_json::Result<String> {
    serde_json::from_str(value.get())
}

/// Returns a number, which may be in a string.
fn number(value: &RawValue) -> u32 {
    string(value).unwrap_or_else(|_| value.get().to_owned()).parse().unwrap()
}
