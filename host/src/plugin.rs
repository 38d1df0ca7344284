//! The plugin: the component, loaded once and called many times.

use crate::bindings::exports::fastly_package::api::package_api::{Reply, ServiceVersion};
use crate::bindings::exports::fastly_package::api::versions::ServiceVersionInfo;
use crate::call::{Call, CallContext, not_started, not_started_in_time};
use crate::content::Content;
use crate::deadline::{Cancellation, Deadline, TimeLimit};
use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::service_locks::ServiceLocks;
use fastly_package_core::error::{Stored, TimeoutPhase};
use fastly_package_core::retry::Retries;
use fastly_package_core::target::Operation;
use fastly_package_core::upload::{self, Event, Failure, PutOptions, RetryNotice, Step, Upload};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// An upload that the API has stored.
pub type Uploaded = upload::Uploaded<Reply, Error>;

/// Whether a stored package was shown to be the one that was sent. If it was shown to be another one, the upload fails with
/// [`ErrorKind::Mismatch`](crate::ErrorKind::Mismatch).
pub type Proof = upload::Proof<Error>;

/// Fastly's package API, run in a sandbox.
///
/// A `Plugin` is cheap to clone and safe to use from many tasks: each call runs in a fresh instance, and connections are shared. Dropping the
/// future of a call cancels it and closes its connection. Calls need a tokio runtime with time and I/O.
#[derive(Clone)]
pub struct Plugin {
    pub(crate) inner: Arc<Inner>,
    /// A limit for all calls of this handle together.
    pub(crate) time_limit: Option<TimeLimit>,
}

pub(crate) struct Inner {
    pub(crate) calls: CallContext,
    pub(crate) retries: Retries,
    pub(crate) on_retry: Option<OnRetry>,
    pub(crate) on_verify: Option<OnVerify>,
    pub(crate) locks: ServiceLocks,
    pub(crate) cancellation: Cancellation,
}

/// The listener for verifying GETs.
pub(crate) type OnVerify = Box<dyn Fn(&ServiceVersion) + Send + Sync>;

/// The listener for retries.
pub(crate) type OnRetry = Box<dyn Fn(&Retry<'_>) + Send + Sync>;

/// A retry that is about to be waited for: the argument of [`PluginBuilder::on_retry`](crate::PluginBuilder::on_retry)'s listener.
#[derive(Debug)]
#[non_exhaustive]
pub struct Retry<'a> {
    /// The operation that is retried. An upload whose outcome is unknown makes [`Operation::GetPackage`].
    pub operation: Operation,
    /// The service.
    pub service_id: &'a str,
    /// The version. `None` for [`Operation::ListVersions`].
    pub version_id: Option<u32>,
    /// Why the call failed.
    pub error: &'a Error,
    /// The number of the retry, starting at 1.
    pub number: u32,
    /// The maximum number of retries.
    pub limit: u32,
    /// The wait before the retry.
    pub wait: Duration,
}

impl Plugin {
    /// Returns a handle to the same plugin whose calls must all be done within `limit`, counted from `start`. It replaces the limit of this handle. Calls
    /// that are not done in time fail with [`TimeoutPhase::Total`], and so do all later calls of the handle.
    pub fn with_deadline(&self, start: Instant, limit: Duration) -> Self {
        let time_limit = TimeLimit::new(start.into(), limit);
        Self { inner: self.inner.clone(), time_limit }
    }

    /// Gets the package of a service version. Failures are retried as the [`Retries`] say.
    ///
    /// # Errors
    ///
    /// Fails with every kind but `Content` and `Mismatch`. A version without a package is `Api` with status 404.
    #[tracing::instrument(level = "debug", skip_all, fields(service = %target.service_id, version = target.version_id))]
    pub async fn get_package(&self, target: &ServiceVersion) -> Result<Reply> {
        let (plugin, deadline) = (&*self.inner, self.deadline());
        let retried = (Operation::GetPackage, target.service_id.as_str(), Some(target.version_id));
        plugin
            .retrying(retried, deadline, || Call::get_package(&plugin.calls, target, deadline))
            .await
    }

