//! The flags of the two operations.

mod after_help;

use crate::failure::Failure;
use crate::fields::FIELDS;
use crate::report::{Report, System};
pub use after_help::{EXIT_CODES, GET, GET_USAGE, PUT};
use clap::builder::{NonEmptyStringValueParser, PossibleValuesParser, Resettable};
use clap::{Args, Command, ValueEnum};
use fastly_package_egress::FASTLY_API;
use jiff::SignedDuration;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What is printed.
#[derive(Args)]
pub struct Output {
    /// Print errors and results, nothing else.
    #[arg(short, long, global = true, display_order = 900, help_heading = OUTPUT)]
    pub quiet: bool,

    /// Say what is done, on stderr; twice for more. Neither shows the token.
    #[arg(short, long, global = true, display_order = 901, help_heading = OUTPUT, action = clap::ArgAction::Count)]
    pub verbose: u8,

    /// Color what is printed. auto: on a terminal, unless NO_COLOR is set.
    #[arg(long, global = true, display_order = 902, help_heading = OUTPUT, value_enum, default_value_t, value_name = "WHEN")]
    pub color: Color,
}

/// When to color.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
#[expect(missing_docs, reason = "they would be printed")]
pub enum Color {
    #[default]
    Auto,
    Always,
    Never,
}

/// The heading of the flags that say what is printed.
pub const OUTPUT: &str = "Output";

/// The service version.
#[derive(Args)]
pub struct Target {
    /// The service's ID.
    #[arg(short, long, env = "FASTLY_SERVICE_ID", value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
    pub service_id: String,

    /// The version's number.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(i32::MAX)))]
    pub version: u32,
}

/// The way to the API.
#[derive(Args)]
#[command(next_help_heading = "Connection")]
pub struct Connection {
    /// The API's base: https, or http to this machine.
    // Parsed later: clap would repeat a wrong value, and there may be a password in it.
    #[arg(long, env = "FASTLY_API_ENDPOINT", value_name = "URL", default_value = FASTLY_API, hide_env_values = true)]
    pub api: String,

    /// Read the API token from this file, or from stdin (-), in place of FASTLY_API_TOKEN.
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,

    /// Give up after this long, such as 30s or 2m; retries included.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub timeout: Option<Duration>,

    /// Try again up to this many times, where that may help; an upload only when it is known that it isn't stored. 0: never.
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub retries: u32,

    /// Trust the certificates in this PEM file too.
    #[arg(long, value_name = "FILE")]
    pub ca_cert: Option<PathBuf>,
}

/// Shows the package of a service version.
#[derive(Args)]
pub struct Get {
    /// The service's ID.
    // An empty variable is as good as none, so that emptiness is for later.
    #[arg(
        short,
        long,
        env = "FASTLY_SERVICE_ID",
        value_name = "ID",
        required_unless_present = "targets"
    )]
    pub service_id: Option<String>,

    /// The version's number.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(i32::MAX)), required_unless_present = "targets")]
    pub version: Option<u32>,

    /// Get several: lines of a service and a version, or with --service-id of a version alone, in this file or from stdin (-). Prints a
    /// line of JSON for each as it comes; one that fails doesn't stop the rest, and the exit code is the highest of theirs.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["version", "field"])]
    pub targets: Option<PathBuf>,

    /// How many of several to get at a time.
    #[arg(long, value_name = "N", default_value = "8", value_parser = clap::value_parser!(u16).range(1..=500), conflicts_with = "version")]
    pub jobs: u16,

    /// Print one JSON object, with the API's own JSON in it under `raw`.
    #[arg(short, long, help_heading = OUTPUT)]
    pub json: bool,

    /// Print the value of this field alone; of several, such as authors, one a line.
    #[arg(long, value_name = "NAME", help_heading = OUTPUT, value_parser = PossibleValuesParser::new(FIELDS.map(|(name, _)| name)), conflicts_with = "json")]
    pub field: Option<String>,

    /// How to get there.
    #[command(flatten)]
    pub connection: Connection,
}

/// Uploads a package.
#[derive(Args)]
pub struct Put {
    /// Where to.
    #[command(flatten)]
    pub target: Target,

    /// The package (.tar.gz), or - for stdin.
    #[arg(short, long, value_name = "FILE")]
    pub package: PathBuf,

