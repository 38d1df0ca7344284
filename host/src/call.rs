//! One call: a fresh instance, one request, and what came of it.

use crate::bindings;
use crate::bindings::exports::fastly_package::api::package_api::{
    ApiError, Auth, ContentError as Shortfall, Error as Refusal, PutFlags,
    PutOptions as WitPutOptions, Reply, RequestOptions, ServiceVersion, UnexpectedReason,
    UnexpectedResponse,
};
use crate::content::{Content, ContentWatch};
use crate::deadline::{Deadline, Over};
use crate::edge::watch::{Failure, Watch};
use crate::error::{
    ComponentError, ContentError, Error, Result, Stored, TimeoutError, TimeoutKind, TransportError,
    Upload,
};
use crate::plugin::{Expect, Inner, PutOptions};
use crate::sandbox::{self, Room, State};
use fastly_package_words::EXPECT_FROM;
use http::{Method, StatusCode};
use wasmtime::Store;
use wasmtime::component::Resource;
use wasmtime_wasi::p2::DynInputStream;

/// One call: a fresh store, and what is known of it from outside.
pub(crate) struct Call<'a> {
    plugin: &'a Inner,
    store: Store<State>,
    watch: Watch,
    deadline: Deadline<'a>,
    /// The length of what is uploaded, and how far its reading is.
    upload: Option<(u64, ContentWatch)>,
    /// After the store, which it is for.
    room: Room<'static>,
}

/// Why a component didn't return.
enum Stopped {
    Trapped(wasmtime::Error),
    TimedOut(TimeoutKind),
    Cancelled,
}

type Finished = Result<Result<Reply, Refusal>, Stopped>;

impl<'a> Call<'a> {
    /// Fails where there was no room before the deadline. `size`: of what is uploaded.
    async fn begin(
        plugin: &'a Inner,
        method: Method,
        target: &ServiceVersion,
        size: Option<u64>,
        deadline: Deadline<'a>,
    ) -> Result<Self> {
        let room = deadline.hold(plugin.ground.room()).await;
        let room = room.map_err(|over| plugin.over(over, size))?;
        let edge = plugin.edges.edge(method, target);
        let watch = edge.watch();
        let store = sandbox::store(&plugin.ground.engine, edge, &plugin.limits);
        Ok(Self { plugin, store, watch, deadline, upload: None, room })
    }

    pub(crate) async fn get(
        plugin: &'a Inner,
        target: &ServiceVersion,
        deadline: Deadline<'a>,
    ) -> Result<Reply> {
        let mut call = Self::begin(plugin, Method::GET, target, None, deadline).await?;
        let options = plugin.request_options();
        let finished = call
            .watched(async |component, store| {
                let api = component.fastly_package_api_package_api();
                api.call_get_package(store, target, &options).await
            })
            .await;
        call.conclude(finished)
    }

    pub(crate) async fn put(
        plugin: &'a Inner,
        target: &ServiceVersion,
        content: &mut Content,
        options: PutOptions,
        deadline: Deadline<'a>,
    ) -> Result<Reply> {
        let size = content.size();
        let mut call = Self::begin(plugin, Method::PUT, target, Some(size), deadline).await?;
        let put = WitPutOptions { flags: flags(options.expect, size), filename: content.name() };
        let (stream, watch) = content.begin(options.verify)?;
        call.upload = Some((size, watch));
        let options = plugin.request_options();
        let finished = call
            .watched(async |component, store| {
                let stream: DynInputStream = Box::new(stream);
                let stream: Resource<DynInputStream> = store.data_mut().table.push(stream)?;
                let api = component.fastly_package_api_package_api();
                api.call_put_package(store, target, stream, size, &put, &options).await
            })
            .await;
        call.conclude(finished)
    }

    /// Runs an operation in a fresh instance, until it returns or takes too long.
    async fn watched(
        &mut self,
        operation: impl AsyncFnOnce(
            &bindings::Plugin,
            &mut Store<State>,
        ) -> wasmtime::Result<Result<Reply, Refusal>>,
    ) -> Finished {
        let plugin = self.plugin;
        let store = &mut self.store;
        let run = async {
            let instance = plugin.component.instantiate_async(&mut *store).await?;
            operation(&instance, store).await
        };
        // A timer of the runtime's wakes up one of its threads when it is set: a call that is over before the next tick goes without.
        let stalled = async {
            self.room.next_tick().await;
            self.watch.stalled(&plugin.timeouts).await
        };
        tokio::select! {
            biased;
            result = run => result.map_err(Stopped::Trapped),
            kind = stalled => Err(Stopped::TimedOut(kind)),
            over = self.deadline.passed() => Err(match over {
                Over::TimedOut => Stopped::TimedOut(TimeoutKind::Total),
                Over::Cancelled => Stopped::Cancelled,
            }),
        }
    }

