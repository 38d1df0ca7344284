//! One call: a fresh instance, one request, and its result.

mod result;

use crate::bindings::exports::fastly_package::api::package_api::{
    Auth, Error as WitError, PutFlags, PutOptions, Reply, RequestOptions, ServiceVersion,
};
use crate::bindings::exports::fastly_package::api::versions::ServiceVersionInfo;
use crate::bindings::{self, PluginPre};
use crate::content::{Content, ContentProgress};
use crate::deadline::{Deadline, Interrupted};
use crate::error::{Error, Result, TimeoutError, UploadProgress};
use crate::outbound::OutboundHttp;
use crate::outbound::exchange::Exchange;
use crate::sandbox::{self, CallPermit, Limits, SharedEngine, State};
use crate::timeouts::Timeouts;
use fastly_package_core::error::{Stored, TimeoutPhase};
use fastly_package_core::target::Operation;
use fastly_package_core::upload;
use std::time::Duration;
use wasmtime::Store;
use wasmtime::component::Resource;
use wasmtime_wasi::p2::DynInputStream;

/// The state that the calls of a plugin share.
pub(crate) struct CallContext {
    pub(crate) engine: &'static SharedEngine,
    pub(crate) component: PluginPre<State>,
    pub(crate) outbound: OutboundHttp,
    pub(crate) user_agent: Option<String>,
    pub(crate) timeouts: Timeouts,
    pub(crate) limits: Limits,
}

/// One call: a fresh store, and what the host knows of it.
pub(crate) struct Call<'a> {
    context: &'a CallContext,
    store: Store<State>,
    exchange: Exchange,
    deadline: Deadline<'a>,
    upload: Option<UploadState>,
    /// Dropped after the store, which needs it.
    permit: CallPermit<'static>,
}

/// The state of an upload.
struct UploadState {
    size: u64,
    progress: ContentProgress,
}

/// Why a component didn't return.
enum Stopped {
    Trapped(wasmtime::Error),
    TimedOut(TimeoutPhase, Duration),
    Cancelled,
}

/// The result of a component's function, or why it didn't return.
type CallResult<T> = Result<Result<T, WitError>, Stopped>;

impl<'a> Call<'a> {
    /// Waits for a permit, and prepares a store. `size` is that of an upload.
    async fn begin(
        context: &'a CallContext,
        operation: Operation,
        service_id: &str,
        version_id: u32,
        size: Option<u64>,
        deadline: Deadline<'a>,
    ) -> Result<Self> {
        let permit = deadline.run(context.engine.permit()).await;
        let permit = permit.map_err(|interrupted| not_started(interrupted, size))?;
        let permit = permit.map_err(|error| {
            Error::component(format!("no thread can limit its time: {error}"), Stored::No)
        })?;
        let mut hooks = context.outbound.hooks(operation, service_id, version_id);
        hooks.content_size = size;
        let exchange = hooks.exchange();
        let store = sandbox::store(&context.engine.engine, hooks, &context.limits);
        Ok(Self { context, store, exchange, deadline, upload: None, permit })
    }

    pub(crate) async fn get_package(
        context: &'a CallContext,
        target: &ServiceVersion,
        deadline: Deadline<'a>,
    ) -> Result<Reply> {
        let ServiceVersion { service_id, version_id } = target;
        let operation = Operation::GetPackage;
        let call = Self::begin(context, operation, service_id, *version_id, None, deadline).await?;
        let options = context.request_options();
        let run = async |component: &bindings::Plugin, store: &mut Store<State>| {
            let api = component.fastly_package_api_package_api();
            api.call_get_package(store, target, &options).await
        };
        call.run(run).await
    }

    pub(crate) async fn list_versions(
        context: &'a CallContext,
        service_id: &str,
        deadline: Deadline<'a>,
    ) -> Result<Vec<ServiceVersionInfo>> {
        let call =
            Self::begin(context, Operation::ListVersions, service_id, 0, None, deadline).await?;
        let options = context.request_options();
        let run = async |component: &bindings::Plugin, store: &mut Store<State>| {
            let versions = component.fastly_package_api_versions();
            versions.call_list_versions(store, service_id, &options).await
        };
        call.run(run).await
    }

