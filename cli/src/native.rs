//! The native platform: the library, files and signals.

mod content;
mod lines;
mod progress;
mod signals;
mod token;

use fastly_package::{
    Content, ContentError, ContentReader, Plugin, PluginBuilder, PutOptions, Retry, Token,
};
use fastly_package_archive::{self as archive, ReadLimits, files_hash};
use fastly_package_command::args::{Connection, Put};
use fastly_package_command::call_error::{CallError, Uploaded};
use fastly_package_command::contract::{Reply, ServiceVersion, ServiceVersionInfo};
use fastly_package_command::error::{CommandError, ErrorContext, Finding};
use fastly_package_command::platform::{Platform, UploadResult};
use fastly_package_command::put::explain;
use fastly_package_command::report::Report;
use fastly_package_command::targets::Line;
use fastly_package_core::error::ErrorKind;
use fastly_package_core::retry::Retries;
use fastly_package_core::target::Operation;
use fastly_package_core::upload::RetryNotice;
use futures::Stream;
use progress::Progress;
use signals::Signals;
pub(crate) use signals::end_by;
use std::io;
use std::num::NonZeroU32;
use std::path::Path;
use std::pin::pin;
use std::time::{Duration, Instant};

/// The maximum time of a call that only explains an error.
const EXPLANATION_LIMIT: Duration = Duration::from_secs(5);

/// A plugin that is set up according to the arguments.
pub(crate) struct Native {
    plugin: Plugin,
    token_source: String,
    progress: Progress,
    report: Report,
}

impl Platform for Native {
    type Content = Content;
    type Reader = ContentReader;

    fn connect(
        connection: &Connection,
        jobs: Option<u16>,
        report: Report,
    ) -> Result<Self, CommandError> {
        let start = Instant::now();
        let (token, token_source) = token::read(connection, report)?;
        let mut builder = Plugin::builder()
            .token(token)
            .api(connection.api.parse().map_err(usage)?)
            .retries(Retries { limit: connection.retries, ..Retries::default() });
        if let Some(path) = &connection.ca_cert {
            let pem = std::fs::read(path).map_err(|error| {
                CommandError::Usage(format!("can't read --ca-cert {}: {error}", path.display()))
            })?;
            builder = builder.ca_certificates(&pem).map_err(usage)?;
        }
        if let Some(jobs) = jobs.and_then(|jobs| NonZeroU32::new(jobs.into())) {
            builder = builder.pooling_allocator(jobs);
        }
        let time_limit = connection.timeout.map(|timeout| (start, timeout));
        Self::new(builder, time_limit, token_source, jobs.is_some(), report)
    }

    fn token_source(&self) -> &str {
        &self.token_source
    }

    async fn get_package(&self, target: &ServiceVersion) -> Result<Reply, CallError> {
        Ok(self.plugin.get_package(target).await?)
    }

    async fn list_versions(&self, service_id: &str) -> Result<Vec<ServiceVersionInfo>, CallError> {
        let plugin = self.plugin.with_deadline(Instant::now(), EXPLANATION_LIMIT);
        Ok(self.plugin.run_until_deadline(plugin.list_versions(service_id)).await??)
    }

    fn lines(&self, path: &Path) -> impl Stream<Item = Line> {
        lines::lines(path.to_owned(), &self.plugin)
    }

    async fn open(&self, args: &Put) -> Result<Content, CallError> {
        Ok(self.plugin.run_until_deadline(content::open(args)).await??)
    }

    fn size(content: &Content) -> u64 {
        content.size()
    }

    async fn check(&self, content: &mut Content) -> Result<(), CallError> {
        Ok(content.check().await?)
    }

    async fn files_hash(&self, content: &Content) -> Result<Option<String>, CallError> {
        let Some(mut reader) = content.reader() else { return Ok(None) };
        let hashing =
            tokio::task::spawn_blocking(move || files_hash(&mut reader, ReadLimits::default()));
        let hashed = self.plugin.run_until_deadline(hashing).await?;
        let hashed = hashed.map_err(io::Error::other).flatten();
        Ok(hashed.map_err(|error| fastly_package::Error::from(ContentError::Read(error)))?)
    }

    async fn findings(&self, mut package: ContentReader) -> Option<Vec<Finding>> {
        let checking = tokio::task::spawn_blocking(move || {
            archive::check(&mut package, ReadLimits::default())
        });
        let checked = self.plugin.run_until_deadline(checking).await.ok()?.ok()?.ok()?;
        Some(checked.findings.iter().map(finding).collect())
    }

