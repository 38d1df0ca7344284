//! The subcommands.

mod check;
mod completions;
mod demo;
mod emulate;
mod get;
mod interrupt;
mod man;
mod many;
mod put;
mod session;
mod token;

use crate::cli::{Cli, Command};
use crate::failure::Failure;
use crate::report::Report;
use std::process::ExitCode;

/// Runs what was typed.
pub(crate) async fn run(cli: Cli) -> ExitCode {
    let (json, upload) = match &cli.command {
        Command::Get(args) => (args.json || args.targets.is_some(), false),
        Command::Put(args) => (args.json, true),
        Command::Check(args) => (args.json, false),
        Command::Completions(_) | Command::Man(_) | Command::Emulate(_) | Command::Demo(_) => {
            (false, false)
        }
    };
    let report = Report { json, quiet: cli.quiet, verbose: cli.verbose > 0, upload };
    let done = |()| ExitCode::SUCCESS;
    let result = match &cli.command {
        Command::Get(args) => get::run(args, report).await.map(done),
        Command::Put(args) => put::run(args, report).await.map(done),
        Command::Check(args) => check::run(args, report),
        Command::Completions(args) => completions::run(args, report).map(done),
        Command::Man(args) => man::run(args, report).map(done),
        Command::Emulate(args) => emulate::run(args, report).await.map(done),
        Command::Demo(args) => demo::run(args, report).await.map(done),
    };
    result.unwrap_or_else(|failure| {
        let code = report.failure(&failure);
        if let Failure::Interrupted { signal, .. } = failure {
            interrupt::end_by(signal);
        }
        code
    })
}
