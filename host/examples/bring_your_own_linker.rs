//! Runs the component in an engine, a store and a linker of one's own, as a tool does that runs other components too: with this library's
//! bindings, its way out to the API, and its `Content`.
//!
//! ```sh
//! fastly-package emulate --listen 127.0.0.1:8080 &
//! export FASTLY_API_ENDPOINT=http://127.0.0.1:8080 FASTLY_API_TOKEN=T
//! cargo run --features jit --example bring_your_own_linker -- demo 1 app.tar.gz
//! cargo run --features jit --example bring_your_own_linker -- demo 1
//! ```

use fastly_package::bindings::PluginPre;
pub(crate) use fastly_package::bindings::exports::fastly_package::api::package_api::{
    Auth, Error, PutFlags, PutOptions, Reply, RequestOptions,
};
use fastly_package::{
    ApiUrl, COMPONENT, Content, Edge, Edges, FASTLY_API, Plugin, ServiceVersion, Timeouts, Token,
};
use http::Method;
use wasmtime::component::{Component, HasData, Linker, ResourceTable};
use wasmtime::error::Context;
use wasmtime::{Engine, Store, bail, ensure};
use wasmtime_wasi::p2::bindings::{io, random::random};
use wasmtime_wasi::random::WasiRandomCtx;
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

/// What the tool keeps for a call, beside what is its own.
pub(crate) struct State {
    table: ResourceTable,
    http: WasiHttpCtx,
    random: WasiRandomCtx,
    edge: Edge,
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

struct HasRandom;

impl HasData for HasRandom {
    type Data<'a> = &'a mut WasiRandomCtx;
}

/// What the component imports, and nothing else. A linker that has all of WASI does as well.
fn linker(engine: &Engine) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    io::error::add_to_linker::<State, HasTable>(&mut linker, |state| &mut state.table)?;
    io::poll::add_to_linker::<State, HasTable>(&mut linker, |state| &mut state.table)?;
    io::streams::add_to_linker::<State, HasTable>(&mut linker, |state| &mut state.table)?;
    random::add_to_linker::<State, HasRandom>(&mut linker, |state| &mut state.random)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    Ok(linker)
}

/// What the tool keeps for all calls.
pub(crate) struct Tool {
    plugin: PluginPre<State>,
    edges: Edges,
    api: ApiUrl,
}

/// Once for the tool.
pub(crate) fn load(api: ApiUrl, token: Token) -> wasmtime::Result<Tool> {
    let engine = Engine::default();
    let component = Component::new(&engine, COMPONENT)?;
    let plugin = PluginPre::new(linker(&engine)?.instantiate_pre(&component)?)?;
    let edges = Plugin::builder().token(token).api(api.clone()).edges()?;
    Ok(Tool { plugin, edges, api })
}

impl Tool {
    /// Puts the package, or gets the one that is there.
    pub(crate) async fn call(
        &self,
        target: &ServiceVersion,
        package: Option<Content>,
    ) -> wasmtime::Result<Result<Reply, Error>> {
        let method = if package.is_some() { Method::PUT } else { Method::GET };
        let state = State {
            table: ResourceTable::new(),
            http: WasiHttpCtx::new(),
            random: WasiRandomCtx::default(),
            edge: self.edges.edge(method, target),
        };
        // The tool's own limits on the component belong here too: epochs or fuel, memory, resources, and a deadline for the whole call.
        let mut store = Store::new(self.plugin.engine(), state);
        let timed_out = store.data().edge.timed_out(Timeouts::default());
        let answer = tokio::select! {
            answer = self.operate(&mut store, target, package) => answer?,
            limit = timed_out => bail!("timed out: {limit:?}"),
        };
        // What the edge saw goes before what the component says.
        let edge = &store.data().edge;
        let success = edge.status().is_some_and(|status| status.is_success());
        let is_true = answer.is_err() || success && edge.is_sent();
        ensure!(is_true, "it reports a success that the API didn't give");
        Ok(answer)
    }

    async fn operate(
        &self,
        store: &mut Store<State>,
        target: &ServiceVersion,
        package: Option<Content>,
    ) -> wasmtime::Result<Result<Reply, Error>> {
        let plugin = self.plugin.instantiate_async(&mut *store).await?;
        let operations = plugin.fastly_package_api_package_api();
        let options = RequestOptions {
            auth: Auth::Host,
            api_url: Some(self.api.to_string()),
            user_agent: None,
        };
        let Some(mut package) = package else {
            return operations.call_get_package(store, target, &options).await;
        };
        let size = package.size();
        let stream = store.data_mut().table.push(package.stream()?)?;
        let put = PutOptions { flags: PutFlags::EXPECT_CONTINUE, filename: None };
        operations.call_put_package(store, target, stream, size, &put, &options).await
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> wasmtime::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (service, version, file) = match args.as_slice() {
        [service, version] => (service, version, None),
        [service, version, file] => (service, version, Some(file)),
        _ => bail!("usage: SERVICE VERSION [FILE]"),
    };
    let api = std::env::var("FASTLY_API_ENDPOINT").unwrap_or(FASTLY_API.into()).parse()?;
    let tool = load(api, Token::from_env("FASTLY_API_TOKEN")?)?;
    let target = ServiceVersion::new(service, version.parse()?)?;
    let package = match file {
        Some(file) => Some(Content::open(file).await?),
        None => None,
    };
    let Reply { package, .. } =
        tool.call(&target, package).await?.map_err(|error| wasmtime::format_err!("{error:?}"))?;
    let metadata = package.metadata.context("the API says nothing of it")?;
    println!(
        "stored {} bytes: {}",
        metadata.size.unwrap_or(0),
        metadata.hashsum.unwrap_or_default()
    );
    Ok(())
}
