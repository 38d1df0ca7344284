//! The command line.

mod after_help;

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Parser, Subcommand};
use fastly_package_command::args::{GET_USAGE, Get, OUTPUT, Output, Put, When};
use std::net::SocketAddr;
use std::path::PathBuf;

/// Get and put the Compute package of a Fastly service version, through a sandboxed component.
#[derive(Parser)]
#[command(name = "fastly-package", version, after_help = after_help::all())]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,

    #[command(flatten)]
    pub(crate) output: Output,
}

/// Returns the choice that overrides the terminal and the environment.
pub(crate) fn color_choice(color: When) -> Option<anstream::ColorChoice> {
    match color {
        When::Auto => None,
        When::Always => Some(anstream::ColorChoice::Always),
        When::Never => Some(anstream::ColorChoice::Never),
    }
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Show the package of a service version.
    #[command(after_help = after_help::get(), override_usage = GET_USAGE)]
    Get(Get),
    /// Upload a package to a service version that is neither active nor locked.
    #[command(after_help = after_help::put())]
    Put(Put),
    /// Show the properties and errors of a package, without the network.
    #[command(after_help = after_help::CHECK)]
    Check(Check),
    /// Write a component of this build for another host, or the WIT.
    #[command(after_help = after_help::COMPONENT)]
    Component(Component),
    /// Print a completion script for a shell.
    #[command(after_help = after_help::COMPLETIONS)]
    Completions(Completions),
    /// Write manual pages.
    #[command(after_help = after_help::MAN)]
    Man(Man),
    /// Emulate the API on this machine, for tests.
    #[command(after_help = after_help::EMULATE)]
    Emulate(Emulate),
    /// Upload a package to an emulated API and get it back.
    #[command(after_help = after_help::DEMO)]
    Demo(Demo),
}

/// Checks a package.
#[derive(Args)]
pub(crate) struct Check {
    /// The package (.tar.gz).
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,

    /// Print one JSON object.
    #[arg(short, long, help_heading = OUTPUT)]
    pub(crate) json: bool,
}

/// Writes a component.
#[derive(Args)]
pub(crate) struct Component {
    /// The file to write. Default: stdout.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// The guard, a component that allows only the request of the current call, for hosts without an egress policy.
    #[arg(long, group = "what")]
    pub(crate) guard: bool,

    /// The plugin, composed with the guard.
    #[arg(long, group = "what")]
    pub(crate) guarded: bool,

    /// The commands get and put, composed with the guarded plugin, for hosts that run components as programs.
    #[arg(long, group = "what")]
    pub(crate) command: bool,

    /// The interfaces in WIT, with all packages that they use.
    #[arg(long, group = "what")]
    pub(crate) wit: bool,
}

/// Prints a completion script.
#[derive(Args)]
pub(crate) struct Completions {
    /// The shell.
    pub(crate) shell: clap_complete::Shell,
}

/// Writes manual pages.
#[derive(Args)]
pub(crate) struct Man {
    /// The directory, which is created if it doesn't exist.
    #[arg(value_name = "DIRECTORY")]
    pub(crate) directory: PathBuf,
}

/// Emulates the API.
#[derive(Args)]
pub(crate) struct Emulate {
    /// The address to listen on. Port 0 selects a free port.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,

    /// The token to accept. Default: any token.
    #[arg(long, value_name = "T", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) token: Option<String>,
}

/// Uploads a package to an emulated API and gets it back.
#[derive(Args)]
pub(crate) struct Demo {
    /// The package (.tar.gz). Default: a sample of 5 MB.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) package: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
