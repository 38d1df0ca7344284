//! Lists the packages of many service versions, given as lines of `SERVICE VERSION` on standard input, in the order of the responses. A failure
//! doesn't stop the others; the exit code is then 1.
//!
//! ```sh
//! fastly-package emulate --listen 127.0.0.1:8080 &
//! export FASTLY_API_ENDPOINT=http://127.0.0.1:8080 FASTLY_API_TOKEN=T
//! fastly-package put --service-id demo --version 1 --package app.tar.gz
//! printf 'demo 1\ndemo 2\n' | cargo run --example many
//! ```

use fastly_package::{FASTLY_API, Plugin, ServiceVersion, Token};
use std::error::Error;
use std::num::NonZeroU32;
use std::process::ExitCode;
use tokio::task::JoinSet;

/// The number of concurrent calls.
const CONCURRENCY: NonZeroU32 = NonZeroU32::new(16).unwrap();

/// Describes the package of a service version in a line.
async fn describe(plugin: Plugin, line: String) -> Result<String, String> {
    let failed = |error: &dyn Error| format!("{line}: {error}");
    let (service, version) =
        line.split_once(' ').ok_or(format!("{line}: not a service and a version"))?;
    let version = version.trim().parse().map_err(|error| failed(&error))?;
    let target = ServiceVersion::new(service, version).map_err(|error| failed(&error))?;
    let package = plugin.get_package(&target).await.map_err(|error| failed(&error))?.package;
    let Some(metadata) = package.metadata else { return Ok(format!("{line}: {}", package.id)) };
    // Escaped: a name may contain control characters of the terminal.
    let name = metadata.name.unwrap_or_default();
    Ok(format!("{line}: {name:?}, {} bytes", metadata.size.unwrap_or_default()))
}

/// Returns whether all calls succeeded.
async fn run() -> Result<bool, Box<dyn Error>> {
    let api = std::env::var("FASTLY_API_ENDPOINT").unwrap_or(FASTLY_API.into()).parse()?;
    let plugin = Plugin::builder().token(Token::from_env("FASTLY_API_TOKEN")?).api(api);
    let plugin = plugin.pooling_allocator(CONCURRENCY).build()?;
    let list = std::io::read_to_string(std::io::stdin())?;
    let mut lines = list.lines();
    let mut calls = JoinSet::new();
    let mut succeeded = true;
    loop {
        while calls.len() < CONCURRENCY.get() as usize
            && let Some(line) = lines.next()
        {
            calls.spawn(describe(plugin.clone(), line.to_owned()));
        }
        let Some(described) = calls.join_next().await else { return Ok(succeeded) };
        match described? {
            Ok(description) => println!("{description}"),
            Err(failure) => {
                eprintln!("{failure}");
                succeeded = false;
            }
        }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
