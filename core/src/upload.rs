//! The procedure of an upload, as a state machine without I/O.
//!
//! A driver performs each [`Step`] and reports the [`Event`], until the step is [`Done`](Step::Done) or [`Failed`](Step::Failed). The machine alone
//! decides which failures are retried, when a GET must tell whether a failed upload is stored, and when a stored package is verified.

use crate::digest::{Comparison, Digest, ReportedDigest};
use crate::error::{ErrorKind, Stored};
use crate::retry::{FailedCall, Retries};
use crate::target::Operation;
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
pub trait HasDigest {
    /// Returns the length and the hash that the API reports.
    fn reported_digest(&self) -> ReportedDigest<'_>;
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

/// The options of an upload.
///
/// ```
/// # use fastly_package_core::upload::PutOptions;
/// let options = PutOptions { force: true, ..PutOptions::default() };
/// assert!(options.verify);
/// ```
#[derive(Debug, Clone, Copy)]
pub struct PutOptions {
    /// Whether to send `Expect: 100-continue`. Default: [`Expect::Auto`].
    pub expect: Expect,
    /// Whether to compare what the API stored with what was sent, by length and SHA-512. Default: `true`. Without it, the content is not hashed, and
    /// a file that is modified between two attempts is recognized by its metadata only: by its length, its modification time and, on Unix, any change but its removal.
    pub verify: bool,
    /// Whether to send content that is too large or not a package. Default: `false`.
    pub force: bool,
}

impl Default for PutOptions {
    fn default() -> Self {
        Self { expect: Expect::Auto, verify: true, force: false }
    }
}

/// How an upload is made.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// The length of the package, in bytes.
    pub size: u64,
    /// Whether the content can be read again, so that the upload can be repeated.
    pub is_repeatable: bool,
    /// The caller's options.
    pub put: PutOptions,
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
    Failed(E),
    /// The API stored something else than what was sent.
    Mismatch {
        /// The digest of what was sent.
        sent: Digest,
        /// The reply that describes what is stored.
        reply: R,
    },
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
    /// The operation that is retried. The GET of what is stored makes [`Operation::GetPackage`].
    pub operation: Operation,
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

/// The state machine of one upload. `R` is a successful response, `E` a failed call.
#[derive(Debug)]
pub struct Upload<R, E> {
    options: Options,
    phase: Phase<R, E>,
    expect: bool,
    sent: Option<Digest>,
    is_sent_known: bool,
    attempts: u32,
}

#[derive(Debug)]
enum Phase<R, E> {
    /// Nothing was done, or the digest is computed before the upload.
    Start,
    Putting,
    /// The digest is computed for this purpose.
    Digesting(Purpose<R, E>),
    Fetching(Fetch<R, E>),
    WaitingToPut,
    WaitingToFetch(Fetch<R, E>),
    Ended,
}

/// A GET of what is stored.
#[derive(Debug)]
struct Fetch<R, E> {
    purpose: Purpose<R, E>,
    sent: Digest,
    /// How often it failed in a row.
    failed: u32,
}

/// When an event happened, and a random number for it.
#[derive(Clone, Copy)]
struct Moment {
    now: SystemTime,
    random: f64,
}

/// Why the stored package is compared with the one that was sent.
#[derive(Debug)]
enum Purpose<R, E> {
    /// The API confirmed the upload.
    Verify(R),
    /// The upload failed, and may be stored.
    Reconcile(E),
}

impl<R: HasDigest, E: Failure> Upload<R, E> {
    /// Prepares an upload.
    pub fn new(options: Options) -> Self {
        let expect = match options.put.expect {
            Expect::Auto => options.is_repeatable && options.size >= EXPECT_MIN_SIZE,
            Expect::Always => true,
            Expect::Never => false,
        };
        let phase = Phase::Start;
        Self { options, phase, expect, sent: None, is_sent_known: true, attempts: 0 }
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
        let at = Moment { now, random };
        match (std::mem::replace(&mut self.phase, Phase::Ended), event) {
            (Phase::Start, Event::Started)
                if self.options.put.verify && self.options.digest_first =>
            {
                self.phase = Phase::Start;
                Step::Digest
            }
            (Phase::Start, Event::Started) => self.put(),
            (Phase::Start, Event::Digest(digest)) => {
                self.sent = digest;
                self.put()
            }
            (Phase::Putting, Event::Put(Ok(reply))) if self.options.put.verify => {
                self.digest_and_compare(Purpose::Verify(reply))
            }
            (Phase::Putting, Event::Put(Ok(reply))) => self.done(reply, Proof::Off),
            (Phase::Putting, Event::Put(Err(error))) => self.put_failed(error, at),
            (Phase::Digesting(purpose), Event::Digest(digest)) => {
                self.sent = digest;
                self.compare(purpose)
            }
            (Phase::Fetching(fetch), Event::Fetched(Ok(stored))) => self.fetched(fetch, stored, at),
            (Phase::Fetching(fetch), Event::Fetched(Err(error))) => {
                self.fetch_failed(fetch, error, at)
            }
            (Phase::WaitingToPut, Event::Waited { is_in_time: true, .. }) => self.put(),
            (Phase::WaitingToPut, Event::Waited { error, .. }) => Step::Failed(error),
            (Phase::WaitingToFetch(fetch), Event::Waited { is_in_time: true, .. }) => {
                self.fetch(fetch)
            }
            (Phase::WaitingToFetch(fetch), Event::Waited { error, .. }) => {
                self.abandon_fetch(fetch.purpose, error)
            }
            _ => panic!("the event is not the result of the last step"),
        }
    }