    /// What a call came to. What the edge saw goes before what the component says.
    fn conclude(self, finished: Finished) -> Result<Reply> {
        let token = &self.plugin.edges.token;
        // What is still on its way to the connection would else go out after it was judged that it hasn't.
        self.watch.close_body();
        let stored = self.stored();
        let failure = match self.watch.take_failure() {
            Some(Failure::Denied(denial)) => return Err(Error::Denied { denial, stored }),
            failure => failure,
        };
        let refusal = match finished {
            Ok(Ok(reply)) if self.was_success() => return Ok(reply),
            Ok(Ok(_)) => {
                return Err(self.component("it reports a success that the API didn't give"));
            }
            Ok(Err(refusal)) => refusal,
            Err(Stopped::TimedOut(kind)) => return Err(self.timed_out(kind)),
            Err(Stopped::Cancelled) => return Err(Error::Cancelled { stored }),
            Err(Stopped::Trapped(error)) => {
                return Err(self.component(&format!("{:#}", error.root_cause())));
            }
        };
        Err(match (refusal, failure) {
            (Refusal::InvalidArgument(_) | Refusal::Content(_), _) if stored != Stored::No => {
                self.component("it refuses a package that it had sent whole")
            }
            (Refusal::Api(ApiError { status, .. }), _)
            | (Refusal::UnexpectedResponse(UnexpectedResponse { status, .. }), _)
                if self.watch.status().is_none_or(|seen| seen != status) =>
            {
                self.component("it reports an answer that the API didn't give")
            }
            (Refusal::InvalidArgument(why), _) => Error::InvalidArgument(why),
            (Refusal::Content(shortfall), _) => self.shortfall(shortfall).into(),
            (Refusal::Transport(_), Some(Failure::Timeout(kind))) => self.timed_out(kind),
            (Refusal::Transport(_), Some(Failure::Premature(status))) => {
                Error::UnexpectedResponse { response: Box::new(premature(status)), stored }
            }
            (Refusal::Transport(code), failure) => {
                let reason = match failure {
                    Some(Failure::Lost(reason)) => token.redact(reason),
                    _ => String::new(),
                };
                Error::Transport(TransportError { code, reason, stored })
            }
            (Refusal::Api(mut error), _) => {
                for text in error.texts_mut() {
                    *text = token.redact(std::mem::take(text));
                }
                Error::Api { error: Box::new(error), stored }
            }
            (Refusal::UnexpectedResponse(mut response), _) => {
                for text in response.texts_mut() {
                    *text = token.redact(std::mem::take(text));
                }
                Error::UnexpectedResponse { response: Box::new(response), stored }
            }
        })
    }

    /// Whether the API said that all is well, after it had the whole request.
    fn was_success(&self) -> bool {
        self.watch.request_sent() && self.watch.status().is_some_and(|status| status.is_success())
    }

    /// What became of an upload that failed, by what the edge saw.
    fn stored(&self) -> Stored {
        if self.upload.is_none() || !self.watch.request_sent() {
            return Stored::No;
        }
        match self.watch.status() {
            // A server that waited too long for a request may have it after all.
            Some(StatusCode::REQUEST_TIMEOUT) | None => Stored::Unknown,
            Some(status) if status.is_client_error() => Stored::No,
            Some(_) => Stored::Unknown,
        }
    }

    fn component(&self, message: &str) -> Error {
        let message = self.plugin.edges.token.redact(message.to_owned());
        Error::Component(ComponentError::new(message, self.stored()))
    }

    fn timed_out(&self, kind: TimeoutKind) -> Error {
        let upload = self.upload.as_ref();
        let upload = upload.map(|(size, watch)| Upload { read: watch.read(), size: *size });
        let limit = self.plugin.timeouts.limit(kind);
        Error::Timeout(TimeoutError { kind, limit, upload, stored: self.stored() })
    }

    fn shortfall(&self, shortfall: Shortfall) -> ContentError {
        let (expected, watch) = match &self.upload {
            Some((size, watch)) => (*size, Some(watch)),
            None => (0, None),
        };
        match shortfall {
            Shortfall::TooShort(found) => ContentError::TooShort { expected, found },
            Shortfall::TooLong => ContentError::TooLong { expected },
            Shortfall::Failed(why) => watch
                .and_then(ContentWatch::take_error)
                .unwrap_or_else(|| ContentError::Read(std::io::Error::other(why))),
        }
    }
}

impl Inner {
    fn request_options(&self) -> RequestOptions {
        RequestOptions {
            auth: Auth::Host,
            api_url: Some(self.edges.api.to_string()),
            user_agent: self.user_agent.clone(),
        }
    }
}

fn flags(expect: Expect, size: u64) -> PutFlags {
    match expect {
        Expect::Always => PutFlags::EXPECT_CONTINUE,
        Expect::Auto if size >= EXPECT_FROM => PutFlags::EXPECT_CONTINUE,
        Expect::Auto | Expect::Never => PutFlags::empty(),
    }
}

fn premature(status: StatusCode) -> UnexpectedResponse {
    UnexpectedResponse {
        reason: UnexpectedReason::Premature,
        status: status.as_u16(),
        detail: String::new(),
        location: None,
        media_type: None,
        excerpt: String::new(),
    }
}
