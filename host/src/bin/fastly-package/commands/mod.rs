//! The subcommands.

mod check;
mod completions;
mod component;
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
use crate::system::SYSTEM;
pub(crate) use interrupt::end_by;
use std::process::ExitCode;

/// How a command ended.
pub(crate) struct Ended {
    pub(crate) code: ExitCode,
    /// The signal that ended it.
    pub(crate) signal: Option<i32>,
}

/// Runs what was typed.
pub(crate) async fn run(cli: Cli) -> Ended {
    let (json, upload) = match &cli.command {
        Command::Get(args) => (args.is_json(), false),
        Command::Put(args) => (args.json, true),
        Command::Check(args) => (args.json, false),
        Command::Component(_)
        | Command::Completions(_)
        | Command::Man(_)
        | Command::Emulate(_)
        | Command::Demo(_) => (false, false),
    };
    let report = cli.output.report(json, upload, SYSTEM);
    let done = |()| ExitCode::SUCCESS;
    let result = match &cli.command {
        Command::Get(args) => get::run(args, report).await.map(done),
        Command::Put(args) => put::run(args, report).await.map(done),
        Command::Check(args) => check::run(args, report),
        Command::Component(args) => component::run(args).map(done),
        Command::Completions(args) => completions::run(args, report).map(done),
        Command::Man(args) => man::run(args, report).map(done),
        Command::Emulate(args) => emulate::run(args, report).await.map(done),
        Command::Demo(args) => demo::run(args, report).await.map(done),
    };
    match result {
        Ok(code) => Ended { code, signal: None },
        Err(failure) => {
            report.failure(&failure);
            Ended { code: ExitCode::from(failure.exit_code()), signal: failure.signal() }
        }
    }
}
