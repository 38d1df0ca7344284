//! Hints: the next step after an error.

use super::{CommandError, ErrorContext, Explanation, Missing};
use crate::call_error::CallError;
use crate::contract::RateLimit;
use crate::system::{Environment, System};
use crate::times;
use fastly_package_core::error::{
    ContentErrorKind, ErrorKind, Stored, TimeoutPhase, TransportErrorKind, UnexpectedReason,
    is_locked,
};
use fastly_package_core::target::Operation;

/// The page on which tokens are created.
const TOKENS: &str = "https://manage.fastly.com/account/personal/tokens";

impl CommandError {
    /// Returns the next step, if there is one.
    pub(crate) fn hint(&self, system: System) -> Option<String> {
        match self {
            Self::NoToken => Some(match system.environment {
                Environment::Native => format!(
                    "set FASTLY_API_TOKEN, or pass a file with --token-file; create a token at {TOKENS}"
                ),
                Environment::Wasi => format!(
                    "grant FASTLY_API_TOKEN (with wasmtime: --env FASTLY_API_TOKEN), or pass a file with --token-file; create a token at {TOKENS}"
                ),
            }),
            Self::Check(_, error) => match error.kind {
                ErrorKind::Content(kind) => content_hint(kind),
                _ => None,
            },
            Self::MissingField(_) => Some("--json prints all fields of the package".into()),
            Self::Usage(_) => Some("for more information, try '--help'".into()),
            Self::Call(context, error) => context.hint(error, system),
            Self::Interrupted { error: Some(error), .. } => error.hint(system),
            _ => None,
        }
    }
}

impl ErrorContext {
    fn hint(&self, error: &CallError, system: System) -> Option<String> {
        let is_put = self.operation == Operation::PutPackage;
        match error.kind {
            ErrorKind::Api => self.api_hint(error, system),
            ErrorKind::Content(kind) => content_hint(kind),
            ErrorKind::Token => Some(format!("create a token at {TOKENS}")),
            ErrorKind::Mismatch => Some(format!(
                "don't activate the version before it has the right package: upload again, and check what is stored with {}",
                self.command("get")
            )),
            ErrorKind::UnexpectedResponse(reason)
                if !is_put || reason == UnexpectedReason::Status =>
            {
                Some("check that --api (or FASTLY_API_ENDPOINT) is the URL of Fastly's API, and that no proxy responds in its place".into())
            }
            _ if is_put && error.stored == Stored::Unknown => Some(self.compare_hint()),
            ErrorKind::Transport(kind) => Some(transport_hint(kind, system.environment).into()),
            ErrorKind::Timeout(TimeoutPhase::Total) => {
                Some("--timeout sets the time limit".into())
            }
            _ => None,
        }
    }

    fn api_hint(&self, error: &CallError, system: System) -> Option<String> {
        let Self { target, token_source, operation, .. } = self;
        let is_put = *operation == Operation::PutPackage;
        let api = error.api.as_ref()?;
        Some(match api.status {
            400 => return self.bad_request_hint(error),
            401 => format!(
                "the token was read from {token_source}: it is wrong or has expired; create a token at {TOKENS}"
            ),
            403 if is_put => format!(
                "the token from {token_source} needs the scope global, and its user needs permission to change this service"
            ),
            403 => format!(
                "the token from {token_source} needs the scope global:read, and its user needs permission to read this service"
            ),
            404 => self.not_found_hint(),
            406 | 411 | 415 | 417 => match system.environment {
                Environment::Native => "the API accepts this request as it was sent: a proxy may have changed it; check HTTPS_PROXY and --api".into(),
                Environment::Wasi => "the API accepts this request as it was sent: the host of this component or a proxy may have changed it".into(),
            },
            409 => "another change to this service is in progress: retry when it is done".into(),
            413 => "the API accepts at most 100000000 bytes: fastly-package check FILE shows the largest files".into(),
            422 if is_locked(422, api.title.as_deref(), api.detail.as_deref()) => format!(
                "clone the version and upload to the clone: fastly service-version clone --service-id {} --version {}",
                quoted(&target.service_id),
                target.version_id
            ),
            429 => rate_limit_hint(api.rate_limit.as_ref(), system),
            408 | 500.. if is_put && error.stored == Stored::Unknown => self.compare_hint(),
            408 | 500.. => "the failure is on the API's side: retry later, and see https://www.fastlystatus.com".into(),
            _ => return None,
        })
    }

