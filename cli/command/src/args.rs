//! The arguments of `get` and `put`.

mod after_help;

use crate::contract::ServiceVersion;
use crate::error::CommandError;
use crate::fields;
pub use after_help::{EXIT_CODES, GET, GET_USAGE, PUT};
use clap::builder::{NonEmptyStringValueParser, PossibleValuesParser};
use clap::{Args, ValueEnum};
use fastly_package_core::api_url::FASTLY_API;
use fastly_package_core::upload::{Expect, PutOptions};
use jiff::SignedDuration;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The output of the command.
#[derive(Args)]
pub struct Output {
    /// Print only results and errors.
    #[arg(short, long, global = true, display_order = 900, help_heading = OUTPUT)]
    pub quiet: bool,

    /// Print hashes in full, and log to stderr; twice for more detail. The token is never logged.
    #[arg(short, long, global = true, display_order = 901, help_heading = OUTPUT, action = clap::ArgAction::Count)]
    pub verbose: u8,

    /// When to use colors. auto: on a terminal, unless NO_COLOR is set.
    #[arg(long, global = true, display_order = 902, help_heading = OUTPUT, value_enum, default_value_t, value_name = "WHEN")]
    pub color: When,
}

/// When to use a feature.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
#[expect(missing_docs, reason = "they would be printed")]
pub enum When {
    #[default]
    Auto,
    Always,
    Never,
}

/// The heading of the flags for the output.
pub const OUTPUT: &str = "Output";

/// The connection to the API.
#[derive(Args)]
#[command(next_help_heading = "Connection")]
pub struct Connection {
    /// The API's base URL: https, or http to a loopback address.
    // Parsed later: clap would print an invalid value, which may contain a password.
    #[arg(long, env = "FASTLY_API_ENDPOINT", value_name = "URL", default_value = FASTLY_API, hide_env_values = true)]
    pub api: String,

    /// Read the API token from this file, or from stdin (-), instead of FASTLY_API_TOKEN.
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,

    /// The time limit of the command, retries included, such as 30s or 2m.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub timeout: Option<Duration>,

    /// The maximum number of retries. An upload is retried only if the package is known not to be stored.
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub retries: u32,

    /// Also trust the certificates in this PEM file.
    #[arg(long, value_name = "FILE")]
    pub ca_cert: Option<PathBuf>,
}

/// Shows the package of a service version.
#[derive(Args)]
pub struct Get {
    /// The service's ID.
    // An empty variable means the same as none, so it is checked later.
    #[arg(
        short,
        long,
        env = "FASTLY_SERVICE_ID",
        value_name = "ID",
        required_unless_present = "targets"
    )]
    pub service_id: Option<String>,

    /// The version's number.
    #[arg(long, value_name = "N", value_parser = version, required_unless_present = "targets")]
    pub version: Option<u32>,

    /// Get many packages: each line of this file, or of stdin (-), is a service and a version, or a version if --service-id is set. Prints a line of
    /// JSON for each result as it arrives. A failure doesn't end the command; the exit code is the highest of all results.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["version", "field"])]
    pub targets: Option<PathBuf>,

    /// The maximum number of concurrent requests, with --targets.
    #[arg(long, value_name = "N", default_value = "8", value_parser = clap::value_parser!(u16).range(1..=500), conflicts_with = "version")]
    pub jobs: u16,

    /// Print one JSON object; the API's own JSON is in `raw`.
    #[arg(short, long, help_heading = OUTPUT)]
    pub json: bool,

    /// Print only the value of this field. A list is printed one entry per line.
    #[arg(long, value_name = "NAME", help_heading = OUTPUT, value_parser = PossibleValuesParser::new(fields::names()), conflicts_with = "json")]
    pub field: Option<String>,

    /// The connection.
    #[command(flatten)]
    pub connection: Connection,
}

/// Uploads a package.
#[derive(Args)]
pub struct Put {
    /// The service's ID.
    #[arg(short, long, env = "FASTLY_SERVICE_ID", value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
    pub service_id: String,

    /// The version's number.
    #[arg(long, value_name = "N", value_parser = version)]
    pub version: u32,

    /// The package (.tar.gz), or - for stdin.
    #[arg(short, long, value_name = "FILE")]
    pub package: PathBuf,

