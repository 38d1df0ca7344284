//! A request body that waits for `100 Continue`, stops when the answer comes, counts what it gives, and can be taken back.
//!
//! hyper sends the head as soon as the body is pending, so holding the body back is all that waiting takes.

use super::socket::SocketHandle;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::time::Sleep;
use wasmtime_wasi_http::{Error, WasiBody};

/// How long a body waits for the server's word before it is sent all the same, as curl does (RFC 9110, 10.1.1 leaves it open).
pub(crate) const CONTINUE_WAIT: Duration = Duration::from_secs(1);

/// The body as the connection sees it.
pub(crate) struct ExpectContinue {
    control: BodyControl,
    wait: Duration,
    timer: Option<Pin<Box<Sleep>>>,
}

/// The body as the edge sees it.
#[derive(Clone)]
pub(crate) struct BodyControl(Arc<Mutex<State>>);

struct State {
    gate: Gate,
    inner: Option<WasiBody>,
    given: u64,
    length: Option<u64>,
    /// The body has said that there is no more of it.
    ended: bool,
    waker: Option<Waker>,
    /// The connection, and how often the peer had been heard on it before an answer to this request could come.
    socket: Option<(SocketHandle, u64)>,
}

impl State {
    /// Has the connection look again whether the body goes.
    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Gate {
    Waiting,
    Open,
    /// For good: the timer doesn't open it any more.
    Closed,
}

impl ExpectContinue {
    /// `wait`: hold the body back for the server's word. `length`: how long the body is said to be.
    pub(crate) fn new(inner: WasiBody, wait: bool, length: Option<u64>) -> (Self, BodyControl) {
        let gate = if wait { Gate::Waiting } else { Gate::Open };
        let inner = Some(inner);
        let state =
            State { gate, inner, given: 0, length, ended: false, waker: None, socket: None };
        let control = BodyControl(Arc::new(Mutex::new(state)));
        (Self { control: control.clone(), wait: CONTINUE_WAIT, timer: None }, control)
    }
}

impl BodyControl {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says which connection the request goes over. From then on, what is heard on it holds the body back until it is known to be
    /// no answer: the task that sends would else run on while the one that decides is woken.
    pub(crate) fn connected(&self, socket: &SocketHandle) {
        let mut state = self.lock();
        state.socket = Some((socket.clone(), socket.heard()));
        state.wake();
    }

    /// What was heard was informational: the body goes on. `open`: it was 100, for which a body may have waited.
    pub(crate) fn go_on(&self, open: bool) {
        let mut state = self.lock();
        if let Some((socket, before)) = &mut state.socket {
            *before = socket.heard();
        }
        if open && state.gate == Gate::Waiting {
            state.gate = Gate::Open;
        }
        state.wake();
    }

    /// Takes the body back: from now on it gives nothing, on the timer neither. The body comes back untouched if none of it was
    /// given, and is dropped otherwise.
    pub(crate) fn close(&self) -> Option<WasiBody> {
        let mut state = self.lock();
        let untouched = state.gate == Gate::Waiting;
        state.gate = Gate::Closed;
        let inner = state.inner.take();
        // Dropped after the lock is released: what it wakes may come back here.
        drop(state);
        inner.filter(|_| untouched)
    }

    /// Whether every byte was given. Without a length: whether the body said that it has ended.
    pub(crate) fn is_whole(&self) -> bool {
        let state = self.lock();
        match state.length {
            Some(length) => state.given >= length,
            None => state.ended,
        }
    }

    /// Whether any of it was given, which only a connection takes.
    pub(crate) fn has_begun(&self) -> bool {
        let state = self.lock();
        state.given > 0 || state.ended
    }
}

impl Body for ExpectContinue {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = &mut *self;
        let mut state = this.control.lock();
        if state.gate == Gate::Waiting {
            let timer = this.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(this.wait)));
            if timer.as_mut().poll(cx).is_ready() {
                state.gate = Gate::Open;
            }
        }
        let heard = state.socket.as_ref().is_some_and(|(socket, before)| socket.heard() > *before);
        if heard || state.gate != Gate::Open {
            state.waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let Some(inner) = state.inner.as_mut() else { return Poll::Ready(None) };
        let frame = std::task::ready!(Pin::new(inner).poll_frame(cx));
        match &frame {
            Some(Ok(frame)) => {
                state.given += frame.data_ref().map_or(0, |data| data.len() as u64);
                // After trailers nobody asks for more.
                state.ended |= frame.is_trailers();
            }
            Some(Err(_)) => {}
            None => {
                state.inner = None;
                state.ended = true;
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        let state = self.control.lock();
        state.gate == Gate::Open && state.inner.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.control.lock().inner.as_ref().map_or_else(SizeHint::default, Body::size_hint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::{BodyExt, Full};
    use std::future::poll_fn;

    fn body(wait: bool) -> (ExpectContinue, BodyControl) {
        let inner = Full::new(Bytes::from_static(b"package")).map_err(|never| match never {});
        ExpectContinue::new(inner.boxed_unsync(), wait, Some(7))
    }

    async fn poll_once(body: &mut ExpectContinue) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        poll_fn(|cx| Poll::Ready(Pin::new(&mut *body).poll_frame(cx))).await
    }

    #[tokio::test(start_paused = true)]
    async fn the_body_waits_for_the_word_of_the_server() {
        let (mut body, control) = body(true);
        assert!(poll_once(&mut body).await.is_pending());
        control.go_on(true);
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "package");
        assert!(control.is_whole());
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_word_the_body_goes_after_a_second() {
        let (mut body, control) = body(true);
        let start = tokio::time::Instant::now();
        assert!(!control.is_whole());
        assert!(body.frame().await.unwrap().is_ok());
        assert_eq!(start.elapsed(), CONTINUE_WAIT);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_was_taken_back_never_goes() {
        let (mut body, control) = body(true);
        assert!(poll_once(&mut body).await.is_pending());
        assert!(control.close().is_some(), "the body comes back untouched");
        tokio::time::advance(CONTINUE_WAIT * 2).await;
        control.go_on(true);
        assert!(poll_once(&mut body).await.is_pending());
        assert!(!body.is_end_stream());
    }

    #[tokio::test]
    async fn what_is_heard_holds_the_body_back_until_it_is_no_answer() {
        let (mut body, control) = body(false);
        let socket = SocketHandle::default();
        control.connected(&socket);
        socket.count_heard();
        assert!(poll_once(&mut body).await.is_pending());
        control.go_on(false);
        assert!(poll_once(&mut body).await.is_ready());
    }

    #[tokio::test]
    async fn what_was_heard_on_one_connection_holds_nothing_back_on_another() {
        let (mut body, control) = body(false);
        let closing = SocketHandle::default();
        control.connected(&closing);
        closing.count_heard();
        assert!(poll_once(&mut body).await.is_pending());
        control.connected(&SocketHandle::default());
        assert!(poll_once(&mut body).await.is_ready());
    }

    #[tokio::test]
    async fn a_body_that_has_begun_does_not_come_back() {
        let (mut body, control) = body(false);
        assert!(body.frame().await.unwrap().is_ok());
        assert!(control.close().is_none());
    }
}