    fn bad_request_hint(&self, error: &CallError) -> Option<String> {
        if let Some(Explanation::Findings(findings)) = &self.explanation {
            return Some(match findings.iter().find(|finding| finding.refuses_upload) {
                Some(finding) => finding.hint.into(),
                None => "the check finds no reason for the API to reject this package: contact Fastly's support, with the time of the upload".into(),
            });
        }
        let detail = error.api.as_ref().and_then(|api| api.detail.as_deref());
        match self.operation {
            _ if detail.is_some_and(|detail| detail.ends_with("is deleted")) => {
                Some("a deleted service has no packages: use another --service-id".into())
            }
            Operation::PutPackage => {
                Some("fastly-package check FILE shows errors of the package".into())
            }
            _ => None,
        }
    }

    fn not_found_hint(&self) -> String {
        let Self { operation, target, token_source, explanation } = self;
        let is_put = *operation == Operation::PutPackage;
        let (service_id, version_id) = (&target.service_id, target.version_id);
        let missing = match explanation {
            Some(Explanation::Missing(missing)) => Some(missing),
            _ => None,
        };
        match missing {
            Some(Missing::Service) => format!(
                "there is no service {service_id}, or the token from {token_source} belongs to another account: fastly service list shows the services that it can access"
            ),
            Some(Missing::Version) => format!(
                "the service has no version {version_id}: fastly service-version list --service-id {} shows its versions",
                quoted(service_id)
            ),
            Some(Missing::Package) if is_put => {
                "the service and the version exist: check that it is a Compute service, not a VCL service".into()
            }
            Some(Missing::Package) => format!(
                "the version exists, but has no package yet: {} --package FILE",
                self.command("put")
            ),
            None if is_put => "either the service or version doesn't exist, or the token belongs to another account".into(),
            None => "either the service or version doesn't exist, or the token belongs to another account, or the version has no package yet".into(),
        }
    }

    fn compare_hint(&self) -> String {
        format!("the package may be stored: check with {}", self.command("get"))
    }

    fn command(&self, name: &str) -> String {
        let service_id = quoted(&self.target.service_id);
        format!(
            "fastly-package {name} --service-id {service_id} --version {}",
            self.target.version_id
        )
    }
}

fn transport_hint(kind: TransportErrorKind, environment: Environment) -> &'static str {
    match (environment, kind) {
        (Environment::Native, TransportErrorKind::Certificate) => {
            "check the network, HTTPS_PROXY and --api; if this machine doesn't trust the certificate's authority, pass its certificate with --ca-cert"
        }
        (Environment::Native, _) => "check the network, HTTPS_PROXY and --api",
        (Environment::Wasi, TransportErrorKind::Certificate) => {
            "the host that runs this component decides which certificates are trusted"
        }
        (Environment::Wasi, _) => {
            "check the network of the host that runs this component, and --api"
        }
    }
}

fn content_hint(kind: ContentErrorKind) -> Option<String> {
    let hint = match kind {
        ContentErrorKind::NotFound | ContentErrorKind::Empty => {
            "`fastly compute build` writes the package to pkg/NAME.tar.gz"
        }
        ContentErrorKind::Outside => {
            "grant its directory (with wasmtime: --dir DIRECTORY), and use the path below it"
        }
        ContentErrorKind::CannotOpen => "check its owner and its permissions",
        ContentErrorKind::Unreadable => "nothing is stored; check that the file can be read",
        ContentErrorKind::NotAFile => {
            "pass the .tar.gz file that `fastly compute build` writes to pkg/"
        }
        ContentErrorKind::Changed => {
            "nothing is stored; check whether another process is writing to it"
        }
        ContentErrorKind::TooLarge => "this is the API's limit; --force sends it anyway",
        ContentErrorKind::NotAPackage => {
            "`fastly compute build` writes the package to pkg/NAME.tar.gz; --force sends this file anyway"
        }
        _ => return None,
    };
    Some(hint.into())
}

fn rate_limit_hint(limit: Option<&RateLimit>, system: System) -> String {
    let after = limit.and_then(|limit| limit.retry_after.as_deref());
    let reset = limit.and_then(|limit| limit.reset);
    if let Some(at) = times::retry_at(after, None, system) {
        format!("the API asks to retry at {at}")
    } else if let Some(at) = times::retry_at(None, reset, system) {
        format!("the hourly limit on writes resets at {at}")
    } else {
        "the hourly limit on writes resets on the hour".into()
    }
}

/// Quotes a word for a shell.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    match word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}
