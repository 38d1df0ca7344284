//! How far an exchange is: what may be sent, which time limit applies, and what may be stored.

use crate::outbound::denial::Denial;
use crate::timeouts::Timeouts;
use bytes::Bytes;
use fastly_package_core::error::TimeoutPhase;
use http::StatusCode;
use http_body::{Body, Frame};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::time::Instant;
use wasmtime_wasi_http::{Error, WasiBody};

/// The maximum number of informational responses to a request. A server needs one or two; RFC 9110, section 15.2, sets no limit.
const MAX_INFORMATIONAL: usize = 64;

/// The phases of an exchange, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    /// There is no request, or it has failed before it was sent.
    NotStarted,
    Connecting,
    /// The request's body waits for `100 Continue`.
    Expecting,
    /// The request is being sent, or has been.
    Sending,
    /// The head of the response has been received. No more of the request's body is sent.
    Receiving,
}

/// Why the host failed a request.
#[derive(Debug)]
pub(crate) enum RequestFailure {
    Denied(Denial),
    Timeout(TimeoutPhase),
    /// The reason is for people.
    Lost(String),
    /// A success before the whole request was sent.
    Premature(StatusCode),
}

/// The state of an exchange.
pub(crate) struct ExchangeState {
    pub(super) phase: Phase,
    /// When the phase last changed, or, if it is a later time, when a byte moved that shows progress in it.
    progress_at: Instant,
    responded_at: Instant,
    status: Option<StatusCode>,
    /// The unsent part of the request's body. `None` after its end. It is to be dropped without the lock on this state.
    pub(super) body: Option<WasiBody>,
    /// The announced length of the body, the number of its bytes that the connection has taken, and whether it has taken the end.
    pub(super) length: Option<u64>,
    taken: u64,
    is_end_taken: bool,
    /// The maximum length of the body, if the host knows it.
    pub(in crate::outbound) body_limit: Option<u64>,
    /// Whether the connection has written everything that it has taken.
    pub(super) is_flushed: bool,
    /// Bytes were received that may be a final response. They hold the body back.
    may_be_response: bool,
    informational: usize,
    failure: Option<RequestFailure>,
}

impl Default for ExchangeState {
    fn default() -> Self {
        let now = Instant::now();
        Self {
            phase: Phase::NotStarted,
            progress_at: now,
            responded_at: now,
            status: None,
            body: None,
            length: None,
            taken: 0,
            is_end_taken: false,
            body_limit: None,
            is_flushed: false,
            may_be_response: false,
            informational: 0,
            failure: None,
        }
    }
}

impl ExchangeState {
    pub(super) fn set_phase(&mut self, phase: Phase) {
        self.phase = phase;
        self.progress_at = Instant::now();
        if phase == Phase::Connecting {
            // What was received and written on one connection says nothing about the next one.
            self.may_be_response = false;
            self.is_flushed = false;
        }
    }

    pub(crate) fn status(&self) -> Option<StatusCode> {
        self.status
    }

    /// Polls the body for the connection. It is pending while a final response may have been received: whoever reads the response decides.
    pub(super) fn poll_body(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if self.phase != Phase::Sending || self.may_be_response {
            return Poll::Pending;
        }
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let frame = ready!(Pin::new(body).poll_frame(cx));
        match &frame {
            Some(Ok(frame)) => {
                self.is_flushed = false;
                self.taken += frame.data_ref().map_or(0, |data| data.len() as u64);
                // After trailers, the body is not polled again.
                self.is_end_taken |= frame.is_trailers();
                if self.body_limit.is_some_and(|limit| self.taken > limit) {
                    return Poll::Ready(Some(Err(Error::HttpRequestBodySize(Some(self.taken)))));
                }
            }
            Some(Err(_)) => {}
            None => {
                self.body = None;
                self.is_end_taken = true;
            }
        }
        Poll::Ready(frame)
    }

    /// Returns whether the connection has taken every byte of the request.
    pub(super) fn is_whole(&self) -> bool {
        match self.length {
            Some(length) => self.taken >= length,
            None => self.is_end_taken,
        }
    }

    /// Returns whether the server may have received the whole request.
    pub(crate) fn is_request_sent(&self) -> bool {
        self.phase > Phase::Connecting && self.is_whole()
    }

    pub(crate) fn is_body_unsent(&self) -> bool {
        self.taken == 0 && !self.is_end_taken
    }

    /// Returns the number of bytes of the body that the connection has taken.
    pub(crate) fn body_bytes(&self) -> u64 {
        self.taken
    }

    /// Notes that bytes were written to the connection.
    pub(super) fn note_write(&mut self) {
        self.progress_at = Instant::now();
        self.is_flushed = false;
    }

    /// Notes that everything was written.
    pub(super) fn note_flush(&mut self) {
        if !self.is_flushed {
            self.progress_at = Instant::now();
            self.is_flushed = true;
        }
    }

    /// Notes that bytes were read from the connection. Until there is a response, they only show that the server is alive.
    ///
    /// # Errors
    ///
    /// Fails after too many informational responses.
    pub(super) fn note_read(&mut self) -> Result<(), String> {
        match self.phase {
            Phase::Receiving => self.progress_at = Instant::now(),
            _ => self.may_be_response = true,
        }
        match self.informational > MAX_INFORMATIONAL {
            true => Err(format!("more than {MAX_INFORMATIONAL} informational responses")),
            false => Ok(()),
        }
    }

    pub(super) fn note_informational(&mut self, status: StatusCode) {
        self.may_be_response = false;
        self.informational += 1;
        if status == StatusCode::CONTINUE && self.phase == Phase::Expecting {
            self.set_phase(Phase::Sending);
        }
    }

    pub(super) fn note_response(&mut self, status: StatusCode) {
        self.set_phase(Phase::Receiving);
        self.responded_at = self.progress_at;
        self.status = Some(status);
    }

    /// Notes why the request failed. A denial is logged, and not replaced by its consequences.
    pub(in crate::outbound) fn fail(&mut self, failure: RequestFailure) {
        if matches!(self.failure, Some(RequestFailure::Denied(_))) {
            return;
        }
        if let RequestFailure::Denied(denial) = &failure {
            tracing::warn!(%denial, "denied a request of the component");
        }
        if self.phase == Phase::Connecting {
            // The limits on connecting don't apply any more.
            self.set_phase(Phase::NotStarted);
        }
        self.failure = Some(failure);
    }

    pub(crate) fn take_failure(&mut self) -> Option<RequestFailure> {
        self.failure.take()
    }

    /// Returns which time limit elapses next unless there is progress, and when. `None`: while connecting, which has limits of its own, and if the time is too far
    /// in the future to be represented.
    pub(super) fn deadline(&self, timeouts: &Timeouts) -> Option<(Instant, TimeoutPhase)> {
        let after = |start: Instant, limit, phase| Some((start.checked_add(limit)?, phase));
        let stalled = after(self.progress_at, timeouts.stall, TimeoutPhase::Stall);
        let response = |start| after(start, timeouts.response, TimeoutPhase::Response);
        match self.phase {
            Phase::Connecting => None,
            Phase::Receiving => {
                stalled.into_iter().chain(response(self.responded_at)).min_by_key(|(at, _)| *at)
            }
            _ if self.is_request_sent() && self.is_flushed => response(self.progress_at),
            _ => stalled,
        }
    }
}
