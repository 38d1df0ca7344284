//! The requests of the operations: method, URI and headers, from validated arguments.

use crate::bindings::exports::fastly_package::api::package_api::{
    Auth, Error, PutFlags, RequestOptions, ServiceVersion,
};
use crate::bindings::wasi::http::types::{Method, Scheme};
use crate::multipart::Multipart;
use fastly_package_core::api_url::{ApiUrl, FASTLY_API};
use fastly_package_core::target::{Operation, check_service_id, check_service_version};
use fastly_package_core::token;

const USER_AGENT: &str = concat!("fastly-package/", env!("CARGO_PKG_VERSION"));

/// A request without its body.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) scheme: Scheme,
    pub(crate) authority: String,
    pub(crate) path: String,
    pub(crate) headers: Vec<(&'static str, Vec<u8>)>,
}

impl Request {
    pub(crate) fn get_package(
        target: &ServiceVersion,
        options: &RequestOptions,
    ) -> Result<Self, Error> {
        check_service_version(&target.service_id, target.version_id).map_err(invalid)?;
        Self::new(Operation::GetPackage, &target.service_id, target.version_id, options)
    }

    /// Creates the request for `size` bytes of content in `multipart`.
    pub(crate) fn put_package(
        target: &ServiceVersion,
        multipart: &Multipart,
        size: u64,
        flags: PutFlags,
        options: &RequestOptions,
    ) -> Result<Self, Error> {
        check_service_version(&target.service_id, target.version_id).map_err(invalid)?;
        let mut request =
            Self::new(Operation::PutPackage, &target.service_id, target.version_id, options)?;
        if size == 0 {
            return Err(invalid("the package is empty"));
        }
        let length =
            multipart.content_length(size).ok_or_else(|| invalid("the size is too large"))?;
        request.headers.push(("content-type", multipart.content_type.clone().into_bytes()));
        request.headers.push(("content-length", length.to_string().into_bytes()));
        if flags.contains(PutFlags::EXPECT_CONTINUE) {
            request.headers.push(("expect", b"100-continue".to_vec()));
        }
        Ok(request)
    }

    pub(crate) fn list_versions(service_id: &str, options: &RequestOptions) -> Result<Self, Error> {
        check_service_id(service_id).map_err(invalid)?;
        Self::new(Operation::ListVersions, service_id, 0, options)
    }

    fn new(
        operation: Operation,
        service_id: &str,
        version_id: u32,
        options: &RequestOptions,
    ) -> Result<Self, Error> {
        let api = ApiUrl::parse(options.api_url.as_deref().unwrap_or(FASTLY_API))
            .map_err(|reason| invalid(&format!("the API's URL {reason}")))?;
        let user_agent = options.user_agent.as_deref().unwrap_or(USER_AGENT);
        if user_agent.is_empty() || !user_agent.bytes().all(|b| matches!(b, b' '..=b'~')) {
            return Err(invalid("the user agent is empty or contains an invalid character"));
        }
        let mut headers = vec![
            ("accept", b"application/json".to_vec()),
            ("user-agent", user_agent.as_bytes().to_vec()),
        ];
        if let Auth::Token(token) = &options.auth {
            token::check(token)
                .map_err(|reason| invalid(&format!("the token is invalid: {reason}")))?;
            headers.push(("fastly-key", token.as_bytes().to_vec()));
        }
        Ok(Self {
            method: match operation {
                Operation::PutPackage => Method::Put,
                _ => Method::Get,
            },
            scheme: if api.tls { Scheme::Https } else { Scheme::Http },
            authority: api.authority(),
            path: operation.path(&api, service_id, version_id),
            headers,
        })
    }
}

fn invalid(reason: &str) -> Error {
    Error::InvalidArgument(reason.to_owned())
}

#[cfg(test)]
mod tests;
