//! The command line of the component, and how it differs from the native command's.

use crate::args::{self, Connection, Get, Output, Put};
use crate::error::CommandError;
use clap::builder::Resettable;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use std::fmt::Write;

/// A difference from the native command.
struct Difference {
    subject: &'static str,
    effect: &'static str,
    flag: Flag,
}

/// The flag that a difference is about.
enum Flag {
    None,
    /// The flag of this ID is not available.
    Refused(&'static str, fn(&Command) -> bool),
    /// The flag of this ID has the effect as its help.
    Changed(&'static str),
}

const DIFFERENCES: [Difference; 9] = [
    difference("commands", "Only get and put are available.", Flag::None),
    difference(
        "--timeout",
        "The host limits the time (with wasmtime: -W timeout=30s).",
        Flag::Refused("timeout", |command| command.connection().timeout.is_some()),
    ),
    difference(
        "--ca-cert",
        "The host decides which certificates are trusted.",
        Flag::Refused("ca_cert", |command| command.connection().ca_cert.is_some()),
    ),
    difference(
        "--size",
        "The number of bytes on stdin, required with --package -: there are no temporary files.",
        Flag::Changed("size"),
    ),
    difference("--jobs", "It has no effect: requests are sequential.", Flag::Changed("jobs")),
    difference("--verbose", "Print hashes in full.", Flag::Changed("verbose")),
    difference("progress", "It is not shown.", Flag::None),
    difference("files", "They must be in a directory that the host grants.", Flag::None),
    difference(
        "exit code",
        "It is 0 or 1. The native command's is at the end of the error line, and in --json.",
        Flag::None,
    ),
];

const fn difference(subject: &'static str, effect: &'static str, flag: Flag) -> Difference {
    Difference { subject, effect, flag }
}

const ENVIRONMENT: &str = "\
Environment, if the host grants it:
  FASTLY_API_TOKEN     the API token
  FASTLY_SERVICE_ID    the service, instead of --service-id
  FASTLY_API_ENDPOINT  the API's base URL, instead of --api
  NO_COLOR             if set, no colors";

const PUT: &str = "\
Examples:
  fastly-package put --service-id SU1Z0isxPaozGVKXdv0eY --version 3 --package pkg/app.tar.gz
  fastly-package put -s SU1Z0isxPaozGVKXdv0eY --version 3 -p pkg/app.tar.gz --if-changed
  fastly-package put -s SU1Z0isxPaozGVKXdv0eY --version 3 -p - --size 5000000";

/// Get and put the Compute package of a Fastly service version, in any host of WASI 0.2.
#[derive(Parser)]
#[command(name = "fastly-package", version, after_help = after_help(args::EXIT_CODES))]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Command,

    #[command(flatten)]
    pub(super) output: Output,
}

#[derive(Subcommand)]
pub(super) enum Command {
    /// Show the package of a service version
    #[command(after_help = after_help(args::GET), override_usage = args::GET_USAGE)]
    Get(Get),
    /// Upload a package to a service version that is neither active nor locked
    #[command(after_help = after_help(PUT))]
    Put(Put),
}

fn after_help(first: &str) -> String {
    let mut text = format!("{first}\n\n{ENVIRONMENT}\n\nDifferences from the native command:");
    for Difference { subject, effect, .. } in &DIFFERENCES {
        let _ = write!(text, "\n  {subject:<12} {effect}");
    }
    text
}

impl Command {
    fn connection(&self) -> &Connection {
        match self {
            Self::Get(args) => &args.connection,
            Self::Put(args) => &args.connection,
        }
    }
}

/// Parses the arguments, of which the first is the program's name. `variable` returns a variable of the environment.
pub(super) fn parse(
    arguments: Vec<String>,
    variable: impl Fn(&str) -> Option<String> + Clone,
) -> Result<Cli, clap::Error> {
    // The file of the component may have any name.
    let name = std::iter::once("fastly-package".to_owned());
    let command = with_environment(command(), variable);
    Cli::from_arg_matches(&command.try_get_matches_from(name.chain(arguments.into_iter().skip(1)))?)
}

fn command() -> clap::Command {
    let adapt = |arg: clap::Arg| {
        let is_about = |it: &&Difference| match it.flag {
            Flag::None => false,
            Flag::Refused(id, _) | Flag::Changed(id) => arg.get_id() == id,
        };
        match DIFFERENCES.iter().find(is_about) {
            Some(Difference { flag: Flag::Refused(..), .. }) => arg.hide(true),
            Some(Difference { effect, .. }) => arg.help(effect.trim_end_matches('.')),
            None => arg,
        }
    };
    Cli::command().mut_args(adapt).mut_subcommands(|command| command.mut_args(adapt))
}

/// Takes the values of missing arguments from an environment that is not the process's.
fn with_environment(
    command: clap::Command,
    variable: impl Fn(&str) -> Option<String> + Clone,
) -> clap::Command {
    let command = command.mut_args(|arg| {
        let value = arg.get_env().and_then(|name| name.to_str()).and_then(&variable);
        match value {
            Some(value) => {
                let arg = arg.default_value(value).hide_default_value(true);
                arg.required(false).required_unless_present(Resettable::Reset)
            }
            None => arg,
        }
    });
    command.mut_subcommands(|command| with_environment(command, variable.clone()))
}

/// Rejects the arguments that are not available here.
pub(super) fn check(command: &Command) -> Result<(), CommandError> {
    for Difference { subject, effect, flag } in &DIFFERENCES {
        if let Flag::Refused(_, is_given) = flag
            && is_given(command)
        {
            let effect = effect.trim_end_matches('.');
            let reason = format!("{subject} is not available in the component: {effect}");
            return Err(CommandError::Usage(reason));
        }
    }
    match command {
        Command::Put(args) if args.is_from_stdin() && args.size.is_none() => {
            Err(CommandError::Usage("--package - requires --size BYTES in the component".into()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        with_environment(command(), |name| Some(format!("of {name}"))).debug_assert();
    }

    #[test]
    fn the_arguments_that_are_not_available_are_rejected() {
        let target = ["put", "-s", "x", "--version", "1"];
        for (more, reason) in [
            (&["-p", "x", "--timeout", "3s"][..], Some("--timeout is not available")),
            (&["-p", "x", "--ca-cert", "x"], Some("--ca-cert is not available")),
            (&["-p", "-"], Some("--package - requires --size")),
            (&["-p", "-", "--size", "3"], None),
        ] {
            let words = ["name"].iter().chain(&target).chain(more).map(|it| (*it).to_owned());
            let cli = parse(words.collect(), |_| None).unwrap();
            let error = check(&cli.command).err().map(|error| error.to_string());
            let is_expected = error.as_deref().zip(reason).is_some_and(|(e, r)| e.starts_with(r));
            assert!(is_expected || error.is_none() && reason.is_none(), "{error:?} {reason:?}");
        }
    }
}
