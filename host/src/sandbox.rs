//! The store that a call runs in, and the limits on what runs there.

mod ground;
mod time;

use crate::edge::Edge;
pub(crate) use ground::{Ground, Room};
use std::time::Duration;
use time::ComputeTime;
use wasmtime::component::{HasData, Linker, ResourceTable};
use wasmtime::{Engine, Result, Store, StoreLimits, StoreLimitsBuilder, UpdateDeadline};
use wasmtime_wasi::p2::bindings::random::random;
use wasmtime_wasi::random::WasiRandomCtx;
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

/// What a component may use up in one call. Past one of these the call fails with [`Error::Component`](crate::Error::Component).
///
/// ```
/// use fastly_package::Limits;
///
/// let limits = Limits { memory: 16 * 1024 * 1024, ..Limits::default() };
/// assert_eq!(limits.compute.as_secs(), 5);
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Time spent computing inside the sandbox; waiting for the network or the content doesn't count. Default: 5 s.
    pub compute: Duration,
    /// Linear memory, in bytes. Default: 64 MiB; the largest answer needs about 4.
    pub memory: usize,
    /// Streams, requests, header maps and other resources that it holds at a time. Default: 64, of which an upload needs about 15. Each
    /// request's body, which is three of them, may keep 2 MiB outside the sandbox.
    pub resources: usize,
}

/// Elements that a table may have.
const TABLE_ELEMENTS: usize = 100_000;

impl Default for Limits {
    fn default() -> Self {
        Self { compute: Duration::from_secs(5), memory: 64 * 1024 * 1024, resources: 64 }
    }
}

/// The state of one call.
pub(crate) struct State {
    pub(crate) table: ResourceTable,
    edge: Edge,
    http: WasiHttpCtx,
    random: Random,
    memory: StoreLimits,
    compute: ComputeTime,
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { hooks: &mut self.edge, table: &mut self.table, ctx: &mut self.http }
    }
}

struct HasTable;

impl HasData for HasTable {
    type Data<'a> = &'a mut ResourceTable;
}

/// Random bytes, few at a time: making them is work that no limit on the component counts.
#[derive(Default)]
struct Random(WasiRandomCtx);

/// A boundary takes 16 of them.
const RANDOM_BYTES: u64 = 4096;

struct HasRandom;

impl HasData for HasRandom {
    type Data<'a> = &'a mut Random;
}

impl random::Host for Random {
    fn get_random_bytes(&mut self, length: u64) -> Result<Vec<u8>> {
        if length > RANDOM_BYTES {
            let why = format!("it wants {length} random bytes at once, more than {RANDOM_BYTES}");
            return Err(wasmtime::Error::msg(why));
        }
        self.0.get_random_bytes(length)
    }

    fn get_random_u64(&mut self) -> Result<u64> {
        self.0.get_random_u64()
    }
}

/// Links what the component may import and nothing else.
pub(crate) fn linker(engine: &Engine) -> Result<Linker<State>> {
    use wasmtime_wasi::p2::bindings::io;
    let mut linker = Linker::new(engine);
    io::error::add_to_linker::<State, HasTable>(&mut linker, |state| &mut state.table)?;
    io::poll::add_to_linker::<State, HasTable>(&mut linker, |state| &mut state.table)?;
    io::streams::add_to_linker::<State, HasTable>(&mut linker, |state| &mut state.table)?;
    random::add_to_linker::<State, HasRandom>(&mut linker, |state| &mut state.random)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    Ok(linker)
}

/// A fresh store for one call.
pub(crate) fn store(engine: &Engine, edge: Edge, limits: &Limits) -> Store<State> {
    let mut table = ResourceTable::new();
    table.set_max_capacity(limits.resources);
    // A component has one memory and a few tables; growing past the limit is its end, so that the error says why.
    let memory = StoreLimitsBuilder::new()
        .memory_size(limits.memory)
        .table_elements(TABLE_ELEMENTS)
        .instances(100)
        .trap_on_grow_failure(true)
        .build();
    let state = State {
        table,
        edge,
        http: WasiHttpCtx::new(),
        random: Random::default(),
        memory,
        compute: ComputeTime::default(),
    };
    let mut store = Store::new(engine, state);
    store.limiter(|state| &mut state.memory);
    store.call_hook(|mut context, hook| {
        context.data_mut().compute.crossed(hook);
        Ok(())
    });
    let limit = limits.compute;
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(move |mut context| {
        if context.data_mut().compute.ticked() > limit {
            return Err(wasmtime::Error::msg(format!("it computed for longer than {limit:?}")));
        }
        Ok(UpdateDeadline::Yield(1))
    });
    store
}
