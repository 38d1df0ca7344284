//! Ctrl-C while an upload is under way, and what else ends a process kindly.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// SIGINT and SIGTERM, caught as long as something may have to be said of an upload: each once.
pub(super) struct Interrupts {
    interrupt: Option<Signal>,
    terminate: Option<Signal>,
    /// From when on they end the process as they would have, whatever it is doing.
    released: Arc<AtomicBool>,
}

impl Interrupts {
    /// From now on neither ends the process by itself. One that is ignored, as in a background job of a script, stays so.
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

    /// The number of the next one. Another after that isn't caught.
    pub(super) async fn next(&mut self) -> i32 {
        async fn of(signal: &mut Option<Signal>) {
            match signal {
                Some(signal) => {
                    signal.recv().await;
                }
                None => std::future::pending().await,
            }
        }
        let kind = tokio::select! {
            () = of(&mut self.interrupt) => SignalKind::interrupt(),
            () = of(&mut self.terminate) => SignalKind::terminate(),
        };
        self.release();
        kind.as_raw_value()
    }

    fn release(&self) {
        self.released.store(true, Ordering::Relaxed);
    }
}

impl Drop for Interrupts {
    fn drop(&mut self) {
        self.release();
    }
}

fn is_ignored(signal: i32) -> bool {
    let mut action = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: nothing is set; what is asked for is written to `action`, which any bytes are a valid value of.
    let action = unsafe {
        libc::sigaction(signal, std::ptr::null(), action.as_mut_ptr());
        action.assume_init()
    };
    action.sa_sigaction == libc::SIG_IGN
}

/// Ends the process as the signal would have, so that a shell knows that it was one and stops what it is doing too.
pub(crate) fn end_by(signal: i32) {
    // Where that can't be done, the exit code says it.
    let _ = signal_hook::low_level::emulate_default_handler(signal);
}
