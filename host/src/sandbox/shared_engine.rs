//! The engines that the plugins of a process share, and the number of calls on them.

use super::epoch::{EpochThread, Running};
use std::collections::BTreeMap;
use std::io;
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use tokio::sync::{Semaphore, SemaphorePermit};
use wasmtime::{Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Result};

/// The maximum number of concurrent calls on an engine that allocates instances on demand.
const ON_DEMAND_CALLS: u32 = 500;
/// The parts of a component, in a pool. The embedded component has three core instances, one memory and two tables; a composed one has more.
const INSTANCES: u32 = 12;
const MEMORIES: u32 = 2;
const TABLES: u32 = 4;
/// The bytes of memory that stay resident for the next instance, zeroed: as much as a call uses, so that the kernel needn't unmap and map it.
const RESIDENT: usize = 1024 * 1024;
/// The same for the stack.
const STACK_RESIDENT: usize = 32 * 1024;

/// An engine that plugins share: a pool for each plugin would soon exhaust the address space.
pub(crate) struct SharedEngine {
    pub(crate) engine: Engine,
    epochs: EpochThread,
    permits: Semaphore,
}

/// The permission to make a call. The epochs advance until it is dropped.
pub(crate) struct CallPermit<'a> {
    _permit: SemaphorePermit<'a>,
    running: Running,
}

impl CallPermit<'_> {
    /// Waits for the next epoch: some milliseconds.
    pub(crate) async fn next_epoch(&self) {
        self.running.next().await;
    }
}

impl SharedEngine {
    /// Returns the process's engine with a pool of this size, or the one that allocates instances on demand.
    pub(crate) fn shared(pool_size: Option<NonZeroU32>) -> Result<&'static Self> {
        static ENGINES: Mutex<BTreeMap<Option<NonZeroU32>, &'static SharedEngine>> =
            Mutex::new(BTreeMap::new());
        let mut engines = ENGINES.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(engine) = engines.get(&pool_size) {
            return Ok(engine);
        }
        // Plugins come and go, and the epoch thread and the pool are too expensive to create for each of them.
        let engine: &'static Self = Box::leak(Box::new(Self::new(pool_size)?));
        engines.insert(pool_size, engine);
        Ok(engine)
    }

    fn new(pool_size: Option<NonZeroU32>) -> Result<Self> {
        Self::with_permits(pool_size, pool_size.map_or(ON_DEMAND_CALLS, NonZeroU32::get))
    }

    fn with_permits(pool_size: Option<NonZeroU32>, permits: u32) -> Result<Self> {
        let on_demand = crate::engine::config;
        let engine = match pool_size {
            Some(size) => {
                let mut config = on_demand();
                config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(size.get())));
                // A call must not see what another one left on its stack.
                config.async_stack_zeroing(true);
                Engine::new(&config).or_else(|error| {
                    tracing::debug!(%error, "can't reserve a pool: instances are allocated on demand");
                    Engine::new(&on_demand())
                })?
            }
            None => Engine::new(&on_demand())?,
        };
        let epochs = EpochThread::start(&engine)?;
        Ok(Self { engine, epochs, permits: Semaphore::new(permits as usize) })
    }

    /// Waits for a permit. Permits are given in the order of the calls.
    ///
    /// # Errors
    ///
    /// Fails in a forked process that can't start a thread.
    pub(crate) async fn permit(&self) -> io::Result<CallPermit<'_>> {
        let permit = match self.permits.try_acquire() {
            Ok(permit) => permit,
            Err(_) => {
                tracing::debug!("waiting for another call to end");
                self.permits.acquire().await.expect("the semaphore is never closed")
            }
        };
        Ok(CallPermit { _permit: permit, running: self.epochs.running()? })
    }
}

fn pool(calls: u32) -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(calls)
        .total_core_instances(calls.saturating_mul(INSTANCES))
        .total_memories(calls.saturating_mul(MEMORIES))
        .total_tables(calls.saturating_mul(TABLES))
        .total_stacks(calls)
        .max_core_instances_per_component(INSTANCES)
        .max_memories_per_component(MEMORIES)
        .max_tables_per_component(TABLES)
        .max_tables_per_module(TABLES)
        .table_elements(super::TABLE_ELEMENTS)
        .linear_memory_keep_resident(RESIDENT)
        .table_keep_resident(RESIDENT)
        .async_stack_keep_resident(STACK_RESIDENT)
        // Zeroes only written pages, if the kernel can tell them.
        .pagemap_scan(Enabled::Auto);
    pool
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::component::PRECOMPILED;
    use crate::outbound::RequestHooks;
    use crate::sandbox::{self, Limits};
    use crate::token::Token;
    use crate::{
        Content, ErrorKind, Operation, Plugin, PutOptions, ServiceVersion, Stored, TimeoutPhase,
        Timeouts,
    };
    use fastly_package_emulator::sample;
    use std::task::Poll;
    use std::time::Duration;
    use wasmtime::component::{Component, Linker};

    const CALLS: u32 = 20;

    fn hooks() -> RequestHooks {
        let token = Token::new("a-token-of-32-characters-or-so-00").unwrap();
        let outbound = Plugin::builder().token(token).no_proxy().outbound_http().unwrap();
        outbound.hooks(Operation::GetPackage, "service", 1)
    }

    #[tokio::test]
    async fn a_pool_holds_as_many_calls_as_there_are_permits() {
        let shared = SharedEngine::new(NonZeroU32::new(CALLS)).unwrap();
        let pool = shared.engine.pooling_allocator_metrics().expect("the pool is reserved");
        // SAFETY: the build script compiled the bytes.
        let component = unsafe { Component::deserialize(&shared.engine, PRECOMPILED) }.unwrap();
        let mut linker = Linker::new(&shared.engine);
        sandbox::add_to_linker(&mut linker).unwrap();
        let linked = linker.instantiate_pre(&component).unwrap();
        let mut calls = Vec::new();
        for _ in 0..CALLS {
            let permit = shared.permit().await;
            let mut store = sandbox::store(&shared.engine, hooks(), &Limits::default());
            linked.instantiate_async(&mut store).await.expect("the pool is large enough");
            calls.push((store, permit));
        }
        assert_eq!(pool.component_instances(), u64::from(CALLS));
        let mut next = std::pin::pin!(shared.permit());
        assert!(std::future::poll_fn(|cx| Poll::Ready(next.as_mut().poll(cx))).await.is_pending());
        calls.pop();
        next.await.unwrap();
    }

    #[tokio::test]
    async fn a_call_that_gets_no_permit_in_time_has_sent_nothing() {
        let engine = SharedEngine::with_permits(None, 1).unwrap();
        let engine: &'static SharedEngine = Box::leak(Box::new(engine));
        let total = Some(Duration::from_millis(20));
        let plugin = Plugin::builder()
            .token(Token::new("a-token-of-32-characters-or-so-00").unwrap())
            .timeouts(Timeouts { total, ..Timeouts::default() })
            .build_on(engine)
            .unwrap();
        let _permit = engine.permit().await;
        let target = ServiceVersion::new("service", 1).unwrap();
        let got = plugin.get_package(&target).await.map(drop);
        let content = Content::from_bytes(sample::package(Default::default())).unwrap();
        let put = plugin.put_package(&target, content, PutOptions::default()).await.map(drop);
        for (result, read) in [(got, None), (put, Some(0))] {
            let error = result.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Timeout(TimeoutPhase::Total));
            assert_eq!(error.stored(), Stored::No);
            let upload = error.timeout().unwrap().upload;
            assert_eq!(upload.map(|upload| upload.read), read);
        }
    }
}
