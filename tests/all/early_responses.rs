//! Responses that arrive during an upload without `Expect`: the caller gets the response, whatever happens to the connection.

use crate::fixture::{Fixture, MIB, NEVER, SERVICE, package, with_timeout};
use bytes::Bytes;
use fastly_package::{Content, ErrorKind, Reply, Result, Stored, UnexpectedReason};
use fastly_package_emulator::{Answer, Fault, RecordedRequest, Then};
use serde_json::json;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

const SIZE: u64 = 10 * MIB;
const ROUNDS: usize = 13;
const THEN: [Option<Then>; 5] =
    [None, Some(Then::Keep), Some(Then::Close), Some(Then::Stall), Some(Then::Reset)];

/// An upload and its early response.
#[derive(Clone, Debug)]
struct Case {
    answer: Answer,
    after: u64,
    then: Option<Then>,
}

struct Outcome {
    case: Case,
    result: Result<Reply>,
    elapsed: Duration,
    request: RecordedRequest,
    stored: bool,
}

async fn run(case: Case, package: Bytes) -> Outcome {
    let fixture = Fixture::start().await;
    let fault = Fault::early_answer(case.answer.clone()).after_body_bytes(case.after);
    fixture.emulator.fault(case.then.into_iter().fold(fault, Fault::then));
    let start = Instant::now();
    let result = fixture.send(Content::from_bytes(package).unwrap(), NEVER).await;
    let elapsed = start.elapsed();
    let request = with_timeout(fixture.emulator.connection_ended(0)).await;
    let stored = fixture.emulator.package(SERVICE, 1).is_some();
    Outcome { case, result, elapsed, request, stored }
}

/// Runs all cases concurrently.
async fn run_all(cases: Vec<Case>) -> Vec<Outcome> {
    let package = Bytes::from(package(SIZE));
    let mut tasks = JoinSet::new();
    for case in cases {
        tasks.spawn(run(case, package.clone()));
    }
    tasks.join_all().await
}

fn cases(answers: &[Answer]) -> Vec<Case> {
    let mut cases = Vec::new();
    for answer in answers {
        for after in [0, MIB] {
            cases.extend(THEN.map(|then| Case { answer: answer.clone(), after, then }));
        }
    }
    cases
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_early_error_response_is_always_returned_to_the_caller() {
    let responses = [Answer::unauthorized(), Answer::too_large()];
    let mut runs = 0;
    for _ in 0..ROUNDS {
        for Outcome { case, result, elapsed, request, stored } in run_all(cases(&responses)).await {
            runs += 1;
            let error = result.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Api, "{case:?}: {error:?}");
            assert!(matches!(error.status(), Some(401 | 413)), "{case:?}: {error:?}");
            assert_eq!(error.status(), request.status, "{case:?}");
            assert_eq!(error.stored(), Stored::No);
            assert!(elapsed < Duration::from_secs(10), "{case:?}: {elapsed:?}");
            let excess = request.body_bytes - case.after;
            assert!(excess <= 6 * MIB, "{case:?}: {excess} bytes after the response");
            assert!(!request.body_complete && !stored, "{case:?}");
        }
    }
    assert!(runs >= 200, "{runs}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_early_success_is_an_unexpected_response() {
    let success = Answer::json(200, json!({"id": "p", "service_id": SERVICE, "version": 1}));
    for Outcome { case, result, request, stored, .. } in run_all(cases(&[success])).await {
        let error = result.unwrap_err();
        let premature = ErrorKind::UnexpectedResponse(UnexpectedReason::Premature);
        assert_eq!(error.kind(), premature, "{case:?}: {error:?}");
        assert_eq!(error.stored(), Stored::No, "{case:?}");
        assert!(!request.body_complete && !stored, "{case:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_early_redirect_is_returned_to_the_caller() {
    let redirect = Answer::redirect(307, "http://127.0.0.1:9/");
    for Outcome { case, result, stored, .. } in run_all(cases(&[redirect])).await {
        let error = result.unwrap_err();
        assert_eq!(error.status(), Some(307), "{case:?}: {error:?}");
        assert!(!stored, "{case:?}");
    }
}

#[tokio::test]
async fn after_an_early_error_response_the_next_upload_succeeds() {
    let fixture = Fixture::start().await;
    for then in THEN {
        let fault = Fault::early_answer(Answer::unauthorized());
        fixture.emulator.fault(then.into_iter().fold(fault, Fault::then));
        fixture.put(&package(SIZE), NEVER).await.unwrap_err();
        fixture.assert_works().await;
    }
}

#[tokio::test]
async fn an_error_response_after_the_whole_upload_leaves_the_connection_reusable() {
    let fixture = Fixture::start().await;
    fixture.emulator.fault(Fault::answer(Answer::unauthorized()));
    fixture.put(&package(SIZE), NEVER).await.unwrap_err();
    fixture.assert_works().await;
    assert_eq!(fixture.emulator.connections(), 1);
}
