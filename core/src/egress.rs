//! The egress rule: which request may leave the sandbox.
//!
//! ```
//! use fastly_package_core::api_url::ApiUrl;
//! use fastly_package_core::egress::{Request, Rule};
//! use fastly_package_core::target::Operation;
//!
//! let api = ApiUrl::parse("https://api.fastly.com")?;
//! let rule = Rule::new(&api, Operation::GetPackage, "SU1Z0isxPaozGVKXdv0eY", 3);
//! let mut request = Request {
//!     scheme: Some("https"),
//!     authority: Some("api.fastly.com"),
//!     method: "GET",
//!     path: "/service/SU1Z0isxPaozGVKXdv0eY/version/3/package",
//! };
//! assert_eq!(rule.check(&request), Ok(()));
//! request.authority = Some("elsewhere.test");
//! assert!(rule.check(&request).is_err());
//! # Ok::<(), &str>(())
//! ```

use crate::api_url::{ApiUrl, default_port, parse_port, split_port};
use crate::target::Operation;
use std::fmt;

/// The headers that a component may set beside the token, in lower case and each at most once. `Host` is not among them: the host derives it
/// from the URI's authority.
pub const HEADERS: [&str; 5] = ["accept", "user-agent", "content-type", "content-length", "expect"];

/// The parts of a request that the rule examines. The `Host` header is not one of them.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The scheme, in lower case.
    pub scheme: Option<&'a str>,
    /// The host, and the port if there is one.
    pub authority: Option<&'a str>,
    /// The method, in upper case.
    pub method: &'a str,
    /// The path, with the query if there is one.
    pub path: &'a str,
}

/// The one request that a call may send: scheme, host and port of the API, one method, one exact path and no query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    tls: bool,
    host: String,
    port: u16,
    method: &'static str,
    path: String,
}

impl Rule {
    /// Allows the request of one operation. A service ID that is empty or consists of dots allows nothing.
    pub fn new(api: &ApiUrl, operation: Operation, service_id: &str, version_id: u32) -> Self {
        Self {
            tls: api.tls,
            host: api.host.clone(),
            port: api.port,
            method: operation.method(),
            path: operation.path(api, service_id, version_id),
        }
    }

    /// Checks a request.
    ///
    /// # Errors
    ///
    /// Returns the first part of the request that is not allowed.
    pub fn check(&self, request: &Request<'_>) -> Result<(), DenialReason> {
        let scheme = if self.tls { "https" } else { "http" };
        if request.scheme != Some(scheme) {
            return Err(DenialReason::Scheme);
        }
        let authority = request.authority.ok_or(DenialReason::Host)?;
        let (host, port) = split_port(authority);
        // User-info would make the beginning of the authority look like the host.
        if authority.contains('@') || !host.eq_ignore_ascii_case(&self.host) {
            return Err(DenialReason::Host);
        }
        let port = match port {
            None => Some(default_port(self.tls)),
            Some(port) => parse_port(port),
        };
        if port != Some(self.port) {
            return Err(DenialReason::Port);
        }
        if request.method != self.method {
            return Err(DenialReason::Method);
        }
        if self.path.is_empty() || request.path != self.path {
            return Err(DenialReason::Path);
        }
        Ok(())
    }
}

/// The part of a request that is not allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DenialReason {
    /// Another scheme than the API's.
    Scheme,
    /// Another host than the API's.
    Host,
    /// Another port than the API's.
    Port,
    /// Another method than the operation's.
    Method,
    /// Another path than the operation's, or a query.
    Path,
    /// A second request in one call.
    Repeated,
    /// A much longer body than the content with its framing.
    Length,
}

impl fmt::Display for DenialReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scheme => "the scheme is not the API's",
            Self::Host => "the host is not the API's",
            Self::Port => "the port is not the API's",
            Self::Method => "the method is not the operation's",
            Self::Path => "the path is not the operation's",
            Self::Repeated => "a call may send one request",
            Self::Length => "the body is longer than the package",
        })
    }
}

#[cfg(test)]
mod tests;
