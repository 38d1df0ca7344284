//! Explores the schedules of what the calls of a plugin share, in the product's own source files. Prints how many schedules each model has taken.

#[path = "../../host/src/outbound/idle.rs"]
mod idle;
#[path = "../../host/src/service_locks.rs"]
mod service_locks;
#[path = "../../host/src/outbound/exchange/slot.rs"]
mod slot;

/// Takes the place of `host/src/sync.rs`.
mod sync {
    pub(crate) use shuttle::sync::{Arc, Mutex, MutexGuard};
    pub(crate) use std::sync::{PoisonError, Weak};
}

use idle::IdleStack;
use service_locks::ServiceLocks;
use shuttle::scheduler::{DfsScheduler, PctScheduler};
use shuttle::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use shuttle::{Config, FailurePersistence, Runner, future, thread};
use slot::Slot;
use std::panic::catch_unwind;
use std::sync::Arc;
use tokio::sync::oneshot;

/// The maximum number of schedules of a model with too many to take them all.
const SCHEDULES: usize = 30_000;

fn main() {
    explore("after the end of an exchange nothing is sent", end_while_driving);
    explore("the end of an exchange wakes its driver", end_while_waiting);
    explore("a connection has one exchange at a time, and none leaks", || calls(finish));
    explore("one upload to a service at a time", uploads);
    let mut quiet = Config::new();
    quiet.failure_persistence = FailurePersistence::None;
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| ()));
    let seeded = catch_unwind(|| {
        Runner::new(PctScheduler::new(3, SCHEDULES), quiet).run(|| calls(give_back_before_the_end))
    });
    std::panic::set_hook(hook);
    assert!(seeded.is_err(), "a connection that is given back too early is not noticed");
    println!("a seeded bug is found: a connection is given back before the end of its exchange");
}

/// Takes all schedules of a small model, or many of a large one.
fn explore(property: &str, model: fn()) {
    let all = Runner::new(DfsScheduler::new(Some(SCHEDULES), false), Config::default()).run(model);
    let random = PctScheduler::new(3, SCHEDULES / 10);
    let random = Runner::new(random, Config::default()).run(model);
    let exhausted = if all < SCHEDULES { "all" } else { "the first" };
    println!("{property}: {exhausted} {all} schedules, and {random} random ones");
}

/// A call is ended while its connection is driven.
fn end_while_driving() {
    let slot = Arc::new(Slot::<(), ()>::default());
    let sent = Arc::new(AtomicUsize::new(0));
    let driver = {
        let (slot, sent) = (slot.clone(), sent.clone());
        thread::spawn(move || {
            // The first connection is closed before anything is sent over it.
            let mut is_closed = true;
            if slot.open(()) {
                slot.drive(|()| std::mem::take(&mut is_closed));
            }
            if slot.open(()) {
                for _ in 0..2 {
                    slot.drive(|()| {
                        sent.fetch_add(1, SeqCst);
                        false
                    });
                }
                slot.finish(|()| Some(()));
            }
        })
    };
    slot.end();
    let sent_before_the_end = sent.load(SeqCst);
    driver.join().unwrap();
    assert_eq!(sent.load(SeqCst), sent_before_the_end);
    let is_whole = sent_before_the_end == 2;
    assert!(is_whole || slot.take_reusable().is_none());
}

/// A call is ended while it waits for a response. A driver that is not woken is a deadlock, which the runner reports.
fn end_while_waiting() {
    let slot = Arc::new(Slot::<oneshot::Sender<()>, ()>::default());
    let driver = {
        let slot = slot.clone();
        thread::spawn(move || {
            let (connection, response) = oneshot::channel();
            if slot.open(connection) {
                future::block_on(response).expect_err("the connection was dropped");
            }
        })
    };
    slot.end();
    driver.join().unwrap();
}

/// A connection that notices when two exchanges use it at once.
struct Connection {
    users: AtomicUsize,
    open: Arc<AtomicUsize>,
}

impl Connection {
    fn new(open: &Arc<AtomicUsize>) -> Self {
        open.fetch_add(1, SeqCst);
        Self { users: AtomicUsize::new(0), open: open.clone() }
    }

    fn exchange(&self, step: impl FnOnce()) {
        assert_eq!(self.users.fetch_add(1, SeqCst), 0, "two exchanges use a connection");
        step();
        self.users.fetch_sub(1, SeqCst);
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.open.fetch_sub(1, SeqCst);
    }
}

type Shared = Arc<IdleStack<Arc<Connection>>>;
type SharedSlot = Slot<Arc<Connection>, Arc<Connection>>;

/// Two calls over one stack of idle connections, each of which may be ended at any time.
fn calls(call: fn(&Shared, Arc<Connection>, &SharedSlot)) {
    let (idle, open) = (Shared::default(), Arc::new(AtomicUsize::new(0)));
    let threads: Vec<_> = (0..2)
        .map(|_| {
            let (idle, open) = (idle.clone(), open.clone());
            thread::spawn(move || {
                let slot = Arc::new(Slot::default());
                let canceller = {
                    let slot = slot.clone();
                    thread::spawn(move || slot.end())
                };
                idle.retain(|_| true);
                let connection = idle.pop(|_| true);
                let connection = connection.unwrap_or_else(|| Arc::new(Connection::new(&open)));
                call(&idle, connection, &slot);
                canceller.join().unwrap();
                if let Some(connection) = slot.take_reusable() {
                    idle.push(connection);
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    let mut kept = 0;
    while let Some(connection) = idle.pop(|_| true) {
        kept += 1;
        drop(connection);
    }
    assert!(kept <= 2);
    assert_eq!(open.load(SeqCst), 0, "a connection leaks");
}

fn finish(_: &Shared, connection: Arc<Connection>, slot: &SharedSlot) {
    if slot.open(connection) {
        slot.drive(|connection| {
            connection.exchange(thread::yield_now);
            false
        });
        slot.finish(Some);
    }
}

/// The same with a bug: the connection is given back while it is used.
fn give_back_before_the_end(idle: &Shared, connection: Arc<Connection>, slot: &SharedSlot) {
    if slot.open(connection.clone()) {
        idle.push(connection);
        slot.drive(|connection| {
            connection.exchange(thread::yield_now);
            true
        });
    }
}

fn uploads() {
    let locks = Arc::new(ServiceLocks::default());
    let uploading: Arc<[AtomicUsize; 2]> = Arc::default();
    let threads: Vec<_> = [0, 0, 1]
        .map(|service| {
            let (locks, uploading) = (locks.clone(), uploading.clone());
            thread::spawn(move || {
                future::block_on(async {
                    let permit = locks.acquire(["a", "b"][service]).await;
                    assert_eq!(uploading[service].fetch_add(1, SeqCst), 0, "two uploads");
                    thread::yield_now();
                    uploading[service].fetch_sub(1, SeqCst);
                    drop(permit);
                });
            })
        })
        .into();
    for thread in threads {
        thread.join().unwrap();
    }
}
