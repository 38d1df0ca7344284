//! Whole processes beside curl and a native client: what each takes of time and memory, as ratios within one run.

mod calls;
mod plot;
mod process;
mod report;
mod rows;
mod server;
mod setup;
mod terminal;

use anyhow::Result;
use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// Compares the command and the library with curl and a native client, and prints a table. Fails when a target is missed.
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    part: Option<Part>,
    /// The command as `cargo build --release` makes it.
    #[arg(long, value_name = "FILE", default_value = "target/release/fastly-package")]
    command: PathBuf,
    /// Runs of each program in a row of the table; 1 GiB has a third as many.
    #[arg(long, default_value_t = 15)]
    rounds: usize,
    /// Only the parts that have this in their name: put 99 MB, put shown, put 1 GiB, put TLS, put 1 KiB, get, calls, uploads, sizes.
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Writes the table into this folder's README.md, and the plots beside it.
    #[arg(long, value_name = "FOLDER", conflicts_with = "only")]
    write: Option<PathBuf>,
}

/// What the comparison runs in processes of their own.
#[derive(Subcommand)]
enum Part {
    /// Serves packages until standard input ends; prints where, over http and https.
    #[command(hide = true)]
    Sink(server::Sink),
    /// Makes calls, a number of them at a time, and prints how long they took together, in seconds.
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

/// Whether no target was missed.
fn run(cli: Cli) -> Result<bool> {
    match &cli.part {
        Some(Part::Sink(sink)) => sink.run().map(|()| true),
        Some(Part::Calls(calls)) => calls.run().map(|()| true),
        None => {
            let setup = setup::Setup::new(cli.command, cli.rounds)?;
            let rows = rows::measure(&setup, cli.only.as_deref())?;
            let table = report::table(&rows);
            println!("{table}");
            if let Some(folder) = &cli.write {
                report::write(folder, &table)?;
                plot::all(&setup, folder)?;
            }
            Ok(rows.iter().all(report::Row::is_met))
        }
    }
}
