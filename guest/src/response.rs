//! Decoding of responses: a result of the API, an error of the API, or a response that is neither. No response causes a panic.

use crate::bindings::exports::fastly_package::api::package_api::{
    ApiError, Error, PackageResponse, RateLimit, Reply, ServiceVersion, UnexpectedReason,
    UnexpectedResponse,
};
use crate::bindings::exports::fastly_package::api::versions::ServiceVersionInfo;
use crate::bindings::wasi::http::types::ErrorCode;
use records::ErrorBody;

mod json;
mod records;

/// The maximum length of a body, in bytes. A package's is about 1 KiB, and a version in a list about 300 bytes.
pub(crate) const BODY_LIMIT: usize = 1024 * 1024;
/// The maximum length of the excerpt in an error, in bytes.
const EXCERPT_LIMIT: usize = 4096;

/// A response, as far as it was received.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
    /// Why `body` is only the beginning of the body.
    pub(crate) body_error: Option<BodyError>,
    /// Whether the whole request had been sent when the response arrived.
    pub(crate) request_sent: bool,
}

/// Why a body was not read to its end.
#[derive(Debug)]
pub(crate) enum BodyError {
    /// It exceeds `BODY_LIMIT`.
    TooLarge,
    Transport(ErrorCode),
}

/// Decodes the response to GetPackage or PutPackage.
pub(crate) fn decode_reply(response: &Response) -> Result<Reply, Error> {
    let body = response.success_body()?;
    let package = records::package(body).map_err(|detail| response.invalid_body(detail))?;
    Ok(Reply { package, rate_limit: response.rate_limit(), body: body.to_owned() })
}

/// Decodes the response to GetPackage or PutPackage, whose package must be that of the requested service version.
pub(crate) fn decode_reply_for(
    target: &ServiceVersion,
    response: &Response,
) -> Result<Reply, Error> {
    let reply = decode_reply(response)?;
    let PackageResponse { service_id, version, .. } = &reply.package;
    if (service_id, version) != (&target.service_id, &target.version_id) {
        let detail = format!("it describes version {version} of the service {service_id}");
        return Err(response.invalid_body(detail));
    }
    Ok(reply)
}

/// Decodes the list of a service's versions.
pub(crate) fn decode_versions(response: &Response) -> Result<Vec<ServiceVersionInfo>, Error> {
    let body = response.success_body()?;
    records::versions(body).map_err(|detail| response.invalid_body(detail))
}

impl Response {
    /// Creates a response that was received whole, after the request had been sent whole.
    #[cfg(any(test, feature = "internals"))]
    pub(crate) fn complete(status: u16, headers: Vec<(String, Vec<u8>)>, body: Vec<u8>) -> Self {
        Self { status, headers, body, body_error: None, request_sent: true }
    }

    /// Returns the body of a success that is complete. The error of any other status is that of the API, even if its body was lost.
    fn success_body(&self) -> Result<&str, Error> {
        let unexpected = |reason| Err(self.unexpected(reason, String::new()));
        match (self.status, &self.body_error) {
            (400..=599, _) => Err(Error::Api(self.api_error())),
            (..=199 | 300.., _) => unexpected(UnexpectedReason::Status),
            _ if !self.request_sent => unexpected(UnexpectedReason::Premature),
            (_, Some(BodyError::TooLarge)) => unexpected(UnexpectedReason::TooLarge),
            (_, Some(BodyError::Transport(code))) => Err(code.clone().into()),
            (_, None) if self.is_short() => Err(ErrorCode::HttpResponseIncomplete.into()),
            (_, None) => {
                str::from_utf8(&self.body).map_err(|error| self.invalid_body(error.to_string()))
            }
        }
    }

    /// Creates the error of a success whose body is not the expected JSON, or not about the requested service version.
    fn invalid_body(&self, detail: String) -> Error {
        self.unexpected(UnexpectedReason::InvalidBody, detail)
    }

    fn unexpected(&self, reason: UnexpectedReason, detail: String) -> Error {
        Error::UnexpectedResponse(UnexpectedResponse {
            reason,
            status: self.status,
            detail,
            location: self.header("location").map(|v| String::from_utf8_lossy(v).into_owned()),
            media_type: self.media_type(),
            excerpt: self.excerpt(),
        })
    }

    fn api_error(&self) -> ApiError {
        let media_type = self.media_type();
        let is_json = match media_type.as_deref() {
            None => true,
            Some(kind) => kind == "application/json" || kind.ends_with("+json"),
        };
        let ErrorBody { title, detail, errors } = match str::from_utf8(&self.body) {
            Ok(body) if is_json => records::error_body(body).unwrap_or_default(),
            _ => ErrorBody::default(),
        };
        ApiError {
            status: self.status,
            title: title.or_else(|| errors.first()?.title.clone()),
            detail: detail.or_else(|| errors.first()?.detail.clone()),
            errors,
            rate_limit: self.rate_limit(),
            media_type,
            excerpt: self.excerpt(),
        }
    }

    fn header(&self, name: &str) -> Option<&[u8]> {
        let (_, value) = self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name))?;
        Some(value.trim_ascii())
    }

    fn number_header(&self, name: &str) -> Option<u64> {
        str::from_utf8(self.header(name)?).ok()?.parse().ok()
    }

    fn rate_limit(&self) -> Option<RateLimit> {
        let remaining = self.number_header("fastly-ratelimit-remaining");
        let reset = self.number_header("fastly-ratelimit-reset");
        let retry_after = self
            .header("retry-after")
            .and_then(|value| str::from_utf8(value).ok())
            .filter(|value| !value.is_empty())
            .map(str::to_owned);
        if remaining.is_none() && reset.is_none() && retry_after.is_none() {
            return None;
        }
        Some(RateLimit { remaining, reset, retry_after })
    }

    /// Returns the media type without its parameters (RFC 9110, section 8.3.1).
    fn media_type(&self) -> Option<String> {
        let value = self.header("content-type")?;
        let essence = value.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
        (!essence.is_empty()).then(|| String::from_utf8_lossy(essence).to_ascii_lowercase())
    }

    /// Returns whether the body is shorter than `Content-Length`, which not every host checks.
    fn is_short(&self) -> bool {
        self.header("content-encoding").is_none()
            && self.number_header("content-length").is_some_and(|n| n > self.body.len() as u64)
    }

    fn excerpt(&self) -> String {
        let beginning = &self.body[..self.body.len().min(EXCERPT_LIMIT)];
        let mut excerpt = String::from_utf8_lossy(beginning).into_owned();
        excerpt.truncate(excerpt.floor_char_boundary(EXCERPT_LIMIT));
        excerpt
    }
}

#[cfg(test)]
mod properties;

#[cfg(test)]
mod tests;
