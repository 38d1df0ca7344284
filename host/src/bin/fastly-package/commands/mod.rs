//! The subcommands.

mod check;
mod completions;
mod demo;
mod emulate;
mod get;
mod put;

use crate::cli::{Cli, Command, Connection};
use crate::failure::{Failure, Kind, Operation, TokenSource};
use crate::progress::Progress;
use crate::report::Report;
use fastly_package::{Error, Plugin, Retries, ServiceVersion, Timeouts, Token};
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

/// Runs what was typed.
pub(crate) async fn run(cli: Cli) -> ExitCode {
    let quiet = cli.quiet;
    let report = match &cli.command {
        Command::Get(args) => Report { json: args.json, quiet, upload: false },
        Command::Put(args) => Report { json: args.json, quiet, upload: true },
        Command::Check(args) => Report { json: args.json, quiet, upload: false },
        Command::Completions(_) | Command::Emulate(_) | Command::Demo(_) => {
            Report { json: false, quiet, upload: false }
        }
    };
    let done = |()| ExitCode::SUCCESS;
    let result = match &cli.command {
        Command::Get(args) => get::run(args, report).await.map(done),
        Command::Put(args) => put::run(args, report).await.map(done),
        Command::Check(args) => check::run(args, report),
        Command::Completions(args) => completions::run(args, report).map(done),
        Command::Emulate(args) => emulate::run(args, report).await.map(done),
        Command::Demo(args) => demo::run(args, report).await.map(done),
    };
    result.unwrap_or_else(|failure| report.failure(&failure))
}

/// A plugin set up as the flags say, and an operation to do with it.
struct Session {
    plugin: Plugin,
    target: ServiceVersion,
    operation: Operation,
    progress: Progress,
    /// The limit for everything, as it was typed.
    timeout: Option<std::time::Duration>,
}

impl Session {
    /// `start`: when the command began, from which on `--timeout` counts.
    fn open(
        connection: &Connection,
        token: Token,
        operation: Operation,
        start: Instant,
        report: Report,
    ) -> Result<Self, Failure> {
        let fail = |error| Failure::Operation(Box::new(operation.clone()), error);
        let mut builder = Plugin::builder().token(token).api(connection.api.parse().map_err(fail)?);
        if let Some(path) = &connection.ca_cert {
            let pem = std::fs::read(path).map_err(|error| {
                Failure::Usage(format!("can't read --ca-cert {}: {error}", path.display()))
            })?;
            builder = builder.ca_certificates(&pem).map_err(fail)?;
        }
        let timeout = connection.timeout;
        let total = timeout.map(|timeout| timeout.saturating_sub(start.elapsed()));
        let timeouts = Timeouts { total, ..Timeouts::default() };
        let retries = Retries { limit: connection.retries, ..Retries::default() };
        let progress = Progress::default();
        let shown = progress.clone();
        let builder = builder
            .timeouts(timeouts)
            .retries(retries)
            .few_calls()
            .on_retry(move |retry| shown.suspend(|| report.retry(retry)));
        let plugin = builder.build().map_err(fail)?;
        let target = ServiceVersion::new(&operation.service_id, operation.version).map_err(fail)?;
        Ok(Self { plugin, target, operation, progress, timeout })
    }

    fn failed(&self, mut error: Error) -> Failure {
        if let (Error::Timeout(timed_out), Some(timeout)) = (&mut error, self.timeout)
            && timed_out.kind == fastly_package::TimeoutKind::Total
        {
            timed_out.limit = timeout;
        }
        Failure::Operation(Box::new(self.operation.clone()), error)
    }
}

fn operation(kind: Kind, target: &crate::cli::Target, token: TokenSource) -> Operation {
    Operation {
        kind,
        service_id: target.service_id.clone(),
        version: target.version,
        token,
        findings: None,
    }
}

/// Reads the token from where the flags say.
fn token(connection: &Connection, report: Report) -> Result<(Token, TokenSource), Failure> {
    let usage = |error: Error| Failure::Usage(error.to_string());
    match connection.token_file.as_deref() {
        Some(path) if path == Path::new("-") => {
            let token = Token::from_reader(std::io::stdin().lock(), "stdin").map_err(usage)?;
            Ok((token, TokenSource::Stdin))
        }
        Some(path) => {
            let token = Token::from_file(path).map_err(usage)?;
            if is_readable_by_others(path) {
                let path = path.display();
                report.say(&format!(
                    "warning: others can read the token in {path}: chmod 600 {path}"
                ));
            }
            Ok((token, TokenSource::File(path.to_owned())))
        }
        None if std::env::var_os("FASTLY_API_TOKEN").is_none_or(|token| token.is_empty()) => {
            Err(Failure::NoToken)
        }
        None => {
            let token = Token::from_env("FASTLY_API_TOKEN").map_err(usage)?;
            Ok((token, TokenSource::Environment))
        }
    }
}

/// Whether more than its owner may read a file. What isn't a file, such as a pipe, is nobody else's.
fn is_readable_by_others(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    const READ_BY_OTHERS: u32 = 0o044;
    std::fs::metadata(path).is_ok_and(|metadata| {
        metadata.is_file() && metadata.permissions().mode() & READ_BY_OTHERS != 0
    })
}
