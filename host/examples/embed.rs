//! Gets a package and prints it: the minimum of code that embeds the library.
//!
//! ```sh
//! fastly-package emulate --listen 127.0.0.1:8080 &
//! export FASTLY_API_ENDPOINT=http://127.0.0.1:8080 FASTLY_API_TOKEN=T
//! fastly-package put --service-id demo --version 1 --package app.tar.gz
//! cargo run --example embed -- demo 1
//! ```

use anyhow::bail;
use fastly_package::{FASTLY_API, Plugin, ServiceVersion, Token};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [service, version] = args.as_slice() else { bail!("usage: SERVICE VERSION") };
    let api = std::env::var("FASTLY_API_ENDPOINT").unwrap_or(FASTLY_API.into()).parse()?;
    let token = Token::from_env("FASTLY_API_TOKEN")?;
    let plugin = Plugin::builder().token(token).api(api).build()?;
    let reply = plugin.get_package(&ServiceVersion::new(service, version.parse()?)?).await?;
    println!("{:#?}", reply.package);
    Ok(())
}
