//! Ctrl-C while an upload is under way, and what else ends a process kindly.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// SIGINT and SIGTERM, caught as long as something may have to be said of an upload.
pub(super) struct Interrupts {
    interrupt: Signal,
    terminate: Signal,
}

impl Interrupts {
    /// From now on neither ends the process by itself.
    pub(super) fn catch() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// The number of the next one.
    pub(super) async fn next(&mut self) -> u8 {
        let kind = tokio::select! {
            _ = self.interrupt.recv() => SignalKind::interrupt(),
            _ = self.terminate.recv() => SignalKind::terminate(),
        };
        u8::try_from(kind.as_raw_value()).unwrap_or_default()
    }
}

/// Ends the process as the signal would have, so that a shell knows that it was one and stops what it is doing too.
pub(super) fn end_by(signal: u8) {
    // Where that can't be done, the exit code says it.
    let _ = signal_hook::low_level::emulate_default_handler(signal.into());
}
