//! A plugin set up as the flags say, and an operation to do with it.

use crate::progress::Progress;
use crate::records::{self, failed};
use fastly_package::{
    Error, Plugin, PluginBuilder, Retries, Retry, ServiceVersion, Stored, TimeoutError,
    TimeoutKind, Timeouts, Token,
};
use fastly_package_words::args::Connection;
use fastly_package_words::failure::{Failure, Operation};
use fastly_package_words::report::{Again, Report};
use http::Method;
use std::time::{Duration, Instant};

pub(super) struct Session {
    pub(super) plugin: Plugin,
    pub(super) target: ServiceVersion,
    pub(super) operation: Operation,
    pub(super) limit: Limit,
    pub(super) progress: Progress,
}

/// The limit for everything, `--timeout`.
#[derive(Clone, Copy)]
pub(super) struct Limit {
    start: Instant,
    timeout: Option<Duration>,
}

impl Limit {
    /// Counts from now on.
    pub(super) fn new(timeout: Option<Duration>) -> Self {
        Self { start: Instant::now(), timeout }
    }

    /// What is left of it. `None`: there is none.
    pub(super) fn left(self) -> Option<Duration> {
        Some(self.timeout?.saturating_sub(self.start.elapsed()))
    }

    /// What the future comes to, or a timeout.
    pub(super) async fn hold<F: Future>(self, future: F) -> Result<F::Output, Error> {
        let Some(left) = self.left() else { return Ok(future.await) };
        tokio::time::timeout(left, future).await.map_err(|_| self.timed_out())
    }

    /// Returns when nothing is left of it.
    pub(super) async fn passed(self) {
        match self.left() {
            Some(left) => tokio::time::sleep(left).await,
            None => std::future::pending().await,
        }
    }

    fn timed_out(self) -> Error {
        let (kind, limit) = (TimeoutKind::Total, self.timeout.unwrap_or_default());
        Error::Timeout(TimeoutError { kind, limit, upload: None, stored: Stored::No })
    }
}

/// A plugin for this connection, but for what is particular to a subcommand.
pub(super) fn plugin(
    connection: &Connection,
    token: Token,
    limit: Limit,
) -> Result<PluginBuilder, Failure> {
    let usage = |error: Error| Failure::Usage(error.to_string());
    let mut builder = Plugin::builder().token(token).api(connection.api.parse().map_err(usage)?);
    if let Some(path) = &connection.ca_cert {
        let pem = std::fs::read(path).map_err(|error| {
            Failure::Usage(format!("can't read --ca-cert {}: {error}", path.display()))
        })?;
        builder = builder.ca_certificates(&pem).map_err(usage)?;
    }
    let timeouts = Timeouts { total: limit.left(), ..Timeouts::default() };
    let retries = Retries { limit: connection.retries, ..Retries::default() };
    Ok(builder.timeouts(timeouts).retries(retries))
}

impl Session {
    /// One operation, of the few that this process does.
    pub(super) fn open(
        connection: &Connection,
        token: Token,
        operation: Operation,
        limit: Limit,
        report: Report,
    ) -> Result<Self, Failure> {
        let progress = Progress::default();
        let (on_retry, on_verify) = (progress.clone(), progress.clone());
        let plugin = plugin(connection, token, limit)?
            .few_calls()
            .on_retry(move |retry| {
                if retry.method == Method::PUT {
                    on_retry.again();
                }
                on_retry.suspend(|| again(report, retry, false));
            })
            .on_verify(move |_| on_verify.verify())
            .build()
            .map_err(unusable)?;
        Self::new(plugin, operation, limit, progress)
    }

    /// One operation with a plugin that is there.
    pub(super) fn new(
        plugin: Plugin,
        operation: Operation,
        limit: Limit,
        progress: Progress,
    ) -> Result<Self, Failure> {
        let target = ServiceVersion::new(&operation.service_id, operation.version)
            .map_err(|error| failed(&operation, &error))?;
        Ok(Self { plugin, target, operation, limit, progress })
    }

    pub(super) fn failed(&self, mut error: Error) -> Failure {
        if let (Error::Timeout(timed_out), Some(timeout)) = (&mut error, self.limit.timeout)
            && timed_out.kind == TimeoutKind::Total
        {
            // As it was typed, not what was left of it.
            timed_out.limit = timeout;
        }
        failed(&self.operation, &error)
    }

    /// The same, and what a 404 is about.
    pub(super) async fn explained(&self, error: Error) -> Failure {
        let not_found = error.is_not_found();
        let mut failure = self.failed(error);
        if let Failure::Operation(operation, _) = &mut failure
            && not_found
        {
            let found = self.limit.hold(self.plugin.find_missing(&self.target)).await;
            operation.cause = found.ok().flatten().and_then(records::missing);
        }
        failure
    }
}

/// A plugin that can't be built: where it isn't the component's fault, what was typed is wrong.
pub(super) fn unusable(error: Error) -> Failure {
    match error {
        Error::Component(_) => Failure::Local("can't start".into(), std::io::Error::other(error)),
        error => Failure::Usage(error.to_string()),
    }
}

/// Says that a call that failed is about to be made again. `named`: which one, of several.
pub(super) fn again(report: Report, retry: &Retry<'_>, named: bool) {
    if report.verbose {
        // There is a trace of it.
        return;
    }
    let Retry { target, method, error, number, limit, wait, .. } = retry;
    report.again(&Again {
        target: named.then_some((target.service_id.as_str(), target.version_id)),
        asking: report.upload && *method == Method::GET,
        reason: &error.to_string(),
        number: *number,
        limit: *limit,
        wait: *wait,
    });
}
