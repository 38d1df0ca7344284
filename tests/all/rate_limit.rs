//! The rate limit on writes: its headers are returned with successes and errors.

use crate::fixture::{AUTO, Fixture, SERVICE, api_error, package};
use fastly_package::RateLimit;
use fastly_package_emulator::Answer;
use serde_json::json;

#[tokio::test]
async fn the_rate_limit_is_returned_with_a_success_and_with_an_error() {
    let fixture = Fixture::start().await;
    let first = fixture.put(&package(2000), AUTO).await.unwrap().rate_limit.unwrap();
    assert_eq!(first.remaining, Some(999));
    fixture.emulator.lock(SERVICE, 1);
    let second = api_error(fixture.put(&package(2000), AUTO).await).rate_limit.unwrap();
    assert_eq!((second.remaining, second.reset), (Some(998), first.reset));
}

/// The `remaining`, `reset` and `retry_after` of a [`RateLimit`].
type Limit = (Option<u64>, Option<u64>, Option<&'static str>);
type Headers = &'static [(&'static str, &'static [u8])];

#[tokio::test]
async fn an_invalid_rate_limit_header_is_ignored() {
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
    let success = json!({"id": "p", "service_id": SERVICE, "version": 1});
    for (headers, expected) in table {
        let expected = expected.map(|(remaining, reset, retry_after)| RateLimit {
            remaining,
            reset,
            retry_after: retry_after.map(str::to_owned),
        });
        for answer in [Answer::json(200, success.clone()), Answer::new(429)] {
            let answer =
                headers.iter().fold(answer, |answer, (name, value)| answer.header(name, value));
            for result in fixture.get_and_put(answer).await {
                let limit = match result {
                    Ok(reply) => reply.rate_limit,
                    Err(error) => api_error(Err(error)).rate_limit,
                };
                assert_eq!(format!("{limit:?}"), format!("{expected:?}"), "{headers:?}");
            }
        }
    }
}
