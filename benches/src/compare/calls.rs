//! The subcommand `calls`: makes calls within one process, through the plugin or a native client.

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use fastly_package::{Content, Plugin, PutOptions, ServiceVersion, Token};
use fastly_package_benches::native::Native;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

#[derive(Args)]
pub(crate) struct Calls {
    #[arg(long)]
    client: ClientKind,
    #[arg(long)]
    api: String,
    #[arg(long)]
    token: String,
    #[arg(long)]
    service: String,
    /// The package to upload. Without it, the calls are GetPackage.
    #[arg(long)]
    package: Option<PathBuf>,
    /// Hashes the upload and compares it with the response.
    #[arg(long)]
    verify: bool,
    #[arg(long, default_value_t = 1)]
    concurrency: usize,
    #[arg(long, default_value_t = 1)]
    count: usize,
    /// Calls to make before the measurement starts.
    #[arg(long, default_value_t = 0)]
    warm_up: usize,
}

#[derive(Clone, Copy, ValueEnum)]
enum ClientKind {
    Plugin,
    Native,
}

enum Client {
    Plugin(Plugin),
    Native(Native),
}

/// More instances than the calls of any measurement use concurrently.
const POOL_SIZE: NonZeroU32 = NonZeroU32::new(500).unwrap();

impl Calls {
    pub(crate) fn run(&self) -> Result<()> {
        let runtime = tokio::runtime::Runtime::new()?;
        let client = match self.client {
            ClientKind::Plugin => {
                let token = Token::new(&self.token)?;
                let builder = Plugin::builder().token(token).api(self.api.parse()?);
                Client::Plugin(builder.pooling_allocator(POOL_SIZE).build()?)
            }
            ClientKind::Native => Client::Native(Native::new(&self.api, &self.token)),
        };
        let worker = Arc::new(Worker {
            client,
            service: self.service.clone(),
            package: self.package.clone(),
            verify: self.verify,
        });
        runtime.block_on(worker.clone().make_calls(self.concurrency, self.warm_up))?;
        let start = Instant::now();
        runtime.block_on(worker.make_calls(self.concurrency, self.count))?;
        println!("{}", start.elapsed().as_secs_f64());
        Ok(())
    }
}

struct Worker {
    client: Client,
    service: String,
    package: Option<PathBuf>,
    verify: bool,
}

impl Worker {
    async fn make_calls(self: Arc<Self>, concurrency: usize, count: usize) -> Result<()> {
        let remaining = Arc::new(AtomicUsize::new(count));
        let tasks: Vec<_> = (0..concurrency.min(count))
            .map(|number| {
                let (worker, remaining) = (self.clone(), remaining.clone());
                tokio::spawn(async move {
                    // Uploads to one service are sequential.
                    let service = match &worker.package {
                        Some(_) => format!("{}{number}", worker.service),
                        None => worker.service.clone(),
                    };
                    let decrement = |remaining: usize| remaining.checked_sub(1);
                    while remaining
                        .fetch_update(Ordering::AcqRel, Ordering::Acquire, decrement)
                        .is_ok()
                    {
                        worker.call(&service).await?;
                    }
                    Ok::<_, anyhow::Error>(())
                })
            })
            .collect();
        for task in tasks {
            task.await.context("a task panicked")??;
        }
        Ok(())
    }

    async fn call(&self, service: &str) -> Result<()> {
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
