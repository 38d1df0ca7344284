//! The sandbox: what the component may import, the store that a call runs in, and its limits.

mod epoch;
mod limits;
mod shared_engine;

use crate::outbound::RequestHooks;
use epoch::ComputeTime;
pub use limits::Limits;
pub(crate) use limits::limit_busy;
use limits::{Allocations, TABLE_ELEMENTS, VALUE_BYTES};
pub(crate) use shared_engine::{CallPermit, SharedEngine};
use wasmtime::component::{HasData, Linker, ResourceTable};
use wasmtime::{Engine, Result, Store, UpdateDeadline};
use wasmtime_wasi::p2::bindings::{io, random::random};
use wasmtime_wasi::random::WasiRandomCtx;
use wasmtime_wasi_http::p2::bindings::http;
use wasmtime_wasi_http::{WasiHttp, WasiHttpCtx, WasiHttpCtxView};

/// The state of the component's imports, for one call. Hosts with a store of their own keep it in the store's state.
pub struct PluginCtx {
    /// The resources of the component, such as the content's stream.
    pub table: ResourceTable,
    /// The hooks of `wasi:http`.
    pub hooks: RequestHooks,
    http: WasiHttpCtx,
    random: Random,
}

impl PluginCtx {
    /// Creates the state of a call whose requests go through `hooks`.
    pub fn new(hooks: RequestHooks) -> Self {
        Self {
            table: ResourceTable::new(),
            hooks,
            http: WasiHttpCtx::new(),
            random: Random::default(),
        }
    }
}

/// Gives access to the [`PluginCtx`] in the state of a store.
pub trait PluginView: Send {
    /// Returns the state of the component's imports.
    fn plugin(&mut self) -> &mut PluginCtx;
}

/// Adds what the component may import to a linker, and nothing else: `wasi:http`, `wasi:io` and `wasi:random`.
///
/// # Errors
///
/// Fails if the linker has one of them already.
pub fn add_to_linker<T: PluginView + 'static>(linker: &mut Linker<T>) -> Result<()> {
    fn table<T: PluginView>(state: &mut T) -> &mut ResourceTable {
        &mut state.plugin().table
    }
    fn http<T: PluginView>(state: &mut T) -> WasiHttpCtxView<'_> {
        let PluginCtx { table, hooks, http, .. } = state.plugin();
        WasiHttpCtxView { hooks, table, ctx: http }
    }
    io::error::add_to_linker::<T, HasTable>(linker, table)?;
    io::poll::add_to_linker::<T, HasTable>(linker, table)?;
    io::streams::add_to_linker::<T, HasTable>(linker, table)?;
    random::add_to_linker::<T, HasRandom>(linker, |state| &mut state.plugin().random)?;
    http::outgoing_handler::add_to_linker::<T, WasiHttp>(linker, http)?;
    http::types::add_to_linker::<T, WasiHttp>(linker, &http::types::LinkOptions::default(), http)?;
    Ok(())
}

struct HasTable;

impl HasData for HasTable {
    type Data<'a> = &'a mut ResourceTable;
}

/// Random bytes, in limited amounts: no limit on the component accounts for their generation.
#[derive(Default)]
struct Random(WasiRandomCtx);

/// The maximum number of random bytes at a time. A boundary takes 16.
const RANDOM_BYTES: u64 = 4096;

struct HasRandom;

impl HasData for HasRandom {
    type Data<'a> = &'a mut Random;
}

impl random::Host for Random {
    fn get_random_bytes(&mut self, length: u64) -> Result<Vec<u8>> {
        if length > RANDOM_BYTES {
            let reason =
                format!("it requests {length} random bytes at once, more than {RANDOM_BYTES}");
            return Err(wasmtime::Error::msg(reason));
        }
        self.0.get_random_bytes(length)
    }

    fn get_random_u64(&mut self) -> Result<u64> {
        self.0.get_random_u64()
    }
}

/// The state of one call of a `Plugin`.
pub(crate) struct State {
    pub(crate) plugin: PluginCtx,
    allocations: Allocations,
    compute: ComputeTime,
}

impl PluginView for State {
    fn plugin(&mut self) -> &mut PluginCtx {
        &mut self.plugin
    }
}

/// Creates a store for one call.
pub(crate) fn store(engine: &Engine, hooks: RequestHooks, limits: &Limits) -> Store<State> {
    let mut plugin = PluginCtx::new(hooks);
    plugin.table.set_max_capacity(limits.resources);
    let allocations = Allocations::new(limits);
    let mut store =
        Store::new(engine, State { plugin, allocations, compute: ComputeTime::default() });
    store.limiter(|state| &mut state.allocations);
    store.set_hostcall_fuel(VALUE_BYTES);
    store.call_hook(|mut context, hook| {
        context.data_mut().compute.crossed(hook);
        Ok(())
    });
    let limit = limits.compute;
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(move |mut context| {
        if context.data_mut().compute.advanced() > limit {
            return Err(wasmtime::Error::msg(format!("it computed for longer than {limit:?}")));
        }
        Ok(UpdateDeadline::Yield(1))
    });
    store
}
