//! A request body that waits for `100 Continue`, stops when the response arrives, and counts what it yields.
//!
//! hyper sends the request's head as soon as the body is pending, so it suffices to hold the body back.

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

/// How long a body waits for `100 Continue` before it is sent anyway. It is curl's limit; RFC 9110, section 10.1.1, leaves it open.
pub(crate) const CONTINUE_WAIT: Duration = Duration::from_secs(1);

/// The body, for the connection.
pub(crate) struct ExpectContinue {
    control: BodyControl,
    wait: Duration,
    timer: Option<Pin<Box<Sleep>>>,
}

/// A handle to the body, for the hooks.
#[derive(Clone)]
pub(crate) struct BodyControl(Arc<Mutex<State>>);

struct State {
    gate: Gate,
    inner: Option<WasiBody>,
    yielded: u64,
    length: Option<u64>,
    /// The body has yielded its end.
    ended: bool,
    waker: Option<Waker>,
    /// The connection, and the number of its reads before a response to this request could arrive.
    socket: Option<(SocketHandle, u64)>,
}

impl State {
    /// Makes the connection poll the body again.
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
    /// Permanently: the timer doesn't open it.
    Closed,
}

impl ExpectContinue {
    /// `wait` holds the body back for `100 Continue`. `length` is the announced length of the body.
    pub(crate) fn new(inner: WasiBody, wait: bool, length: Option<u64>) -> (Self, BodyControl) {
        let gate = if wait { Gate::Waiting } else { Gate::Open };
        let inner = Some(inner);
        let state =
            State { gate, inner, yielded: 0, length, ended: false, waker: None, socket: None };
        let control = BodyControl(Arc::new(Mutex::new(state)));
        (Self { control: control.clone(), wait: CONTINUE_WAIT, timer: None }, control)
    }
}

impl BodyControl {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets the connection of the request. From then on, bytes received on it hold the body back until they are known to be no final response:
    /// otherwise the sending task would continue while the deciding one is woken.
    pub(crate) fn connected(&self, socket: &SocketHandle) {
        let mut state = self.lock();
        state.socket = Some((socket.clone(), socket.reads()));
        state.wake();
    }

    /// Continues after an informational response. `open` says that it was 100, which the body may have waited for.
    pub(crate) fn resume(&self, open: bool) {
        let mut state = self.lock();
        if let Some((socket, before)) = &mut state.socket {
            *before = socket.reads();
        }
        if open && state.gate == Gate::Waiting {
            state.gate = Gate::Open;
        }
        state.wake();
    }

    /// Drops the body: from now on nothing is yielded, not even when the timer elapses.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.gate = Gate::Closed;
        let inner = state.inner.take();
        // The body is dropped after the lock is released, since its drop may call back.
        drop(state);
        drop(inner);
    }

    /// Returns whether every byte was yielded; without a length, whether the body has ended.
    pub(crate) fn is_whole(&self) -> bool {
        let state = self.lock();
        match state.length {
            Some(length) => state.yielded >= length,
            None => state.ended,
        }
    }

    /// Returns whether any byte was yielded, which only a connection polls.
    pub(crate) fn has_started(&self) -> bool {
        let state = self.lock();
        state.yielded > 0 || state.ended
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
        let heard = state.socket.as_ref().is_some_and(|(socket, before)| socket.reads() > *before);
        if heard || state.gate != Gate::Open {
            state.waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let Some(inner) = state.inner.as_mut() else { return Poll::Ready(None) };
        let frame = std::task::ready!(Pin::new(inner).poll_frame(cx));
        match &frame {
            Some(Ok(frame)) => {
                state.yielded += frame.data_ref().map_or(0, |data| data.len() as u64);
                // After trailers, the body is not polled again.
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
    async fn the_body_waits_for_100_continue() {
        let (mut body, control) = body(true);
        assert!(poll_once(&mut body).await.is_pending());
        control.resume(true);
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "package");
        assert!(control.is_whole());
    }

    #[tokio::test(start_paused = true)]
    async fn without_100_continue_the_body_is_sent_after_a_second() {
        let (mut body, control) = body(true);
        let start = tokio::time::Instant::now();
        assert!(!control.is_whole());
        assert!(body.frame().await.unwrap().is_ok());
        assert_eq!(start.elapsed(), CONTINUE_WAIT);
    }

    #[tokio::test(start_paused = true)]
    async fn a_closed_body_is_never_sent() {
        let (mut body, control) = body(true);
        assert!(poll_once(&mut body).await.is_pending());
        control.close();
        tokio::time::advance(CONTINUE_WAIT * 2).await;
        control.resume(true);
        assert!(poll_once(&mut body).await.is_pending());
        assert!(!body.is_end_stream());
    }

    #[tokio::test]
    async fn received_bytes_hold_the_body_back_until_they_are_no_final_response() {
        let (mut body, control) = body(false);
        let socket = SocketHandle::default();
        control.connected(&socket);
        socket.count_read();
        assert!(poll_once(&mut body).await.is_pending());
        control.resume(false);
        assert!(poll_once(&mut body).await.is_ready());
    }

    #[tokio::test]
    async fn bytes_received_on_one_connection_do_not_hold_the_body_back_on_another() {
        let (mut body, control) = body(false);
        let closing = SocketHandle::default();
        control.connected(&closing);
        closing.count_read();
        assert!(poll_once(&mut body).await.is_pending());
        control.connected(&SocketHandle::default());
        assert!(poll_once(&mut body).await.is_ready());
    }
}
