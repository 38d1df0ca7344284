//! What can be typed.

mod after_help;

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Parser, Subcommand};
use fastly_package_words::args::{Color, GET_USAGE, Get, OUTPUT, Output, Put};
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

/// What goes before the terminal's and the environment's word.
pub(crate) fn choice(color: Color) -> Option<anstream::ColorChoice> {
    match color {
        Color::Auto => None,
        Color::Always => Some(anstream::ColorChoice::Always),
        Color::Never => Some(anstream::ColorChoice::Never),
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
    /// Say what a package is and what is wrong with it, without the network.
    #[command(after_help = after_help::CHECK)]
    Check(Check),
    /// Write the component of this build, for other hosts, and what goes with it.
    #[command(after_help = after_help::COMPONENT)]
    Component(Component),
    /// Print a script that completes this command in a shell.
    #[command(after_help = after_help::COMPLETIONS)]
    Completions(Completions),
    /// Write the manual pages of this command and its subcommands.
    #[command(after_help = after_help::MAN)]
    Man(Man),
    /// Serve an emulation of the API on this machine, for tests and trials.
    #[command(after_help = after_help::EMULATE)]
    Emulate(Emulate),
    /// Upload a package to an emulated API and get it back.
    #[command(after_help = after_help::DEMO)]
    Demo(Demo),
}

/// Says what a package is.
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
    /// Where to write it. Default: stdout.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// The guard: a component that lets the one request of a call out, for hosts without an egress policy.
    #[arg(long, group = "what")]
    pub(crate) guard: bool,

    /// The plugin with the guard around it.
    #[arg(long, group = "what")]
    pub(crate) guarded: bool,

    /// The command, `get` and `put`, for hosts that run a component as a program; the guarded plugin is in it.
    #[arg(long, group = "what")]
    pub(crate) command: bool,

    /// The contract, in WIT, with all packages that it names.
    #[arg(long, group = "what")]
    pub(crate) wit: bool,
}

/// Prints a script for a shell.
#[derive(Args)]
pub(crate) struct Completions {
    /// The shell.
    pub(crate) shell: clap_complete::Shell,
}

/// Writes the manual pages.
#[derive(Args)]
pub(crate) struct Man {
    /// The folder for them; it is made where it isn't there.
    #[arg(value_name = "FOLDER")]
    pub(crate) folder: PathBuf,
}

/// Serves an emulation of the API.
#[derive(Args)]
pub(crate) struct Emulate {
    /// Where to listen. Port 0: any that is free.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,

    /// The one token to accept. Default: any.
    #[arg(long, value_name = "T", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) token: Option<String>,
}

/// Uploads a package to an emulated API and gets it back.
#[derive(Args)]
pub(crate) struct Demo {
    /// The package (.tar.gz) to upload. Default: a sample of 5 MB.
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
