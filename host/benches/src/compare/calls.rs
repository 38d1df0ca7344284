//! Calls within one process, through the plugin or a native client.

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use fastly_package::{Content, Plugin, PutOptions, ServiceVersion, Token};
use fastly_package_benches::native::Native;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

#[derive(Args)]
pub(crate) struct Calls {
    #[arg(long)]
    client: Which,
    #[arg(long)]
    api: String,
    #[arg(long)]
    token: String,
    #[arg(long)]
    service: String,
    /// Uploads this; else GetPackage.
    #[arg(long)]
    package: Option<PathBuf>,
    /// Hashes what is uploaded, and compares.
    #[arg(long)]
    verify: bool,
    #[arg(long, default_value_t = 1)]
    at_a_time: usize,
    #[arg(long, default_value_t = 1)]
    count: usize,
    /// Calls beforehand, which aren't counted.
    #[arg(long, default_value_t = 0)]
    warm_up: usize,
}

#[derive(Clone, Copy, ValueEnum)]
enum Which {
    Plugin,
    Native,
}

enum Client {
    Plugin(Plugin),
    Native(Native),
}

impl Calls {
    pub(crate) fn run(&self) -> Result<()> {
        let runtime = tokio::runtime::Runtime::new()?;
        let client = match self.client {
            Which::Plugin => {
                let token = Token::new(&self.token)?;
                let builder = Plugin::builder().token(token).api(self.api.parse()?);
                Client::Plugin(builder.build()?)
            }
            Which::Native => Client::Native(Native::new(&self.api, &self.token)),
        };
        let calls = Arc::new(Work {
            client,
            service: self.service.clone(),
            package: self.package.clone(),
            verify: self.verify,
        });
        runtime.block_on(calls.clone().all(self.at_a_time, self.warm_up))?;
        let start = Instant::now();
        runtime.block_on(calls.all(self.at_a_time, self.count))?;
        println!("{}", start.elapsed().as_secs_f64());
        Ok(())
    }
}

struct Work {
    client: Client,
    service: String,
    package: Option<PathBuf>,
    verify: bool,
}

impl Work {
    async fn all(self: Arc<Self>, at_a_time: usize, count: usize) -> Result<()> {
        let left = Arc::new(AtomicUsize::new(count));
        let callers: Vec<_> = (0..at_a_time.min(count))
            .map(|number| {
                let (work, left) = (self.clone(), left.clone());
                tokio::spawn(async move {
                    // Uploads to one service would take turns.
                    let service = match &work.package {
                        Some(_) => format!("{}{number}", work.service),
                        None => work.service.clone(),
                    };
                    let more = |left: usize| left.checked_sub(1);
                    while left.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).is_ok() {
                        work.one(&service).await?;
                    }
                    Ok::<_, anyhow::Error>(())
                })
            })
            .collect();
        for caller in callers {
            caller.await.context("a caller panicked")??;
        }
        Ok(())
    }

    async fn one(&self, service: &str) -> Result<()> {
        match (&self.client, &self.package) {
            (Client::Plugin(plugin), None) => {
                plugin.get_package(&ServiceVersion::new(service, 1)?).await?;
            }
            (Client::Plugin(plugin), Some(path)) => {
                let options = PutOptions { verify: self.verify, force: true, ..Default::default() };
                let content = Content::open(path).await?;
                plugin.put_package(&ServiceVersion::new(service, 1)?, content, options).await?;
            }
            (Client::Native(native), None) => drop(native.get(service).await?),
            (Client::Native(native), Some(path)) => {
                native.put(service, path, self.verify).await?;
            }
        }
        Ok(())
    }
}
