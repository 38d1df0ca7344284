//! The command `fastly-package`.

mod cli;
mod commands;
mod native;
mod system;

use clap::Parser;
use fastly_package_command::report::Report;
use std::process::ExitCode;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    if let Some(choice) = cli::color_choice(cli.output.color) {
        choice.write_global();
    }
    init_tracing(cli.output.verbose);
    // One thread suffices: files are read and hashed on threads of their own.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            Report::new(&cli.output, false, false, system::SYSTEM)
                .error(&format!("can't start: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let result = runtime.block_on(commands::run(cli));
    // Dropping it would wait for a pending read of stdin.
    runtime.shutdown_background();
    if let Some(signal) = result.signal {
        native::end_by(signal);
    }
    result.code
}

/// Logs the events of this program to stderr. Other crates don't know which values are secret.
fn init_tracing(verbose: u8) {
    let level = match verbose {
        0 => return,
        1 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).without_time();
    let ours = Targets::new().with_target("fastly_package", level);
    tracing_subscriber::registry().with(lines).with(ours).init();
}