    /// Lists the versions of a service, which tells apart why [`get_package`](Self::get_package) was answered with 404. Failures are retried as the
    /// [`Retries`] say.
    ///
    /// # Errors
    ///
    /// Fails with every kind but `Content` and `Mismatch`. A service that doesn't exist, or that the token can't access, is `Api` with status 404.
    #[tracing::instrument(level = "debug", skip_all, fields(service = %service_id))]
    pub async fn list_versions(&self, service_id: &str) -> Result<Vec<ServiceVersionInfo>> {
        let (plugin, deadline) = (&*self.inner, self.deadline());
        let retried = (Operation::ListVersions, service_id, None);
        plugin
            .retrying(retried, deadline, || {
                Call::list_versions(&plugin.calls, service_id, deadline)
            })
            .await
    }

    /// Uploads a package to a service version, replacing the one that it has.
    ///
    /// The content is [checked](Content::check) first, and compared with what the API says it stored afterwards. Uploads to one service run one after
    /// the other. Failures are retried as the [`Retries`] say, if the content can be read again. An upload that may be stored is never repeated
    /// blindly: a GET decides by the SHA-512 whether it is stored, unless the limit of retries is 0.
    ///
    /// # Errors
    ///
    /// Fails with every kind. [`Error::stored`] tells what became of the package. A locked or active version is `Api` with status 422.
    ///
    /// ```no_run
    /// # async fn example(plugin: fastly_package::Plugin, target: fastly_package::ServiceVersion) -> fastly_package::Result<()> {
    /// use fastly_package::{Content, PutOptions};
    ///
    /// let package = Content::open("pkg/app.tar.gz").await?;
    /// match plugin.put_package(&target, package, PutOptions::default()).await {
    ///     Ok(uploaded) => println!("{:?}", uploaded.proof),
    ///     Err(error) if error.is_locked() => println!("clone the version and upload to the clone"),
    ///     Err(error) => println!("{error}; stored: {:?}", error.stored()),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[tracing::instrument(level = "debug", skip_all, fields(service = %target.service_id, version = target.version_id, size = content.size()))]
    pub async fn put_package(
        &self,
        target: &ServiceVersion,
        mut content: Content,
        options: PutOptions,
    ) -> Result<Uploaded> {
        let (plugin, deadline) = (&*self.inner, self.deadline());
        if !options.force {
            plugin.check(&mut content, deadline).await?;
        }
        let size = content.size();
        let permit = deadline.run(plugin.locks.acquire(&target.service_id)).await;
        let _permit = permit.map_err(|interrupted| not_started(interrupted, Some(size)))?;
        let mut upload = Upload::new(upload::Options {
            size,
            is_repeatable: content.is_repeatable(),
            put: options,
            digest_first: false,
            retries: plugin.retries,
        });
        let mut event = Event::Started;
        loop {
            event = match upload.next(event, SystemTime::now(), fastrand::f64()) {
                Step::Put { expect } => {
                    let calls = &plugin.calls;
                    let put =
                        Call::put_package(calls, target, &mut content, options, expect, deadline);
                    let result = put.await;
                    if result.is_ok() && options.verify && content.sent().is_none() {
                        let message = "it reports as stored what it has not read to its end";
                        return Err(Error::component(message, Stored::Unknown));
                    }
                    Event::Put(result)
                }
                Step::Digest => Event::Digest(plugin.digest(&mut content, deadline).await),
                Step::FetchStored => Event::Fetched(plugin.fetch_stored(target, deadline).await),
                Step::Wait(retry) => {
                    let retried = (&*target.service_id, Some(target.version_id));
                    let is_in_time = plugin.wait(retried, &retry, deadline).await;
                    Event::Waited { error: retry.error, is_in_time }
                }
                Step::Done(uploaded) => return Ok(uploaded),
                Step::Failed(error) => return Err(error),
                Step::Mismatch { sent, reply } => {
                    return Err(Error::mismatched(sent, reply.package));
                }
            };
        }
    }

    /// Cancels all calls of this plugin and its clones, including later ones: each fails with [`ErrorKind::Cancelled`](crate::ErrorKind::Cancelled),
    /// and its [`Error::stored`] tells what became of the package. A call that is cancelled by dropping its future can't tell.
    ///
    /// A call that has already failed, and is waiting for a retry or finding out what is stored, ends with that failure. An upload that the API
    /// has confirmed, and that is being verified, succeeds with [`Proof::Failed`].
    pub fn cancel(&self) {
        self.inner.cancellation.send_replace(true);
    }

