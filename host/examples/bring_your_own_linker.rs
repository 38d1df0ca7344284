//! Runs the component in an engine, a store and a linker of one's own, as a tool does that runs other components too: with this library's
//! bindings, its way out to the API, and its `Content`.
//!
//! ```sh
//! fastly-package emulate --listen 127.0.0.1:8080 &
//! export FASTLY_API_ENDPOINT=http://127.0.0.1:8080 FASTLY_API_TOKEN=T
//! cargo run --features jit --example bring_your_own_linker -- demo 1 app.tar.gz
//! ```

use fastly_package::bindings::Plugin;
use fastly_package::bindings::exports::fastly_package::api::package_api::{
    Auth, PutFlags, PutOptions, Reply, RequestOptions,
};
use fastly_package::{
    ApiUrl, COMPONENT, Content, Edge, FASTLY_API, ServiceVersion, Timeouts, Token,
};
use http::Method;
use wasmtime::component::{Component, HasData, Linker, ResourceTable};
use wasmtime::error::Context;
use wasmtime::{Engine, Store, bail, ensure};
use wasmtime_wasi::p2::bindings::{io, random::random};
use wasmtime_wasi::random::WasiRandomCtx;
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

/// What the tool keeps for a call, beside what is its own.
struct State {
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

async fn put(
    mut store: Store<State>,
    plugin: Plugin,
    target: &ServiceVersion,
    mut package: Content,
    api: &ApiUrl,
) -> wasmtime::Result<Reply> {
    let size = package.size();
    let stream = store.data_mut().table.push(package.stream()?)?;
    let put = PutOptions { flags: PutFlags::EXPECT_CONTINUE, filename: None };
    let options =
        RequestOptions { auth: Auth::Host, api_url: Some(api.to_string()), user_agent: None };
    // The tool's own limits on the component belong here too: epochs or fuel, memory, resources, and a deadline for the whole call.
    let timed_out = store.data().edge.timed_out(Timeouts::default());
    let operations = plugin.fastly_package_api_package_api();
    let put = operations.call_put_package(&mut store, target, stream, size, &put, &options);
    let answer = tokio::select! {
        answer = put => answer?,
        limit = timed_out => bail!("timed out: {limit:?}"),
    };
    let Ok(reply) = answer else { bail!("{answer:?}") };
    // What the edge saw goes before what the component says.
    let edge = &store.data().edge;
    let success = edge.status().is_some_and(|status| status.is_success());
    ensure!(success && edge.is_sent(), "it reports a success that the API didn't give");
    Ok(reply)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> wasmtime::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [service, version, file] = args.as_slice() else { bail!("usage: SERVICE VERSION FILE") };
    let api: ApiUrl = std::env::var("FASTLY_API_ENDPOINT").unwrap_or(FASTLY_API.into()).parse()?;
    let token = Token::from_env("FASTLY_API_TOKEN")?;
    let target = ServiceVersion::new(service, version.parse()?)?;

    // Once for the tool.
    let engine = Engine::default();
    let component = Component::new(&engine, COMPONENT)?;
    let linker = linker(&engine)?;
    let edges = fastly_package::Plugin::builder().token(token).api(api.clone()).edges()?;

    // For each call.
    let state = State {
        table: ResourceTable::new(),
        http: WasiHttpCtx::new(),
        random: WasiRandomCtx::default(),
        edge: edges.edge(Method::PUT, &target),
    };
    let mut store = Store::new(&engine, state);
    let plugin = Plugin::instantiate_async(&mut store, &component, &linker).await?;
    let reply = put(store, plugin, &target, Content::open(file).await?, &api).await?;
    let metadata = reply.package.metadata.context("the API says nothing of it")?;
    println!(
        "stored {} bytes: {}",
        metadata.size.unwrap_or(0),
        metadata.hashsum.unwrap_or_default()
    );
    Ok(())
}
