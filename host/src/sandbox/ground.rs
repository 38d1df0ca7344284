//! What the plugins of a process share: the engine, its epochs, and the memory that instances run in.

use super::time::{Running, Ticker};
use std::sync::OnceLock;
use tokio::sync::{Semaphore, SemaphorePermit};
use wasmtime::{Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Result};

/// Calls that run at a time in a process; more wait for one of them. Each has 8 GiB of addresses reserved, but no memory.
const CALLS: u32 = 500;
/// What a component may be made of. The embedded one has three instances, one memory and two tables; one that is composed has more.
const INSTANCES: u32 = 12;
const MEMORIES: u32 = 2;
const TABLES: u32 = 4;
/// Memory that an instance leaves to the next, wiped, in bytes: what a call uses, so that the kernel needn't take it away and give it back.
const KEPT: usize = 1024 * 1024;

/// One for all plugins: a reservation of addresses for each would soon use them up.
pub(crate) struct Ground {
    pub(crate) engine: Engine,
    ticker: Ticker,
    rooms: Semaphore,
}

/// Room for one call, while which the epochs advance.
pub(crate) struct Room<'a> {
    _room: SemaphorePermit<'a>,
    running: Running,
}

impl Room<'_> {
    /// Returns at the next tick, within milliseconds.
    pub(crate) async fn next_tick(&self) {
        self.running.ticked().await;
    }
}

impl Ground {
    /// The one where room is reserved, or the one where it is made for each call.
    pub(crate) fn shared(reserved: bool) -> Result<&'static Self> {
        static RESERVED: OnceLock<Ground> = OnceLock::new();
        static MADE: OnceLock<Ground> = OnceLock::new();
        let shared = if reserved { &RESERVED } else { &MADE };
        match shared.get() {
            Some(ground) => Ok(ground),
            None => {
                let ground = Self::new(reserved)?;
                Ok(shared.get_or_init(|| ground))
            }
        }
    }

    fn new(reserved: bool) -> Result<Self> {
        let mut config = crate::engine::config();
        if reserved {
            config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool()));
        }
        // Where so many addresses can't be had, room is made for each call.
        let engine = Engine::new(&config).or_else(|error| {
            tracing::debug!(%error, "no room can be reserved");
            Engine::new(&crate::engine::config())
        })?;
        let ticker = Ticker::start(&engine)?;
        Ok(Self { engine, ticker, rooms: Semaphore::new(CALLS as usize) })
    }

    /// Waits for room, in the order of asking.
    pub(crate) async fn room(&self) -> Room<'_> {
        // Never closed, so it is always given.
        let room = self.rooms.acquire().await.expect("the semaphore is never closed");
        Room { _room: room, running: self.ticker.running() }
    }
}

fn pool() -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(CALLS)
        .total_core_instances(CALLS * INSTANCES)
        .total_memories(CALLS * MEMORIES)
        .total_tables(CALLS * TABLES)
        .total_stacks(CALLS)
        .max_core_instances_per_component(INSTANCES)
        .max_memories_per_component(MEMORIES)
        .max_tables_per_component(TABLES)
        .max_tables_per_module(TABLES)
        .table_elements(super::TABLE_ELEMENTS)
        .linear_memory_keep_resident(KEPT)
        .table_keep_resident(KEPT)
        // So that only what was written to is wiped, where the kernel can tell.
        .pagemap_scan(Enabled::Auto);
    pool
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::FASTLY_API;
    use crate::builder::{PRECOMPILED, Timeouts};
    use crate::edge::connect::Connector;
    use crate::edge::egress::EgressPolicy;
    use crate::edge::token::Token;
    use crate::edge::watch::Watch;
    use crate::edge::{self, Edge};
    use crate::sandbox::{self, Limits};
    use crate::{ApiUrl, ServiceVersion};
    use http::Method;
    use std::task::Poll;
    use wasmtime::component::Component;

    fn edge() -> Edge {
        let api: ApiUrl = FASTLY_API.parse().unwrap();
        let target = ServiceVersion::new("service", 1).unwrap();
        let policy = EgressPolicy::new(&api, Method::GET, &target);
        let token = Token::new("a-token-of-32-characters-or-so-00").unwrap();
        let connector = Connector::new(Timeouts::default(), None, Vec::new());
        Edge::new(policy, token, edge::pool(connector), Watch::default())
    }

    #[tokio::test]
    async fn there_is_room_for_as_many_calls_as_are_let_in_and_no_more_are() {
        let ground = Ground::new(true).unwrap();
        // SAFETY: the bytes are those that the build script compiled.
        let component = unsafe { Component::deserialize(&ground.engine, PRECOMPILED) }.unwrap();
        let linker = sandbox::linker(&ground.engine).unwrap();
        let linked = linker.instantiate_pre(&component).unwrap();
        let mut calls = Vec::new();
        for _ in 0..CALLS {
            let room = ground.room().await;
            let mut store = sandbox::store(&ground.engine, edge(), &Limits::default());
            linked.instantiate_async(&mut store).await.expect("there is room");
            calls.push((store, room));
        }
        let mut next = std::pin::pin!(ground.room());
        assert!(std::future::poll_fn(|cx| Poll::Ready(next.as_mut().poll(cx))).await.is_pending());
        calls.pop();
        next.await;
    }
}
