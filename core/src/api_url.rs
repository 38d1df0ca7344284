//! The base URL of the API.

use std::fmt;
use std::net::IpAddr;

/// The base URL of Fastly's API.
pub const FASTLY_API: &str = "https://api.fastly.com";

/// The maximum length of a base URL, in bytes: far below the limits of servers for a whole URL.
const MAX_LENGTH: usize = 2048;

/// The base URL of the API: scheme, host, port and a path prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiUrl {
    /// Whether the scheme is `https`.
    pub tls: bool,
    /// The host, in lower case; an IPv6 address is in brackets.
    pub host: String,
    /// The scheme's default if the URL has none.
    pub port: u16,
    /// The path without trailing slashes; often empty.
    pub prefix: String,
}

impl ApiUrl {
    /// Parses a URL.
    ///
    /// # Errors
    ///
    /// Returns a predicate for people to read, such as "has a query or a fragment". It doesn't contain the text, which may hold a password.
    /// The text is rejected if it is not a URL, is longer than 2048 bytes, has user-info, a query or a fragment, or has another scheme than
    /// `https` and `http`.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text.len() > MAX_LENGTH {
            return Err("is too long");
        }
        if text.contains(['?', '#']) {
            return Err("has a query or a fragment");
        }
        let incomplete = "has no scheme or no host: use a URL such as https://api.fastly.com";
        // Slicing a string, or searching it for another, would add 2 KiB to the plugin.
        let (scheme, rest) = text.split_once(':').ok_or(incomplete)?;
        let rest = rest.strip_prefix("//").ok_or(incomplete)?;
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        if authority.contains('@') {
            return Err("contains a user name or password");
        }
        let tls = match scheme {
            "" => return Err(incomplete),
            _ if scheme.eq_ignore_ascii_case("https") => true,
            _ if scheme.eq_ignore_ascii_case("http") => false,
            _ => return Err("is neither https nor http"),
        };
        let (host, port) = split_port(authority);
        if host.is_empty() {
            return Err(incomplete);
        }
        if !is_host(host) {
            return Err("contains invalid characters in its host");
        }
        let port = match port {
            None => default_port(tls),
            Some(port) => {
                parse_port(port).filter(|port| *port > 0).ok_or("contains an invalid port")?
            }
        };
        // RFC 3986, 3.3.
        let in_path = |b: u8| b.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@%/".contains(&b);
        if !path.bytes().all(in_path) {
            return Err("contains invalid characters in its path");
        }
        let prefix = match path.trim_end_matches('/') {
            "" => String::new(),
            path => format!("/{path}"),
        };
        Ok(Self { tls, host: host.to_ascii_lowercase(), port, prefix })
    }

    /// Checks that a token may be sent to this URL: over `https`, or over `http` to a host that may be loopback.
    ///
    /// # Errors
    ///
    /// Returns a predicate for people to read. An invalid IPv6 address is rejected too.
    pub fn check_token_allowed(&self) -> Result<(), &'static str> {
        if self.host.starts_with('[') && self.address().is_none() {
            return Err("contains an invalid IPv6 address");
        }
        match self.tls || self.may_be_loopback() {
            true => Ok(()),
            false => Err(
                "uses http to a host that is not loopback, which would expose the token on the network: use https",
            ),
        }
    }

    /// Returns whether the host is a loopback address, or `localhost`, which should resolve to one.
    pub fn may_be_loopback(&self) -> bool {
        self.address().map_or(self.host == "localhost", |address| address.is_loopback())
    }

    fn address(&self) -> Option<IpAddr> {
        self.host.trim_start_matches('[').trim_end_matches(']').parse().ok()
    }

    /// Returns the authority of a request: the port is left out if it is the scheme's default.
    pub fn authority(&self) -> String {
        match self.port == default_port(self.tls) {
            true => self.host.clone(),
            false => format!("{}:{}", self.host, self.port),
        }
    }

    /// Returns the scheme and the authority.
    pub fn origin(&self) -> String {
        let scheme = if self.tls { "https" } else { "http" };
        format!("{scheme}://{}", self.authority())
    }
}

impl fmt::Display for ApiUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.origin(), self.prefix)
    }
}

/// Returns the port of a URL without one.
pub(crate) fn default_port(tls: bool) -> u16 {
    if tls { 443 } else { 80 }
}

/// Splits an authority without user-info into host and port. An IPv6 address keeps its brackets.
pub(crate) fn split_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    }
}

/// Parses a port. Unlike `u16::from_str`, it rejects a sign.
pub(crate) fn parse_port(port: &str) -> Option<u16> {
    let digits = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
    if digits { port.parse().ok() } else { None }
}

fn is_host(host: &str) -> bool {
    match host.strip_prefix('[') {
        // Only the characters are checked: a parser would be a twentieth of the plugin, and its host parses the address.
        Some(address) => address.strip_suffix(']').is_some_and(|address| {
            address.contains(':')
                && address.bytes().all(|b| b.is_ascii_hexdigit() || b":.".contains(&b))
        }),
        None => host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b)),
    }
}

#[cfg(test)]
mod tests;
