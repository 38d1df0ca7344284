//! Uploading: what the head tells, what the body turns out to be.

use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::request::Parts;
use serde_json::json;

use super::{Api, no_record};
use crate::answer::Answer;
use crate::clock;
use crate::route::Target;
use crate::upload::{Receiver, RequestBody, UploadError};

/// Bytes of a form that aren't the package: boundaries and the part's head. A `Content-Length` past the
/// limit by more is refused before the body is read.
const FORM_ALLOWANCE: u64 = 64 * 1024;

impl Api {
    pub(super) async fn put_package(
        &self,
        target: &Target,
        request: &Parts,
        body: &mut RequestBody,
        receiver: &Receiver<'_>,
    ) -> Option<Answer> {
        if let Some(refusal) = self.refuse_upload(target, request) {
            return Some(refusal);
        }
        let archive = match receiver.receive(&request.headers, body).await {
            Ok(archive) => archive,
            Err(UploadError::Aborted) => return None,
            Err(error) => return Some(judged(&error)),
        };
        // The version may have been locked while the upload was under way.
        if let Some(refusal) = self.refuse_upload(target, request) {
            return Some(refusal);
        }
        let stored = self.state().store(target, archive, clock::now());
        Some(match stored {
            Ok(package) => Answer::json(200, package.put_response()),
            Err(missing) => no_record(missing, target),
        })
    }

    /// What is wrong with an upload by its head.
    fn refuse_upload(&self, target: &Target, request: &Parts) -> Option<Answer> {
        match self.state().version(target) {
            Err(missing) => return Some(no_record(missing, target)),
            Ok(version) if version.locked => {
                return Some(Answer::version_locked(&target.service_id, target.version));
            }
            Ok(_) => {}
        }
        let header = |name| request.headers.get(name).and_then(|value| value.to_str().ok());
        let length = header(CONTENT_LENGTH).and_then(|value| value.parse::<u64>().ok());
        if length.is_some_and(|length| length > self.config.max_package_bytes + FORM_ALLOWANCE) {
            return Some(Answer::too_large());
        }
        let media_type = header(CONTENT_TYPE).and_then(|value| value.split(';').next());
        let is_form =
            media_type.is_some_and(|it| it.trim().eq_ignore_ascii_case("multipart/form-data"));
        (!is_form).then(Answer::unsupported_media_type)
    }
}

/// The answer to an upload that is none.
fn judged(error: &UploadError) -> Answer {
    match error {
        UploadError::TooLarge => Answer::too_large(),
        UploadError::Form(error) => Answer::bad_form(error.reason()),
        UploadError::Parts(reason) => Answer::bad_form(reason),
        UploadError::Spool(reason) => {
            tracing::error!(%reason, "the upload can't be judged");
            Answer::json(500, json!({ "msg": "Internal server error" }))
        }
        UploadError::NoPackage(reason) => {
            tracing::info!(%reason, "the upload is no package");
            Answer::bad_package()
        }
        UploadError::Aborted => Answer::bad_form("the body did not arrive whole"),
    }
}
