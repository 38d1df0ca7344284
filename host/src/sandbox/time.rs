//! Time spent computing, and the epochs by which it is bounded.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::Thread;
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use wasmtime::{CallHook, Engine, EngineWeak};

/// Time spent inside the sandbox: from each entry to the next exit.
///
/// A component that computes is interrupted at every tick and lets others run, which nothing here hears of. So what lies between two
/// looks counts for two ticks at most.
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

    pub(super) fn ticked(&mut self) -> Duration {
        self.before = self.so_far();
        self.entered = Some(Instant::now());
        self.before
    }

    fn so_far(&self) -> Duration {
        self.before + self.entered.map_or(Duration::ZERO, |entered| entered.elapsed().min(2 * TICK))
    }
}

/// Advances an engine's epoch while calls run on it, so that a component that computes lets others run and can be stopped.
///
/// A thread and not a task: on a runtime of one thread the component would be in the task's way.
pub(super) struct Ticker {
    shared: Arc<Shared>,
    thread: Thread,
}

#[derive(Default)]
struct Shared {
    calls: AtomicUsize,
    ticked: Notify,
}

const TICK: Duration = Duration::from_millis(20);

impl Ticker {
    pub(super) fn start(engine: &Engine) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let engine = engine.weak();
        let ticking = shared.clone();
        let thread = std::thread::Builder::new()
            .name("fastly-package-epoch".into())
            .spawn(move || tick(&engine, &ticking))?
            .thread()
            .clone();
        Ok(Self { shared, thread })
    }

    /// The epoch advances until what this returns is dropped.
    pub(super) fn running(&self) -> Running {
        if self.shared.calls.fetch_add(1, Ordering::AcqRel) == 0 {
            self.thread.unpark();
        }
        Running(self.shared.clone())
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        // It finds the engine gone, or goes back to sleep until it is.
        self.shared.calls.fetch_add(1, Ordering::AcqRel);
        self.thread.unpark();
    }
}

pub(super) struct Running(Arc<Shared>);

impl Running {
    /// Returns at the next tick, at no cost to the runtime.
    pub(super) async fn ticked(&self) {
        self.0.ticked.notified().await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.calls.fetch_sub(1, Ordering::AcqRel);
    }
}

fn tick(engine: &EngineWeak, shared: &Shared) {
    loop {
        while shared.calls.load(Ordering::Acquire) == 0 {
            std::thread::park();
        }
        std::thread::sleep(TICK);
        match engine.upgrade() {
            Some(engine) => engine.increment_epoch(),
            None => return,
        }
        shared.ticked.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_ticker_that_slept_ticks_again_when_a_call_runs() {
        let engine = Engine::default();
        let ticker = Ticker::start(&engine).unwrap();
        for _ in 0..3 {
            let running = ticker.running();
            let ticked = tokio::time::timeout(Duration::from_secs(10), running.ticked()).await;
            ticked.expect("it ticks");
            drop(running);
            // Long enough for it to find that nothing runs.
            tokio::time::sleep(3 * TICK).await;
        }
    }
}
