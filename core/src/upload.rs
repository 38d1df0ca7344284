//! The procedure of an upload, as a state machine without I/O.
//!
//! A driver performs each [`Step`] and reports the [`Event`], until the step is [`Done`](Step::Done) or [`Failed`](Step::Failed). The machine alone
//! decides which failures are retried, when a GET must tell whether a failed upload is stored, and when a stored package is verified.

use crate::digest::{Comparison, Digest};
use crate::error::{ErrorKind, Reported, Stored};
use crate::retry::{FailedCall, Retries};
use std::time::{Duration, SystemTime};

/// The minimum size, in bytes, from which [`Expect::Auto`] sends `Expect: 100-continue`. Smaller uploads don't justify the round trip; curl uses the same
/// limit.
pub const EXPECT_MIN_SIZE: u64 = 1024 * 1024;
/// The status of a server that rejects the `Expect` header (RFC 9110, section 15.5.18).
const EXPECTATION_FAILED: u16 = 417;

/// Whether an upload sends `Expect: 100-continue`, so that the API can refuse it from the headers alone.
///
/// The body waits for the API's `100 Continue`, for at most one second.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Expect {
    /// Sends it from 1 MiB on, if the content can be read again: a server that rejects the header (417) would otherwise fail the upload.
    #[default]
    Auto,
    /// Sends it.
    Always,
    /// Doesn't send it.
    Never,
}

/// A successful response, as far as the procedure looks at it.
pub trait Reply {
    /// Returns the length and the hash that the API reports.
    fn reported(&self) -> Reported<'_>;
}

/// A failed call, as far as the procedure looks at it.
pub trait Failure {
    /// Returns what decides on a retry.
    fn call(&self) -> FailedCall<'_>;
    /// Returns what is known of the upload after this failure.
    fn stored(&self) -> Stored;
    /// Returns whether no byte of the request's body was sent.
    fn is_body_unsent(&self) -> bool;
    /// Returns the same failure, after a GET showed that the upload is not stored.
    fn not_stored(self) -> Self;
}

/// How an upload is made.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// The length of the package, in bytes.
    pub size: u64,
    /// Whether the content can be read again, so that the upload can be repeated.
    pub is_repeatable: bool,
    /// Whether to send `Expect: 100-continue`.
    pub expect: Expect,
    /// Whether to compare what the API stored with what was sent.
    pub verify: bool,
    /// Whether the driver can't hash what it sends, and so reads the content once before.
    pub digest_first: bool,
    /// How failures are retried.
    pub retries: Retries,
}

/// The next step of the driver.
#[derive(Debug)]
pub enum Step<R, E> {
    /// Upload the package.
    Put {
        /// Whether to send `Expect: 100-continue`.
        expect: bool,
    },
    /// Compute the digest of what was sent, or is to be sent.
    Digest,
    /// Get the package that is stored.
    FetchStored,
    /// Wait before a retry.
    Wait(RetryNotice<E>),
    /// The package is stored.
    Done(Uploaded<R, E>),
    /// The upload failed.
    Failed(UploadError<R, E>),
}

/// The result of a step.
#[derive(Debug)]
pub enum Event<R, E> {
    /// The first event: the driver begins.
    Started,
    /// The result of [`Step::Put`].
    Put(Result<R, E>),
    /// The result of [`Step::Digest`]: `None` if the digest is not known.
    Digest(Option<Digest>),
    /// The result of [`Step::FetchStored`].
    Fetched(Result<R, E>),
    /// The result of [`Step::Wait`].
    Waited {
        /// The error of the notice.
        error: E,
        /// Whether there is time for the retry.
        is_in_time: bool,
    },
}

/// A retry that is about to be waited for.
#[derive(Debug)]
pub struct RetryNotice<E> {
    /// Whether the upload is retried. Otherwise it is the GET of what is stored.
    pub is_upload: bool,
    /// Why the call failed.
    pub error: E,
    /// The number of the retry, starting at 1.
    pub number: u32,
    /// The maximum number of retries.
    pub limit: u32,
    /// The wait.
    pub wait: Duration,
}

/// A package that the API has stored.
#[derive(Debug)]
#[non_exhaustive]
pub struct Uploaded<R, E> {
    /// The API's reply: to the upload, or to the GET that found the package stored after the response was lost.
    pub reply: R,
    /// Whether the stored package was shown to be the one that was sent.
    pub proof: Proof<E>,
    /// The number of attempts, including those that did not reach the API.
    pub attempts: u32,
}

