//! Notices of retries.

use crate::error::Error;
use crate::listener::Listener;
use fastly_package_core::target::Operation;
use std::time::Duration;

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

/// The listener for retries.
pub(crate) type OnRetry = Listener<dyn Fn(&Retry<'_>) + Send + Sync>;

impl OnRetry {
    pub(crate) fn notify(&self, retry: &Retry<'_>) {
        let Retry { error, number, wait, .. } = retry;
        tracing::warn!(%error, number, ?wait, "retrying");
        if let Some(listener) = self.get() {
            listener(retry);
        }
    }
}
