//! The upload.

use super::content::Content;
use super::platform::Wasi;
use super::system::{now, random, sleep};
use crate::args::UploadOptions;
use crate::call_error::CallError;
use crate::contract::{Reply, ServiceVersion};
use crate::platform::Uploaded;
use fastly_package_core::error::{self, ErrorKind, Stored};
use fastly_package_core::upload::{Event, HasDigest, Options, Proof, Step, Upload, UploadError};

impl Wasi {
    /// Uploads a package. The host reads it: the component can't hash what is sent, and hashes the file before.
    pub(super) fn put_package(
        &self,
        target: &ServiceVersion,
        content: Content,
        options: &UploadOptions,
    ) -> Result<Uploaded, CallError> {
        if !options.force {
            content.check()?;
        }
        let is_repeatable = content.file.is_some();
        let mut upload = Upload::new(Options {
            size: content.size,
            is_repeatable,
            expect: options.expect.into(),
            verify: !options.no_verify,
            digest_first: true,
            retries: self.retries,
        });
        let mut event = Event::Started;
        let mut is_sent = false;
        loop {
            if content.is_modified() {
                upload.content_modified();
            }
            event = match upload.next(event, now(), random()) {
                Step::Put { expect } => {
                    is_sent = true;
                    Event::Put(self.put_once(target, &content, expect))
                }
                Step::Digest => Event::Digest(match content.digest() {
                    Err(error) if !is_sent => return Err(error),
                    digest => digest.unwrap_or_default(),
                }),
                Step::FetchStored => Event::Fetched(self.get_once(target)),
                Step::Wait(retry) => {
                    self.report.retry(None, &retry);
                    sleep(retry.wait);
                    Event::Waited { error: retry.error, is_in_time: true }
                }
                Step::Done(uploaded) => {
                    return match uploaded.proof {
                        Proof::Off if content.is_modified() => {
                            Err(modified_during_upload(&uploaded.reply))
                        }
                        _ => Ok(uploaded),
                    };
                }
                Step::Failed(UploadError::Call(error)) => return Err(error),
                Step::Failed(UploadError::Mismatch { reply, .. }) if content.is_modified() => {
                    return Err(modified_during_upload(&reply));
                }
                Step::Failed(UploadError::Mismatch { sent, reply }) => {
                    return Err(mismatch(error::mismatch(&sent, reply.reported_digest())));
                }
            };
        }
    }
}

/// Returns the error of an upload whose file was modified: what is stored may be neither the old content nor the new one.
fn modified_during_upload(stored: &Reply) -> CallError {
    mismatch(error::modified_during_upload(stored.reported_digest()))
}

fn mismatch(message: String) -> CallError {
    CallError { stored: Stored::Other, ..CallError::new(ErrorKind::Mismatch, message) }
}
