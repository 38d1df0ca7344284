//! SIGINT and SIGTERM during an upload.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// SIGINT and SIGTERM, caught as long as an upload may have to be explained: each once.
pub(super) struct Signals {
    interrupt: Option<Signal>,
    terminate: Option<Signal>,
    /// Whether they have their default effect again, and end the process.
    released: Arc<AtomicBool>,
}

impl Signals {
    /// Catches both signals. One that is ignored, as in a background job of a script, stays ignored.
    pub(super) fn catch() -> std::io::Result<Self> {
        let released = Arc::new(AtomicBool::new(false));
        let catch = |kind: SignalKind| match is_ignored(kind.as_raw_value()) {
            true => Ok(None),
            false => {
                let number = kind.as_raw_value();
                signal_hook::flag::register_conditional_default(number, released.clone())?;
                signal(kind).map(Some)
            }
        };
        let interrupt = catch(SignalKind::interrupt())?;
        let terminate = catch(SignalKind::terminate())?;
        Ok(Self { interrupt, terminate, released })
    }

    /// Waits for a signal and returns its number. The next one is not caught.
    pub(super) async fn next(&mut self) -> i32 {
        async fn recv(signal: &mut Option<Signal>) {
            match signal {
                Some(signal) => {
                    signal.recv().await;
                }
                None => std::future::pending().await,
            }
        }
        let kind = tokio::select! {
            () = recv(&mut self.interrupt) => SignalKind::interrupt(),
            () = recv(&mut self.terminate) => SignalKind::terminate(),
        };
        self.release();
        kind.as_raw_value()
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