    /// Runs a future that belongs to the calls of this handle, such as the opening of a package, until it is done or their time limit elapses.
    ///
    /// # Errors
    ///
    /// Fails with [`TimeoutPhase::Total`], or with [`ErrorKind::Cancelled`](crate::ErrorKind::Cancelled) after [`cancel`](Self::cancel).
    pub async fn run_until_deadline<F: Future>(&self, future: F) -> Result<F::Output> {
        let output = self.deadline().run(future).await;
        output.map_err(|interrupted| not_started(interrupted, None))
    }

    fn deadline(&self) -> Deadline<'_> {
        let total = self.inner.calls.timeouts.total;
        let per_call = total.and_then(|limit| TimeLimit::new(Instant::now().into(), limit));
        let earliest = per_call.into_iter().chain(self.time_limit).min();
        Deadline { earliest, cancellation: &self.inner.cancellation }
    }
}

impl Inner {
    /// Makes a call until it succeeds, or its failure is not to be retried.
    async fn retrying<T, F: Future<Output = Result<T>>>(
        &self,
        (operation, service_id, version_id): (Operation, &str, Option<u32>),
        deadline: Deadline<'_>,
        call: impl Fn() -> F,
    ) -> Result<T> {
        let mut number = 0;
        loop {
            let error = match call().await {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            number += 1;
            let wait = self.retries.wait(&error.call(), number, SystemTime::now(), fastrand::f64());
            let Some(wait) = wait else { return Err(error) };
            let limit = self.retries.limit;
            let retry = RetryNotice { operation, error, number, limit, wait };
            if !self.wait((service_id, version_id), &retry, deadline).await {
                return Err(retry.error);
            }
        }
    }

    /// Waits before a retry. Returns whether it is to be made: the error is worth more than a timeout at the end of a wait.
    async fn wait(
        &self,
        (service_id, version_id): (&str, Option<u32>),
        retry: &RetryNotice<Error>,
        deadline: Deadline<'_>,
    ) -> bool {
        let RetryNotice { operation, ref error, number, limit, wait } = *retry;
        if !deadline.has_time_for(wait) {
            return false;
        }
        tracing::warn!(%error, number, ?wait, "retrying");
        if let Some(listener) = &self.on_retry {
            listener(&Retry { operation, service_id, version_id, error, number, limit, wait });
        }
        deadline.run(tokio::time::sleep(wait)).await.is_ok()
    }

    async fn fetch_stored(&self, target: &ServiceVersion, deadline: Deadline<'_>) -> Result<Reply> {
        if let Some(listener) = &self.on_verify
            && deadline.has_time_for(Duration::ZERO)
        {
            listener(target);
        }
        Call::get_package(&self.calls, target, deadline).await
    }

    async fn digest(&self, content: &mut Content, deadline: Deadline<'_>) -> Option<Digest> {
        match content.sent() {
            Some(digest) => Some(digest),
            None => deadline.run(content.digest()).await.ok().flatten(),
        }
    }

    async fn check(&self, content: &mut Content, deadline: Deadline<'_>) -> Result<()> {
        let size = Some(content.size());
        let limit = self.calls.timeouts.stall;
        match deadline.run(tokio::time::timeout(limit, content.check())).await {
            Ok(Ok(checked)) => checked,
            Ok(Err(_)) => Err(not_started_in_time(TimeoutPhase::Stall, limit, size)),
            Err(interrupted) => Err(not_started(interrupted, size)),
        }
    }
}

impl std::fmt::Debug for Plugin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plugin")
            .field("api", &self.inner.calls.outbound.api)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Compiles if the future can be spawned on a runtime with several threads.
    fn assert_send<T: Send>(_: T) {}

    #[test]
    fn calls_can_be_spawned() {
        let token = crate::Token::new("0123456789abcdef").unwrap();
        let plugin = Plugin::builder().token(token).build().unwrap();
        let target = ServiceVersion::new("service", 1).unwrap();
        let content = Content::from_bytes("package").unwrap();
        assert_send(plugin.get_package(&target));
        assert_send(plugin.list_versions("service"));
        assert_send(plugin.put_package(&target, content, PutOptions::default()));
    }
}
