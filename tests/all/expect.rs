//! Uploads with `Expect: 100-continue`: the package is sent after the API's response to the headers.

use crate::fixture::{
    ALWAYS, AUTO, Fixture, MIB, NEVER, SERVICE, api_error, hashsum, package, sha512, unexpected,
    with_timeout,
};
use fastly_package::Stored;
use fastly_package::bindings::exports::fastly_package::api::package_api::UnexpectedReason;
use fastly_package_emulator::{Answer, Fault, Then};
use serde_json::json;
use std::time::{Duration, Instant};

#[tokio::test]
async fn a_100_starts_the_upload_before_the_wait_of_a_second_ends() {
    let fixture = Fixture::start().await;
    let package = package(2 * MIB);
    let start = Instant::now();

    let reply = fixture.put(&package, ALWAYS).await.unwrap();

    assert!(start.elapsed() < Duration::from_millis(950), "{:?}", start.elapsed());
    assert_eq!(hashsum(&reply), sha512(&package));
    let request = fixture.only_request().await;
    assert_eq!(request.header("expect"), Some("100-continue"));
    assert!(request.continue_sent);
}

#[tokio::test]
async fn an_immediate_401_prevents_the_upload() {
    let fixture = Fixture::start().await;
    let package = package(10 * MIB);
    // Both responses arrive within the second that the package waits.
    for delay in [0, 400] {
        for then in
            [None, Some(Then::Keep), Some(Then::Close), Some(Then::Reset), Some(Then::Stall)]
        {
            let fault = Fault::early_answer(Answer::unauthorized());
            let fault = fault.delayed(Duration::from_millis(delay));
            fixture.emulator.fault(then.into_iter().fold(fault, Fault::then));

            let error = api_error(fixture.put(&package, ALWAYS).await);

            assert_eq!(error.status, 401, "{then:?}");
            with_timeout(fixture.emulator.all_closed()).await;
            let request = fixture.emulator.requests().pop().unwrap();
            assert_eq!((request.body_bytes, request.continue_sent), (0, false), "{then:?}");
        }
    }
    assert_eq!(fixture.emulator.requests().len(), 10);
    fixture.assert_nothing_stored();
    fixture.assert_works().await;
}

#[tokio::test]
async fn without_a_100_the_upload_starts_after_a_second() {
    let fixture = Fixture::start().await;
    let package = package(2 * MIB);
    fixture.emulator.fault(Fault::no_continue());
    let start = Instant::now();

    let reply = fixture.put(&package, ALWAYS).await.unwrap();

    let elapsed = start.elapsed();
    assert!(elapsed >= Duration::from_secs(1) && elapsed < Duration::from_secs(10), "{elapsed:?}");
    assert_eq!(hashsum(&reply), sha512(&package));
    assert!(!fixture.only_request().await.continue_sent);
}

#[tokio::test]
async fn other_informational_responses_are_ignored() {
    let fixture = Fixture::start().await;
    let package = package(2 * MIB);
    for statuses in [&[100][..], &[103, 100], &[102, 103, 103, 100, 102], &[100, 100, 100]] {
        fixture.emulator.fault(Fault::informational(statuses));
        let reply = fixture.put(&package, ALWAYS).await.unwrap();
        assert_eq!(hashsum(&reply), sha512(&package), "{statuses:?}");
    }
    assert_eq!(fixture.emulator.connections(), 1);
}

#[tokio::test]
async fn a_103_does_not_start_the_upload() {
    let fixture = Fixture::start().await;
    let responses = Answer::raw(
        "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n",
    );
    fixture.emulator.fault(Fault::early_answer(responses).delayed(Duration::from_millis(200)));

    assert_eq!(api_error(fixture.put(&package(2 * MIB), ALWAYS).await).status, 403);

    assert_eq!(fixture.only_request().await.body_bytes, 0);
}

