//! The URL of the API.

use crate::error::Error;
use fastly_package_core::api_url::ApiUrl as Url;
use std::fmt;
use std::str::FromStr;

/// The base URL of the API: scheme, host, port and a path prefix.
///
/// `http` is accepted for loopback hosts only (`127.0.0.0/8`, `::1`, and `localhost` if it resolves to them), since it would expose the token on
/// the network.
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
pub struct ApiUrl(pub(crate) Url);

impl FromStr for ApiUrl {
    type Err = Error;

    /// Parses a URL.
    ///
    /// # Errors
    ///
    /// Fails with [`ErrorKind::InvalidArgument`](crate::ErrorKind::InvalidArgument) if the text is not a URL, has user-info, a query or a fragment,
    /// has another scheme than `http` and `https`, or is `http` to a host that is not loopback.
    fn from_str(text: &str) -> Result<Self, Error> {
        let invalid = |why: &str| Error::invalid_argument(format!("the API's URL {why}"));
        let url = Url::parse(text).map_err(invalid)?;
        url.check_token_allowed().map_err(invalid)?;
        Ok(Self(url))
    }
}

impl fmt::Display for ApiUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    fn parsed(text: &str) -> String {
        text.parse::<ApiUrl>().unwrap().to_string()
    }

    #[test]
    fn http_is_accepted_for_loopback_only() {
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
    fn an_invalid_url_is_an_invalid_argument_and_is_not_repeated() {
        for url in ["https://u:5ec@h.test", "https://[::5ec::]", "https://[::1"] {
            let error = url.parse::<ApiUrl>().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument);
            assert!(!error.to_string().contains("5ec"), "{error}");
        }
    }
}
