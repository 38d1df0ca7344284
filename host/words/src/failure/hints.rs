//! What to do next, where there is something.

use super::{Cause, Failure, Kind, Operation};
use crate::error::{Lost, UnexpectedReason, is_locked};
use crate::records::{ApiError, Case, Content, Error, Missing, RateLimit, Stored, Waited};
use crate::report::{Network, System};
use crate::times;

/// Where Fastly's tokens are made.
const TOKENS: &str = "https://manage.fastly.com/account/personal/tokens";

impl Failure {
    /// The next step.
    pub fn hint(&self, system: System) -> Option<String> {
        match self {
            Self::NoToken => Some(match system.network {
                Network::Own => format!(
                    "set FASTLY_API_TOKEN, or name a file with --token-file; tokens are made at {TOKENS}"
                ),
                Network::Hosts => format!(
                    "hand FASTLY_API_TOKEN in (with wasmtime: --env FASTLY_API_TOKEN), or name a file with --token-file; tokens are made at {TOKENS}"
                ),
            }),
            Self::Package(_, content, _) => content_hint(*content),
            Self::NoField(_) => Some("--json shows all that it names".into()),
            Self::Usage(_) => Some("--help shows what can be typed".into()),
            Self::Operation(operation, error) => operation.hint(error, system),
            Self::Interrupted { failure: Some(failure), .. } => failure.hint(system),
            Self::Interrupted { failure: None, .. }
            | Self::Local(..)
            | Self::Unwritten { .. }
            | Self::Unread
            | Self::SomeFailed { .. } => None,
        }
    }
}

impl Operation {
    fn hint(&self, error: &Error, system: System) -> Option<String> {
        match &error.case {
            Case::Api(api) => self.api_hint(api, error.stored, system),
            Case::Content(content) => content_hint(*content),
            Case::Token => Some(format!("tokens are made at {TOKENS}")),
            Case::Mismatch => Some(format!(
                "don't activate the version before it has the right package: upload again, and see what is stored with {}",
                self.command("get")
            )),
            Case::UnexpectedResponse { reason, .. }
                if self.kind == Kind::Get || *reason == UnexpectedReason::Status =>
            {
                Some("is --api (or FASTLY_API_ENDPOINT) the address of Fastly's API, with no proxy's page before it?".into())
            }
            _ if self.kind == Kind::Put && error.stored == Stored::Unknown => {
                Some(self.compare_hint())
            }
            Case::Transport(lost) => Some(match (system.network, lost) {
                (Network::Own, Lost::Untrusted) => {
                    "check the network, HTTPS_PROXY, and --api where it is given; if its authority isn't among those of this machine, name its certificate with --ca-cert".into()
                }
                (Network::Own, _) => {
                    "check the network, HTTPS_PROXY, and --api where it is given".into()
                }
                (Network::Hosts, Lost::Untrusted) => {
                    "whom to trust is up to the host that runs this component".into()
                }
                (Network::Hosts, _) => {
                    "check the network of the host that runs this component, and --api where it is given".into()
                }
            }),
            Case::Timeout(Waited::InAll) => Some("--timeout sets how long it may take".into()),
            _ => None,
        }
    }

    fn api_hint(&self, error: &ApiError, stored: Stored, system: System) -> Option<String> {
        let Self { service_id, version, token, .. } = self;
        Some(match error.status {
            400 => return self.bad_request_hint(error),
            401 => format!(
                "the token was read from {token}: it is wrong or has expired; tokens are made at {TOKENS}"
            ),
            403 => match self.kind {
                Kind::Get => format!(
                    "the token from {token} needs the scope global:read, and its user the right to see this service"
                ),
                Kind::Put => format!(
                    "the token from {token} needs the scope global, and its user the right to change this service"
                ),
            },
            404 => self.not_found_hint(),
            406 | 411 | 415 | 417 => match system.network {
                Network::Own => "the API takes this request as it is: something on the way may have changed it, see HTTPS_PROXY and --api".into(),
                Network::Hosts => "the API takes this request as it is: the host of this component, or something on the way, may have changed it".into(),
            },
            409 => "something else is changing this service: try again when it is done".into(),
            413 => "the API takes at most 100000000 bytes: fastly-package check FILE shows the largest files".into(),
            422 if is_locked(422, [&error.title, &error.detail].map(Option::as_deref)) => format!(
                "clone the version and upload to the clone: fastly service-version clone --service-id {} --version {version}",
                quoted(service_id)
            ),
            429 => rate_limit_hint(error.rate_limit.as_ref(), system),
            408 | 500.. if self.kind == Kind::Put && stored == Stored::Unknown => {
                self.compare_hint()
            }
            408 | 500.. => "that is on the API's side: try again later, and see https://www.fastlystatus.com".into(),
            _ => return None,
        })
    }