/// Whether a stored package was shown to be the one that was sent.
#[derive(Debug)]
#[non_exhaustive]
pub enum Proof<E> {
    /// The API reports the SHA-512 of what was sent, and its length if it reports one.
    Verified,
    /// The API reports no hash, neither in its response nor to a GET.
    NoHash,
    /// The response contains no hash, and the GET failed.
    Failed(Box<E>),
    /// The content can't be read again, and was not hashed when it was sent. The library always hashes: this is for other drivers.
    NotHashed,
    /// Verification was not requested.
    Off,
}

/// Why an upload failed.
#[derive(Debug)]
pub enum UploadError<R, E> {
    /// A call failed.
    Call(E),
    /// The API stored something else than what was sent.
    Mismatch {
        /// The digest of what was sent.
        sent: Digest,
        /// The reply that describes what is stored.
        reply: R,
    },
}

/// The state machine of one upload. `R` is a successful response, `E` a failed call.
#[derive(Debug)]
pub struct Upload<R, E> {
    options: Options,
    state: State<R, E>,
    expect: bool,
    sent: Option<Digest>,
    is_sent_known: bool,
    attempts: u32,
}

#[derive(Debug)]
enum State<R, E> {
    /// Nothing was done, or the digest is computed before the upload.
    Start,
    Putting,
    /// The digest is computed because of this.
    Digesting(Question<R, E>),
    Fetching(Fetch<R, E>),
    WaitingToPut,
    WaitingToFetch(Fetch<R, E>),
    Ended,
}

/// A GET of what is stored.
#[derive(Debug)]
struct Fetch<R, E> {
    question: Question<R, E>,
    sent: Digest,
    /// How often it failed in a row.
    failed: u32,
}

/// Why what is stored is compared with what was sent.
#[derive(Debug)]
enum Question<R, E> {
    /// The API confirmed the upload.
    Verify(R),
    /// The upload failed, and may be stored.
    Reconcile(E),
}

impl<R: Reply, E: Failure> Upload<R, E> {
    /// Prepares an upload.
    pub fn new(options: Options) -> Self {
        let expect = match options.expect {
            Expect::Auto => options.is_repeatable && options.size >= EXPECT_MIN_SIZE,
            Expect::Always => true,
            Expect::Never => false,
        };
        let state = State::Start;
        Self { options, state, expect, sent: None, is_sent_known: true, attempts: 0 }
    }

    /// Notes that the content was modified after its digest was computed: what was sent is then unknown, and a differing hash says nothing.
    pub fn content_modified(&mut self) {
        self.is_sent_known = false;
    }

    /// Takes the result of the last step and returns the next one. `random` is from 0 to 1.
    ///
    /// # Panics
    ///
    /// If the event is not the result of the last step.
    pub fn next(&mut self, event: Event<R, E>, now: SystemTime, random: f64) -> Step<R, E> {
        match (std::mem::replace(&mut self.state, State::Ended), event) {
            (State::Start, Event::Started) if self.options.verify && self.options.digest_first => {
                self.state = State::Start;
                Step::Digest
            }
            (State::Start, Event::Started) => self.put(),
            (State::Start, Event::Digest(digest)) => {
                self.sent = digest;
                self.put()
            }
            (State::Putting, Event::Put(Ok(reply))) if self.options.verify => {
                self.ask(Question::Verify(reply))
            }
            (State::Putting, Event::Put(Ok(reply))) => self.done(reply, Proof::Off),
            (State::Putting, Event::Put(Err(error))) => self.put_failed(error, now, random),
            (State::Digesting(question), Event::Digest(digest)) => {
                self.sent = digest;
                self.compare(question)
            }
            (State::Fetching(fetch), Event::Fetched(Ok(stored))) => {
                self.fetched(fetch, stored, now, random)
            }
            (State::Fetching(fetch), Event::Fetched(Err(error))) => {
                self.fetch_failed(fetch, error, now, random)
            }
            (State::WaitingToPut, Event::Waited { is_in_time: true, .. }) => self.put(),
            (State::WaitingToPut, Event::Waited { error, .. }) => fail(error),
            (State::WaitingToFetch(fetch), Event::Waited { is_in_time: true, .. }) => {
                self.fetch(fetch)
            }
            (State::WaitingToFetch(fetch), Event::Waited { error, .. }) => {
                self.fetch_gave_up(fetch.question, error)
            }
            _ => panic!("the event is not the result of the last step"),
        }
    }

    fn put(&mut self) -> Step<R, E> {
        self.attempts += 1;
        self.state = State::Putting;
        Step::Put { expect: self.expect }
    }

    fn put_failed(&mut self, error: E, now: SystemTime, random: f64) -> Step<R, E> {
        let is_expectation_failed = error.call().status == Some(EXPECTATION_FAILED);
        if is_expectation_failed
            && self.expect
            && error.is_body_unsent()
            && self.options.is_repeatable
        {
            // Not another attempt: nothing of the package was sent.
            self.expect = false;
            self.state = State::Putting;
            return Step::Put { expect: false };
        }
        match error.stored() {
            Stored::Unknown if self.options.retries.limit > 0 => {
                self.ask(Question::Reconcile(error))
            }
            Stored::No => self.retry_put(error, now, random),
            Stored::Unknown | Stored::Other => fail(error),
        }
    }

