//! What the emulator does wrong, once.

mod queue;

use std::time::Duration;

use crate::answer::Answer;
use queue::Filter;

pub(crate) use queue::Faults;

/// A fault of the network, a gateway or the API, for the next request that matches it.
///
/// A fault is made of how much of the body is read, whether the upload is stored, what is answered, and
/// what the connection comes to. One of the constructors sets these; the methods alter them.
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
/// Scripted answers come as written: no rate-limit headers are added, and no hourly write is counted.
#[derive(Clone, Debug)]
#[must_use = "a fault does nothing until it is given to Emulator::fault"]
pub struct Fault {
    filter: Filter,
    times: Option<u32>,
    reads: Reads,
    pub(crate) read_pace: Option<u64>,
    pub(crate) withholds_continue: bool,
    pub(crate) informational: Vec<u16>,
    pub(crate) stored: bool,
    pub(crate) delay: Duration,
    pub(crate) answer: Option<Answer>,
    pub(crate) write_pace: Option<u64>,
    pub(crate) then: Option<Then>,
}

/// What becomes of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// It stays open. What is left of the body is read and discarded.
    Keep,
    /// It is closed at once. Where bytes came that weren't read, the client sees a reset.
    Close,
    /// It is reset (RST), whether or not all was read.
    Reset,
    /// It stays open and is never read again.
    Stall,
}

/// How much of the body is read before anything else happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reads {
    /// None: nothing polls the body, so no `100 Continue` is sent.
    Nothing,
    /// So many bytes, or all if there are fewer.
    Bytes(u64),
    All,
}

impl Fault {
    /// Reads the whole body, stores nothing (but see [`stored`](Self::stored)), and answers. With [`Answer::real`] it does all as
    /// usual, and the real answer can be altered.
    pub fn answer(answer: Answer) -> Self {
        Self {
            filter: Filter::default(),
            times: Some(1),
            reads: Reads::All,
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

    /// Answers before the body is read, and so without `100 Continue`. Unless [`then`](Self::then) says
    /// otherwise, the connection is closed as a well-behaved server does it: for writing at once, for
    /// reading when the client has closed it too.
    pub fn early_answer(answer: Answer) -> Self {
        Self { reads: Reads::Nothing, ..Self::answer(answer) }
    }

    /// Closes the connection on the request's head, without an answer.
    pub fn close() -> Self {
        Self { reads: Reads::Nothing, answer: None, then: Some(Then::Close), ..Self::as_usual() }
    }

    /// Resets the connection (RST) on the request's head, without an answer.
    pub fn reset() -> Self {
        Self::close().then(Then::Reset)
    }

    /// Stores the upload and closes the connection in place of the answer. With
    /// [`then(Then::Reset)`](Then::Reset) it is reset.
    pub fn lost_answer() -> Self {
        Self { reads: Reads::All, ..Self::close() }.stored()
    }

    /// Reads all, says nothing, and keeps the connection open.
    pub fn never_answer() -> Self {
        Self { reads: Reads::All, ..Self::close().then(Then::Keep) }
    }

    /// Never reads the body and says nothing. With [`after_body_bytes`](Self::after_body_bytes) it stops
    /// reading there.
    pub fn never_read() -> Self {
        Self::close().then(Then::Stall)
    }

    /// Reads the body at so many bytes a second, and answers as usual.
    pub fn slow_read(bytes_per_second: u64) -> Self {
        Self { read_pace: Some(bytes_per_second), ..Self::as_usual() }
    }

    /// Writes the usual answer at so many bytes a second.
    pub fn slow_answer(bytes_per_second: u64) -> Self {
        Self::as_usual().written_at(bytes_per_second)
    }

    /// Waits before the usual answer.
    pub fn delay(delay: Duration) -> Self {
        Self::as_usual().delayed(delay)
    }

    /// Sends no `100 Continue` though the request asks for it, and reads the body when it comes.
    pub fn no_continue() -> Self {
        Self { withholds_continue: true, ..Self::as_usual() }
    }

    /// Sends informational answers (100 to 199, but not 101) on the request's head, and goes on as usual.
    ///
    /// # Panics
    ///
    /// If a status isn't informational, or is 101.
    pub fn informational(statuses: &[u16]) -> Self {
        let valid = |status: &u16| (100..200).contains(status) && *status != 101;
        assert!(statuses.iter().all(valid), "an informational status");
        Self { informational: statuses.to_vec(), ..Self::as_usual() }
    }

    /// Answers 417 to a request that expects `100 Continue`.
    pub fn expectation_failed() -> Self {
        Self::early_answer(Answer::new(417)).when_expecting()
    }

    /// How much is read first. The real answer depends on all of it.
    pub(crate) fn reads(&self) -> Reads {
        match &self.answer {
            Some(answer) if answer.real => Reads::All,
            _ => self.reads,
        }
    }

    fn as_usual() -> Self {
        Self::answer(Answer::real())
    }

    /// Acts once this many bytes of the body were read, or all if there are fewer.
    pub fn after_body_bytes(mut self, bytes: u64) -> Self {
        self.reads = Reads::Bytes(bytes);
        self
    }

    /// Reads the whole body and stores the upload, if it is one.
    pub fn stored(mut self) -> Self {
        self.reads = Reads::All;
        self.stored = true;
        self
    }

    /// What becomes of the connection afterwards. [`Then::Keep`] without an answer waits for ever.
    pub fn then(mut self, then: Then) -> Self {
        self.then = Some(then);
        self
    }

    /// Waits before the answer, or before the end of the connection in its place.
    pub fn delayed(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Reads the body at so many bytes a second.
    pub fn read_at(mut self, bytes_per_second: u64) -> Self {
        self.read_pace = Some(bytes_per_second);
        self
    }

    /// Writes the answer at so many bytes a second.
    pub fn written_at(mut self, bytes_per_second: u64) -> Self {
        self.write_pace = Some(bytes_per_second);
        self
    }

    /// Only for requests with this method, such as `PUT`.
    pub fn on(mut self, method: &str) -> Self {
        self.filter.method = Some(method.to_owned());
        self
    }

    /// Only for GET.
    pub fn on_get(self) -> Self {
        self.on("GET")
    }

    /// Only for PUT.
    pub fn on_put(self) -> Self {
        self.on("PUT")
    }

    /// Only for requests whose path contains `part`.
    pub fn on_path(mut self, part: &str) -> Self {
        self.filter.path = Some(part.to_owned());
        self
    }

    /// Only for requests with an `Expect` header.
    pub fn when_expecting(mut self) -> Self {
        self.filter.expecting = true;
        self
    }

    /// For so many requests that match. Default 1.
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    /// For every request that matches.
    pub fn every_time(mut self) -> Self {
        self.times = None;
        self
    }
}
