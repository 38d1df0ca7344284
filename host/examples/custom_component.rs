//! Gets a package with another component of the world `plugin` in `wit/world.wit`, compiled at run time: here a modified guest of this
//! repository.
//!
//! ```sh
//! cargo build --profile component --target wasm32-unknown-unknown --package fastly-package-guest
//! wasm-tools component new target/wasm32-unknown-unknown/component/fastly_package_guest.wasm -o plugin.wasm
//! fastly-package emulate --listen 127.0.0.1:8080 &
//! export FASTLY_API_ENDPOINT=http://127.0.0.1:8080 FASTLY_API_TOKEN=T
//! fastly-package put --service-id demo --version 1 --package app.tar.gz
//! cargo run --features jit --example custom_component -- plugin.wasm demo 1
//! ```

use anyhow::bail;
use fastly_package::{FASTLY_API, Plugin, ServiceVersion, Token};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [wasm, service, version] = args.as_slice() else {
        bail!("usage: WASM SERVICE VERSION");
    };
    let api = std::env::var("FASTLY_API_ENDPOINT").unwrap_or(FASTLY_API.into()).parse()?;
    let plugin = Plugin::builder()
        .token(Token::from_env("FASTLY_API_TOKEN")?)
        .api(api)
        .component(std::fs::read(wasm)?)
        .build()?;
    let reply = plugin.get_package(&ServiceVersion::new(service, version.parse()?)?).await?;
    println!("{:#?}", reply.package);
    Ok(())
}
