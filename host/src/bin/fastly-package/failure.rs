//! What went wrong, for the person who typed the command: exit code, message, hint.

use fastly_package::{ContentError, Error, Stored, TimeoutKind, UnexpectedReason};
use fastly_package_archive::Finding;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Where Fastly's tokens are made.
const TOKENS: &str = "https://manage.fastly.com/account/personal/tokens";

/// The exit code where a package was refused here.
pub(crate) const REFUSED: u8 = 6;

/// A command that failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// There is no token at all.
    NoToken,
    /// Two arguments that don't go together, or one that means nothing.
    Usage(String),
    /// A field that the API doesn't name.
    NoField(String),
    /// A package that can't be read.
    Package(PathBuf, ContentError),
    /// A step on this machine.
    Local(String, std::io::Error),
    /// An operation.
    Operation(Box<Operation>, Error),
}

/// What was to be done, and with what.
#[derive(Debug, Clone)]
pub(crate) struct Operation {
    pub(crate) kind: Kind,
    pub(crate) service_id: String,
    pub(crate) version: u32,
    pub(crate) token: TokenSource,
    /// What is wrong with the package, once the API has refused it.
    pub(crate) findings: Option<Vec<Finding>>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    Get,
    Put,
}

/// Where the token was read.
#[derive(Debug, Clone)]
pub(crate) enum TokenSource {
    Environment,
    File(PathBuf),
    Stdin,
    /// Made up, for the emulator.
    Demo,
}

impl std::fmt::Display for TokenSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Environment => f.write_str("FASTLY_API_TOKEN"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Stdin => f.write_str("stdin"),
            Self::Demo => f.write_str("the demo"),
        }
    }
}

impl Failure {
    /// The exit code, as `--help` lists them.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::NoToken | Self::NoField(_) | Self::Local(..) => 1,
            Self::Usage(_) => 2,
            Self::Package(..) => REFUSED,
            Self::Operation(_, error) => match error {
                Error::InvalidArgument(_) | Error::Token(_) => 2,
                Error::Api { .. } => 3,
                Error::Transport(_) => 4,
                Error::Timeout(_) => 5,
                Error::Content(_) => REFUSED,
                Error::Mismatch(_) => 7,
                _ => 1,
            },
        }
    }

    /// What failed, and why.
    pub(crate) fn message(&self) -> String {
        match self {
            Self::NoToken => "no API token: FASTLY_API_TOKEN is not set".into(),
            Self::Usage(why) => why.clone(),
            Self::NoField(name) => format!("the API names no {name} of this package"),
            Self::Package(path, error) => format!("can't check {}: {error}", path.display()),
            Self::Local(what, error) => format!("{what}: {error}"),
            Self::Operation(operation, error) => {
                let Operation { kind, service_id, version, .. } = &**operation;
                let what = match kind {
                    Kind::Get => "can't get the package of",
                    Kind::Put => "can't upload to",
                };
                let nothing =
                    if self.says_nothing_is_stored() { "; nothing is stored" } else { "" };
                format!("{what} service {service_id} version {version}: {error}{nothing}")
            }
        }
    }

    /// What to do next, where there is something.
    pub(crate) fn hint(&self) -> Option<String> {
        let (operation, error) = match self {
            Self::NoToken => {
                return Some(format!(
                    "set FASTLY_API_TOKEN, or name a file with --token-file; tokens are made at {TOKENS}"
                ));
            }
            Self::Package(_, error) => return content_hint(error),
            Self::NoField(_) | Self::Usage(_) | Self::Local(..) => return None,
            Self::Operation(operation, error) => (operation, error),
        };
        match error {
            Error::Api { error: api, .. } => {
                operation.api_hint(api.status, error, api.rate_limit.as_ref())
            }
            Error::Content(error) => content_hint(error),
            Error::Token(_) => Some(format!("tokens are made at {TOKENS}")),
            Error::Mismatch(_) => Some(operation.mismatch_hint()),
            Error::UnexpectedResponse { response, .. }
                if response.reason == UnexpectedReason::Status =>
            {
                Some("is --api (or FASTLY_API_ENDPOINT) the address of Fastly's API?".into())
            }
            _ if operation.kind == Kind::Put && error.stored() == Stored::Unknown => {
                Some(operation.compare_hint())
            }
            Error::Transport(lost) if lost.reason.contains("not trusted here") => {
                Some("name the authority's certificate with --ca-cert".into())
            }
            Error::Transport(_) => {
                Some("check the network, HTTPS_PROXY, and --api where it is given".into())
            }
            Error::Timeout(timeout) if timeout.kind == TimeoutKind::Total => {
                Some("--timeout sets how long it may take".into())
            }
            _ => None,
        }
    }

    /// Whether it is worth saying that an upload left nothing behind: after a refusal or on bad arguments it goes without saying.
    fn says_nothing_is_stored(&self) -> bool {
        let Self::Operation(operation, error) = self else { return false };
        let in_doubt = match error {
            Error::Transport(_)
            | Error::Timeout(_)
            | Error::Component(_)
            | Error::UnexpectedResponse { .. } => true,
            Error::Api { error, .. } => error.status == 408 || error.status >= 500,
            _ => false,
        };
        operation.kind == Kind::Put && in_doubt && error.stored() == Stored::No
    }

    /// What is wrong with the package that the API refused.
    pub(crate) fn findings(&self) -> Option<&[Finding]> {
        match self {
            Self::Operation(operation, _) => operation.findings.as_deref(),
            _ => None,
        }
    }

    /// Whether anything is stored, if it was an upload that failed.
    pub(crate) fn stored(&self) -> Stored {
        match self {
            Self::NoToken | Self::NoField(_) | Self::Usage(_) | Self::Package(..) => Stored::No,
            // The result of an upload that was done couldn't be written.
            Self::Local(..) => Stored::Unknown,
            Self::Operation(_, error) => error.stored(),
        }
    }
}

