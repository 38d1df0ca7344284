//! The result of a call. What the host saw outweighs what the component reports.

use super::{Call, CallResult, Stopped, UploadState};
use crate::bindings::exports::fastly_package::api::package_api::{
    ApiError, ContentError as WitContentError, Error as WitError, UnexpectedReason,
    UnexpectedResponse,
};
use crate::bindings::wasi::http::types::ErrorCode;
use crate::error::{ContentError, Error, Result, TimeoutError, UploadProgress};
use crate::outbound::exchange::state::RequestFailure;
use fastly_package_core::error::{ErrorKind, Stored, TimeoutPhase};
use http::StatusCode;
use std::io;
use std::time::Duration;

/// The maximum length of a text in an error, in bytes, and the maximum number of an error's entries. The embedded component has the same limits.
const TEXT_LIMIT: usize = 4096;
const ENTRY_LIMIT: usize = 100;

impl Call<'_> {
    pub(super) fn into_result<T>(self, result: CallResult<T>) -> Result<T> {
        let exchange = self.exchange.clone();
        let result = self.result(result);
        // A response that is not the API's to this request may be followed by others: the connection is not used again.
        if let Err(error) = &result
            && matches!(error.kind(), ErrorKind::UnexpectedResponse(_) | ErrorKind::Component)
        {
            drop(exchange.take_reusable());
        }
        result
    }

    fn result<T>(&self, result: CallResult<T>) -> Result<T> {
        // Otherwise what is still on its way to the connection could be sent after `stored` was determined.
        self.exchange.end();
        let failure = self.exchange.state().take_failure();
        if let Some(RequestFailure::Denied(denial)) = failure {
            return Err(Error::denied(denial, self.stored()));
        }
        match result {
            Ok(Ok(value)) if self.is_success() => Ok(value),
            Ok(Ok(_)) => Err(self.component("it reports a success that the API did not give")),
            Ok(Err(error)) => Err(self.wit_error(error, failure)),
            Err(Stopped::TimedOut(phase, limit)) => Err(self.timed_out(phase, limit)),
            Err(Stopped::Cancelled) => Err(Error::cancelled(self.stored())),
            Err(Stopped::Trapped(error)) => {
                Err(self.component(&format!("{:#}", error.root_cause())))
            }
        }
    }

    /// Returns whether the API responded with a success after it had received the whole request.
    fn is_success(&self) -> bool {
        let state = self.exchange.state();
        state.is_request_sent() && state.status().is_some_and(|status| status.is_success())
    }

    fn is_request_sent(&self) -> bool {
        self.upload.is_some() && self.exchange.state().is_request_sent()
    }

    /// Returns what became of an upload that failed. A request with as many bytes as the content may have the whole package in it, even if the component
    /// has announced more.
    fn stored(&self) -> Stored {
        let state = self.exchange.state();
        let may_be_whole =
            |upload: &UploadState| state.is_request_sent() || state.body_bytes() >= upload.size;
        match self.upload.as_ref().is_some_and(may_be_whole) {
            true => Stored::after_response(state.status().map(|status| status.as_u16())),
            false => Stored::No,
        }
    }

    fn wit_error(&self, error: WitError, failure: Option<RequestFailure>) -> Error {
        let stored = self.stored();
        match error {
            WitError::InvalidArgument(_) | WitError::Content(_) if self.is_request_sent() => {
                self.component("it refuses a package that it has sent whole")
            }
            WitError::InvalidArgument(reason) => Error::invalid_argument(self.clean(reason)),
            WitError::Content(error) => self.content_error(error).into(),
            WitError::Transport(code) => self.transport_error(code, failure),
            WitError::Api(mut error) if self.has_status(error.status) => {
                error.errors.truncate(ENTRY_LIMIT);
                self.clean_all(api_texts(&mut error));
                Error::api_response(error, stored)
            }
            WitError::UnexpectedResponse(mut response) if self.has_status(response.status) => {
                self.clean_all(unexpected_texts(&mut response));
                Error::unexpected(response, stored)
            }
            WitError::Api(_) | WitError::UnexpectedResponse(_) => {
                self.component("it reports a response that the API did not give")
            }
        }
    }

    fn has_status(&self, status: u16) -> bool {
        self.exchange.state().status().is_some_and(|seen| seen == status)
    }

    fn transport_error(&self, code: ErrorCode, failure: Option<RequestFailure>) -> Error {
        let stored = self.stored();
        match failure {
            Some(RequestFailure::Timeout(phase)) => {
                self.timed_out(phase, self.context.timeouts.limit(phase))
            }
            Some(RequestFailure::Premature(status)) => Error::unexpected(premature(status), stored),
            Some(RequestFailure::Lost(reason)) => {
                Error::transport(code, self.clean(reason), stored)
            }
            _ => Error::transport(code, String::new(), stored),
        }
    }

    fn component(&self, message: &str) -> Error {
        Error::component(self.clean(message.to_owned()), self.stored())
    }

    fn timed_out(&self, phase: TimeoutPhase, limit: Duration) -> Error {
        let upload = self.upload.as_ref();
        let upload =
            upload.map(|upload| UploadProgress { read: upload.progress.read(), size: upload.size });
        Error::timed_out(TimeoutError { phase, limit, upload }, self.stored())
    }

    fn content_error(&self, error: WitContentError) -> ContentError {
        let expected = self.upload.as_ref().map_or(0, |upload| upload.size);
        match error {
            WitContentError::TooShort(found) => ContentError::TooShort { expected, found },
            WitContentError::TooLong => ContentError::TooLong { expected },
            WitContentError::Failed(reason) => {
                let upload = self.upload.as_ref();
                upload
                    .and_then(|upload| upload.progress.take_error())
                    .unwrap_or_else(|| ContentError::Read(io::Error::other(self.clean(reason))))
            }
        }
    }

    /// Returns a text of the component without the token, bounded, and with its control characters escaped.
    fn clean(&self, text: String) -> String {
        let mut text = self.context.outbound.token.redact(text);
        text.truncate(text.floor_char_boundary(TEXT_LIMIT));
        let is_escaped = |character: char| character.is_control() && !"\n\t".contains(character);
        if text.contains(is_escaped) {
            let escape = |character: char| match is_escaped(character) {
                true => character.escape_unicode().to_string(),
                false => character.to_string(),
            };
            text = text.chars().map(escape).collect();
            text.truncate(text.floor_char_boundary(TEXT_LIMIT));
        }
        text
    }

    fn clean_all<'t>(&self, texts: impl Iterator<Item = &'t mut String>) {
        for text in texts {
            *text = self.clean(std::mem::take(text));
        }
    }
}

/// Returns every text of an error response.
fn api_texts(error: &mut ApiError) -> impl Iterator<Item = &mut String> {
    let entries = error.errors.iter_mut().flat_map(|entry| {
        [&mut entry.id, &mut entry.code, &mut entry.status, &mut entry.title]
            .into_iter()
            .chain([&mut entry.detail, &mut entry.meta])
            .flatten()
    });
    let retry_after = error.rate_limit.as_mut().map(|limit| &mut limit.retry_after);
    [&mut error.title, &mut error.detail, &mut error.media_type]
        .into_iter()
        .chain(retry_after)
        .flatten()
        .chain([&mut error.excerpt])
        .chain(entries)
}

/// Returns every text of a response that is not the API's.
fn unexpected_texts(response: &mut UnexpectedResponse) -> impl Iterator<Item = &mut String> {
    [&mut response.location, &mut response.media_type]
        .into_iter()
        .flatten()
        .chain([&mut response.detail, &mut response.excerpt])
}

fn premature(status: StatusCode) -> UnexpectedResponse {
    UnexpectedResponse {
        reason: UnexpectedReason::Premature,
        status: status.as_u16(),
        detail: String::new(),
        location: None,
        media_type: None,
        excerpt: String::new(),
    }
}
