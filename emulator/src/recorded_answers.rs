//! The API's errors, with the recorded wording: from fastly/go-fastly, `fastly/fixtures`, from Fastly's documentation, or quoted by users.
//! *Inferred* marks errors that are not recorded anywhere.

use serde_json::{Value, json};

use crate::answer::Answer;

fn message(status: u16, msg: &str) -> Answer {
    Answer::json(status, json!({ "msg": msg }))
}

fn detailed(status: u16, msg: &str, detail: impl Into<Value>) -> Answer {
    Answer::json(status, json!({ "msg": msg, "detail": detail.into() }))
}

impl Answer {
    /// 400: the upload is not a valid package.
    pub fn bad_package() -> Self {
        detailed(400, "Bad request", "Failed to extract metadata from package")
    }

    /// 400: the service was deleted.
    pub fn service_deleted(service_id: &str) -> Self {
        detailed(400, "Bad request", format!("Service '{service_id}' is deleted"))
    }

    /// 400: the form is malformed. *Inferred*.
    pub fn bad_form(reason: &str) -> Self {
        detailed(400, "Bad request", reason)
    }

    /// 401: the token is missing or wrong.
    pub fn unauthorized() -> Self {
        message(401, "Provided credentials are missing or invalid")
    }

    /// 401: the token expired. The response contains the token's ID, which clients must redact.
    pub fn token_expired(token_id: &str) -> Self {
        message(401, &format!("Token {token_id} expired at 2019-05-01T09:00:00Z"))
            .content_type("application/json; charset=utf-8")
    }

    /// 403: the token may only read.
    pub fn read_only_token() -> Self {
        message(403, "Read only tokens are not allowed to access this endpoint.")
    }

    /// 403: the token lacks the scope.
    pub fn forbidden() -> Self {
        message(403, "You are not authorized to perform this action")
    }

    /// 404: the path is unknown, or no package was uploaded.
    pub fn not_found() -> Self {
        message(404, "Not found")
    }

    /// 404: the service doesn't exist, or belongs to another account. The wording of the detail is *inferred*.
    pub(crate) fn no_such_service(service_id: &str) -> Self {
        let detail = format!(
            "Couldn't find Service '{{ deleted => 0000-00-00 00:00:00, id => {service_id} }}'"
        );
        detailed(404, "Record not found", detail)
    }

    /// 404: the version doesn't exist.
    pub(crate) fn no_such_version(version: u32) -> Self {
        let detail = format!(
            "Couldn't find Version '{{ deleted => 0000-00-00 00:00:00, number => {version} }}'"
        );
        detailed(404, "Record not found", detail)
    }

    /// 413: larger than 100 MB. *Inferred*.
    pub fn too_large() -> Self {
        detailed(413, "Request entity too large", "Package exceeds the maximum size")
    }

    /// 415: the request isn't `multipart/form-data`. *Inferred*.
    pub fn unsupported_media_type() -> Self {
        detailed(415, "Unsupported media type", "Content-Type must be multipart/form-data")
    }

    /// 422: the version is locked. Recorded on another write to a version, *inferred* for a package.
    pub fn version_locked(service_id: &str, version: u32) -> Self {
        let detail = format!("Version '{version}' for service '{service_id}' is locked");
        detailed(422, "Version locked", detail)
    }

    /// 429: the rate limit is exceeded until `reset`, in seconds since the epoch.
    pub fn rate_limited(reset: u64) -> Self {
        message(429, "You have exceeded your hourly rate limit").rate_limit(0, reset)
    }

    /// 500 with the error page of a cache.
    pub fn guru_meditation() -> Self {
        Self::new(500)
            .content_type("text/html")
            .body("<html><head><title>500</title></head><body>Guru Meditation</body></html>")
    }

    /// Sets `Fastly-RateLimit-Remaining` and `Fastly-RateLimit-Reset`, the latter in seconds since the epoch.
    #[must_use]
    pub fn rate_limit(self, remaining: u32, reset: u64) -> Self {
        self.header("Fastly-RateLimit-Remaining", remaining.to_string())
            .header("Fastly-RateLimit-Reset", reset.to_string())
    }
}