    fn put(&mut self) -> Step<R, E> {
        self.attempts += 1;
        self.phase = Phase::Putting;
        Step::Put { expect: self.expect }
    }

    fn put_failed(&mut self, error: E, at: Moment) -> Step<R, E> {
        let is_expectation_failed = error.call().status == Some(EXPECTATION_FAILED);
        if is_expectation_failed
            && self.expect
            && error.is_body_unsent()
            && self.options.is_repeatable
        {
            // Not another attempt: nothing of the package was sent.
            self.expect = false;
            self.phase = Phase::Putting;
            return Step::Put { expect: false };
        }
        match error.stored() {
            Stored::Unknown if self.options.retries.limit > 0 => {
                self.digest_and_compare(Purpose::Reconcile(error))
            }
            Stored::No => self.retry_put(error, at),
            Stored::Unknown | Stored::Other => Step::Failed(error),
        }
    }

    fn retry_put(&mut self, error: E, at: Moment) -> Step<R, E> {
        let Options { retries, is_repeatable, .. } = self.options;
        let number = self.attempts;
        match retries.wait(&error.call(), number, at.now, at.random) {
            Some(wait) if is_repeatable => {
                self.phase = Phase::WaitingToPut;
                let (operation, limit) = (Operation::PutPackage, retries.limit);
                Step::Wait(RetryNotice { operation, error, number, limit, wait })
            }
            _ => Step::Failed(error),
        }
    }

    fn digest_and_compare(&mut self, purpose: Purpose<R, E>) -> Step<R, E> {
        if self.sent.is_some() {
            return self.compare(purpose);
        }
        self.phase = Phase::Digesting(purpose);
        Step::Digest
    }

    /// Compares with the reply to the upload, or else with the stored package.
    fn compare(&mut self, purpose: Purpose<R, E>) -> Step<R, E> {
        let (purpose, sent) = match (purpose, self.sent) {
            (Purpose::Reconcile(error), None) => return Step::Failed(error),
            (Purpose::Verify(reply), None) => return self.done(reply, Proof::NotHashed),
            (Purpose::Verify(reply), Some(sent)) => match sent.compare(reply.reported_digest()) {
                Comparison::Same => return self.done(reply, Proof::Verified),
                Comparison::Differs => return Step::Mismatch { sent, reply },
                Comparison::NoHash => (Purpose::Verify(reply), sent),
            },
            (purpose, Some(sent)) => (purpose, sent),
        };
        self.fetch(Fetch { purpose, sent, failed: 0 })
    }

    fn fetch(&mut self, fetch: Fetch<R, E>) -> Step<R, E> {
        self.phase = Phase::Fetching(fetch);
        Step::FetchStored
    }

    fn fetched(&mut self, fetch: Fetch<R, E>, stored: R, at: Moment) -> Step<R, E> {
        let Fetch { purpose, sent, .. } = fetch;
        match purpose {
            Purpose::Verify(reply) => match sent.compare(stored.reported_digest()) {
                Comparison::Same => self.done(reply, Proof::Verified),
                Comparison::Differs => Step::Mismatch { sent, reply: stored },
                Comparison::NoHash => self.done(reply, Proof::NoHash),
            },
            Purpose::Reconcile(error) => match sent.compare_hash(stored.reported_digest()) {
                Comparison::Same => self.done(stored, Proof::Verified),
                Comparison::Differs if self.is_sent_known && !may_arrive_later(&error) => {
                    self.retry_put(error.not_stored(), at)
                }
                Comparison::Differs | Comparison::NoHash => Step::Failed(error),
            },
        }
    }

    fn fetch_failed(&mut self, fetch: Fetch<R, E>, error: E, at: Moment) -> Step<R, E> {
        let retries = self.options.retries;
        let number = fetch.failed + 1;
        if let Some(wait) = retries.wait(&error.call(), number, at.now, at.random) {
            self.phase = Phase::WaitingToFetch(Fetch { failed: number, ..fetch });
            let (operation, limit) = (Operation::GetPackage, retries.limit);
            return Step::Wait(RetryNotice { operation, error, number, limit, wait });
        }
        match fetch.purpose {
            Purpose::Reconcile(upload)
                if error.call().status == Some(404) && !may_arrive_later(&upload) =>
            {
                self.retry_put(upload.not_stored(), at)
            }
            purpose => self.abandon_fetch(purpose, error),
        }
    }

    fn abandon_fetch(&mut self, purpose: Purpose<R, E>, error: E) -> Step<R, E> {
        match purpose {
            Purpose::Verify(reply) => self.done(reply, Proof::Failed(Box::new(error))),
            Purpose::Reconcile(upload) => Step::Failed(upload),
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

#[cfg(test)]
mod tests;
