//! The component's decoder. Input: a status, lines of headers, an empty line, and the body.

#![no_main]

use std::collections::BTreeMap;

use fastly_package_guest::internals::{Error, Reply, decode};
use libfuzzer_sys::fuzz_target;
use serde_json::value::RawValue;

/// What an error shows of a body at most, in bytes.
const EXCERPT_LIMIT: usize = 4096;
/// How many of a body's errors are taken at most.
const ENTRY_LIMIT: usize = 100;

fuzz_target!(|input: &[u8]| {
    let Some((status, headers, body)) = answer(input) else { return };
    match (status, decode(status, headers, body.to_vec())) {
        (200..=299, Ok(reply)) => assert_is_package(&reply, body),
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
        (_, result) => panic!("{status} became {result:?}"),
    }
});

type Headers = Vec<(String, Vec<u8>)>;

fn answer(input: &[u8]) -> Option<(u16, Headers, &[u8])> {
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

fn assert_is_package(reply: &Reply, body: &[u8]) {
    assert_eq!(reply.body.as_bytes(), body);
    let fields: BTreeMap<String, &RawValue> = serde_json::from_slice(body).unwrap();
    let text = |name: &str| serde_json::from_str::<String>(fields[name].get());
    assert_eq!(text("id").unwrap(), reply.package.id);
    assert_eq!(text("service_id").unwrap(), reply.package.service_id);
    let version = text("version").unwrap_or_else(|_| fields["version"].get().to_owned());
    assert_eq!(version.parse(), Ok(reply.package.version));
}