    /// The number of bytes on stdin, which are then streamed instead of being stored in a temporary file first.
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u64).range(1..))]
    pub size: Option<u64>,

    /// Wait for the API's consent before sending the package (Expect: 100-continue). auto: from 1 MiB on, except from stdin with --size.
    #[arg(long, value_enum, default_value_t, value_name = "WHEN")]
    pub expect: When,

    /// Don't compare what the API stored with what was sent.
    #[arg(long)]
    pub no_verify: bool,

    /// Send the file even if it is too large or not a package.
    #[arg(long)]
    pub force: bool,

    /// Upload only if the version doesn't have the same files already, by their files_hash.
    #[arg(long)]
    pub if_changed: bool,

    /// Print what would be sent, and change nothing.
    #[arg(short = 'n', long)]
    pub dry_run: bool,

    /// Print one JSON object; the API's own JSON is in `raw`.
    #[arg(short, long, help_heading = OUTPUT)]
    pub json: bool,

    /// The connection.
    #[command(flatten)]
    pub connection: Connection,
}

impl Put {
    /// Returns the service version.
    pub(crate) fn service_version(&self) -> ServiceVersion {
        ServiceVersion { service_id: self.service_id.clone(), version_id: self.version }
    }

    /// Returns the options of the upload.
    pub(crate) fn options(&self) -> PutOptions {
        let expect = match self.expect {
            When::Auto => Expect::Auto,
            When::Always => Expect::Always,
            When::Never => Expect::Never,
        };
        PutOptions { expect, verify: !self.no_verify, force: self.force }
    }

    /// Returns whether the package is read from stdin.
    pub fn is_from_stdin(&self) -> bool {
        self.package == Path::new("-")
    }

    /// Checks that the arguments don't contradict each other.
    pub(crate) fn check(&self) -> Result<(), CommandError> {
        let reason = match self.is_from_stdin() {
            true if self.connection.is_token_from_stdin() => {
                "the token and the package can't both be read from stdin"
            }
            true if self.if_changed => {
                "--if-changed reads the package twice, and can't be used with stdin"
            }
            false if self.size.is_some() => "--size can only be used with --package -",
            _ => return Ok(()),
        };
        Err(CommandError::Usage(reason.into()))
    }
}

impl Get {
    /// Returns whether results are JSON, as those of several targets always are.
    pub fn is_json(&self) -> bool {
        self.json || self.targets.is_some()
    }

    /// Returns the target, if there is only one.
    pub(crate) fn target(&self) -> Result<ServiceVersion, CommandError> {
        match (self.service_id(), self.version) {
            (Some(service_id), Some(version_id)) => {
                Ok(ServiceVersion { service_id: service_id.to_owned(), version_id })
            }
            _ => Err(CommandError::Usage("--service-id and --version are required".into())),
        }
    }

    /// Returns the service of the lines that contain only a version.
    pub(crate) fn service_of_targets(&self, path: &Path) -> Result<Option<&str>, CommandError> {
        match path == Path::new("-") && self.connection.is_token_from_stdin() {
            true => Err(CommandError::Usage(
                "the token and the targets can't both be read from stdin".into(),
            )),
            false => Ok(self.service_id()),
        }
    }

    fn service_id(&self) -> Option<&str> {
        self.service_id.as_deref().filter(|id| !id.is_empty())
    }
}

impl Connection {
    fn is_token_from_stdin(&self) -> bool {
        self.token_file.as_deref() == Some(Path::new("-"))
    }
}

fn version(text: &str) -> Result<u32, String> {
    const MAX: u32 = i32::MAX as u32;
    match text.parse() {
        Ok(version @ 1..=MAX) => Ok(version),
        Ok(version) => Err(format!("{version} is not in 1..={MAX}")),
        Err(_) => Err("expected a version number, such as 3".into()),
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    match text.parse::<SignedDuration>() {
        Ok(duration) if !duration.is_positive() => Err("it must be longer than 0s".into()),
        Ok(duration) => Ok(duration.unsigned_abs()),
        Err(_) if text.bytes().all(|byte| byte.is_ascii_digit()) => {
            Err("missing unit; for example 30s or 2m".into())
        }
        Err(_) => Err("expected a duration, such as 30s or 2m".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_has_a_unit() {
        assert_eq!(duration("3s"), Ok(Duration::from_secs(3)));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        for invalid in ["", "3", "0s", "-1s", "soon"] {
            assert!(duration(invalid).is_err(), "{invalid}");
        }
    }
}
