//! Name resolution.

use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use tower_service::Service;

/// The platform's resolver, which can be restricted to loopback addresses.
#[derive(Clone)]
pub(super) struct Resolver {
    pub(super) loopback_only: bool,
}

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = ResolveError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, ResolveError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ResolveError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let loopback_only = self.loopback_only;
        Box::pin(async move {
            let host = name.to_string();
            let found = GaiResolver::new().call(name).await.map_err(|error| ResolveError {
                reason: format!("{host} can't be resolved: {error}"),
                not_loopback: false,
            })?;
            let addresses: Vec<SocketAddr> = found.collect();
            match addresses.iter().find(|address| !address.ip().is_loopback()) {
                Some(other) if loopback_only => Err(ResolveError {
                    reason: format!(
                        "{host} resolves to {}, which is not a loopback address",
                        other.ip()
                    ),
                    not_loopback: true,
                }),
                _ => Ok(addresses.into_iter()),
            }
        })
    }
}

#[derive(Debug, Clone)]
pub(crate) struct ResolveError {
    reason: String,
    /// The name was resolved, but not to loopback addresses.
    pub(super) not_loopback: bool,
}

impl fmt::Display for ResolveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl StdError for ResolveError {}