    async fn upload(
        &self,
        content: Content,
        options: PutOptions,
        mut context: ErrorContext,
    ) -> UploadResult {
        let mut signals = match Signals::catch() {
            Ok(signals) => signals,
            Err(error) => {
                let error = CommandError::Io("can't handle signals".into(), error);
                return UploadResult { result: Err(error), signal: None };
            }
        };
        let package = content.reader();
        let error = {
            let mut uploading = pin!(self.put_package(&context.target, content, options));
            tokio::select! {
                result = &mut uploading => match result {
                    Ok(uploaded) => return UploadResult { result: Ok(uploaded), signal: None },
                    Err(error) => error,
                },
                signal = signals.next() => {
                    // The upload then ends at once, and its error tells what is stored.
                    self.plugin.cancel();
                    let result = uploading.await.map_err(|error| context.error(error));
                    return UploadResult { result, signal: Some(signal) };
                }
            }
        };
        let (explanation, signal) = tokio::select! {
            explanation = explain(self, &context, &error, package) => (explanation, None),
            signal = signals.next() => (None, Some(signal)),
        };
        context.explanation = explanation;
        UploadResult { result: Err(context.error(error)), signal }
    }
}

impl Native {
    /// Builds the plugin. `time_limit` is counted from an instant. `label_target` adds the target to the warning of a retry.
    pub(crate) fn new(
        builder: PluginBuilder,
        time_limit: Option<(Instant, Duration)>,
        token_source: String,
        label_target: bool,
        report: Report,
    ) -> Result<Self, CommandError> {
        let progress = Progress::new(report);
        let (on_retry, on_verify) = (progress.clone(), progress.clone());
        let plugin = builder
            .on_retry(move |retry| {
                if retry.operation == Operation::PutPackage {
                    on_retry.restart();
                }
                // With --verbose, it is logged.
                if !report.verbose {
                    on_retry.suspend(|| warn_of_retry(report, retry, label_target));
                }
            })
            .on_verify(move |_| on_verify.verify())
            .build()
            .map_err(|error| match error.kind() {
                ErrorKind::Component => {
                    CommandError::Io("can't start".into(), io::Error::other(error))
                }
                _ => usage(error),
            })?;
        let plugin = match time_limit {
            Some((start, limit)) => plugin.with_deadline(start, limit),
            None => plugin,
        };
        Ok(Self { plugin, token_source, progress, report })
    }

    /// Prepares calls of the demo's emulator.
    pub(crate) fn demo(api: &str, token: &str, report: Report) -> Result<Self, CommandError> {
        let builder = Plugin::builder()
            .token(Token::new(token).map_err(usage)?)
            .api(api.parse().map_err(usage)?)
            .retries(Retries::none());
        Self::new(builder, None, "the demo".to_owned(), false, report)
    }

    /// Uploads a package, and shows the progress.
    async fn put_package(
        &self,
        target: &ServiceVersion,
        content: Content,
        options: PutOptions,
    ) -> Result<Uploaded, CallError> {
        self.progress.begin(content.size());
        let progress = self.progress.clone();
        let content = content.on_progress(move |read| progress.advance(read));
        let upload = self.plugin.put_package(target, content, options);
        let uploaded = self.progress.run(upload, |line| self.report.message(line)).await;
        self.progress.clear();
        Ok(uploaded?)
    }
}

fn warn_of_retry(report: Report, retry: &Retry<'_>, label_target: bool) {
    let Retry { operation, service_id, version_id, error, number, limit, wait, .. } = *retry;
    // The list of versions only explains an error.
    if operation != Operation::ListVersions {
        let target = version_id.filter(|_| label_target).map(|version_id| (service_id, version_id));
        report.retry(target, &RetryNotice { operation, error, number, limit, wait });
    }
}

fn usage(error: fastly_package::Error) -> CommandError {
    CommandError::Usage(error.to_string())
}

/// Converts a finding of the archive's check.
pub(crate) fn finding(finding: &archive::Finding) -> Finding {
    Finding {
        severity: finding.severity().to_string(),
        kind: finding.kind(),
        message: finding.to_string(),
        hint: finding.hint(),
        refuses_upload: finding.refuses_upload(),
    }
}
