use super::*;
use crate::error::{TimeoutPhase, TransportErrorKind};
use proptest::prelude::*;
use std::time::UNIX_EPOCH;

/// The digest of the content.
const SENT: Digest = Digest { size: 3, sha512: [0xab; 64] };

/// A reply, by what it reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stub {
    Same,
    Other,
    NoHash,
}

impl HasDigest for Stub {
    fn reported_digest(&self) -> ReportedDigest<'_> {
        const SAME: &str = "abababababababababababababababababababababababababababababababab\
                            abababababababababababababababababababababababababababababababab";
        let (size, hashsum) = match self {
            Self::Same => (Some(3), Some(SAME)),
            Self::Other => (Some(3), Some(OTHER)),
            Self::NoHash => (None, None),
        };
        ReportedDigest { size, hashsum }
    }
}

const OTHER: &str = "00000000000000000000000000000000000000000000000000000000000000\
                                 000000000000000000000000000000000000000000000000000000000000000000";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Error {
    kind: ErrorKind,
    status: Option<u16>,
    stored: Stored,
    is_body_unsent: bool,
}

impl Failure for Error {
    fn call(&self) -> FailedCall<'_> {
        FailedCall { kind: self.kind, status: self.status, retry_after: None, reset: None }
    }

    fn stored(&self) -> Stored {
        self.stored
    }

    fn is_body_unsent(&self) -> bool {
        self.is_body_unsent
    }

    fn not_stored(self) -> Self {
        Self { stored: Stored::No, ..self }
    }
}

/// An error response.
fn api(status: u16) -> Error {
    Error {
        kind: ErrorKind::Api,
        status: Some(status),
        stored: Stored::after_response(Some(status)),
        is_body_unsent: false,
    }
}

/// A connection that was lost.
fn lost(stored: Stored) -> Error {
    let kind = ErrorKind::Transport(TransportErrorKind::Connection);
    Error { kind, status: None, stored, is_body_unsent: false }
}

fn timeout() -> Error {
    let kind = ErrorKind::Timeout(TimeoutPhase::Response);
    Error { kind, status: None, stored: Stored::Unknown, is_body_unsent: false }
}

const OPTIONS: Options = Options {
    size: 3,
    is_repeatable: true,
    put: PutOptions { expect: Expect::Always, verify: true, force: false },
    digest_first: false,
    retries: Retries {
        limit: 2,
        backoff: Duration::from_millis(500),
        backoff_limit: Duration::from_secs(10),
        rate_limit_wait: Duration::from_secs(30),
    },
};

/// The result of a request.
#[derive(Debug, Clone, Copy)]
enum Outcome {
    Put(Result<Stub, Error>),
    Fetch(Result<Stub, Error>),
}
use Outcome::{Fetch as F, Put as P};

/// Runs an upload on these outcomes, and describes what it did in a line.
fn run(options: Options, outcomes: &[Outcome]) -> String {
    let mut upload = Upload::new(options);
    let mut outcomes = outcomes.iter();
    let mut done = Vec::new();
    let mut event = Event::Started;
    loop {
        event = match upload.next(event, UNIX_EPOCH, 0.0) {
            Step::Put { expect } => {
                done.push(if expect { "put-expect" } else { "put" }.to_owned());
                let Some(P(result)) = outcomes.next() else { panic!("unexpected PUT: {done:?}") };
                Event::Put(*result)
            }
            Step::FetchStored => {
                done.push("fetch".into());
                let Some(F(result)) = outcomes.next() else { panic!("unexpected GET: {done:?}") };
                Event::Fetched(*result)
            }
            Step::Digest => Event::Digest(Some(SENT)),
            Step::Wait(notice) => {
                done.push(format!("wait {:?}", notice.wait));
                Event::Waited { error: notice.error, is_in_time: true }
            }
            Step::Done(uploaded) => {
                done.push(
                    match uploaded.proof {
                        Proof::Verified => "verified",
                        Proof::NoHash => "no hash",
                        Proof::Failed(_) => "not verified",
                        Proof::NotHashed => "not hashed",
                        Proof::Off => "stored",
                    }
                    .into(),
                );
                break;
            }
            Step::Failed(error) => {
                done.push(format!("failed, stored: {:?}", error.stored));
                break;
            }
            Step::Mismatch { .. } => {
                done.push("mismatch".into());
                break;
            }
        };
    }
    assert!(outcomes.next().is_none(), "it made fewer requests: {done:?}");
    done.join("; ")
}

