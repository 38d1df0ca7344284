//! What can be typed.

mod after_help;

use clap::builder::{NonEmptyStringValueParser, PossibleValuesParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use jiff::SignedDuration;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Get and put the Compute package of a Fastly service version, through a sandboxed component.
#[derive(Parser)]
#[command(name = "fastly-package", version, after_help = after_help::all())]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,

    /// Print errors and results, nothing else.
    #[arg(short, long, global = true, display_order = 900, help_heading = OUTPUT)]
    pub(crate) quiet: bool,

    /// Say what is done, on stderr; twice for more. Neither shows the token.
    #[arg(short, long, global = true, display_order = 901, help_heading = OUTPUT, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,

    /// Color what is printed. auto: on a terminal, unless NO_COLOR is set.
    #[arg(long, global = true, display_order = 902, help_heading = OUTPUT, value_enum, default_value_t, value_name = "WHEN")]
    pub(crate) color: Color,
}

#[derive(Clone, Copy, Default, ValueEnum)]
pub(crate) enum Color {
    #[default]
    Auto,
    Always,
    Never,
}

impl Color {
    /// What goes before the terminal's and the environment's word.
    pub(crate) fn choice(self) -> Option<anstream::ColorChoice> {
        match self {
            Self::Auto => None,
            Self::Always => Some(anstream::ColorChoice::Always),
            Self::Never => Some(anstream::ColorChoice::Never),
        }
    }
}

/// The heading of the flags that say what is printed.
const OUTPUT: &str = "Output";

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Show the package of a service version.
    #[command(after_help = after_help::get(), override_usage = "\
fastly-package get [OPTIONS] --service-id <ID> --version <N>
       fastly-package get [OPTIONS] --targets <FILE>")]
    Get(Get),
    /// Upload a package to a service version that is neither active nor locked.
    #[command(after_help = after_help::put())]
    Put(Put),
    /// Say what a package is and what is wrong with it, without the network.
    #[command(after_help = after_help::CHECK)]
    Check(Check),
    /// Write the component of this build, for other hosts, or its guard or contract.
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

/// The service version.
#[derive(Args)]
pub(crate) struct Target {
    /// The service's ID.
    #[arg(short, long, env = "FASTLY_SERVICE_ID", value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) service_id: String,

    /// The version's number.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(i32::MAX)))]
    pub(crate) version: u32,
}

/// The way to the API.
#[derive(Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct Connection {
    /// The API's base: https, or http to this machine.
    // Parsed later: clap would repeat a wrong value, and there may be a password in it.
    #[arg(long, env = "FASTLY_API_ENDPOINT", value_name = "URL", default_value = fastly_package::FASTLY_API, hide_env_values = true)]
    pub(crate) api: String,

    /// Read the API token from this file, or from stdin (-), in place of FASTLY_API_TOKEN.
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,

    /// Give up after this long, such as 30s or 2m; retries included.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) timeout: Option<Duration>,

    /// Try again up to this many times, where that may help; an upload only when it is known that it isn't stored. 0: never.
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub(crate) retries: u32,

    /// Trust the certificates in this PEM file too.
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_cert: Option<PathBuf>,
}

/// Shows the package of a service version.
#[derive(Args)]
pub(crate) struct Get {
    /// The service's ID.
    // An empty variable is as good as none, so that emptiness is for later.
    #[arg(
        short,
        long,
        env = "FASTLY_SERVICE_ID",
        value_name = "ID",
        required_unless_present = "targets"
    )]
    pub(crate) service_id: Option<String>,

    /// The version's number.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(i32::MAX)), required_unless_present = "targets")]
    pub(crate) version: Option<u32>,

    /// Get several: lines of a service and a version, or with --service-id of a version alone, in this file or from stdin (-). Prints a
    /// line of JSON for each as it comes; one that fails doesn't stop the rest, and the exit code is the highest of theirs.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["version", "field"])]
    pub(crate) targets: Option<PathBuf>,

    /// How many of several to get at a time.
    #[arg(long, value_name = "N", default_value = "8", value_parser = clap::value_parser!(u16).range(1..=500), conflicts_with = "version")]
    pub(crate) jobs: u16,

    /// Print one JSON object, with the API's own JSON in it under `raw`.
    #[arg(short, long, help_heading = OUTPUT)]
    pub(crate) json: bool,

    /// Print the value of this field alone; of several, such as authors, one a line.
    #[arg(long, value_name = "NAME", help_heading = OUTPUT, value_parser = PossibleValuesParser::new(FIELDS), conflicts_with = "json")]
    pub(crate) field: Option<String>,

    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// The fields of a package, by the names that they have in JSON.
pub(crate) const FIELDS: [&str; 14] = [
    "id",
    "service_id",
    "version",
    "name",
    "description",
    "authors",
    "language",
    "cloned_from",
    "size",
    "hashsum",
    "files_hash",
    "created_at",
    "updated_at",
    "deleted_at",
];

/// Uploads a package.
#[derive(Args)]
pub(crate) struct Put {
    #[command(flatten)]
    pub(crate) target: Target,

    /// The package (.tar.gz), or - for stdin.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) package: PathBuf,

    /// How many bytes come from stdin: they are then sent as they come, not stored first.
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) size: Option<u64>,

    /// Ask the API before sending the package (Expect: 100-continue). auto: from 1 MiB on.
    #[arg(long, value_enum, default_value_t, value_name = "WHEN")]
    pub(crate) expect: When,

    /// Upload only what isn't there yet: compare the files of the package, by their files_hash, with those that the version has.
    #[arg(long)]
    pub(crate) if_changed: bool,

    /// Say what would be sent, and write nothing.
    #[arg(short = 'n', long)]
    pub(crate) dry_run: bool,

    /// Don't compare what the API stored with what was sent.
    #[arg(long)]
    pub(crate) no_verify: bool,

    /// Send what is too large or doesn't look like a package.
    #[arg(long)]
    pub(crate) force: bool,

    /// Print one JSON object, with the API's own JSON in it under `raw`.
    #[arg(short, long, help_heading = OUTPUT)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) connection: Connection,
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

#[derive(Clone, Copy, Default, ValueEnum)]
pub(crate) enum When {
    #[default]
    Auto,
    Always,
    Never,
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

fn duration(text: &str) -> Result<Duration, String> {
    match text.parse::<SignedDuration>() {
        Ok(duration) if !duration.is_positive() => Err("it must be longer than nothing".into()),
        Ok(duration) => Ok(duration.unsigned_abs()),
        Err(error) => Err(format!("{error}; write it such as 30s or 2m")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_duration_has_a_unit() {
        assert_eq!(duration("3s"), Ok(Duration::from_secs(3)));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        for wrong in ["", "3", "0s", "-1s", "soon"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
