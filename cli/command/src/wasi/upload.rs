//! The upload.

use super::bindings::fastly_package::api::egress;
use super::bindings::fastly_package::api::package_api::{self, PutFlags, PutOptions};
use super::call_error::call_error;
use super::content::Content;
use super::platform::Wasi;
use super::system::{now, random, sleep};
use crate::call_error::{CallError, Uploaded};
use crate::contract::{Reply, ServiceVersion};
use fastly_package_core::error::{self, ErrorKind, Stored};
use fastly_package_core::upload::{self, Event, HasDigest, Options, Proof, Step, Upload};

impl Wasi {
    /// Uploads a package. The host reads it: the component can't hash what is sent, and hashes the file before.
    pub(super) fn put_package(
        &self,
        target: &ServiceVersion,
        content: Content,
        options: upload::PutOptions,
    ) -> Result<Uploaded, CallError> {
        if !options.force {
            content.check()?;
        }
        let is_repeatable = content.file.is_some();
        let mut upload = Upload::new(Options {
            size: content.size,
            is_repeatable,
            put: options,
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
                Step::Failed(error) => return Err(error),
                Step::Mismatch { reply, .. } if content.is_modified() => {
                    return Err(modified_during_upload(&reply));
                }
                Step::Mismatch { sent, reply } => {
                    return Err(mismatch(error::mismatch(&sent, reply.reported_digest())));
                }
            };
        }
    }

    fn put_once(
        &self,
        target: &ServiceVersion,
        content: &Content,
        expect: bool,
    ) -> Result<Reply, CallError> {
        let stream = content.stream()?;
        self.allow(egress::Operation::PutPackage, &target.service_id, target.version_id)?;
        let flags = if expect { PutFlags::EXPECT_CONTINUE } else { PutFlags::empty() };
        let put = PutOptions { flags, filename: content.file_name.clone() };
        package_api::put_package(target, stream, content.size, &put, &self.options())
            .map_err(|error| call_error(error, Some(content.size), &self.token))
    }
}

/// Returns the error of an upload whose file was modified: what is stored may be neither the old content nor the new one.
fn modified_during_upload(stored: &Reply) -> CallError {
    mismatch(error::modified_during_upload(stored.reported_digest()))
}

fn mismatch(message: String) -> CallError {
    CallError { stored: Stored::Other, ..CallError::new(ErrorKind::Mismatch, message) }
}