    fn retry_put(&mut self, error: E, now: SystemTime, random: f64) -> Step<R, E> {
        let Options { retries, is_repeatable, .. } = self.options;
        let number = self.attempts;
        match retries.wait(&error.call(), number, now, random) {
            Some(wait) if is_repeatable => {
                self.state = State::WaitingToPut;
                let limit = retries.limit;
                Step::Wait(RetryNotice { is_upload: true, error, number, limit, wait })
            }
            _ => fail(error),
        }
    }

    fn ask(&mut self, question: Question<R, E>) -> Step<R, E> {
        if self.sent.is_some() {
            return self.compare(question);
        }
        self.state = State::Digesting(question);
        Step::Digest
    }

    /// Compares with the reply to the upload, or else asks for what is stored.
    fn compare(&mut self, question: Question<R, E>) -> Step<R, E> {
        let (question, sent) = match (question, self.sent) {
            (Question::Reconcile(error), None) => return fail(error),
            (Question::Verify(reply), None) => return self.done(reply, Proof::NotHashed),
            (Question::Verify(reply), Some(sent)) => match compare(&sent, &reply) {
                Comparison::Same => return self.done(reply, Proof::Verified),
                Comparison::Differs => return mismatch(sent, reply),
                Comparison::NoHash => (Question::Verify(reply), sent),
            },
            (question, Some(sent)) => (question, sent),
        };
        self.fetch(Fetch { question, sent, failed: 0 })
    }

    fn fetch(&mut self, fetch: Fetch<R, E>) -> Step<R, E> {
        self.state = State::Fetching(fetch);
        Step::FetchStored
    }

    fn fetched(
        &mut self,
        fetch: Fetch<R, E>,
        stored: R,
        now: SystemTime,
        random: f64,
    ) -> Step<R, E> {
        let Fetch { question, sent, .. } = fetch;
        match question {
            Question::Verify(reply) => match compare(&sent, &stored) {
                Comparison::Same => self.done(reply, Proof::Verified),
                Comparison::Differs => mismatch(sent, stored),
                Comparison::NoHash => self.done(reply, Proof::NoHash),
            },
            Question::Reconcile(error) => match sent.compare_hash(stored.reported().1) {
                Comparison::Same => self.done(stored, Proof::Verified),
                Comparison::Differs if self.is_sent_known && !may_arrive_later(&error) => {
                    self.retry_put(error.not_stored(), now, random)
                }
                Comparison::Differs | Comparison::NoHash => fail(error),
            },
        }
    }

    fn fetch_failed(
        &mut self,
        fetch: Fetch<R, E>,
        error: E,
        now: SystemTime,
        random: f64,
    ) -> Step<R, E> {
        let retries = self.options.retries;
        let number = fetch.failed + 1;
        if let Some(wait) = retries.wait(&error.call(), number, now, random) {
            self.state = State::WaitingToFetch(Fetch { failed: number, ..fetch });
            let limit = retries.limit;
            return Step::Wait(RetryNotice { is_upload: false, error, number, limit, wait });
        }
        match fetch.question {
            Question::Reconcile(upload)
                if error.call().status == Some(404) && !may_arrive_later(&upload) =>
            {
                self.retry_put(upload.not_stored(), now, random)
            }
            question => self.fetch_gave_up(question, error),
        }
    }

    fn fetch_gave_up(&mut self, question: Question<R, E>, error: E) -> Step<R, E> {
        match question {
            Question::Verify(reply) => self.done(reply, Proof::Failed(Box::new(error))),
            Question::Reconcile(upload) => fail(upload),
        }
    }

    fn done(&mut self, reply: R, proof: Proof<E>) -> Step<R, E> {
        Step::Done(Uploaded { reply, proof, attempts: self.attempts })
    }
}

/// Returns whether the package could still be stored after a GET didn't find it: the API has not responded to the upload yet.
fn may_arrive_later(error: &impl Failure) -> bool {
    matches!(error.call().kind, ErrorKind::Timeout(_))
}

fn compare(sent: &Digest, reply: &impl Reply) -> Comparison {
    let (size, hashsum) = reply.reported();
    sent.compare(size, hashsum)
}

fn mismatch<R, E>(sent: Digest, reply: R) -> Step<R, E> {
    Step::Failed(UploadError::Mismatch { sent, reply })
}

fn fail<R, E>(error: E) -> Step<R, E> {
    Step::Failed(UploadError::Call(error))
}

#[cfg(test)]
mod tests;
