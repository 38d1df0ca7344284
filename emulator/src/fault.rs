//! Faults: what the emulator does wrong.

mod queue;

use std::time::Duration;

use http::Method;

use crate::answer::Answer;
pub(crate) use queue::take;

/// A fault of the network, a gateway or the API, for the next request that matches it.
///
/// A fault determines how much of the body is read, whether the upload is stored, the response, and what happens to the connection. The
/// constructors are common combinations, and the methods change them.
///
/// ```
/// use std::time::Duration;
/// use fastly_package_emulator::{Answer, Fault, Then};
///
/// # let faults = [
/// Fault::early_answer(Answer::unauthorized()).then(Then::Stall),
/// Fault::early_answer(Answer::new(413)).after_body_bytes(1_000_000).then(Then::Close),
/// Fault::answer(Answer::new(503)).stored().every_time(),
/// Fault::reset().after_body_bytes(65_536).on_put(),
/// Fault::lost_answer().then(Then::Reset),
/// Fault::slow_read(1_000).delayed(Duration::from_secs(1)),
/// Fault::answer(Answer::real().header("Fastly-RateLimit-Reset", "soon")),
/// # ];
/// ```
///
/// A scripted response has no rate-limit headers of its own, and doesn't count as a write.
#[derive(Clone, Debug)]
#[must_use = "a fault does nothing until it is given to Emulator::fault"]
pub struct Fault {
    method: Option<Method>,
    path: Option<String>,
    /// Whether it applies only to requests that expect `100 Continue`.
    expecting: bool,
    /// The number of requests that it applies to. `None`: to all.
    times: Option<u32>,
    /// The number of bytes of the body that are read before anything else happens, or all if there are fewer. `None`: all.
    pub(crate) reads: Option<u64>,
    pub(crate) read_pace: Option<u64>,
    pub(crate) withholds_continue: bool,
    pub(crate) informational: Vec<u16>,
    pub(crate) stored: bool,
    pub(crate) delay: Duration,
    pub(crate) answer: Option<Answer>,
    pub(crate) write_pace: Option<u64>,
    pub(crate) then: Option<Then>,
}

/// The end of an exchange: the state of the connection after the response, or without one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// It stays open. The rest of the body is read and discarded.
    Keep,
    /// It is closed at once. If there are unread bytes, the client sees a reset.
    Close,
    /// It is reset (RST), even if all bytes were read.
    Reset,
    /// It stays open, but nothing more is read from it.
    Stall,
}

impl Fault {
    /// Reads the whole body and sends a response. With [`Answer::real`], the request is processed as usual. Otherwise, the upload isn't stored
    /// unless [`stored`](Self::stored) is set.
    pub fn answer(answer: Answer) -> Self {
        Self {
            method: None,
            path: None,
            expecting: false,
            times: Some(1),
            reads: None,
            read_pace: None,
            withholds_continue: false,
            informational: Vec::new(),
            stored: false,
            delay: Duration::ZERO,
            answer: Some(answer),
            write_pace: None,
            then: None,
        }
    }

    /// Sends a response before the body is read, and without `100 Continue`. Unless [`then`](Self::then) says otherwise, the connection is
    /// closed without a reset: it is read until the client closes it too.
    pub fn early_answer(answer: Answer) -> Self {
        Self { reads: Some(0), ..Self::answer(answer) }
    }

    /// Closes the connection after the request's head, without a response.
    pub fn close() -> Self {
        Self { reads: Some(0), answer: None, then: Some(Then::Close), ..Self::none() }
    }

    /// Resets the connection (RST) after the request's head, without a response.
    pub fn reset() -> Self {
        Self::close().then(Then::Reset)
    }

    /// Stores the upload and closes the connection without a response. With [`then(Then::Reset)`](Then::Reset), the connection is reset.
    pub fn lost_answer() -> Self {
        Self::close().stored()
    }

    /// Reads the whole body, sends no response, and keeps the connection open.
    pub fn never_answer() -> Self {
        Self { reads: None, ..Self::close().then(Then::Keep) }
    }

    /// Reads none of the body and sends no response. With [`after_body_bytes`](Self::after_body_bytes), reading stops there.
    pub fn never_read() -> Self {
        Self::close().then(Then::Stall)
    }

    /// Reads the body at a limited rate, and answers as usual.
    pub fn slow_read(bytes_per_second: u64) -> Self {
        Self { read_pace: Some(bytes_per_second), ..Self::none() }
    }

    /// Writes the usual response at a limited rate.
    pub fn slow_answer(bytes_per_second: u64) -> Self {
        Self::none().written_at(bytes_per_second)
    }

    /// Waits before the usual response.
    pub fn delay(delay: Duration) -> Self {
        Self::none().delayed(delay)
    }

    /// Sends no `100 Continue` even if the request expects it, and reads the body when it arrives.
    pub fn no_continue() -> Self {
        Self { withholds_continue: true, ..Self::none() }
    }

    /// Sends informational responses (100 to 199, but not 101) after the request's head, then answers as usual.
    ///
    /// # Panics
    ///
    /// If a status isn't informational, or is 101.
    pub fn informational(statuses: &[u16]) -> Self {
        let valid = |status: &u16| (100..200).contains(status) && *status != 101;
        assert!(statuses.iter().all(valid), "an informational status");
        Self { informational: statuses.to_vec(), ..Self::none() }
    }

    /// Answers a request that expects `100 Continue` with 417.
    pub fn expectation_failed() -> Self {
        Self { expecting: true, ..Self::early_answer(Answer::new(417)) }
    }

    /// Processes the request without a fault.
    fn none() -> Self {
        Self::answer(Answer::real())
    }

    /// Acts after this many bytes of the body were read, or all if there are fewer.
    pub fn after_body_bytes(mut self, bytes: u64) -> Self {
        self.reads = Some(bytes);
        self
    }

    /// Reads the whole body and stores the upload if it is valid.
    pub fn stored(mut self) -> Self {
        self.reads = None;
        self.stored = true;
        self
    }

    /// Sets what happens to the connection afterwards. [`Then::Keep`] without a response waits forever.
    pub fn then(mut self, then: Then) -> Self {
        self.then = Some(then);
        self
    }

    /// Waits before the response, or before the end of the connection.
    pub fn delayed(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Writes the response at a limited rate.
    pub fn written_at(mut self, bytes_per_second: u64) -> Self {
        self.write_pace = Some(bytes_per_second);
        self
    }

    /// Applies only to GET.
    pub fn on_get(mut self) -> Self {
        self.method = Some(Method::GET);
        self
    }

    /// Applies only to PUT.
    pub fn on_put(mut self) -> Self {
        self.method = Some(Method::PUT);
        self
    }

    /// Applies only to requests whose path contains `part`.
    pub fn on_path(mut self, part: &str) -> Self {
        self.path = Some(part.to_owned());
        self
    }

    /// Applies to this many matching requests. Default 1.
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    /// Applies to every matching request.
    pub fn every_time(mut self) -> Self {
        self.times = None;
        self
    }
}