impl Operation {
    fn api_hint(
        &self,
        status: u16,
        error: &Error,
        limit: Option<&fastly_package::RateLimit>,
    ) -> Option<String> {
        let Self { service_id, version, token, .. } = self;
        match status {
            400 => Some(match self.findings.as_ref()?.iter().find(|it| it.refuses_upload()) {
                Some(finding) => finding.hint().into(),
                None => "nothing is seen here for which the API would refuse the package: ask Fastly's support, with the time of the upload".into(),
            }),
            401 => Some(format!(
                "the token was read from {token}: it is wrong or has expired; tokens are made at {TOKENS}"
            )),
            403 => Some(match self.kind {
                Kind::Get => format!(
                    "the token from {token} needs the scope global:read, and its user the right to see this service"
                ),
                Kind::Put => format!(
                    "the token from {token} needs the scope global, and its user the right to change this service"
                ),
            }),
            404 => Some(match self.kind {
                Kind::Get => "one of three: the service or version doesn't exist, the token belongs to another account, or nothing was uploaded to this version yet".into(),
                Kind::Put => "one of two: the service or version doesn't exist, or the token belongs to another account".into(),
            }),
            422 if error.is_locked() => Some(format!(
                "clone the version and upload to the clone: fastly service-version clone --service-id {service_id} --version {version}"
            )),
            429 => Some(rate_limit_hint(limit)),
            408 | 500.. if self.kind == Kind::Put && error.stored() == Stored::Unknown => {
                Some(self.compare_hint())
            }
            500.. => Some("that is on the API's side: try again later, and see https://www.fastlystatus.com".into()),
            _ => None,
        }
    }

    fn compare_hint(&self) -> String {
        format!("the package may be stored: see with {}", self.get_command())
    }

    fn mismatch_hint(&self) -> String {
        format!(
            "don't activate the version before it has the right package: upload again, and see what is stored with {}",
            self.get_command()
        )
    }

    fn get_command(&self) -> String {
        let Self { service_id, version, .. } = self;
        format!("fastly-package get --service-id {service_id} --version {version}")
    }
}

fn content_hint(error: &ContentError) -> Option<String> {
    match error {
        ContentError::Open(_, error) if error.kind() == std::io::ErrorKind::NotFound => {
            Some("`fastly compute build` writes the package to pkg/NAME.tar.gz".into())
        }
        ContentError::NotAFile(_) => {
            Some("name the .tar.gz that `fastly compute build` wrote to pkg/".into())
        }
        ContentError::TooShort { .. } | ContentError::TooLong { .. } => {
            Some("nothing was stored; is something still writing to it?".into())
        }
        ContentError::Changed => {
            Some("nothing was stored; is something still writing to it?".into())
        }
        ContentError::TooLarge { .. } => {
            Some("that is the API's limit; --force sends it all the same".into())
        }
        ContentError::NotAPackage(_) => Some(
            "`fastly compute build` writes the package to pkg/NAME.tar.gz; --force sends this all the same".into(),
        ),
        _ => None,
    }
}

fn rate_limit_hint(limit: Option<&fastly_package::RateLimit>) -> String {
    let reset = limit.and_then(|limit| limit.reset).and_then(|reset| {
        let at = UNIX_EPOCH.checked_add(Duration::from_secs(reset))?;
        let wait = at.duration_since(SystemTime::now()).unwrap_or_default();
        let wait = humantime::format_duration(Duration::from_secs(wait.as_secs()));
        // Far-off times can't be written as a date; a wrong header is no reason to fail.
        (reset < 253_402_300_800).then(|| format!("{} (in {wait})", humantime::format_rfc3339(at)))
    });
    let after = limit.and_then(|limit| limit.retry_after.clone());
    match (reset, after) {
        (Some(reset), _) => format!("the limit of writes in an hour resets at {reset}"),
        (None, Some(after)) => format!("the API says to try again after {after} (seconds or date)"),
        (None, None) => "the limit of writes in an hour resets at the full hour".into(),
    }
}
