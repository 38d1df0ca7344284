//! The time that a component computes, and the epochs that bound it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::Thread;
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use wasmtime::{CallHook, Engine, EngineWeak};

/// The time spent inside the sandbox: from each entry to the next exit.
///
/// A component that computes yields to other tasks at every epoch, which this doesn't observe. So the time between two observations counts for
/// at most two epochs.
#[derive(Default)]
pub(super) struct ComputeTime {
    entered: Option<Instant>,
    before: Duration,
}

impl ComputeTime {
    pub(super) fn crossed(&mut self, hook: CallHook) {
        match hook {
            CallHook::CallingWasm | CallHook::ReturningFromHost => {
                self.entered = Some(Instant::now());
            }
            CallHook::ReturningFromWasm | CallHook::CallingHost => {
                self.before = self.so_far();
                self.entered = None;
            }
        }
    }

    /// Accounts for an epoch that ended inside the sandbox, and returns the time so far.
    pub(super) fn advanced(&mut self) -> Duration {
        self.before = self.so_far();
        self.entered = Some(Instant::now());
        self.before
    }

    fn so_far(&self) -> Duration {
        self.before
            + self.entered.map_or(Duration::ZERO, |entered| entered.elapsed().min(2 * EPOCH))
    }
}

/// Advances an engine's epoch while calls run on it, so that a component that computes yields and can be stopped.
///
/// It is a thread and not a task: on a runtime with one thread the component would block the task.
pub(super) struct EpochThread {
    shared: Arc<Shared>,
    thread: Thread,
}

#[derive(Default)]
struct Shared {
    calls: AtomicUsize,
    advanced: Notify,
}

/// The length of an epoch.
const EPOCH: Duration = Duration::from_millis(20);

impl EpochThread {
    pub(super) fn start(engine: &Engine) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let engine = engine.weak();
        let for_thread = shared.clone();
        let thread = std::thread::Builder::new()
            .name("fastly-package-epoch".into())
            .spawn(move || advance(&engine, &for_thread))?
            .thread()
            .clone();
        Ok(Self { shared, thread })
    }

    /// Advances the epoch until the result is dropped.
    pub(super) fn running(&self) -> Running {
        if self.shared.calls.fetch_add(1, Ordering::AcqRel) == 0 {
            self.thread.unpark();
        }
        Running(self.shared.clone())
    }
}

impl Drop for EpochThread {
    fn drop(&mut self) {
        // The thread ends if the engine is gone.
        self.shared.calls.fetch_add(1, Ordering::AcqRel);
        self.thread.unpark();
    }
}

pub(super) struct Running(Arc<Shared>);

impl Running {
    /// Waits for the next epoch, without a timer of the runtime.
    pub(super) async fn next(&self) {
        self.0.advanced.notified().await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.calls.fetch_sub(1, Ordering::AcqRel);
    }
}

fn advance(engine: &EngineWeak, shared: &Shared) {
    loop {
        while shared.calls.load(Ordering::Acquire) == 0 {
            std::thread::park();
        }
        std::thread::sleep(EPOCH);
        match engine.upgrade() {
            Some(engine) => engine.increment_epoch(),
            None => return,
        }
        shared.advanced.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn epochs_advance_again_after_a_pause() {
        let engine = Engine::default();
        let epochs = EpochThread::start(&engine).unwrap();
        for _ in 0..3 {
            let running = epochs.running();
            let advanced = tokio::time::timeout(Duration::from_secs(10), running.next()).await;
            advanced.expect("the epoch advances");
            drop(running);
            // Long enough for the thread to see that no call runs.
            tokio::time::sleep(3 * EPOCH).await;
        }
    }
}
