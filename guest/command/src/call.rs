//! Calls of the plugin, each one let out by the guard.

use crate::bindings::fastly_package::api::egress::{self, Operation as Allowed};
use crate::bindings::fastly_package::api::package_api::{
    self, Auth, PutFlags, PutOptions, RequestOptions, ServiceVersion,
};
use crate::bindings::wasi::clocks::{monotonic_clock, wall_clock};
use crate::bindings::wasi::io::streams::InputStream;
use crate::bindings::wasi::random::random;
use crate::cli::{self, variable};
use crate::{files, records};
use fastly_package_egress::Base;
use fastly_package_words::args::Connection;
use fastly_package_words::failure::{Failure, Operation, TokenSource};
use fastly_package_words::records::{Case, Error, Reply, Stored, Waited};
use fastly_package_words::report::{Again, Report};
use fastly_package_words::retries::{self, Policy};
use fastly_package_words::token;
use fastly_package_words::{error, reply};
use std::io::Read;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

/// The way to the API.
pub(crate) struct Api {
    base: String,
    token: String,
    pub(crate) retries: Policy,
    report: Report,
}

/// What is sent, and how: `asking` whether it may be, before it is.
pub(crate) struct Sending<'a> {
    pub(crate) content: InputStream,
    pub(crate) size: u64,
    pub(crate) name: Option<&'a str>,
    pub(crate) asking: bool,
}

impl Api {
    /// What the flags and the environment say, for a token.
    pub(crate) fn new(
        connection: &Connection,
        token: String,
        report: Report,
    ) -> Result<Self, Failure> {
        let wrong = |why| Failure::Usage(format!("the API's URL {why}"));
        let base = Base::parse(&connection.api).map_err(wrong)?;
        base.check_may_have_token().map_err(wrong)?;
        let retries = Policy { limit: connection.retries, ..Policy::default() };
        Ok(Self { base: connection.api.clone(), token, retries, report })
    }

    /// Gets a package, and tries again where that may help.
    pub(crate) fn get(&self, operation: &Operation, named: bool) -> Result<Reply, Error> {
        let mut failed = 0;
        loop {
            match self.get_once(operation) {
                Ok(reply) => return Ok(reply),
                Err(error) => {
                    failed += 1;
                    if !self.wait(operation, &error, failed, named, self.report.upload) {
                        return Err(error);
                    }
                }
            }
        }
    }

    fn get_once(&self, operation: &Operation) -> Result<Reply, Error> {
        let target = self.allow(Allowed::GetPackage, operation)?;
        package_api::get_package(&target, &self.options())
            .map(|reply| reply!(reply))
            .map_err(|error| records::failed(error, None, &self.token))
    }

    /// Uploads a package, once.
    pub(crate) fn put(&self, operation: &Operation, sending: Sending<'_>) -> Result<Reply, Error> {
        let target = self.allow(Allowed::PutPackage, operation)?;
        let Sending { content, size, name, asking } = sending;
        let flags = if asking { PutFlags::EXPECT_CONTINUE } else { PutFlags::empty() };
        let put = PutOptions { flags, filename: name.map(str::to_owned) };
        package_api::put_package(&target, content, size, &put, &self.options())
            .map(|reply| reply!(reply))
            .map_err(|error| records::failed(error, Some(size), &self.token))
    }

    /// Has the guard let the call's request out.
    fn allow(&self, allowed: Allowed, operation: &Operation) -> Result<ServiceVersion, Error> {
        let Operation { service_id, version, .. } = operation;
        match egress::allow(allowed, service_id, *version, Some(&self.base)) {
            Ok(()) => Ok(ServiceVersion { service_id: service_id.clone(), version_id: *version }),
            Err(reason) => Err(invalid(reason)),
        }
    }

    fn options(&self) -> RequestOptions {
        RequestOptions {
            auth: Auth::Token(self.token.clone()),
            api_url: Some(self.base.clone()),
            user_agent: None,
        }
    }

    /// Waits before another try after the `failed`th failure. Whether there is to be one.
    pub(crate) fn wait(
        &self,
        operation: &Operation,
        error: &Error,
        failed: u32,
        named: bool,
        asking: bool,
    ) -> bool {
        let now = wall_clock::now();
        let now = UNIX_EPOCH + Duration::new(now.seconds, now.nanoseconds);
        let chance = random::get_random_u64() as f64 / u64::MAX as f64;
        let Some(wait) = self.retries.wait(cause(error), failed, now, chance) else {
            return false;
        };
        self.report.again(&Again {
            target: named.then_some((operation.service_id.as_str(), operation.version)),
            asking,
            reason: &error.reason,
            number: failed,
            limit: self.retries.limit,
            wait,
        });
        let wait = u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX);
        monotonic_clock::subscribe_duration(wait).block();
        true
    }
}

fn cause(error: &Error) -> retries::Cause<'_> {
    match &error.case {
        Case::Api(api) => retries::Cause::Answered {
            status: api.status,
            retry_after: api.rate_limit.as_ref().and_then(|limit| limit.retry_after.as_deref()),
            reset: api.rate_limit.as_ref().and_then(|limit| limit.reset),
        },
        Case::Transport(lost) if !lost.is_lasting() => retries::Cause::Passing,
        // One that waited in vain for its answer has had its time.
        Case::Timeout(Waited::ToConnect) => retries::Cause::Passing,
        _ => retries::Cause::Lasting,
    }
}

/// An argument that is wrong.
pub(crate) fn invalid(reason: String) -> Error {
    Error { case: Case::InvalidArgument, reason, stored: Stored::No }
}

/// Reads the token from where the flags say.
pub(crate) fn token(connection: &Connection) -> Result<(String, TokenSource), Failure> {
    cli::check(connection)?;
    let (token, source) = match connection.token_file.as_deref() {
        None => {
            let token = variable("FASTLY_API_TOKEN").filter(|token| !token.is_empty());
            let token = token.ok_or(Failure::NoToken)?;
            (token, TokenSource::Environment)
        }
        Some(path) if path == Path::new("-") => {
            (read_token(files::stdin(), "stdin")?, TokenSource::Stdin)
        }
        Some(path) => {
            let name = path.display().to_string();
            let opened = files::open(&name).map_err(|error| error.reason());
            let file = opened.map_err(|why| unusable(&format!("{name}: {why}")))?;
            (read_token(file.reader(), &name)?, TokenSource::File(path.to_owned()))
        }
    };
    token::check(&token).map_err(|why| unusable(&format!("{source}: {why}")))?;
    Ok((token, source))
}

fn read_token(reader: impl Read, name: &str) -> Result<String, Failure> {
    let mut text = String::new();
    token::read(reader, name, &mut text).map_err(|why| unusable(&why))?;
    Ok(token::line(&text).to_owned())
}

fn unusable(why: &str) -> Failure {
    Failure::Usage(error::no_token(why))
}
