//! What the plugins of a process share: the engine, its epochs, and the memory that instances run in.

use super::time::{Running, Ticker};
use std::sync::OnceLock;
use tokio::sync::{Semaphore, SemaphorePermit};
use wasmtime::{Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Result};

/// Calls that run at a time in a process; more wait for one of them. Each has 8 GiB of addresses reserved, and no memory before it runs.
const CALLS: u32 = 500;
/// What a component may be made of. The embedded one has three instances, one memory and two tables; one that is composed has more.
const INSTANCES: u32 = 12;
const MEMORIES: u32 = 2;
const TABLES: u32 = 4;
/// Memory that an instance leaves to the next, wiped, in bytes: what a call uses, so that the kernel needn't take it away and give it back.
const KEPT: usize = 1024 * 1024;
/// The same of its stack, where the rest goes back to the kernel.
const STACK_KEPT: usize = 32 * 1024;

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
                let ground = Self::new(reserved, CALLS)?;
                Ok(shared.get_or_init(|| ground))
            }
        }
    }

    fn new(reserved: bool, calls: u32) -> Result<Self> {
        let mut config = crate::engine::config();
        if reserved {
            config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(calls)));
            // What one call leaves on its stack is nothing for the next.
            config.async_stack_zeroing(true);
        }
        // Where so many addresses can't be had, room is made for each call.
        let engine = Engine::new(&config).or_else(|error| {
            tracing::debug!(%error, "no room can be reserved");
            Engine::new(&crate::engine::config())
        })?;
        let ticker = Ticker::start(&engine)?;
        Ok(Self { engine, ticker, rooms: Semaphore::new(calls as usize) })
    }

    /// Waits for room, in the order of asking.
    pub(crate) async fn room(&self) -> Room<'_> {
        let room = match self.rooms.try_acquire() {
            Ok(room) => room,
            Err(_) => {
                tracing::debug!("all calls that may run at a time do: waiting for one of them");
                // Never closed, so it is always given.
                self.rooms.acquire().await.expect("the semaphore is never closed")
            }
        };
        Room { _room: room, running: self.ticker.running() }
    }
}

fn pool(calls: u32) -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(calls)
        .total_core_instances(calls * INSTANCES)
        .total_memories(calls * MEMORIES)
        .total_tables(calls * TABLES)
        .total_stacks(calls)
        .max_core_instances_per_component(INSTANCES)
        .max_memories_per_component(MEMORIES)
        .max_tables_per_component(TABLES)
        .max_tables_per_module(TABLES)
        .table_elements(super::TABLE_ELEMENTS)
        .linear_memory_keep_resident(KEPT)
        .table_keep_resident(KEPT)
        .async_stack_keep_resident(STACK_KEPT)
        // So that only what was written to is wiped, where the kernel can tell.
        .pagemap_scan(Enabled::Auto);
    pool
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builder::Timeouts;
    use crate::code::PRECOMPILED;
    use crate::edge::Edge;
    use crate::edge::token::Token;
    use crate::sandbox::{self, Limits};
    use crate::{Content, Error, Plugin, PutOptions, ServiceVersion, Stored, TimeoutKind};
    use fastly_package_emulator::sample;
    use http::Method;
    use std::task::Poll;
    use std::time::Duration;
    use wasmtime::component::Component;

    fn edge() -> Edge {
        let token = Token::new("a-token-of-32-characters-or-so-00").unwrap();
        let target = ServiceVersion::new("service", 1).unwrap();
        let edges = Plugin::builder().token(token).no_proxy().edges().unwrap();
        edges.edge(Method::GET, &target)
    }

    #[tokio::test]
    async fn there_is_room_for_as_many_calls_as_are_let_in_and_no_more_are() {
        let ground = Ground::new(true, CALLS).unwrap();
        let reserved = ground.engine.pooling_allocator_metrics().expect("room is reserved");
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
        assert_eq!(reserved.component_instances(), u64::from(CALLS));
        let mut next = std::pin::pin!(ground.room());
        assert!(std::future::poll_fn(|cx| Poll::Ready(next.as_mut().poll(cx))).await.is_pending());
        calls.pop();
        next.await;
    }

    #[tokio::test]
    async fn a_call_that_gets_no_room_in_time_has_sent_nothing() {
        let ground: &'static Ground = Box::leak(Box::new(Ground::new(false, 1).unwrap()));
        let total = Some(Duration::from_millis(20));
        let plugin = Plugin::builder()
            .token(Token::new("a-token-of-32-characters-or-so-00").unwrap())
            .timeouts(Timeouts { total, ..Timeouts::default() })
            .build_on(ground)
            .unwrap();
        let _room = ground.room().await;
        let target = ServiceVersion::new("service", 1).unwrap();
        let got = plugin.get_package(&target).await.map(drop);
        let content = Content::from_bytes(sample::package(Default::default())).unwrap();
        let put = plugin.put_package(&target, content, PutOptions::default()).await.map(drop);
        for (result, read) in [(got, None), (put, Some(0))] {
            let Err(Error::Timeout(error)) = result else { panic!("{result:?}") };
            assert_eq!((error.kind, error.stored), (TimeoutKind::Total, Stored::No));
            assert_eq!(error.upload.map(|upload| upload.read), read);
        }
    }
}
