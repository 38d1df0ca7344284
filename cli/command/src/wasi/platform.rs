//! The platform: files, clocks and the plugin.

use super::bindings::fastly_package::api::egress;
use super::bindings::fastly_package::api::package_api::{self, Auth, RequestOptions};
use super::bindings::fastly_package::api::versions;
use super::bindings::wasi::cli::stdin::get_stdin;
use super::call_error::{call_error, unreadable};
use super::content::Content;
use super::files;
use super::system::{now, random, sleep, variable};
use crate::args::{Connection, Put};
use crate::call_error::CallError;
use crate::contract::{Reply, ServiceVersion, ServiceVersionInfo};
use crate::error::{CommandError, ErrorContext, Finding};
use crate::platform::{Platform, UploadResult};
use crate::put::explain;
use crate::report::Report;
use crate::targets::{Line, Lines};
use fastly_package_archive::{ReadLimits, files_hash};
use fastly_package_core::api_url::ApiUrl;
use fastly_package_core::error::{ErrorKind, unusable_token};
use fastly_package_core::retry::Retries;
use fastly_package_core::target::Operation;
use fastly_package_core::token;
use fastly_package_core::upload::{self, Failure, RetryNotice};
use futures::{Stream, stream};
use std::io::Read;
use std::path::Path;

pub(super) struct Wasi {
    api: String,
    pub(super) token: String,
    token_source: String,
    pub(super) retries: Retries,
    pub(super) report: Report,
    /// Whether the warning of a retry contains its target.
    label_target: bool,
}

impl Platform for Wasi {
    type Content = Content;
    type Reader = ();

    fn connect(
        connection: &Connection,
        jobs: Option<u16>,
        report: Report,
    ) -> Result<Self, CommandError> {
        let (token, token_source) = read_token(connection)?;
        let invalid = |reason| CommandError::Usage(format!("the API's URL {reason}"));
        let api = ApiUrl::parse(&connection.api).map_err(invalid)?;
        api.check_token_allowed().map_err(invalid)?;
        Ok(Self {
            api: connection.api.clone(),
            token,
            token_source,
            retries: Retries { limit: connection.retries, ..Retries::default() },
            report,
            label_target: jobs.is_some(),
        })
    }

    fn token_source(&self) -> &str {
        &self.token_source
    }

    async fn get_package(&self, target: &ServiceVersion) -> Result<Reply, CallError> {
        let label = self.label_target.then_some((&*target.service_id, target.version_id));
        let operation = Operation::GetPackage;
        let mut number = 0;
        loop {
            let error = match self.get_once(target) {
                Ok(reply) => return Ok(reply),
                Err(error) => error,
            };
            number += 1;
            let wait = self.retries.wait(&error.call(), number, now(), random());
            let Some(wait) = wait else { return Err(error) };
            let limit = self.retries.limit;
            let retry = RetryNotice { operation, error: &error, number, limit, wait };
            self.report.retry(label, &retry);
            sleep(wait);
        }
    }

    async fn list_versions(&self, service_id: &str) -> Result<Vec<ServiceVersionInfo>, CallError> {
        self.allow(egress::Operation::ListVersions, service_id, 0)?;
        versions::list_versions(service_id, &self.options())
            .map_err(|error| call_error(error, None, &self.token))
    }

    fn lines(&self, path: &Path) -> impl Stream<Item = Line> {
        let lines: Box<dyn Iterator<Item = Line>> = match path == Path::new("-") {
            true => Box::new(Lines::new(path, get_stdin())),
            false => match files::open(&path.display().to_string()) {
                Ok(file) => Box::new(Lines::new(path, file.reader())),
                Err(error) => Box::new(std::iter::once(Line::unreadable(path, error))),
            },
        };
        stream::iter(lines)
    }

    async fn open(&self, args: &Put) -> Result<Content, CallError> {
        match args.size {
            Some(size) => Ok(Content { file: None, size, file_name: None }),
            None => Content::open(&args.package),
        }
    }

    fn size(content: &Content) -> u64 {
        content.size
    }

    async fn check(&self, content: &mut Content) -> Result<(), CallError> {
        content.check()
    }

    async fn files_hash(&self, content: &Content) -> Result<Option<String>, CallError> {
        match &content.file {
            Some(file) => files_hash(&mut file.reader(), ReadLimits::default()).map_err(unreadable),
            None => Ok(None),
        }
    }

    async fn findings(&self, (): ()) -> Option<Vec<Finding>> {
        None
    }

    async fn upload(
        &self,
        content: Content,
        options: upload::PutOptions,
        mut context: ErrorContext,
    ) -> UploadResult {
        let result = match self.put_package(&context.target, content, options) {
            Ok(uploaded) => Ok(uploaded),
            Err(error) => {
                context.explanation = explain(self, &context, &error, None).await;
                Err(context.error(error))
            }
        };
        UploadResult { result, signal: None }
    }
}

impl Wasi {
    pub(super) fn get_once(&self, target: &ServiceVersion) -> Result<Reply, CallError> {
        self.allow(egress::Operation::GetPackage, &target.service_id, target.version_id)?;
        package_api::get_package(target, &self.options())
            .map_err(|error| call_error(error, None, &self.token))
    }

    /// Allows the request of the next call.
    pub(super) fn allow(
        &self,
        operation: egress::Operation,
        service_id: &str,
        version_id: u32,
    ) -> Result<(), CallError> {
        egress::allow(operation, service_id, version_id, Some(&self.api))
            .map_err(|reason| CallError::new(ErrorKind::InvalidArgument, reason))
    }

    pub(super) fn options(&self) -> RequestOptions {
        RequestOptions {
            auth: Auth::Token(self.token.clone()),
            api_url: Some(self.api.clone()),
            user_agent: None,
        }
    }
}

/// Reads the token, and returns it with its source.
fn read_token(connection: &Connection) -> Result<(String, String), CommandError> {
    let (token, source) = match connection.token_file.as_deref() {
        None => {
            let token = variable("FASTLY_API_TOKEN").filter(|token| !token.is_empty());
            (token.ok_or(CommandError::NoToken)?, "FASTLY_API_TOKEN".to_owned())
        }
        Some(path) if path == Path::new("-") => {
            (read_token_from(get_stdin(), "stdin")?, "stdin".to_owned())
        }
        Some(path) => {
            let name = path.display().to_string();
            let file = files::open(&name).map_err(|error| unusable(&format!("{name}: {error}")))?;
            (read_token_from(file.reader(), &name)?, name)
        }
    };
    token::check(&token).map_err(|reason| unusable(&format!("{source}: {reason}")))?;
    Ok((token, source))
}

fn read_token_from(reader: impl Read, name: &str) -> Result<String, CommandError> {
    let mut text = String::new();
    token::read(reader, name, &mut text).map_err(|reason| unusable(&reason))?;
    Ok(token::trim_line_break(&text).to_owned())
}

fn unusable(reason: &str) -> CommandError {
    CommandError::Usage(unusable_token(reason))
}
