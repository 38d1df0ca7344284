//! Conversions into the contract's error.

use crate::bindings::exports::fastly_package::api::package_api::{ContentError, Error};
use crate::bindings::wasi::http::types::{ErrorCode, HeaderError};

impl From<ErrorCode> for Error {
    fn from(code: ErrorCode) -> Self {
        Error::Transport(code)
    }
}

impl From<ContentError> for Error {
    fn from(error: ContentError) -> Self {
        Error::Content(error)
    }
}

impl From<HeaderError> for Error {
    /// The headers were checked when the request was made, so what a host refuses is its configuration.
    fn from(error: HeaderError) -> Self {
        Error::Transport(ErrorCode::InternalError(Some(format!(
            "the host refused a header: {error}"
        ))))
    }
}
