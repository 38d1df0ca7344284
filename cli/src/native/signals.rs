//! SIGINT and SIGTERM during an upload.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// SIGINT and SIGTERM, caught as long as an upload may have to be explained: each once.
pub(super) struct Signals {
    caught: Vec<(i32, Signal)>,
    /// Whether they have their default effect again, and end the process.
    released: Arc<AtomicBool>,
}

impl Signals {
    /// Catches both signals. One that is ignored, as in a background job of a script, stays ignored.
    pub(super) fn catch() -> std::io::Result<Self> {
        let mut signals = Self { caught: Vec::new(), released: Arc::default() };
        for kind in [SignalKind::interrupt(), SignalKind::terminate()] {
            let number = kind.as_raw_value();
            if !is_ignored(number) {
                let released = signals.released.clone();
                signal_hook::flag::register_conditional_default(number, released)?;
                signals.caught.push((number, signal(kind)?));
            }
        }
        Ok(signals)
    }

    /// Waits for a signal and returns its number. The next one is not caught.
    pub(super) async fn next(&mut self) -> i32 {
        let number = poll_fn(|context| {
            let mut caught = self.caught.iter_mut();
            caught
                .find_map(|(number, signal)| {
                    signal.poll_recv(context).is_ready().then_some(*number)
                })
                .map_or(Poll::Pending, Poll::Ready)
        })
        .await;
        self.release();
        number
    }

    fn release(&self) {
        self.released.store(true, Ordering::Relaxed);
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        self.release();
    }
}

fn is_ignored(signal: i32) -> bool {
    let mut action = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: the call sets no action, and writes the current one to `action`, for which all bytes are valid.
    let action = unsafe {
        libc::sigaction(signal, std::ptr::null(), action.as_mut_ptr());
        action.assume_init()
    };
    action.sa_sigaction == libc::SIG_IGN
}

/// Ends the process by a signal, so that a shell notices and ends its script too.
pub(crate) fn end_by(signal: i32) {
    // If this fails, the exit code tells it.
    let _ = signal_hook::low_level::emulate_default_handler(signal);
}
