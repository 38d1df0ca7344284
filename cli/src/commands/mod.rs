//! The subcommands.

mod check;
mod completions;
mod component;
mod demo;
mod emulate;
mod man;

use crate::cli::{Cli, Command};
use crate::native::Native;
use crate::system::SYSTEM;
use fastly_package_command::report::Report;
use fastly_package_command::{get, put};
use std::process::ExitCode;

/// The result of a command.
pub(crate) struct CommandResult {
    pub(crate) code: ExitCode,
    /// The number of the signal that ended it.
    pub(crate) signal: Option<i32>,
}

/// Runs a command.
pub(crate) async fn run(cli: Cli) -> CommandResult {
    let (json, upload) = match &cli.command {
        Command::Get(args) => (args.is_json(), false),
        Command::Put(args) => (args.json, true),
        Command::Check(args) => (args.json, false),
        _ => (false, false),
    };
    let report = Report::new(&cli.output, json, upload, SYSTEM);
    let success = |()| ExitCode::SUCCESS;
    let result = match &cli.command {
        Command::Get(args) => get::run::<Native>(args, report).await.map(success),
        Command::Put(args) => put::run::<Native>(args, report).await.map(success),
        Command::Check(args) => check::run(args, report),
        Command::Component(args) => component::run(args).map(success),
        Command::Completions(args) => completions::run(args, report).map(success),
        Command::Man(args) => man::run(args, report).map(success),
        Command::Emulate(args) => emulate::run(args, report).await.map(success),
        Command::Demo(args) => demo::run(args, report).await.map(success),
    };
    match result {
        Ok(code) => CommandResult { code, signal: None },
        Err(error) => {
            report.command_error(&error);
            CommandResult { code: ExitCode::from(error.exit_code()), signal: error.signal() }
        }
    }
}
