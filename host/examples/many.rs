//! Lists the packages of a fleet: `SERVICE VERSION` a line on standard input, one line for each as its answer comes. One that fails
//! doesn't stop the others; the exit code is 1 then.
//!
//! ```sh
//! fastly-package emulate --listen 127.0.0.1:8080 &
//! export FASTLY_API_ENDPOINT=http://127.0.0.1:8080 FASTLY_API_TOKEN=T
//! fastly-package put --service-id demo --version 1 --package app.tar.gz
//! printf 'demo 1\ndemo 2\n' | cargo run --example many
//! ```

use fastly_package::{FASTLY_API, Plugin, ServiceVersion, Token};
use std::error::Error;
use std::process::ExitCode;
use tokio::task::JoinSet;

/// Calls under way at a time. A process has room for 500; how many the API bears is another matter.
const AT_A_TIME: usize = 16;

/// One line for a service version.
async fn describe(plugin: Plugin, line: String) -> Result<String, String> {
    let failed = |error: &dyn Error| format!("{line}: {error}");
    let (service, version) =
        line.split_once(' ').ok_or(format!("{line}: not a service and a version"))?;
    let version = version.trim().parse().map_err(|error| failed(&error))?;
    let target = ServiceVersion::new(service, version).map_err(|error| failed(&error))?;
    let package = plugin.get_package(&target).await.map_err(|error| failed(&error))?.package;
    let Some(metadata) = package.metadata else { return Ok(format!("{line}: {}", package.id)) };
    // As Rust writes strings: a name may hold what a terminal obeys.
    let name = metadata.name.unwrap_or_default();
    Ok(format!("{line}: {name:?}, {} bytes", metadata.size.unwrap_or_default()))
}

/// Whether all of them went well.
async fn run() -> Result<bool, Box<dyn Error>> {
    let api = std::env::var("FASTLY_API_ENDPOINT").unwrap_or(FASTLY_API.into()).parse()?;
    let plugin = Plugin::builder().token(Token::from_env("FASTLY_API_TOKEN")?).api(api).build()?;
    let list = std::io::read_to_string(std::io::stdin())?;
    let mut lines = list.lines();
    let mut calls = JoinSet::new();
    let mut went_well = true;
    loop {
        while calls.len() < AT_A_TIME
            && let Some(line) = lines.next()
        {
            calls.spawn(describe(plugin.clone(), line.to_owned()));
        }
        let Some(described) = calls.join_next().await else { return Ok(went_well) };
        match described? {
            Ok(description) => println!("{description}"),
            Err(failure) => {
                eprintln!("{failure}");
                went_well = false;
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