#[test]
fn an_upload_that_succeeds_is_verified() {
    for (outcomes, expected) in [
        (vec![P(Ok(Stub::Same))], "put-expect; verified"),
        (vec![P(Ok(Stub::Other))], "put-expect; mismatch"),
        (vec![P(Ok(Stub::NoHash)), F(Ok(Stub::Same))], "put-expect; fetch; verified"),
        (vec![P(Ok(Stub::NoHash)), F(Ok(Stub::Other))], "put-expect; fetch; mismatch"),
        (vec![P(Ok(Stub::NoHash)), F(Ok(Stub::NoHash))], "put-expect; fetch; no hash"),
        (vec![P(Ok(Stub::NoHash)), F(Err(api(403)))], "put-expect; fetch; not verified"),
        (
            vec![P(Ok(Stub::NoHash)), F(Err(api(503))), F(Ok(Stub::Same))],
            "put-expect; fetch; wait 250ms; fetch; verified",
        ),
    ] {
        assert_eq!(run(OPTIONS, &outcomes), expected);
    }
    let off = Options { put: PutOptions { verify: false, ..OPTIONS.put }, ..OPTIONS };
    assert_eq!(run(off, &[P(Ok(Stub::Other))]), "put-expect; stored");
}

#[test]
fn a_failure_that_leaves_nothing_stored_is_retried_if_it_is_transient() {
    for (outcomes, expected) in [
        (vec![P(Err(api(401)))], "put-expect; failed, stored: No"),
        (vec![P(Err(api(429)))], "put-expect; failed, stored: No"),
        (
            vec![P(Err(lost(Stored::No))), P(Ok(Stub::Same))],
            "put-expect; wait 250ms; put-expect; verified",
        ),
        (
            vec![P(Err(lost(Stored::No))); 3],
            "put-expect; wait 250ms; put-expect; wait 500ms; put-expect; failed, stored: No",
        ),
    ] {
        assert_eq!(run(OPTIONS, &outcomes), expected);
    }
    let once = Options { is_repeatable: false, ..OPTIONS };
    assert_eq!(run(once, &[P(Err(lost(Stored::No)))]), "put-expect; failed, stored: No");
}

#[test]
fn a_get_decides_whether_a_failed_upload_is_stored() {
    let in_doubt = lost(Stored::Unknown);
    for (outcomes, expected) in [
        (vec![P(Err(in_doubt)), F(Ok(Stub::Same))], "put-expect; fetch; verified"),
        (
            vec![P(Err(in_doubt)), F(Ok(Stub::Other)), P(Ok(Stub::Same))],
            "put-expect; fetch; wait 250ms; put-expect; verified",
        ),
        (
            vec![P(Err(in_doubt)), F(Err(api(404))), P(Ok(Stub::Same))],
            "put-expect; fetch; wait 250ms; put-expect; verified",
        ),
        (vec![P(Err(in_doubt)), F(Ok(Stub::NoHash))], "put-expect; fetch; failed, stored: Unknown"),
        (vec![P(Err(in_doubt)), F(Err(api(401)))], "put-expect; fetch; failed, stored: Unknown"),
        (
            vec![P(Err(api(503))), F(Err(api(502))), F(Err(api(404))), P(Ok(Stub::Same))],
            "put-expect; fetch; wait 250ms; fetch; wait 250ms; put-expect; verified",
        ),
        // The API may still be storing it.
        (vec![P(Err(timeout())), F(Ok(Stub::Same))], "put-expect; fetch; verified"),
        (vec![P(Err(timeout())), F(Ok(Stub::Other))], "put-expect; fetch; failed, stored: Unknown"),
        (vec![P(Err(timeout())), F(Err(api(404)))], "put-expect; fetch; failed, stored: Unknown"),
    ] {
        assert_eq!(run(OPTIONS, &outcomes), expected);
    }
    let never = Options { retries: Retries { limit: 0, ..OPTIONS.retries }, ..OPTIONS };
    assert_eq!(run(never, &[P(Err(in_doubt))]), "put-expect; failed, stored: Unknown");
}

