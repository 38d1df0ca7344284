//! Uploads a package, shows the progress, and tells what became of the package if the upload fails.
//!
//! ```sh
//! fastly-package emulate --listen 127.0.0.1:8080 &
//! export FASTLY_API_ENDPOINT=http://127.0.0.1:8080 FASTLY_API_TOKEN=T
//! cargo run --example progress -- demo 1 app.tar.gz
//! ```

use anyhow::bail;
use fastly_package::{Content, FASTLY_API, Plugin, PutOptions, ServiceVersion, Stored, Token};
use std::sync::atomic::{AtomicU64, Ordering};

/// Shows every percent once. A retry starts at 0 again.
fn percent(size: u64) -> impl Fn(u64) + Send + Sync + 'static {
    let shown = AtomicU64::new(0);
    move |read| {
        let percent = read * 100 / size;
        if shown.swap(percent, Ordering::Relaxed) != percent {
            eprint!("\r{percent:3} %{}", if read == size { "\n" } else { "" });
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [service, version, file] = args.as_slice() else {
        bail!("usage: SERVICE VERSION FILE");
    };
    let api = std::env::var("FASTLY_API_ENDPOINT").unwrap_or(FASTLY_API.into()).parse()?;
    let token = Token::from_env("FASTLY_API_TOKEN")?;
    let plugin = Plugin::builder().token(token).api(api).build()?;
    let target = ServiceVersion::new(service, version.parse()?)?;

    let package = Content::open(file).await?;
    let size = package.size();
    let package = package.on_progress(percent(size));
    match plugin.put_package(&target, package, PutOptions::default()).await {
        Ok(uploaded) => {
            println!("stored {size} bytes: {:?}", uploaded.proof);
            Ok(())
        }
        Err(error) => {
            let outcome = match error.stored() {
                Stored::No => "nothing is stored: the version is unchanged",
                Stored::Other => "something else is stored: upload again",
                _ => "it may be stored: get the package before you upload again",
            };
            bail!("{error}\n{outcome}")
        }
    }
}
