//! Runs the component in an engine, a store and a linker of one's own, as a tool does that runs other components too: with this library's bindings,
//! outbound HTTP, and `Content`.
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
    ApiUrl, COMPONENT, Content, FASTLY_API, Operation, OutboundHttp, Plugin, PluginCtx, PluginView,
    ServiceVersion, Timeouts, Token, add_to_linker,
};
use wasmtime::component::{Component, Linker};
use wasmtime::error::Context;
use wasmtime::{Engine, Store, bail, ensure};

/// The state of a call: the library's, beside the tool's own.
pub(crate) struct State {
    plugin: PluginCtx,
}

impl PluginView for State {
    fn plugin(&mut self) -> &mut PluginCtx {
        &mut self.plugin
    }
}

/// The state that the tool's calls share.
pub(crate) struct Tool {
    plugin: PluginPre<State>,
    outbound: OutboundHttp,
    api: ApiUrl,
}

/// Loads the component, once for the tool.
pub(crate) fn load(api: ApiUrl, token: Token) -> wasmtime::Result<Tool> {
    let engine = Engine::default();
    let mut linker = Linker::new(&engine);
    add_to_linker(&mut linker)?;
    let component = Component::new(&engine, COMPONENT)?;
    let plugin = PluginPre::new(linker.instantiate_pre(&component)?)?;
    let outbound = Plugin::builder().token(token).api(api.clone()).outbound_http()?;
    Ok(Tool { plugin, outbound, api })
}

impl Tool {
    /// Puts the package, or gets the one that is stored.
    pub(crate) async fn call(
        &self,
        target: &ServiceVersion,
        package: Option<Content>,
    ) -> wasmtime::Result<Result<Reply, Error>> {
        let operation = match package {
            Some(_) => Operation::PutPackage,
            None => Operation::GetPackage,
        };
        let hooks = self.outbound.hooks(operation, &target.service_id, target.version_id);
        // The tool's own limits on the component belong here too: epochs or fuel, memory, resources, and a deadline for the whole call.
        let mut store = Store::new(self.plugin.engine(), State { plugin: PluginCtx::new(hooks) });
        let timed_out = store.data().plugin.hooks.timed_out(Timeouts::default());
        let result = tokio::select! {
            result = self.run(&mut store, target, package) => result?,
            phase = timed_out => bail!("timed out: {phase:?}"),
        };
        // The component isn't trusted: the hooks' observations decide.
        let hooks = &store.data().plugin.hooks;
        let is_success = hooks.status().is_some_and(|status| status.is_success());
        let is_true = result.is_err() || is_success && hooks.is_request_sent();
        ensure!(is_true, "it reports a success that the API did not give");
        Ok(result)
    }

    async fn run(
        &self,
        store: &mut Store<State>,
        target: &ServiceVersion,
        package: Option<Content>,
    ) -> wasmtime::Result<Result<Reply, Error>> {
        let plugin = self.plugin.instantiate_async(&mut *store).await?;
        let api = plugin.fastly_package_api_package_api();
        let options = RequestOptions {
            auth: Auth::Host,
            api_url: Some(self.api.to_string()),
            user_agent: None,
        };
        let Some(mut package) = package else {
            return api.call_get_package(store, target, &options).await;
        };
        let size = package.size();
        let stream = store.data_mut().plugin.table.push(package.stream()?)?;
        let put = PutOptions { flags: PutFlags::EXPECT_CONTINUE, filename: None };
        api.call_put_package(store, target, stream, size, &put, &options).await
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
    let metadata = package.metadata.context("the response has no metadata")?;
    println!(
        "stored {} bytes: {}",
        metadata.size.unwrap_or(0),
        metadata.hashsum.unwrap_or_default()
    );
    Ok(())
}
