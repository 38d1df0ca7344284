//! The command: parse, run, report.

mod checked;
mod cli;
mod commands;
mod progress;
mod records;
mod system;

use clap::Parser;
use fastly_package_words::report::Report;
use std::process::ExitCode;
use system::SYSTEM;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    if let Some(choice) = cli::choice(cli.output.color) {
        choice.write_global();
    }
    trace(cli.output.verbose);
    // One thread: what takes time in a call, reading and hashing, has a thread of its own.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            let report =
                Report { json: false, quiet: false, verbose: false, upload: false, system: SYSTEM };
            report.error(&format!("can't start: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let ended = runtime.block_on(commands::run(cli));
    // Not dropped: that would wait for a read of standard input that nobody needs any more. What connections are open are closed.
    runtime.shutdown_background();
    if let Some(signal) = ended.signal {
        commands::end_by(signal);
    }
    ended.code
}

/// Traces of this program alone, to stderr: other crates know nothing of what must not be shown.
fn trace(verbose: u8) {
    let level = match verbose {
        0 => return,
        1 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).without_time();
    let ours = Targets::new().with_target("fastly_package", level);
    tracing_subscriber::registry().with(lines).with(ours).init();
}
