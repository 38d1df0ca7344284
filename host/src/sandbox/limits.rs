//! The limits on the component in one call.

use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};
use wasmtime::{Error, ResourceLimiter, Result};

/// The limits on the component in one call. A call that exceeds one fails with [`ErrorKind::Component`](crate::ErrorKind::Component), and the message
/// names the limit.
///
/// Other limits are fixed:
///
/// | limit | kind of error |
/// |---|---|
/// | 100,000 table elements, 100 core instances, 16 memories, 64 tables | `Component` |
/// | 4 KiB of random bytes at a time, 16 MiB for the values of one call of a function | `Component` |
/// | one request, even if it is denied; a `Content-Length` of 1 MiB more than the package | `Denied` |
/// | a body of 1 MiB more than the package; 64 informational responses | `Transport` |
///
/// ```
/// use fastly_package::Limits;
///
/// let limits = Limits { memory: 16 * 1024 * 1024, ..Limits::default() };
/// assert_eq!(limits.compute.as_secs(), 5);
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The time that the component computes. Waiting for the network or the content is not included. Default: 5 s.
    pub compute: Duration,
    /// The time that the call's task keeps a thread busy: the time that the component computes, and that of the host's functions that it calls. Waiting and
    /// sending are not included. Default: 30 s; an upload of 100 MB needs less than a second.
    pub busy: Duration,
    /// The linear memories together, in bytes. Default: 64 MiB; the largest response needs about 4 MiB.
    pub memory: usize,
    /// The number of streams, requests, header maps and other resources at a time. Default: 64; an upload needs about 15. The body of each request
    /// accounts for three of them, and can buffer 2 MiB outside the sandbox.
    pub resources: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            compute: Duration::from_secs(5),
            busy: Duration::from_secs(30),
            memory: 64 * 1024 * 1024,
            resources: 64,
        }
    }
}

/// The maximum number of elements of all tables together.
pub(super) const TABLE_ELEMENTS: usize = 100_000;
/// The maximum size of the values that a function of the host takes or a function of the component returns, in bytes.
pub(super) const VALUE_BYTES: usize = 16 * 1024 * 1024;

/// The size of what a component has allocated. wasmtime's own limiter counts each memory and each table for itself.
pub(super) struct Allocations {
    memory: usize,
    table_elements: usize,
    limit: usize,
}

impl Allocations {
    pub(super) fn new(limits: &Limits) -> Self {
        Self { memory: 0, table_elements: 0, limit: limits.memory }
    }
}

/// Adds the growth from `current` to `desired` to `total`. Exceeding the limit traps, so that the error names it; exceeding the component's own maximum
/// fails without allocating anything.
fn grow(
    total: &mut usize,
    limit: usize,
    (current, desired, maximum): (usize, usize, Option<usize>),
    exceeded: impl FnOnce() -> String,
) -> Result<bool> {
    if maximum.is_some_and(|maximum| desired > maximum) {
        return Ok(false);
    }
    *total = total.saturating_add(desired - current);
    match *total > limit {
        true => Err(Error::msg(exceeded())),
        false => Ok(true),
    }
}

impl ResourceLimiter for Allocations {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> Result<bool> {
        let limit = self.limit;
        let exceeded = || format!("its memories exceed {limit} bytes");
        grow(&mut self.memory, limit, (current, desired, maximum), exceeded)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> Result<bool> {
        let exceeded = || format!("its tables exceed {TABLE_ELEMENTS} elements");
        grow(&mut self.table_elements, TABLE_ELEMENTS, (current, desired, maximum), exceeded)
    }

    fn instances(&self) -> usize {
        100
    }

    fn memories(&self) -> usize {
        16
    }

    fn tables(&self) -> usize {
        64
    }
}

/// The maximum time of a poll that counts. A component yields after each epoch, which is shorter.
const MAX_POLL: Duration = Duration::from_millis(200);

/// Runs a call until it ends, or has kept a thread busy for longer than `limit`.
pub(crate) async fn limit_busy<T>(
    limit: Duration,
    call: impl Future<Output = Result<T>>,
) -> Result<T> {
    let mut call = pin!(call);
    let mut busy = Duration::ZERO;
    std::future::poll_fn(|cx| {
        let start = Instant::now();
        let result = call.as_mut().poll(cx);
        // A process that is stopped or swapped out is not busy.
        busy += start.elapsed().min(MAX_POLL);
        match result.is_pending() && busy > limit {
            true => Poll::Ready(Err(Error::msg(format!("it was busy for longer than {limit:?}")))),
            false => result,
        }
    })
    .await
}
