//! Conversions into the WIT's error.

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
    /// The values were checked when the request was built: a host that rejects a header is configured to.
    fn from(error: HeaderError) -> Self {
        Error::Transport(ErrorCode::InternalError(Some(format!(
            "the host rejected a header: {error}"
        ))))
    }
}
