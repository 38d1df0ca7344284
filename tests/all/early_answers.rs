//! Uploads that don't ask first, and an API that answers before it has read them: the answer is what the caller sees, whatever
//! becomes of the connection.

use crate::fixture::{Fixture, MIB, NEVER, SERVICE, in_time, package};
use bytes::Bytes;
use fastly_package::{Content, Error, Reply, Result, Stored, UnexpectedReason};
use fastly_package_emulator::{Answer, Fault, RecordedRequest, Then};
use serde_json::json;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

const SIZE: u64 = 10 * MIB;
const ROUNDS: usize = 13;
const ENDS: [Option<Then>; 5] =
    [None, Some(Then::Keep), Some(Then::Close), Some(Then::Stall), Some(Then::Reset)];

/// One upload against one early answer.
#[derive(Clone, Debug)]
struct Case {
    answer: Answer,
    after: u64,
    then: Option<Then>,
}

struct Outcome {
    case: Case,
    result: Result<Reply>,
    took: Duration,
    request: RecordedRequest,
    stored: bool,
}

async fn run(case: Case, package: Bytes) -> Outcome {
    let fixture = Fixture::start().await;
    let fault = Fault::early_answer(case.answer.clone()).after_body_bytes(case.after);
    fixture.emulator.fault(case.then.into_iter().fold(fault, Fault::then));
    let start = Instant::now();
    let result = fixture.send(Content::from_bytes(package).unwrap(), NEVER).await;
    let took = start.elapsed();
    let request = in_time(fixture.emulator.connection_ended(0)).await;
    let stored = fixture.emulator.package(SERVICE, 1).is_some();
    Outcome { case, result, took, request, stored }
}

/// Runs every case at the same time.
async fn run_all(cases: Vec<Case>) -> Vec<Outcome> {
    let package = Bytes::from(package(SIZE));
    let mut running = JoinSet::new();
    for case in cases {
        running.spawn(run(case, package.clone()));
    }
    running.join_all().await
}

fn cases(answers: &[Answer]) -> Vec<Case> {
    let mut cases = Vec::new();
    for answer in answers {
        for after in [0, MIB] {
            cases.extend(ENDS.map(|then| Case { answer: answer.clone(), after, then }));
        }
    }
    cases
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_early_refusal_is_what_the_caller_sees_every_time() {
    let refusals = [Answer::unauthorized(), Answer::too_large()];
    let mut runs = 0;
    for _ in 0..ROUNDS {
        for Outcome { case, result, took, request, stored } in run_all(cases(&refusals)).await {
            runs += 1;
            let error = result.unwrap_err();
            assert!(matches!(error, Error::Api { .. }), "{case:?}: {error:?}");
            assert!(matches!(error.status(), Some(401 | 413)), "{case:?}: {error:?}");
            assert_eq!(error.status(), request.status, "{case:?}");
            assert_eq!(error.stored(), Stored::No);
            assert!(took < Duration::from_secs(10), "{case:?}: {took:?}");
            let excess = request.body_bytes - case.after;
            assert!(excess <= 6 * MIB, "{case:?}: {excess} bytes after the answer");
            assert!(!request.body_complete && !stored, "{case:?}");
        }
    }
    assert!(runs >= 200, "{runs}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_early_success_is_none() {
    let success = Answer::json(200, json!({"id": "p", "service_id": SERVICE, "version": 1}));
    for Outcome { case, result, request, stored, .. } in run_all(cases(&[success])).await {
        let error = result.unwrap_err();
        let Error::UnexpectedResponse { response, .. } = &error else {
            panic!("{case:?}: {error:?}")
        };
        assert_eq!(response.reason, UnexpectedReason::Premature, "{case:?}");
        assert_eq!(error.stored(), Stored::No, "{case:?}");
        assert!(!request.body_complete && !stored, "{case:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_early_redirect_is_what_the_caller_sees() {
    let redirect = Answer::redirect(307, "http://127.0.0.1:9/");
    for Outcome { case, result, stored, .. } in run_all(cases(&[redirect])).await {
        let error = result.unwrap_err();
        assert_eq!(error.status(), Some(307), "{case:?}: {error:?}");
        assert!(!stored, "{case:?}");
    }
}

#[tokio::test]
async fn after_an_early_refusal_the_next_upload_has_a_connection_of_its_own() {
    let fixture = Fixture::start().await;
    for then in ENDS {
        let fault = Fault::early_answer(Answer::unauthorized());
        fixture.emulator.fault(then.into_iter().fold(fault, Fault::then));
        fixture.put(&package(SIZE), NEVER).await.unwrap_err();
        fixture.assert_works().await;
    }
}

#[tokio::test]
async fn a_package_that_was_sent_whole_before_the_early_answer_leaves_the_connection_usable() {
    let fixture = Fixture::start().await;
    fixture.emulator.fault(Fault::answer(Answer::unauthorized()));
    fixture.put(&package(SIZE), NEVER).await.unwrap_err();
    fixture.assert_works().await;
    assert_eq!(fixture.emulator.connections(), 1);
}
