//! The body of a request as the connection polls it. hyper sends the head as soon as the body is pending, so it suffices to hold the body back.

use super::SharedState;
use super::state::Phase;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::Sleep;
use wasmtime_wasi_http::Error;

/// How long a body waits for `100 Continue` before it is sent anyway. It is curl's limit; RFC 9110, section 10.1.1, leaves it open.
pub(super) const CONTINUE_WAIT: Duration = Duration::from_secs(1);

pub(super) struct RequestBody {
    state: SharedState,
    continue_wait: Option<Pin<Box<Sleep>>>,
}

impl RequestBody {
    pub(super) fn new(state: SharedState) -> Self {
        Self { state, continue_wait: None }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = &mut *self;
        let mut state = this.state.lock();
        if state.phase() == Phase::Expecting {
            let wait = || Box::pin(tokio::time::sleep(CONTINUE_WAIT));
            let wait = this.continue_wait.get_or_insert_with(wait);
            if wait.as_mut().poll(cx).is_ready() {
                state.set_phase(Phase::Sending);
            }
        }
        state.poll_body(cx)
    }

    fn is_end_stream(&self) -> bool {
        let state = self.state.lock();
        state.phase() == Phase::Sending && state.body().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.state.lock().body().map_or_else(SizeHint::default, Body::size_hint)
    }
}

/// The component sees that its body is not read any more.
impl Drop for RequestBody {
    fn drop(&mut self) {
        let unsent = self.state.lock().take_body();
        drop(unsent);
    }
}
