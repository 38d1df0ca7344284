//! The API: one `match` on method and path, with named answers.
//!
//! The routes are those of the package endpoints, `GET /service/{id}/version`, and what the Fastly CLI requests for an existing service in
//! `compute update` and `compute deploy` (fastly/cli, `pkg/commands/compute/{update,deploy}.go` and `pkg/argparser/{cmd,flags}.go`). Not
//! emulated are the CLI's requests for domains, which `compute deploy` makes too, and those that create a service.

mod responses;

use std::future::Future;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::request::Parts;
use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::answer::Answer;
use crate::clock;
use crate::config::Config;
use crate::connection::Connection;
use crate::refusal::{Result, into_answer};
use crate::state::{State, Target};
use crate::upload;
use responses::{details, services, version, versions};

/// Number of bytes of a form beside the package: boundaries and the part's head. A `Content-Length` that exceeds the limit by more is
/// refused before the body is read.
const FORM_ALLOWANCE: u64 = 64 * 1024;

/// The API and what it stores.
pub(crate) struct Api {
    pub(crate) config: Config,
    state: Mutex<State>,
}

impl Api {
    pub(crate) fn new(config: Config) -> Self {
        Self { state: Mutex::new(State::new(&config)), config }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers a request. The body is read only if the answer depends on it.
    ///
    /// # Errors
    ///
    /// If the body is incomplete.
    pub(crate) async fn answer(
        &self,
        request: &Parts,
        connection: &mut Connection,
    ) -> io::Result<Answer> {
        into_answer(self.route(request, connection).await)
    }

    async fn route(&self, request: &Parts, connection: &mut Connection) -> Result {
        let path = request.uri.path().strip_prefix(&self.config.path_prefix).unwrap_or_default();
        let segments: Vec<&str> = path.split('/').collect();
        match (request.method.as_str(), segments.as_slice()) {
            ("GET", ["", "service", id, "version", n, "package"]) => {
                let target = target(id, n)?;
                self.read(request, |state| {
                    let package = state.version(&target)?.package.as_ref();
                    Ok(package.ok_or_else(Answer::not_found)?.get_response())
                })
            }
            ("PUT", ["", "service", id, "version", n, "package"]) => {
                let target = target(id, n)?;
                self.write(request, self.put_package(&target, request, connection)).await
            }
            // `--version latest`: ListVersions in `pkg/argparser/flags.go`.
            ("GET", ["", "service", id, "version"]) => {
                let id = service_id(id)?;
                self.read(request, |state| Ok(versions(&id, state.service(&id)?)))
            }
            // `--version N`: GetVersion in `pkg/argparser/flags.go`.
            ("GET", ["", "service", id, "version", n]) => {
                let target = target(id, n)?;
                self.read(request, |state| version(state, &target))
            }
            // `--version active`, and the check of the service's type: GetServiceDetails in `pkg/argparser/flags.go` and `deploy.go`.
            ("GET", ["", "service", id, "details"]) => {
                let id = service_id(id)?;
                self.read(request, |state| Ok(details(&id, state.service(&id)?)))
            }
            // `--service-name`: GetServices in `pkg/argparser/flags.go`.
            ("GET", ["", "service"]) => self.read(request, |state| Ok(services(state))),
            // `--autoclone`, and a version that is active or locked: CloneVersion in `pkg/argparser/flags.go` and `deploy.go`.
            ("PUT", ["", "service", id, "version", n, "clone"]) => {
                let target = target(id, n)?;
                let clone = async {
                    let mut state = self.state();
                    let clone = state.clone_version(&target)?;
                    version(&mut state, &clone)
                };
                self.write(request, clone).await
            }
            // After the upload: ActivateVersion in `deploy.go`.
            ("PUT", ["", "service", id, "version", n, "activate"]) => {
                let target = target(id, n)?;
                let activate = async {
                    let mut state = self.state();
                    state.activate(&target)?;
                    version(&mut state, &target)
                };
                self.write(request, activate).await
            }
            _ => Ok(Answer::not_found()),
        }
    }

    /// Answers a request that reads.
    fn read(&self, request: &Parts, read: impl FnOnce(&mut State) -> Result<Value>) -> Result {
        self.token(request)?;
        Ok(Answer::json(200, read(&mut self.state())?))
    }

    /// Answers a request that writes. It costs one of the hourly writes, and its answer reports the rate limit, even if it is an error.
    async fn write(&self, request: &Parts, write: impl Future<Output = Result<Value>>) -> Result {
        let token = self.token(request)?;
        let budget = self.state().rate_limit.spend(token, clock::now());
        let answer = if !budget.allowed {
            Answer::rate_limited(budget.reset)
        } else if self.config.read_only_token.as_deref() == Some(token) {
            Answer::read_only_token()
        } else {
            into_answer(write.await.map(|json| Answer::json(200, json)))?
        };
        Ok(answer.rate_limit(budget.remaining, budget.reset))
    }

    /// Returns the request's token if it is accepted.
    fn token<'r>(&self, request: &'r Parts) -> Result<&'r str> {
        let token = request.headers.get("Fastly-Key").and_then(|value| value.to_str().ok());
        let is_accepted = |token: &&str| match &self.config.token {
            Some(expected) => {
                token == expected || self.config.read_only_token.as_deref() == Some(token)
            }
            None => !token.is_empty(),
        };
        token.filter(is_accepted).ok_or_else(|| Answer::unauthorized().into())
    }

    async fn put_package(
        &self,
        target: &Target,
        request: &Parts,
        connection: &mut Connection,
    ) -> Result<Value> {
        self.check_upload(target, request)?;
        let archive = upload::receive(&self.config, &request.headers, connection).await?;
        // The version may have been locked during the upload.
        self.check_upload(target, request)?;
        let mut state = self.state();
        Ok(state.store(target, archive, clock::now())?.put_response())
    }

    /// Checks what is known of an upload before its body.
    fn check_upload(&self, target: &Target, request: &Parts) -> Result<()> {
        if self.state().version(target)?.locked {
            return Err(Answer::version_locked(&target.service_id, target.version).into());
        }
        let header = |name| request.headers.get(name).and_then(|value| value.to_str().ok());
        let length = header(CONTENT_LENGTH).and_then(|value| value.parse::<u64>().ok());
        if length.is_some_and(|length| length > self.config.max_package_bytes + FORM_ALLOWANCE) {
            return Err(Answer::too_large().into());
        }
        let media_type = header(CONTENT_TYPE).and_then(|value| value.split(';').next());
        match media_type {
            Some(it) if it.trim().eq_ignore_ascii_case("multipart/form-data") => Ok(()),
            _ => Err(Answer::unsupported_media_type().into()),
        }
    }

    /// Receives an upload without answering it, and stores it if `store` is set, whatever the head says.
    pub(crate) async fn receive(&self, request: &Parts, connection: &mut Connection, store: bool) {
        let received = upload::receive(&self.config, &request.headers, connection).await;
        let path = request.uri.path().strip_prefix(&self.config.path_prefix).unwrap_or_default();
        if let (true, Ok(archive), "PUT", ["", "service", id, "version", n, "package"]) =
            (store, received, request.method.as_str(), &path.split('/').collect::<Vec<_>>()[..])
            && let Ok(target) = target(id, n)
        {
            let _ = self.state().store(&target, archive, clock::now());
        }
    }
}