#[test]
fn a_417_is_answered_once_by_the_same_upload_without_expect() {
    let rejected = Error { is_body_unsent: true, ..api(417) };
    let both = [P(Err(rejected)), P(Ok(Stub::Same))];
    assert_eq!(run(OPTIONS, &both), "put-expect; put; verified");
    let twice = [P(Err(rejected)), P(Err(rejected))];
    assert_eq!(run(OPTIONS, &twice), "put-expect; put; failed, stored: No");
    let begun = [P(Err(api(417)))];
    assert_eq!(run(OPTIONS, &begun), "put-expect; failed, stored: No");
    let never = Options { put: PutOptions { expect: Expect::Never, ..OPTIONS.put }, ..OPTIONS };
    assert_eq!(run(never, &[P(Err(rejected))]), "put; failed, stored: No");
}

#[test]
fn expect_is_sent_from_a_mebibyte_on() {
    assert_eq!(EXPECT_MIN_SIZE, 1_048_576);
    for (size, expected) in
        [(EXPECT_MIN_SIZE - 1, "put; verified"), (EXPECT_MIN_SIZE, "put-expect; verified")]
    {
        let put = PutOptions { expect: Expect::Auto, ..OPTIONS.put };
        let options = Options { size, put, ..OPTIONS };
        assert_eq!(run(options, &[P(Ok(Stub::Same))]), expected);
        let once = Options { is_repeatable: false, ..options };
        assert_eq!(run(once, &[P(Ok(Stub::Same))]), "put; verified");
    }
}

#[test]
fn content_that_was_modified_decides_nothing() {
    let mut upload: Upload<Stub, Error> = Upload::new(Options { digest_first: true, ..OPTIONS });
    let next = |upload: &mut Upload<Stub, Error>, event| upload.next(event, UNIX_EPOCH, 0.0);
    assert!(matches!(next(&mut upload, Event::Started), Step::Digest));
    assert!(matches!(next(&mut upload, Event::Digest(Some(SENT))), Step::Put { .. }));
    let failed = Event::Put(Err(lost(Stored::Unknown)));
    assert!(matches!(next(&mut upload, failed), Step::FetchStored));
    upload.content_modified();
    let Step::Failed(error) = next(&mut upload, Event::Fetched(Ok(Stub::Other))) else {
        panic!("it must fail")
    };
    assert_eq!(error.stored, Stored::Unknown);
}

#[test]
fn a_retry_for_which_there_is_no_time_is_not_made() {
    let mut upload: Upload<Stub, Error> = Upload::new(OPTIONS);
    upload.next(Event::Started, UNIX_EPOCH, 0.0);
    let Step::Wait(notice) = upload.next(Event::Put(Err(lost(Stored::No))), UNIX_EPOCH, 0.0) else {
        panic!("it must wait")
    };
    assert_eq!(notice.operation, Operation::PutPackage);
    assert_eq!((notice.number, notice.limit), (1, 2));
    let event = Event::Waited { error: notice.error, is_in_time: false };
    let ended = upload.next(event, UNIX_EPOCH, 0.0);
    assert!(matches!(ended, Step::Failed(error) if error.stored == Stored::No));
}

#[test]
fn a_get_is_retried_as_often_as_the_policy_allows() {
    let unavailable = || F(Err(api(503)));
    let outcomes = [P(Err(lost(Stored::Unknown))), unavailable(), unavailable(), unavailable()];
    assert_eq!(
        run(OPTIONS, &outcomes),
        "put-expect; fetch; wait 250ms; fetch; wait 500ms; fetch; failed, stored: Unknown"
    );
    let outcomes = [P(Ok(Stub::NoHash)), unavailable(), unavailable(), unavailable()];
    assert_eq!(
        run(OPTIONS, &outcomes),
        "put-expect; fetch; wait 250ms; fetch; wait 500ms; fetch; not verified"
    );
}

