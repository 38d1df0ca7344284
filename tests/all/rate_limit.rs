//! The limit on writes: what the API says of it comes through, with success and refusal alike.

use crate::fixture::{AUTO, Fixture, SERVICE, api_error, package};
use fastly_package::RateLimit;
use fastly_package_emulator::Answer;
use serde_json::json;

#[tokio::test]
async fn the_limit_on_writes_is_told_with_success_and_refusal_alike() {
    let fixture = Fixture::start().await;
    let first = fixture.put(&package(2000), AUTO).await.unwrap().rate_limit.unwrap();
    assert_eq!(first.remaining, Some(999));
    fixture.emulator.lock(SERVICE, 1);
    let second = api_error(fixture.put(&package(2000), AUTO).await).rate_limit.unwrap();
    assert_eq!((second.remaining, second.reset), (Some(998), first.reset));
}

/// `remaining`, `reset` and `retry-after` as the headers give them.
type Limit = (Option<u64>, Option<u64>, Option<&'static str>);
type Headers = &'static [(&'static str, &'static [u8])];

#[tokio::test]
async fn odd_headers_of_the_limit_are_as_good_as_absent() {
    let fixture = Fixture::start().await;
    let table: [(Headers, Option<Limit>); 7] = [
        (&[], None),
        (&[("Fastly-RateLimit-Remaining", b"many")], None),
        (&[("Fastly-RateLimit-Remaining", b"-1"), ("Fastly-RateLimit-Reset", b"soon")], None),
        (
            &[("Fastly-RateLimit-Remaining", b"\xff"), ("Fastly-RateLimit-Reset", b"17")],
            Some((None, Some(17), None)),
        ),
        (&[("Fastly-RateLimit-Remaining", b"99999999999999999999999")], None),
        (&[("Retry-After", b"120")], Some((None, None, Some("120")))),
        (
            &[
                ("Retry-After", b"Fri, 24 May 2024 21:00:00 GMT"),
                ("Fastly-RateLimit-Remaining", b" 7 "),
            ],
            Some((Some(7), None, Some("Fri, 24 May 2024 21:00:00 GMT"))),
        ),
    ];
    let success = json!({"id": "p", "service_id": "s", "version": 1});
    for (headers, expected) in table {
        let expected = expected.map(|(remaining, reset, retry_after)| RateLimit {
            remaining,
            reset,
            retry_after: retry_after.map(str::to_owned),
        });
        for answer in [Answer::json(200, success.clone()), Answer::new(429)] {
            let answer =
                headers.iter().fold(answer, |answer, (name, value)| answer.header(name, value));
            for result in fixture.answered(answer).await {
                let limit = match result {
                    Ok(reply) => reply.rate_limit,
                    Err(error) => api_error(Err(error)).rate_limit,
                };
                assert_eq!(format!("{limit:?}"), format!("{expected:?}"), "{headers:?}");
            }
        }
    }
}