    /// How many bytes come from stdin: they are then sent as they come, not stored first.
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u64).range(1..))]
    pub size: Option<u64>,

    /// Ask the API before sending the package (Expect: 100-continue). auto: from 1 MiB on.
    #[arg(long, value_enum, default_value_t, value_name = "WHEN")]
    pub expect: When,

    /// Upload only what isn't there yet: compare the files of the package, by their files_hash, with those that the version has.
    #[arg(long)]
    pub if_changed: bool,

    /// Say what would be sent, and write nothing.
    #[arg(short = 'n', long)]
    pub dry_run: bool,

    /// Don't compare what the API stored with what was sent.
    #[arg(long)]
    pub no_verify: bool,

    /// Send what is too large or doesn't look like a package.
    #[arg(long)]
    pub force: bool,

    /// Print one JSON object, with the API's own JSON in it under `raw`.
    #[arg(short, long, help_heading = OUTPUT)]
    pub json: bool,

    /// How to get there.
    #[command(flatten)]
    pub connection: Connection,
}

impl Output {
    /// How to print, of an upload or something else.
    pub fn report(&self, json: bool, upload: bool, system: System) -> Report {
        Report { json, quiet: self.quiet, verbose: self.verbose > 0, upload, system }
    }
}

impl Put {
    /// Whether the package comes from standard input.
    pub fn is_from_stdin(&self) -> bool {
        self.package == Path::new("-")
    }

    /// Whether the flags go together.
    ///
    /// # Errors
    ///
    /// [`Failure::Usage`] where they don't.
    pub fn check(&self) -> Result<(), Failure> {
        let why = match self.is_from_stdin() {
            true if self.connection.is_token_from_stdin() => {
                "the token and the package can't both come from stdin"
            }
            true if self.if_changed => "--if-changed reads the package twice: name a file",
            false if self.size.is_some() => "--size goes with --package -: a file has its own",
            _ => return Ok(()),
        };
        Err(Failure::Usage(why.into()))
    }
}

impl Get {
    /// Whether JSON is printed: of several nothing else is.
    pub fn is_json(&self) -> bool {
        self.json || self.targets.is_some()
    }

    /// The one package that is asked for.
    ///
    /// # Errors
    ///
    /// [`Failure::Usage`] where none is named.
    pub fn target(&self) -> Result<(String, u32), Failure> {
        let service_id = self.service_id.clone().filter(|id| !id.is_empty());
        service_id
            .zip(self.version)
            .ok_or_else(|| Failure::Usage("--service-id and --version name what to get".into()))
    }

    /// The service of lines that name none.
    ///
    /// # Errors
    ///
    /// [`Failure::Usage`] where the lines and the token can't be told apart.
    pub fn service_of_targets(&self, targets: &Path) -> Result<Option<&str>, Failure> {
        match targets == Path::new("-") && self.connection.is_token_from_stdin() {
            true => {
                Err(Failure::Usage("the token and the targets can't both come from stdin".into()))
            }
            false => Ok(self.service_id.as_deref().filter(|id| !id.is_empty())),
        }
    }
}

impl Connection {
    fn is_token_from_stdin(&self) -> bool {
        self.token_file.as_deref() == Some(Path::new("-"))
    }
}

/// When to do something.
#[expect(missing_docs, reason = "they would be printed")]
#[derive(Clone, Copy, Default, ValueEnum)]
pub enum When {
    #[default]
    Auto,
    Always,
    Never,
}

fn duration(text: &str) -> Result<Duration, String> {
    match text.parse::<SignedDuration>() {
        Ok(duration) if !duration.is_positive() => Err("it must be longer than nothing".into()),
        Ok(duration) => Ok(duration.unsigned_abs()),
        Err(error) => Err(format!("{error}; write it such as 30s or 2m")),
    }
}

/// A command whose arguments take what isn't typed from an environment: for one that is not its process's.
pub fn with_environment(
    command: Command,
    variable: impl Fn(&str) -> Option<String> + Clone,
) -> Command {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_has_a_unit() {
        assert_eq!(duration("3s"), Ok(Duration::from_secs(3)));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        for wrong in ["", "3", "0s", "-1s", "soon"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