    fn bad_request_hint(&self, error: &ApiError) -> Option<String> {
        if let Some(Cause::Package(findings)) = &self.cause {
            return Some(match findings.iter().find(|finding| finding.refuses_upload) {
                Some(finding) => finding.hint.into(),
                None => "nothing is seen here for which the API would refuse the package: ask Fastly's support, with the time of the upload".into(),
            });
        }
        let deleted = error.detail.as_ref().is_some_and(|detail| detail.ends_with("is deleted"));
        match (deleted, self.kind) {
            (true, _) => {
                Some("a deleted service has no packages: name another with --service-id".into())
            }
            (false, Kind::Put) => Some(
                "fastly-package check FILE says what is wrong with the package, if it is that"
                    .into(),
            ),
            (false, Kind::Get) => None,
        }
    }

    /// Which of the causes of a 404 it is, or else all of them.
    fn not_found_hint(&self) -> String {
        let Self { kind, service_id, version, token, cause, .. } = self;
        match (cause, kind) {
            (Some(Cause::Missing(Missing::Service)), _) => format!(
                "the token from {token} sees no service {service_id}: is the ID right, and the token of the same account? fastly service list shows those it sees"
            ),
            (Some(Cause::Missing(Missing::Version)), _) => format!(
                "the service is there, but has no version {version}: fastly service-version list --service-id {} shows those it has",
                quoted(service_id)
            ),
            (Some(Cause::Missing(Missing::Package)), Kind::Get) => format!(
                "the version is there, but nothing was uploaded to it yet: {} --package FILE",
                self.command("put")
            ),
            (Some(Cause::Missing(Missing::Package)), Kind::Put) => {
                "service and version are there: is it a Compute service, and not one of VCL?".into()
            }
            (_, Kind::Get) => "one of three: the service or version doesn't exist, the token belongs to another account, or nothing was uploaded to this version yet".into(),
            (_, Kind::Put) => "one of two: the service or version doesn't exist, or the token belongs to another account".into(),
        }
    }

    fn compare_hint(&self) -> String {
        format!("the package may be stored: see with {}", self.command("get"))
    }

    fn command(&self, name: &str) -> String {
        let Self { service_id, version, .. } = self;
        let service_id = quoted(service_id);
        format!("fastly-package {name} --service-id {service_id} --version {version}")
    }
}

fn content_hint(content: Content) -> Option<String> {
    let hint = match content {
        Content::Missing | Content::Empty => {
            "`fastly compute build` writes the package to pkg/NAME.tar.gz"
        }
        Content::Outside => {
            "hand its folder in (with wasmtime: --dir FOLDER), and name it as it is called there"
        }
        Content::Closed => "see who owns it, and who may read it",
        Content::Unreadable => "nothing was stored; can it be read to its end, with cat?",
        Content::NotAFile => "name the .tar.gz that `fastly compute build` wrote to pkg/",
        Content::Varying => "nothing was stored; is something still writing to it?",
        Content::TooLarge => "that is the API's limit; --force sends it all the same",
        Content::NotAPackage => {
            "`fastly compute build` writes the package to pkg/NAME.tar.gz; --force sends this all the same"
        }
    };
    Some(hint.into())
}

fn rate_limit_hint(limit: Option<&RateLimit>, system: System) -> String {
    let after = limit.and_then(|limit| limit.retry_after.as_deref());
    let reset = limit.and_then(|limit| limit.reset);
    if let Some(at) = times::of_return(after, None, system) {
        format!("the API says to try again at {at}")
    } else if let Some(at) = times::of_return(None, reset, system) {
        format!("the limit of writes in an hour resets at {at}")
    } else {
        "the limit of writes in an hour resets at the full hour".into()
    }
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    match word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}
