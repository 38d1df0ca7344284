//! The time that a component computes, and the epochs that bound it.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
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
    engine: EngineWeak,
    shared: Arc<Shared>,
    /// The thread, and the process that it belongs to: a forked process has a copy of this, but no thread.
    thread: Mutex<(u32, Thread)>,
}

#[derive(Default)]
struct Shared {
    calls: AtomicUsize,
    advanced: Notify,
}

/// The length of an epoch.
const EPOCH: Duration = Duration::from_millis(20);

impl EpochThread {
    pub(super) fn start(engine: &Engine) -> io::Result<Self> {
        let (engine, shared) = (engine.weak(), Arc::new(Shared::default()));
        let thread = Mutex::new(spawn(&engine, &shared)?);
        Ok(Self { engine, shared, thread })
    }

    /// Advances the epoch until the result is dropped.
    ///
    /// # Errors
    ///
    /// Fails if the thread can't be started again after a fork.
    pub(super) fn running(&self) -> io::Result<Running> {
        let mut thread = self.lock();
        if thread.0 != std::process::id() {
            *thread = spawn(&self.engine, &self.shared)?;
        }
        if self.shared.calls.fetch_add(1, Ordering::AcqRel) == 0 {
            thread.1.unpark();
        }
        Ok(Running(self.shared.clone()))
    }

    fn lock(&self) -> MutexGuard<'_, (u32, Thread)> {
        self.thread.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn spawn(engine: &EngineWeak, shared: &Arc<Shared>) -> io::Result<(u32, Thread)> {
    let (engine, shared) = (engine.clone(), shared.clone());
    let thread = std::thread::Builder::new()
        .name("fastly-package-epoch".into())
        .spawn(move || advance(&engine, &shared))?;
    Ok((std::process::id(), thread.thread().clone()))
}

impl Drop for EpochThread {
    fn drop(&mut self) {
        // The thread ends if the engine is gone.
        self.shared.calls.fetch_add(1, Ordering::AcqRel);
        self.lock().1.unpark();
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
            let running = epochs.running().unwrap();
            let advanced = tokio::time::timeout(Duration::from_secs(10), running.next()).await;
            advanced.expect("the epoch advances");
            drop(running);
            // Long enough for the thread to see that no call runs.
            tokio::time::sleep(3 * EPOCH).await;
        }
    }
}
