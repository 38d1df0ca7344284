//! Where the API is.

use crate::error::Error;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// The base of Fastly's API.
pub const FASTLY_API: &str = "https://api.fastly.com";

/// The checked base URL of the API: scheme, host, port and a path prefix.
///
/// `http` is for loopback addresses alone (`127.0.0.0/8`, `::1`, and `localhost` as long as it resolves to them), since a token in
/// plain text is a token given away.
///
/// ```
/// use fastly_package::ApiUrl;
///
/// let api: ApiUrl = "https://proxy.example.com/fastly/".parse()?;
/// assert_eq!(api.to_string(), "https://proxy.example.com/fastly");
/// assert!("http://api.fastly.com".parse::<ApiUrl>().is_err());
/// # Ok::<(), fastly_package::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiUrl {
    pub(crate) tls: bool,
    /// In lower case; an IPv6 address in brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// Without a trailing slash; often empty.
    pub(crate) prefix: String,
}

impl FromStr for ApiUrl {
    type Err = Error;

    /// # Errors
    ///
    /// [`Error::InvalidArgument`] when the text is no URL, has user-info, a query, a fragment or another scheme than
    /// `http` and `https`, or is `http` to a host that isn't loopback.
    fn from_str(text: &str) -> Result<Self, Error> {
        // What is wrong is said without the text, which may hold a password.
        let wrong = |why: &str| Error::InvalidArgument(format!("the API's URL {why}"));
        if text.contains(['?', '#']) {
            return Err(wrong("has a query or a fragment"));
        }
        let uri: http::Uri = text.parse().map_err(|error| wrong(&format!("is no URL: {error}")))?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(wrong("has no scheme or no host: give one such as https://api.fastly.com"));
        };
        if authority.as_str().contains('@') {
            return Err(wrong("has a user or password in it"));
        }
        let tls = match scheme {
            "https" => true,
            "http" => false,
            _ => return Err(wrong("is neither https nor http")),
        };
        let host = authority.host().to_ascii_lowercase();
        if host.is_empty() {
            return Err(wrong("has no host"));
        }
        let port = match authority.as_str().strip_prefix(authority.host()) {
            None | Some("") => {
                if tls {
                    443
                } else {
                    80
                }
            }
            Some(_) => match authority.port_u16() {
                Some(port) if port > 0 => port,
                _ => return Err(wrong("has a port that is none")),
            },
        };
        let api = Self { tls, host, port, prefix: uri.path().trim_end_matches('/').to_owned() };
        if !tls && !api.may_be_loopback() {
            return Err(wrong(
                "is http to a host that isn't loopback, where anyone on the way could read the token: use https",
            ));
        }
        Ok(api)
    }
}

impl ApiUrl {
    /// Whether the host is a loopback address, or the name that should resolve to one.
    fn may_be_loopback(&self) -> bool {
        let address = self.host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        address.map_or(self.host == "localhost", |address| address.is_loopback())
    }

    /// Scheme and authority as they stand in a request: the port only where it isn't the scheme's own.
    pub(crate) fn origin(&self) -> String {
        let scheme = if self.tls { "https" } else { "http" };
        match (self.tls, self.port) {
            (true, 443) | (false, 80) => format!("{scheme}://{}", self.host),
            (_, port) => format!("{scheme}://{}:{port}", self.host),
        }
    }
}

impl fmt::Display for ApiUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.origin(), self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> String {
        text.parse::<ApiUrl>().unwrap().to_string()
    }

    #[test]
    fn a_base_is_kept_without_what_says_nothing() {
        assert_eq!(parsed("https://api.fastly.com"), "https://api.fastly.com");
        assert_eq!(parsed("HTTPS://API.Fastly.com:443/"), "https://api.fastly.com");
        assert_eq!(parsed("https://proxy.test:8443/fastly//"), "https://proxy.test:8443/fastly");
    }

    #[test]
    fn http_is_for_loopback_alone() {
        for url in
            ["http://127.0.0.1:8080", "http://127.9.9.9", "http://[::1]:1", "http://localhost"]
        {
            assert_eq!(parsed(url), url);
        }
        for url in [
            "http://api.fastly.com",
            "http://10.0.0.1",
            "http://[::2]",
            "http://0.0.0.0",
            "http://localhost.evil.test",
            "http://127.0.0.1.evil.test",
            "http://127.1",
            "http://[::ffff:10.0.0.1]",
        ] {
            assert!(url.parse::<ApiUrl>().is_err(), "{url}");
        }
    }

    #[test]
    fn what_is_no_base_is_refused_without_being_shown() {
        for url in [
            "",
            "secret",
            "secret.test/x",
            "ftp://secret.test",
            "https://",
            "https://u:secret@h.test",
            "https://secret@h.test",
            "https://h.test/?q=secret",
            "https://h.test/#secret",
            "https://h.test:0",
            "https://h.test:99999",
            "https://h.test:",
            "https://h te/secret",
            "//secret.test",
        ] {
            let error = url.parse::<ApiUrl>().expect_err(url).to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
