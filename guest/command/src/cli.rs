//! What can be typed: the flags of the native command, but for those that only its own network can heed.

use crate::bindings::wasi::cli::environment;
use crate::system::SYSTEM;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use fastly_package_words::args::{self, Connection, Get, Output, Put};
use fastly_package_words::failure::Failure;
use fastly_package_words::report::Report;

const ENVIRONMENT: &str = "\
Environment, where the host hands it in:
  FASTLY_API_TOKEN     the API token
  FASTLY_SERVICE_ID    the service, in place of --service-id
  FASTLY_API_ENDPOINT  the API, in place of --api
  NO_COLOR             set to anything: no color

This is a component: it reads files in the folders that its host hands in, and no others. It ends with 0 or 1: the exit code of the native
command stands at the end of its error line, and in --json.";

const PUT: &str = "\
Examples:
  fastly-package put --service-id SU1Z0isxPaozGVKXdv0eY --version 3 --package pkg/app.tar.gz
  fastly-package put -s SU1Z0isxPaozGVKXdv0eY --version 3 -p pkg/app.tar.gz --if-changed
  fastly-package put -s SU1Z0isxPaozGVKXdv0eY --version 3 -p - --size 5000000";

/// Get and put the Compute package of a Fastly service version, in any host of WASI 0.2.
#[derive(Parser)]
#[command(name = "fastly-package", version, after_help = after_help(args::EXIT_CODES))]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,

    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Show the package of a service version.
    #[command(after_help = after_help(args::GET), override_usage = args::GET_USAGE)]
    Get(Get),
    /// Upload a package to a service version that is neither active nor locked.
    #[command(after_help = after_help(PUT))]
    Put(Put),
}

fn after_help(first: &str) -> String {
    format!("{first}\n\n{ENVIRONMENT}")
}

impl Cli {
    pub(crate) fn report(&self) -> Report {
        let (json, upload) = match &self.command {
            Command::Get(args) => (args.is_json(), false),
            Command::Put(args) => (args.json, true),
        };
        self.output.report(json, upload, SYSTEM)
    }
}

/// What was typed. An error is also what is shown where help was asked for.
pub(crate) fn parse() -> Result<Cli, clap::Error> {
    // By its own name, whatever that of the file is.
    let name = std::iter::once("fastly-package".to_owned());
    let arguments = name.chain(environment::get_arguments().into_iter().skip(1));
    let command = args::with_environment(Cli::command(), variable)
        .mut_arg("verbose", |arg| arg.help("Show hashes whole"))
        .mut_subcommands(without_flags);
    Cli::from_arg_matches(&command.try_get_matches_from(arguments)?)
}

/// Doesn't show what `check` refuses, and says of the others what they do here.
fn without_flags(command: clap::Command) -> clap::Command {
    command.mut_args(|arg| match arg.get_id().as_str() {
        id if REFUSED.iter().any(|refused| id == refused.id) => arg.hide(true),
        "size" => arg.help("How many bytes come from stdin"),
        "jobs" => arg.help("Taken, but here they are got one after the other"),
        _ => arg,
    })
}

/// A flag that means nothing here, and whose it is.
struct Refused {
    id: &'static str,
    is_given: fn(&Connection) -> bool,
    why: &'static str,
}

const REFUSED: [Refused; 2] = [
    Refused {
        id: "ca_cert",
        is_given: |connection| connection.ca_cert.is_some(),
        why: "--ca-cert isn't for the component: whom to trust is up to its host",
    },
    Refused {
        id: "timeout",
        is_given: |connection| connection.timeout.is_some(),
        why: "--timeout isn't for the component: limit the time in its host (with wasmtime: -W timeout=30s)",
    },
];

/// Refuses flags that mean nothing here.
pub(crate) fn check(connection: &Connection) -> Result<(), Failure> {
    match REFUSED.iter().find(|refused| (refused.is_given)(connection)) {
        Some(refused) => Err(Failure::Usage(refused.why.into())),
        None => Ok(()),
    }
}

/// A variable of the environment.
pub(crate) fn variable(name: &str) -> Option<String> {
    let mut all = environment::get_environment().into_iter();
    all.find(|(found, _)| found == name).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        args::with_environment(Cli::command(), |name| Some(format!("of {name}"))).debug_assert();
    }
}