/// Parses the segments of a path that name a service version.
fn target(id: &str, version: &str) -> Result<Target> {
    let is_number = version.bytes().all(|byte| byte.is_ascii_digit());
    // Fastly's generated clients use signed integers of 32 bits.
    let number = version.parse::<i32>().ok().filter(|number| is_number && *number > 0);
    let version = number.ok_or_else(Answer::not_found)?.unsigned_abs();
    Ok(Target { service_id: service_id(id)?, version })
}

/// Decodes the segment of a path that is a service ID: opaque, case-sensitive and not empty.
fn service_id(segment: &str) -> Result<String> {
    match percent_decode_str(segment).decode_utf8() {
        Ok(id) if !id.is_empty() => Ok(id.into_owned()),
        _ => Err(Answer::not_found().into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_id_is_percent_decoded_and_keeps_its_case() {
        let target = target("a%2FB%20c", "7").unwrap();
        assert_eq!(target, Target { service_id: "a/B c".into(), version: 7 });
    }

    #[test]
    fn a_version_is_a_positive_integer_of_32_bits_with_a_sign() {
        for version in ["0", "-1", "+1", "", "1.0", "x", "2147483648", "%31"] {
            assert!(target("s", version).is_err(), "{version:?}");
        }
        assert!(target("s", "2147483647").is_ok());
    }

    #[test]
    fn a_service_id_is_not_empty() {
        assert!(target("", "1").is_err());
    }
}