#[tokio::test]
async fn after_a_417_the_upload_is_repeated_without_the_expectation() {
    let fixture = Fixture::start().await;
    let package = package(5 * MIB);
    fixture.emulator.fault(Fault::expectation_failed());

    let reply = fixture.put(&package, ALWAYS).await.unwrap();

    assert_eq!(hashsum(&reply), sha512(&package));
    let requests = with_timeout(fixture.emulator.wait_for_requests(2)).await;
    assert_eq!(requests.len(), 2);
    assert_eq!((requests[0].status, requests[0].body_bytes), (Some(417), 0));
    assert_eq!(requests[1].header("expect"), None);
    assert_eq!(fixture.emulator.package(SERVICE, 1).unwrap().uploads, 1);
}

#[tokio::test]
async fn a_417_is_final_without_an_expectation_or_after_the_upload_has_started() {
    let fixture = Fixture::start().await;
    let package = package(5 * MIB);
    let fault = || Fault::early_answer(Answer::new(417));
    for (rejection, options) in [(fault(), NEVER), (fault().after_body_bytes(MIB), ALWAYS)] {
        fixture.emulator.fault(rejection);
        assert_eq!(api_error(fixture.put(&package, options).await).status, 417);
    }
    assert_eq!(fixture.emulator.requests().len(), 2);

    fixture.emulator.fault(fault().times(2));
    assert_eq!(api_error(fixture.put(&package, ALWAYS).await).status, 417);
    assert_eq!(fixture.emulator.requests().len(), 4, "it is repeated only once");
    fixture.assert_nothing_stored();
}

#[tokio::test]
async fn an_immediate_200_is_an_unexpected_response() {
    let fixture = Fixture::start().await;
    let package = package(5 * MIB);
    let success = Answer::json(200, json!({"id": "p", "service_id": SERVICE, "version": 1}));
    for then in [Then::Keep, Then::Close, Then::Reset, Then::Stall] {
        fixture.emulator.fault(Fault::early_answer(success.clone()).then(then));

        let error = fixture.put(&package, ALWAYS).await.unwrap_err();

        assert_eq!(error.stored(), Stored::No);
        let response = unexpected(Err(error));
        assert_eq!((response.status, response.reason), (200, UnexpectedReason::Premature));
    }
    with_timeout(fixture.emulator.all_closed()).await;
    assert!(fixture.emulator.requests().iter().all(|request| request.body_bytes == 0));
    fixture.assert_nothing_stored();
    fixture.assert_works().await;
}

#[tokio::test]
async fn an_error_response_during_the_upload_is_returned_to_the_caller() {
    let fixture = Fixture::start().await;
    let package = package(10 * MIB);
    for then in [Then::Keep, Then::Close, Then::Reset, Then::Stall] {
        let fault = Fault::early_answer(Answer::unauthorized()).after_body_bytes(100_000);
        fixture.emulator.fault(fault.then(then));
        assert_eq!(api_error(fixture.put(&package, ALWAYS).await).status, 401, "{then:?}");
    }
    with_timeout(fixture.emulator.all_closed()).await;
    for request in fixture.emulator.requests() {
        assert!(request.continue_sent && request.body_bytes >= 100_000, "{request:?}");
        assert!(request.body_bytes <= 6 * MIB, "{}", request.body_bytes);
    }
    fixture.assert_nothing_stored();
}

#[tokio::test]
async fn the_expectation_depends_on_the_option_and_by_default_on_the_size() {
    let fixture = Fixture::start().await;
    for (options, size, expected) in [
        (AUTO, MIB - 1, false),
        (AUTO, MIB, true),
        (AUTO, MIB + 1, true),
        (NEVER, 2 * MIB, false),
        (ALWAYS, 2000, true),
    ] {
        fixture.put(&package(size), options).await.unwrap();
        let request = fixture.emulator.requests().pop().unwrap();
        assert_eq!(request.header("expect").is_some(), expected, "{options:?} {size}");
        assert_eq!(request.continue_sent, expected, "{options:?} {size}");
    }
}

#[tokio::test]
async fn a_get_has_no_expectation() {
    let fixture = Fixture::start().await;
    fixture.get().await.unwrap_err();
    assert_eq!(fixture.only_request().await.header("expect"), None);
}
