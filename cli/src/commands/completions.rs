//! `completions`: prints a completion script for a shell.

use crate::cli::{Cli, Completions};
use clap::CommandFactory;
use fastly_package_command::error::CommandError;
use fastly_package_command::report::Report;

pub(crate) fn run(args: &Completions, report: Report) -> Result<(), CommandError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "fastly-package", &mut script);
    // clap_complete 4.6 writes a name with a hyphen in two ways for bash, which then completes no flag of a subcommand:
    // https://github.com/clap-rs/clap/issues/6421
    let script =
        String::from_utf8_lossy(&script).replace("fastly__subcmd__package", "fastly__package");
    report.line(script.trim_end())
}
