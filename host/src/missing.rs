//! What a 404 is about. The API's answer doesn't say, but the status of two other GETs does.

use crate::bindings::exports::fastly_package::api::package_api::ServiceVersion;
use crate::deadline::Deadline;
use crate::edge::egress::EgressPolicy;
use crate::plugin::{Inner, Plugin};
use bytes::Bytes;
use http::header;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Empty, Limited};
use std::time::Duration;
use wasmtime_wasi_http::WasiHttpHooks;

/// How long both lookups may take: they serve an error that is there already, and whoever waits for it had an answer a moment ago.
const LIMIT: Duration = Duration::from_secs(5);
/// The component's own, where none was set.
const USER_AGENT: &str = concat!("fastly-package/", env!("CARGO_PKG_VERSION"));
/// What is read of an answer so that its connection can be used again, in bytes.
const DRAINED: usize = 64 * 1024;
/// And how long it may take to come: the status is known.
const DRAINING: Duration = Duration::from_millis(200);

/// What the API hasn't got, or doesn't show to this token: what [`Plugin::find_missing`] finds out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Missing {
    /// The service: there is none of this ID, or it belongs to another account than the token.
    Service,
    /// The version: the service is there, and has no version of this number.
    Version,
    /// The package: service and version are there.
    Package,
}

impl Plugin {
    /// Finds out what a 404 is about, by a GET of the version and, if it isn't there, one of the service, with the same token. No more than
    /// their status is looked at. They are tried once, and take no more than five seconds together.
    ///
    /// `None`: that can't be told, since the API wasn't reached, or answered neither with a success nor with 404.
    ///
    /// ```
    /// use fastly_package::Missing;
    /// # use fastly_package::{Plugin, ServiceVersion, Token};
    /// # use fastly_package_emulator::{Config, Emulator};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let services = Some([("SU1Z0isxPaozGVKXdv0eY".to_owned(), 3)].into());
    /// # let emulator = Emulator::start(Config { services, ..Config::default() }).await?;
    /// # let plugin = Plugin::builder().token(Token::new("secret")?).api(emulator.url().parse()?).build()?;
    /// let target = ServiceVersion::new("SU1Z0isxPaozGVKXdv0eY", 4)?;
    /// let error = plugin.get_package(&target).await.unwrap_err();
    /// assert!(error.is_not_found());
    /// // The service has three versions.
    /// assert_eq!(plugin.find_missing(&target).await, Some(Missing::Version));
    /// # Ok(())
    /// # }
    /// ```
    #[tracing::instrument(level = "debug", skip_all, fields(service = %target.service_id, version = target.version_id))]
    pub async fn find_missing(&self, target: &ServiceVersion) -> Option<Missing> {
        let plugin = &*self.0;
        let limit = plugin.timeouts.total.map_or(LIMIT, |total| total.min(LIMIT));
        let deadline = Deadline::after(Some(limit), &plugin.cancellation);
        deadline.hold(plugin.find_missing(target)).await.ok()?
    }
}

impl Inner {
    async fn find_missing(&self, target: &ServiceVersion) -> Option<Missing> {
        if self.exists(EgressPolicy::get_version(&self.edges.api, target)).await? {
            return Some(Missing::Package);
        }
        let service = EgressPolicy::get_service(&self.edges.api, &target.service_id);
        Some(if self.exists(service).await? { Missing::Version } else { Missing::Service })
    }

    /// Whether what the policy allows to get is there.
    async fn exists(&self, policy: EgressPolicy) -> Option<bool> {
        let uri = format!("{}{}", self.edges.api.origin(), policy.path());
        let body = Empty::<Bytes>::new().map_err(|never| match never {}).boxed_unsync();
        let request = Request::builder()
            .method(Method::GET)
            .uri(uri)
            .header(header::ACCEPT, "application/json")
            .header(header::USER_AGENT, self.user_agent.as_deref().unwrap_or(USER_AGENT))
            .body(body)
            .ok()?;
        let mut edge = self.edges.with(policy);
        let watch = edge.watch();
        let exchange = async {
            let sending = edge.send_request(request, None, Box::new(async { Ok(()) }));
            let (response, _) = Box::into_pin(sending).await.ok()?;
            let (head, body) = response.into_parts();
            let drained = Limited::new(body, DRAINED).collect();
            let _ = tokio::time::timeout(DRAINING, drained).await;
            Some(head.status)
        };
        let status = tokio::select! {
            status = exchange => status?,
            _ = watch.stalled(&self.timeouts) => return None,
        };
        match status {
            StatusCode::NOT_FOUND => Some(false),
            status if status.is_success() => Some(true),
            status => {
                tracing::debug!(%status, "that doesn't tell what is missing");
                None
            }
        }
    }
}
