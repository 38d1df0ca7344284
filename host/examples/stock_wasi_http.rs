//! Runs the component with stock wasmtime-wasi and wasmtime-wasi-http, without this library: for tools that take the component as a file.
//! `bring_your_own_linker` has a store of its own too, but uses this library's outbound HTTP and `Content`.
//!
//! ```sh
//! fastly-package component --guarded -o guarded.wasm
//! fastly-package emulate --listen 127.0.0.1:8080 &
//! export FASTLY_API_ENDPOINT=http://127.0.0.1:8080 FASTLY_API_TOKEN=T
//! cargo run --features jit --example stock_wasi_http -- guarded.wasm demo 1 app.tar.gz
//! cargo run --features jit --example stock_wasi_http -- guarded.wasm demo 1
//! ```
//!
//! The tool then doesn't depend on another library. The price:
//!
//! | | `bring_your_own_linker` | here |
//! |---|---|---|
//! | token | attached by the host, redacted in responses | **the component sees it**, and it is not redacted in responses |
//! | egress | checked by the host | checked by the guard, which must be configured before each call; `localhost` counts as loopback without being resolved |
//! | success | as the host observed it | as the component reports it |
//! | an error response | comes before the upload (`100 Continue`) | comes after the upload, and may be lost with its connection: `HttpProtocolError` |
//! | timeouts | connecting, TLS, stall, response | 600 s from the request to its response, including a slow upload; none for TLS |
//! | TLS | the platform's roots, custom CA certificates | the roots of webpki-roots, as old as the build |
//! | connections | reused; proxies are supported | a new one for each request; proxies are not supported |
//! | package | read ahead; a file that is modified meanwhile fails the call | a stream and its length |
//!
//! Only a `Plugin` retries, and verifies that what is stored is what was sent.

use bindings::GuardedPre;
use bindings::exports::fastly_package::api::egress::Operation;
pub(crate) use bindings::exports::fastly_package::api::package_api::{
    Auth, Error, PutFlags, PutOptions, Reply, RequestOptions, ServiceVersion,
};
use std::time::Duration;
use tokio::fs::File;
use wasmtime::component::{Component, Linker, ResourceTable};
use wasmtime::error::Context;
use wasmtime::{Config, Engine, Store, bail, format_err};
use wasmtime_wasi::p2::DynInputStream;
use wasmtime_wasi::p2::pipe::AsyncReadStream;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

mod bindings {
    wasmtime::component::bindgen!({
        // `fastly-package component --wit` writes it as one file.
        path: "../wit",
        inline: "
            package example:tool;

            world guarded {
                export fastly-package:api/package-api@0.1.0;
                export fastly-package:api/egress@0.1.0;
            }
        ",
        exports: { default: async },
        // A call uses only the error codes of wasi:http, whose types may be the tool's own.
        with: { "wasi:io": wasmtime_wasi::p2::bindings::io },
    });
}

/// The time limit of a call.
const TIMEOUT: Duration = Duration::from_secs(300);
/// The fuel, about an instruction each, after which the component yields, so that the time limit can elapse.
const YIELD_INTERVAL: u64 = 10_000_000;

/// The state of a call, beside the tool's own.
pub(crate) struct State {
    table: ResourceTable,
    wasi: WasiCtx,
    http: WasiHttpCtx,
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        // The stock hooks, whose `send_request` is `wasmtime_wasi_http::default_send_request`.
        let hooks = Default::default();
        WasiHttpCtxView { hooks, table: &mut self.table, ctx: &mut self.http }
    }
}

