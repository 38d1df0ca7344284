//! The API itself: one `match` over what is asked for, with named answers.

mod lookup;
mod package;

use std::sync::{Mutex, MutexGuard, PoisonError};

use http::request::Parts;
use serde_json::Value;

use crate::answer::Answer;
use crate::clock;
use crate::config::Config;
use crate::rate_limit::{Budget, RateLimit};
use crate::route::{Route, Target};
use crate::state::{Missing, Service, State, Version};
use crate::upload::{Receiver, RequestBody};

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
        let Some(token) = self.token(request) else {
            return Some(Answer::unauthorized());
        };
        if !route.is_write() {
            return Some(self.read(&route));
        }
        let budget = self.spend(&token);
        let answer = match self.refuse_write(&token, budget) {
            Some(refusal) => refusal,
            None => self.write(&route, request, body, receiver).await?,
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

    /// The token that came, if it is one that is accepted.
    fn token(&self, request: &Parts) -> Option<String> {
        let given = request.headers.get("Fastly-Key").and_then(|value| value.to_str().ok());
        let known = |token: &&str| match &self.config.token {
            Some(expected) => {
                token == expected || self.config.read_only_token.as_deref() == Some(token)
            }
            None => !token.is_empty(),
        };
        given.filter(known).map(str::to_owned)
    }

    fn spend(&self, token: &str) -> Budget {
        let mut rate_limit = self.rate_limit.lock().unwrap_or_else(PoisonError::into_inner);
        rate_limit.spend(token, clock::now())
    }

    /// What is wrong with a write, whatever it is.
    fn refuse_write(&self, token: &str, budget: Budget) -> Option<Answer> {
        if !budget.allowed {
            return Some(Answer::rate_limited(budget.reset));
        }
        let read_only = self.config.read_only_token.as_deref() == Some(token);
        read_only.then(Answer::read_only_token)
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
                Ok(version) => Answer::json(200, lookup::version_response(target, version)),
                Err(missing) => no_record(missing, target),
            },
            Route::ListVersions(id) => with_service(&mut state, id, lookup::versions_response),
            Route::GetService(id) => with_service(&mut state, id, lookup::service_response),
            Route::GetServiceDetails(id) => with_service(&mut state, id, lookup::details_response),
            // Services have no names of their own here: the id is the name.
            Route::SearchService(name) => with_service(&mut state, name, lookup::service_response),
            Route::ListServices => {
                let ids = state.service_ids();
                let services = ids.iter().filter_map(|id| {
                    state.service(id).ok().map(|service| lookup::service_response(id, service))
                });
                Answer::json(200, services.collect())
            }
            Route::TokenSelf => Answer::json(200, lookup::token_response()),
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
            Ok(lookup::version_response(&target, version))
        });
        match changed {
            Ok(response) => Answer::json(200, response),
            Err(missing) => no_record(missing, target),
        }
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
