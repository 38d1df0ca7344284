//! Compares processes of the command and the library with curl and a native client: their time and memory, as ratios within one run.

mod calls;
mod measurements;
mod plot;
mod process;
mod report;
mod server;
mod setup;
mod terminal;

use anyhow::Result;
use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// Compares the command and the library with curl and a native client, and prints a table. Fails if a target is missed.
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    subcommand: Option<Internal>,
    /// The command, as built by `cargo build --release`.
    #[arg(long, value_name = "FILE", default_value = "target/release/fastly-package")]
    command: PathBuf,
    /// Runs of each program per measurement; a third as many for 1 GiB.
    #[arg(long, default_value_t = 15)]
    rounds: usize,
    /// Runs only the groups whose name contains this: put 99 MB, put progress, put 1 GiB, put TLS, put 1 KiB, get, calls, uploads, sizes.
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Writes the table into this directory's README.md, and the plots next to it.
    #[arg(long, value_name = "DIR", conflicts_with = "only")]
    write: Option<PathBuf>,
}

/// The subcommands that the comparison itself runs, in separate processes.
#[derive(Subcommand)]
enum Internal {
    /// Accepts uploads until standard input ends; prints its HTTP and HTTPS URLs.
    #[command(hide = true)]
    Sink(server::Sink),
    /// Makes calls with the given concurrency, and prints their total time in seconds.
    #[command(hide = true)]
    Calls(calls::Calls),
}

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Returns whether all targets were met.
fn run(cli: Cli) -> Result<bool> {
    match &cli.subcommand {
        Some(Internal::Sink(sink)) => sink.run().map(|()| true),
        Some(Internal::Calls(calls)) => calls.run().map(|()| true),
        None => {
            let setup = setup::Setup::new(cli.command, cli.rounds)?;
            let rows = measurements::measure(&setup, cli.only.as_deref())?;
            let table = report::table(&rows);
            println!("{table}");
            if let Some(dir) = &cli.write {
                report::write(dir, &table)?;
                plot::write(&setup, dir)?;
            }
            Ok(rows.iter().all(report::Row::is_met))
        }
    }
}