/// Loads the component, once for the tool.
pub(crate) fn load(wasm: &[u8]) -> wasmtime::Result<GuardedPre<State>> {
    let engine = Engine::new(Config::new().consume_fuel(true))?;
    let mut linker = Linker::new(&engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    let component = Component::new(&engine, wasm)?;
    GuardedPre::new(linker.instantiate_pre(&component)?)
        .context("it needs the guarded component: fastly-package component --guarded")
}

/// Puts the package, a stream and its length, or gets the one that is stored. The guard allows `api`, whatever `options` contain.
pub(crate) async fn call(
    plugin: &GuardedPre<State>,
    api: &str,
    target: &ServiceVersion,
    package: Option<(DynInputStream, u64)>,
    options: &RequestOptions,
) -> wasmtime::Result<Result<Reply, Error>> {
    // Grants nothing: no files, no environment, no sockets. A limit on memory belongs here too.
    let wasi = WasiCtx::builder().build();
    let state = State { table: ResourceTable::new(), wasi, http: WasiHttpCtx::new() };
    let mut store = Store::new(plugin.engine(), state);
    store.set_fuel(u64::MAX)?;
    store.fuel_async_yield_interval(Some(YIELD_INTERVAL))?;
    let plugin = plugin.instantiate_async(&mut store).await?;

    let operation = if package.is_some() { Operation::PutPackage } else { Operation::GetPackage };
    let (service, version) = (&target.service_id, target.version_id);
    let egress = plugin.fastly_package_api_egress();
    let allowed = egress.call_allow(&mut store, operation, service, version, Some(api)).await?;
    allowed.map_err(|why| format_err!("the guard refuses: {why}"))?;

    let operations = plugin.fastly_package_api_package_api();
    match package {
        None => operations.call_get_package(&mut store, target, options).await,
        Some((stream, size)) => {
            let stream = store.data_mut().table.push(stream)?;
            let put = PutOptions { flags: PutFlags::empty(), filename: None };
            operations.call_put_package(&mut store, target, stream, size, &put, options).await
        }
    }
}

async fn open(file: &str) -> wasmtime::Result<(DynInputStream, u64)> {
    let opened = File::open(file).await.with_context(|| format!("can't open {file}"))?;
    let size = opened.metadata().await?.len();
    Ok((Box::new(AsyncReadStream::new(opened)), size))
}

pub(crate) fn describe(error: Error) -> wasmtime::Error {
    match error {
        Error::InvalidArgument(why) => format_err!("nothing was sent: {why}"),
        Error::Content(why) => format_err!("the package was not sent whole: {why:?}"),
        Error::Transport(code) => format_err!("denied, or lost: {code:?}"),
        Error::Api(error) => {
            let texts = [error.title, error.detail].into_iter().flatten();
            let why = texts.fold(String::new(), |why, text| format!("{why}: {text}"));
            format_err!("the API responded with {}{why}", error.status)
        }
        Error::UnexpectedResponse(response) => {
            format_err!("the response {} is not the API's: {:?}", response.status, response.reason)
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> wasmtime::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (wasm, service, version, file) = match args.as_slice() {
        [wasm, service, version] => (wasm, service, version, None),
        [wasm, service, version, file] => (wasm, service, version, Some(file)),
        _ => bail!("usage: GUARDED.WASM SERVICE VERSION [FILE]"),
    };
    let api = std::env::var("FASTLY_API_ENDPOINT").unwrap_or("https://api.fastly.com".into());
    let token = std::env::var("FASTLY_API_TOKEN").context("no token in FASTLY_API_TOKEN")?;
    let target = ServiceVersion { service_id: service.clone(), version_id: version.parse()? };
    let options =
        RequestOptions { auth: Auth::Token(token), api_url: Some(api.clone()), user_agent: None };

    let package = match file {
        Some(file) => Some(open(file).await?),
        None => None,
    };
    let bytes = std::fs::read(wasm).with_context(|| format!("can't read {wasm}"))?;
    let plugin = load(&bytes).with_context(|| format!("can't run {wasm}"))?;
    let call = call(&plugin, &api, &target, package, &options);
    let result = tokio::time::timeout(TIMEOUT, call).await;
    let result = result.context("timed out; what was sent may be stored")??;
    let reply = result.map_err(describe)?;
    let metadata = reply.package.metadata.context("the response has no metadata")?;
    println!(
        "stored {} bytes: {}",
        metadata.size.unwrap_or(0),
        metadata.hashsum.unwrap_or_default()
    );
    Ok(())
}
