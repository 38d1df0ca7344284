//! Where the API is.

use crate::error::Error;
use fastly_package_egress::Base;
use std::fmt;
use std::str::FromStr;

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
pub struct ApiUrl(pub(crate) Base);

impl FromStr for ApiUrl {
    type Err = Error;

    /// # Errors
    ///
    /// [`Error::InvalidArgument`] when the text is no URL, has user-info, a query, a fragment or another scheme than
    /// `http` and `https`, or is `http` to a host that isn't loopback.
    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = |why: &str| Error::InvalidArgument(format!("the API's URL {why}"));
        let base = Base::parse(text).map_err(wrong)?;
        base.check_may_have_token().map_err(wrong)?;
        Ok(Self(base))
    }
}

impl ApiUrl {
    /// Scheme and authority as they stand in a request.
    pub(crate) fn origin(&self) -> String {
        self.0.origin()
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

    fn parsed(text: &str) -> String {
        text.parse::<ApiUrl>().unwrap().to_string()
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
    fn what_is_no_base_is_an_invalid_argument() {
        for url in ["https://u:5ec@h.test", "https://[::5ec::]", "https://[::1"] {
            let error = url.parse::<ApiUrl>().unwrap_err();
            let is_said = matches!(&error, Error::InvalidArgument(why) if !why.contains("5ec"));
            assert!(is_said, "{error}");
        }
    }
}