#[test]
fn a_get_for_which_there_is_no_time_decides_nothing() {
    for (result, expected) in
        [(Err(lost(Stored::Unknown)), "failed"), (Ok(Stub::NoHash), "not verified")]
    {
        let mut upload: Upload<Stub, Error> =
            Upload::new(Options { digest_first: true, ..OPTIONS });
        let next = |upload: &mut Upload<Stub, Error>, event| upload.next(event, UNIX_EPOCH, 0.0);
        next(&mut upload, Event::Started);
        next(&mut upload, Event::Digest(Some(SENT)));
        assert!(matches!(next(&mut upload, Event::Put(result)), Step::FetchStored));
        let Step::Wait(notice) = next(&mut upload, Event::Fetched(Err(api(503)))) else {
            panic!("it must wait")
        };
        assert_eq!(notice.operation, Operation::GetPackage);
        let event = Event::Waited { error: notice.error, is_in_time: false };
        let ended = match next(&mut upload, event) {
            Step::Failed(Error { stored: Stored::Unknown, .. }) => "failed",
            Step::Done(Uploaded { proof: Proof::Failed(_), .. }) => "not verified",
            _ => "another end",
        };
        assert_eq!(ended, expected);
    }
}

fn results() -> impl Strategy<Value = Result<Stub, Error>> {
    prop_oneof![
        prop::sample::select(vec![Stub::Same, Stub::Other, Stub::NoHash]).prop_map(Ok),
        prop::sample::select(vec![
            api(401),
            api(404),
            api(408),
            Error { is_body_unsent: true, ..api(417) },
            api(429),
            api(503),
            lost(Stored::No),
            lost(Stored::Unknown),
            timeout(),
        ])
        .prop_map(Err),
    ]
}

proptest! {
    #[test]
    fn whatever_the_api_does(
        puts in prop::collection::vec(results(), 8),
        fetches in prop::collection::vec(results(), 30),
        limit in 0_u32..4,
        verify: bool,
        is_repeatable: bool,
        digest_first: bool,
        always: bool,
    ) {
        let expect = if always { Expect::Always } else { Expect::Never };
        let retries = Retries { limit, ..OPTIONS.retries };
        let put = PutOptions { verify, expect, ..OPTIONS.put };
        let options = Options { put, is_repeatable, digest_first, retries, ..OPTIONS };
        let mut upload = Upload::new(options);
        let (mut puts, mut fetches) = (puts.into_iter(), fetches.into_iter());
        let (mut put_count, mut fetch_count) = (0, 0);
        // Whether the last upload may be stored, and no GET has shown that it isn't.
        let mut may_be_stored = false;
        let mut confirmed = false;
        let mut event = Event::Started;
        // An upload that doesn't end fails at the end of the results.
        loop {
            event = match upload.next(event, UNIX_EPOCH, 0.5) {
                Step::Put { .. } => {
                    prop_assert!(!may_be_stored, "an upload that may be stored is repeated");
                    prop_assert!(put_count == 0 || is_repeatable);
                    put_count += 1;
                    let result = puts.next().expect("fewer uploads");
                    confirmed = result.is_ok();
                    may_be_stored = match &result {
                        Ok(_) => true,
                        Err(error) => error.stored != Stored::No,
                    };
                    Event::Put(result)
                }
                Step::FetchStored => {
                    prop_assert!(may_be_stored, "nobody asked");
                    prop_assert!(limit > 0 || verify);
                    fetch_count += 1;
                    let result = fetches.next().expect("fewer GETs");
                    match &result {
                        Ok(Stub::Same) => confirmed = true,
                        Ok(Stub::Other) => may_be_stored = false,
                        Err(error) if error.status == Some(404) => may_be_stored = false,
                        _ => {}
                    }
                    Event::Fetched(result)
                }
                Step::Digest => Event::Digest(Some(SENT)),
                Step::Wait(notice) => {
                    prop_assert!(1 <= notice.number && notice.number <= limit);
                    Event::Waited { error: notice.error, is_in_time: true }
                }
                Step::Done(uploaded) => {
                    prop_assert!(confirmed, "a success that the API did not confirm");
                    prop_assert_eq!(verify || matches!(uploaded.proof, Proof::Off | Proof::Verified), true);
                    break;
                }
                Step::Failed(_) | Step::Mismatch { .. } => break,
            };
        }
        // One more for a 417.
        prop_assert!(put_count <= limit + 2);
        prop_assert!(fetch_count <= (limit + 1) * put_count);
    }
}