    /// `expect` sends `Expect: 100-continue`. The digest of content to verify is computed while it is sent.
    pub(crate) async fn put_package(
        context: &'a CallContext,
        target: &ServiceVersion,
        content: &mut Content,
        options: upload::PutOptions,
        expect: bool,
        deadline: Deadline<'a>,
    ) -> Result<Reply> {
        let ServiceVersion { service_id, version_id } = target;
        let (operation, size) = (Operation::PutPackage, content.size());
        let mut call =
            Self::begin(context, operation, service_id, *version_id, Some(size), deadline).await?;
        let flags = if expect { PutFlags::EXPECT_CONTINUE } else { PutFlags::empty() };
        let put = PutOptions { flags, filename: content.file_name().map(str::to_owned) };
        let (stream, progress) = content.begin(options.verify)?;
        call.upload = Some(UploadState { size, progress });
        let options = context.request_options();
        let run = async |component: &bindings::Plugin, store: &mut Store<State>| {
            let stream: DynInputStream = Box::new(stream);
            let stream: Resource<DynInputStream> = store.data_mut().plugin.table.push(stream)?;
            let api = component.fastly_package_api_package_api();
            api.call_put_package(store, target, stream, size, &put, &options).await
        };
        let exchange = call.exchange.clone();
        let result = call.run(run).await;
        result.map_err(|error| error.with_body_unsent(exchange.state().is_body_unsent()))
    }

    /// Runs a function of the component in a fresh instance, until it returns or a time limit elapses.
    async fn run<T>(
        mut self,
        function: impl AsyncFnOnce(
            &bindings::Plugin,
            &mut Store<State>,
        ) -> wasmtime::Result<Result<T, WitError>>,
    ) -> Result<T> {
        let context = self.context;
        let store = &mut self.store;
        let run = async {
            let instance = context.component.instantiate_async(&mut *store).await?;
            function(&instance, store).await
        };
        // Setting a timer of the runtime wakes one of its threads up: a call that ends before the next epoch doesn't set one.
        let stalled = async {
            self.permit.next_epoch().await;
            self.exchange.timed_out(&context.timeouts).await
        };
        let result = tokio::select! {
            biased;
            result = sandbox::limit_busy(context.limits.busy, run) => result.map_err(Stopped::Trapped),
            phase = stalled => Err(Stopped::TimedOut(phase, context.timeouts.limit(phase))),
            interrupted = self.deadline.elapsed() => Err(match interrupted {
                Interrupted::TimedOut(limit) => Stopped::TimedOut(TimeoutPhase::Total, limit),
                Interrupted::Cancelled => Stopped::Cancelled,
            }),
        };
        self.into_result(result)
    }
}

impl CallContext {
    fn request_options(&self) -> RequestOptions {
        RequestOptions {
            auth: Auth::Host,
            api_url: Some(self.outbound.api.to_string()),
            user_agent: self.user_agent.clone(),
        }
    }
}

/// Returns the error of a call that was interrupted before anything was sent. `size` is that of an upload.
pub(crate) fn not_started(interrupted: Interrupted, size: Option<u64>) -> Error {
    match interrupted {
        Interrupted::TimedOut(limit) => not_started_in_time(TimeoutPhase::Total, limit, size),
        Interrupted::Cancelled => Error::cancelled(Stored::No),
    }
}

/// Returns the error of a call that exceeded a limit before anything was sent.
pub(crate) fn not_started_in_time(
    phase: TimeoutPhase,
    limit: Duration,
    size: Option<u64>,
) -> Error {
    let upload = size.map(|size| UploadProgress { read: 0, size });
    Error::timed_out(TimeoutError { phase, limit, upload }, Stored::No)
}
