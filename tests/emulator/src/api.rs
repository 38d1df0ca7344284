//! The API itself: one `match` over what is asked for, with named answers.

use std::sync::{Mutex, MutexGuard, PoisonError};

use http::header::CONTENT_LENGTH;
use http::request::Parts;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::clock;
use crate::config::Config;
use crate::rate_limit::{Budget, RateLimit};
use crate::route::{Route, Target};
use crate::state::{Missing, Service, State, Version};
use crate::upload::{Receiver, RequestBody, UploadError};

/// Bytes of a form that aren't the package: boundaries and the part's head. A `Content-Length` past the
/// limit by more is refused before the body is read.
const FORM_ALLOWANCE: u64 = 64 * 1024;

/// The API and what it stores.
pub(crate) struct Api {
    pub(crate) config: Config,
    state: Mutex<State>,
    rate_limit: Mutex<RateLimit>,
}

impl Api {
    pub(crate) fn new(config: Config) -> Self {
        Self {
            state: Mutex::new(State::new(&config)),
            rate_limit: Mutex::new(RateLimit::new(config.writes_per_hour)),
            config,
        }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers a request. The body is read only where the head alone doesn't decide; `None` means that
    /// it didn't arrive whole, so that there is nobody to answer to.
    pub(crate) async fn answer(
        &self,
        request: &Parts,
        body: &mut RequestBody,
        receiver: &Receiver<'_>,
    ) -> Option<Answer> {
        let Some(route) = self.route(request) else {
            return Some(Answer::not_found());
        };
        let token = match self.token(request) {
            Ok(token) => token,
            Err(answer) => return Some(answer),
        };
        if !route.is_write() {
            return Some(self.read(&route));
        }
        let budget = self.spend(&token);
        let answer = match self.may_write(&token, budget) {
            Ok(()) => self.write(&route, request, body, receiver).await?,
            Err(answer) => answer,
        };
        Some(answer.rate_limit(budget.remaining, budget.reset))
    }

    /// Stores an upload, whatever the head says: for answers that are lost or wrong.
    pub(crate) async fn store(
        &self,
        request: &Parts,
        body: &mut RequestBody,
        receiver: &Receiver<'_>,
    ) -> bool {
        let received = receiver.receive(&request.headers, body).await;
        if let (Ok(info), Some(Route::PutPackage(target))) = (received, self.route(request)) {
            return self.state().store(&target, info, clock::now()).is_ok();
        }
        false
    }

    /// What the request asks for, under the configured prefix.
    fn route(&self, request: &Parts) -> Option<Route> {
        let path = request.uri.path_and_query()?.as_str();
        Route::parse(request.method.as_str(), path.strip_prefix(&self.config.path_prefix)?)
    }

    fn token(&self, request: &Parts) -> Result<String, Answer> {
        let given = request.headers.get("Fastly-Key").and_then(|value| value.to_str().ok());
        let known = |token: &&str| match &self.config.token {
            Some(expected) => {
                token == expected || self.config.read_only_token.as_deref() == Some(token)
            }
            None => !token.is_empty(),
        };
        given.filter(known).map(str::to_owned).ok_or_else(Answer::unauthorized)
    }

    fn spend(&self, token: &str) -> Budget {
        let mut rate_limit = self.rate_limit.lock().unwrap_or_else(PoisonError::into_inner);
        rate_limit.spend(token, clock::now())
    }

    fn may_write(&self, token: &str, budget: Budget) -> Result<(), Answer> {
        if !budget.allowed {
            return Err(Answer::rate_limited(budget.reset));
        }
        if self.config.read_only_token.as_deref() == Some(token) {
            return Err(Answer::read_only_token());
        }
        Ok(())
    }

    async fn write(
        &self,
        route: &Route,
        request: &Parts,
        body: &mut RequestBody,
        receiver: &Receiver<'_>,
    ) -> Option<Answer> {
        match route {
            Route::PutPackage(target) => self.put_package(target, request, body, receiver).await,
            Route::LockVersion(target) => Some(self.change(target, |state| {
                state.version(target)?.locked = true;
                Ok(target.version)
            })),
            Route::ActivateVersion(target) => Some(self.change(target, |state| {
                state.activate(target)?;
                Ok(target.version)
            })),
            Route::CloneVersion(target) => {
                Some(self.change(target, |state| state.clone_version(target, clock::now())))
            }
            _ => Some(Answer::not_found()),
        }
    }

    async fn put_package(
        &self,
        target: &Target,
        request: &Parts,
        body: &mut RequestBody,
        receiver: &Receiver<'_>,
    ) -> Option<Answer> {
        if let Err(answer) = self.may_upload(target, request) {
            return Some(answer);
        }
        let info = match receiver.receive(&request.headers, body).await {
            Ok(info) => info,
            Err(UploadError::Aborted) => return None,
            Err(error) => return Some(refusal(&error)),
        };
        // The version may have been locked while the upload was under way.
        if let Err(answer) = self.may_upload(target, request) {
            return Some(answer);
        }
        let stored = self.state().store(target, info, clock::now());
        Some(match stored {
            Ok(package) => Answer::json(200, package.put_response()),
            Err(missing) => no_record(missing, target),
        })
    }

    /// What the head of an upload tells.
    fn may_upload(&self, target: &Target, request: &Parts) -> Result<(), Answer> {
        match self.state().version(target) {
            Err(missing) => return Err(no_record(missing, target)),
            Ok(version) if version.locked => {
                return Err(Answer::version_locked(&target.service_id, target.version));
            }
            Ok(_) => {}
        }
        let length =
            request.headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        if length.is_some_and(|length: u64| length > self.config.max_package_bytes + FORM_ALLOWANCE)
        {
            return Err(Answer::too_large());
        }
        let content_type = request.headers.get(http::header::CONTENT_TYPE);
        let form = content_type.and_then(|value| value.to_str().ok()).is_some_and(|value| {
            let media_type = value.split(';').next().unwrap_or_default();
            media_type.trim().eq_ignore_ascii_case("multipart/form-data")
        });
        if form { Ok(()) } else { Err(Answer::unsupported_media_type()) }
    }

    fn read(&self, route: &Route) -> Answer {
        let mut state = self.state();
        match route {
            Route::GetPackage(target) => match state.version(target) {
                Ok(Version { package: Some(package), .. }) => {
                    Answer::json(200, package.get_response())
                }
                Ok(_) => Answer::not_found(),
                Err(missing) => no_record(missing, target),
            },
            Route::GetVersion(target) => match state.version(target) {
                Ok(version) => Answer::json(200, version_response(target, version)),
                Err(missing) => no_record(missing, target),
            },
            Route::ListVersions(id) => with_service(&mut state, id, versions_response),
            Route::GetService(id) => with_service(&mut state, id, service_response),
            Route::GetServiceDetails(id) => with_service(&mut state, id, details_response),
            // Services have no names of their own here: the id is the name.
            Route::SearchService(name) => with_service(&mut state, name, service_response),
            Route::ListServices => {
                let ids = state.service_ids();
                let services = ids.iter().filter_map(|id| {
                    state.service(id).ok().map(|service| service_response(id, service))
                });
                Answer::json(200, services.collect())
            }
            Route::TokenSelf => Answer::json(200, self.token_response()),
            Route::PutPackage(_)
            | Route::LockVersion(_)
            | Route::ActivateVersion(_)
            | Route::CloneVersion(_) => Answer::not_found(),
        }
    }

    fn change(
        &self,
        target: &Target,
        change: impl FnOnce(&mut State) -> Result<u32, Missing>,
    ) -> Answer {
        let mut state = self.state();
        let changed = change(&mut state).and_then(|number| {
            let target = Target { version: number, ..target.clone() };
            let version = state.version(&target)?;
            Ok(version_response(&target, version))
        });
        match changed {
            Ok(response) => Answer::json(200, response),
            Err(missing) => no_record(missing, target),
        }
    }

    fn token_response(&self) -> Value {
        json!({
            "id": "emulatedtoken000000000",
            "name": "emulator",
            "user_id": "emulateduser0000000000",
            "customer_id": "emulatedcustomer000000",
            "scope": "global",
            "services": [],
            "created_at": clock::rfc3339(clock::now()),
            "expires_at": null,
            "last_used_at": null,
        })
    }
}

fn refusal(error: &UploadError) -> Answer {
    match error {
        UploadError::TooLarge => Answer::too_large(),
        UploadError::Form(error) => Answer::bad_form(error.reason()),
        UploadError::Parts(reason) => Answer::bad_form(reason),
        UploadError::Archive(reason) => {
            tracing::info!(%reason, "the upload is no package");
            Answer::bad_package()
        }
        UploadError::Aborted => Answer::bad_form("the body did not arrive whole"),
    }
}

fn no_record(missing: Missing, target: &Target) -> Answer {
    match missing {
        Missing::Service => Answer::no_such_service(&target.service_id),
        Missing::Version => Answer::no_such_version(target.version),
    }
}

fn with_service(
    state: &mut State,
    id: &str,
    respond: impl FnOnce(&str, &Service) -> Value,
) -> Answer {
    match state.service(id) {
        Ok(service) => Answer::json(200, respond(id, service)),
        Err(_) => Answer::no_such_service(id),
    }
}

fn version_response(target: &Target, version: &Version) -> Value {
    json!({
        "number": target.version,
        "service_id": target.service_id,
        "active": version.active,
        "locked": version.locked,
        "comment": "",
        "deployed": false,
        "staging": false,
        "testing": false,
        "created_at": null,
        "updated_at": null,
        "deleted_at": null,
    })
}

fn versions_response(id: &str, service: &Service) -> Value {
    let version = |(number, version): (&u32, &Version)| {
        version_response(&Target { service_id: id.to_owned(), version: *number }, version)
    };
    service.versions.iter().map(version).collect()
}

fn service_response(id: &str, service: &Service) -> Value {
    json!({
        "id": id,
        "name": id,
        "type": "wasm",
        "comment": "",
        "customer_id": "emulatedcustomer000000",
        "version": active_or_last(service),
        "versions": versions_response(id, service),
        "created_at": null,
        "updated_at": null,
        "deleted_at": null,
    })
}

fn details_response(id: &str, service: &Service) -> Value {
    let number = active_or_last(service);
    let target = Target { service_id: id.to_owned(), version: number };
    let version = service.versions.get(&number).map(|version| version_response(&target, version));
    let active = version.as_ref().filter(|version| version["active"] == true).cloned();
    let mut response = service_response(id, service);
    response["version"] = version.unwrap_or_default();
    response["active_version"] = active.unwrap_or_default();
    response
}

fn active_or_last(service: &Service) -> u32 {
    let active = service.versions.iter().find(|(_, version)| version.active);
    active.or_else(|| service.versions.last_key_value()).map_or(1, |(number, _)| *number)
}
