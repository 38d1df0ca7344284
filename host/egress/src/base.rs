//! Where the API is.

use std::fmt;
use std::net::IpAddr;

/// The base of Fastly's API.
pub const FASTLY_API: &str = "https://api.fastly.com";

/// How long a base may be, in bytes: far below what servers take of a whole URL.
const LONGEST: usize = 2048;

/// The base URL of the API: scheme, host, port and a path prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    /// Whether it is `https`.
    pub tls: bool,
    /// In lower case; an IPv6 address in brackets.
    pub host: String,
    /// The scheme's own where none was given.
    pub port: u16,
    /// Without a trailing slash; often empty.
    pub prefix: String,
}

impl Base {
    /// Reads a URL.
    ///
    /// # Errors
    ///
    /// What is wrong with it, as the end of a sentence that begins with what it is, and without the text itself, which may hold a password:
    /// it is no URL, longer than 2048 bytes, has user-info, a query or a fragment, or another scheme than `https` and `http`.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text.len() > LONGEST {
            return Err("is too long");
        }
        if text.contains(['?', '#']) {
            return Err("has a query or a fragment");
        }
        let incomplete = "has no scheme or no host: give one such as https://api.fastly.com";
        let (scheme, rest) = text.split_once("://").ok_or(incomplete)?;
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err("has a user or password in it");
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
            return Err("has a host with characters that no host has");
        }
        let port = match port {
            None => default_port(tls),
            Some(port) => number(port).filter(|port| *port > 0).ok_or("has a port that is none")?,
        };
        // RFC 3986, 3.3.
        let in_path = |b: u8| b.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@%/".contains(&b);
        if !path.bytes().all(in_path) {
            return Err("has a path with characters that no URL has");
        }
        let prefix = path.trim_end_matches('/').to_owned();
        Ok(Self { tls, host: host.to_ascii_lowercase(), port, prefix })
    }

    /// Whether a token may go there: over `https`, or to a host that may be loopback.
    ///
    /// # Errors
    ///
    /// Why not, as the end of a sentence as above; or that an IPv6 address is none, which nobody could be connected to.
    pub fn check_may_have_token(&self) -> Result<(), &'static str> {
        if self.host.starts_with('[') && self.address().is_none() {
            return Err("has an IPv6 address that is none");
        }
        match self.tls || self.may_be_loopback() {
            true => Ok(()),
            false => Err(
                "is http to a host that isn't loopback, where anyone on the way could read the token: use https",
            ),
        }
    }

    /// Whether the host is a loopback address, or the name that should resolve to one.
    pub fn may_be_loopback(&self) -> bool {
        self.address().map_or(self.host == "localhost", |address| address.is_loopback())
    }

    fn address(&self) -> Option<IpAddr> {
        self.host.trim_start_matches('[').trim_end_matches(']').parse().ok()
    }

    /// The authority as it stands in a request: the port only where it isn't the scheme's own.
    pub fn authority(&self) -> String {
        match self.port == default_port(self.tls) {
            true => self.host.clone(),
            false => format!("{}:{}", self.host, self.port),
        }
    }

    /// Scheme and authority.
    pub fn origin(&self) -> String {
        let scheme = if self.tls { "https" } else { "http" };
        format!("{scheme}://{}", self.authority())
    }
}

impl fmt::Display for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.origin(), self.prefix)
    }
}

/// The port of a URL that names none.
pub(crate) fn default_port(tls: bool) -> u16 {
    if tls { 443 } else { 80 }
}

/// Host and port of an authority without user-info; an IPv6 address keeps its brackets.
pub(crate) fn split_port(authority: &str) -> (&str, Option<&str>) {
    let after_address = authority.rfind(']').map_or(0, |bracket| bracket + 1);
    match authority[after_address..].find(':') {
        Some(colon) => {
            let (host, port) = authority.split_at(after_address + colon);
            (host, Some(&port[1..]))
        }
        None => (authority, None),
    }
}

/// Digits alone: a sign is none.
pub(crate) fn number(port: &str) -> Option<u16> {
    let digits = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
    if digits { port.parse().ok() } else { None }
}

fn is_host(host: &str) -> bool {
    match host.strip_prefix('[') {
        // By its characters alone: a parser would be a twentieth of the plugin, whose host knows addresses.
        Some(address) => address.strip_suffix(']').is_some_and(|address| {
            address.contains(':')
                && address.bytes().all(|b| b.is_ascii_hexdigit() || b":.".contains(&b))
        }),
        None => host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_is_kept_without_what_says_nothing() {
        for (text, kept) in [
            ("https://api.fastly.com", "https://api.fastly.com"),
            ("HTTPS://API.Fastly.com:443/", "https://api.fastly.com"),
            ("https://proxy.test:8443/fastly//", "https://proxy.test:8443/fastly"),
            ("http://[::1]:80/a/b/", "http://[::1]/a/b"),
        ] {
            assert_eq!(Base::parse(text).unwrap().to_string(), kept);
        }
    }

    #[test]
    fn what_is_no_base_is_refused_without_being_shown() {
        for text in [
            "",
            "secret",
            "secret.test/x",
            "://secret.test",
            "ftp://secret.test",
            "https://",
            "https:///secret",
            "https://:443",
            "https://u:secret@h.test",
            "https://secret@h.test",
            "https://h.test/?q=secret",
            "https://h.test/#secret",
            "https://h.test:0",
            "https://h.test:99999",
            "https://h.test:+443",
            "https://h.test:",
            "https://h te/secret",
            "https://h.test/sec ret",
            "https://h.test/s\u{e9}cret",
            "https://h\\secret",
            "https://[secret]",
            "https://[::1",
            "https://[::1]x",
            "https://[::1]]",
            "https://a]b:c",
            "//secret.test",
            &format!("https://h.test/{}", "secret".repeat(1000)),
        ] {
            let error = Base::parse(text).expect_err(text);
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn a_token_goes_to_an_address_that_is_one() {
        for text in ["https://[::1]", "https://[2001:db8::1]:8443", "https://[::ffff:192.0.2.1]"] {
            assert_eq!(Base::parse(text).unwrap().check_may_have_token(), Ok(()), "{text}");
        }
        for text in
            ["https://[1:2]", "https://[:::::::::::::]", "http://[::1.2]", "https://[::5ec::]"]
        {
            let why = Base::parse(text).unwrap().check_may_have_token().expect_err(text);
            assert!(why.contains("an IPv6 address that is none"), "{why}");
        }
    }

    #[test]
    fn loopback_is_told_from_what_looks_like_it() {
        for text in ["http://127.0.0.1", "http://127.9.9.9:1", "http://[::1]", "http://localhost"] {
            assert!(Base::parse(text).unwrap().may_be_loopback(), "{text}");
        }
        for text in [
            "http://10.0.0.1",
            "http://[::2]",
            "http://0.0.0.0",
            "http://127.1",
            "http://localhost.evil.test",
            "http://127.0.0.1.evil.test",
            "http://[::ffff:10.0.0.1]",
        ] {
            assert!(!Base::parse(text).unwrap().may_be_loopback(), "{text}");
        }
    }
}
