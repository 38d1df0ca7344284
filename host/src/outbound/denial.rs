//! Denied requests.

use fastly_package_core::egress::DenialReason;
use http::{Method, Uri};
use std::fmt;

/// A denied request. Nothing was connected to. `Display` shows the beginning of its method and URI, up to 200 characters, and the reason.
#[derive(Debug, Clone)]
pub struct Denial {
    /// The part of the request that is not allowed.
    pub reason: DenialReason,
    request: String,
}

impl Denial {
    pub(crate) fn new(reason: DenialReason, method: &Method, uri: &Uri) -> Self {
        // The component controls the URI: its length must be limited.
        let request = format!("{method} {uri}").chars().take(200).collect();
        Self { reason, request }
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.request, self.reason)
    }
}

impl std::error::Error for Denial {}
