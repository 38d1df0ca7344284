//! The package of an upload.

use super::bindings::wasi::cli::stdin;
use super::bindings::wasi::io::streams::InputStream;
use super::call_error::unreadable;
use super::files::{self, File};
use crate::call_error::CallError;
use fastly_package_archive::{SIZE_LIMIT, SNIFF_LENGTH, Sniffed, digest, sniff};
use fastly_package_core::digest::Digest;
use fastly_package_core::error::{self, ContentErrorKind, ErrorKind};
use std::io::Read;
use std::path::Path;

/// A package to upload.
pub(super) struct Content {
    /// `None` for standard input.
    pub(super) file: Option<File>,
    pub(super) size: u64,
    pub(super) file_name: Option<String>,
}

impl Content {
    pub(super) fn open(path: &Path) -> Result<Self, CallError> {
        let name = path.display().to_string();
        let file = files::open(&name).map_err(|error| {
            let message = match error.kind {
                ErrorKind::Content(ContentErrorKind::NotAFile) => error::not_a_file(&name),
                _ => error::cannot_open(&name, &error.message),
            };
            CallError { message, ..error }
        })?;
        if file.size == 0 {
            return Err(CallError::content(ContentErrorKind::Empty, error::EMPTY));
        }
        let file_name = path.file_name().and_then(|name| name.to_str()).map(str::to_owned);
        Ok(Self { size: file.size, file: Some(file), file_name })
    }

    /// Checks the length, and the first bytes of a file: those of stdin can't be read twice.
    pub(super) fn check(&self) -> Result<(), CallError> {
        if self.size > SIZE_LIMIT {
            let message = error::too_large(SIZE_LIMIT);
            return Err(CallError::content(ContentErrorKind::TooLarge, message));
        }
        let Some(file) = &self.file else { return Ok(()) };
        let mut head = Vec::new();
        let mut reader = file.reader().take(SNIFF_LENGTH as u64);
        reader.read_to_end(&mut head).map_err(unreadable)?;
        // A premature end is left to the upload, which reports the expected length.
        let ended_early = (head.len() as u64) < self.size && head.len() < SNIFF_LENGTH;
        match sniff(&head, !ended_early) {
            Sniffed::NotAPackage(reason) => {
                let message = error::not_a_package(&reason.to_string());
                Err(CallError::content(ContentErrorKind::NotAPackage, message))
            }
            Sniffed::Package | Sniffed::NeedMore => Ok(()),
        }
    }

    /// Returns the stream of an upload. A file that was modified since it was opened is another package.
    pub(super) fn stream(&self) -> Result<InputStream, CallError> {
        match &self.file {
            Some(_) if self.is_modified() => Err(changed()),
            Some(file) => file.stream().map_err(unreadable),
            None => Ok(stdin::get_stdin()),
        }
    }

    pub(super) fn is_modified(&self) -> bool {
        self.file.as_ref().is_some_and(File::is_modified)
    }

    /// Computes the digest of a file, as it was when it was opened. `None` for stdin.
    pub(super) fn digest(&self) -> Result<Option<Digest>, CallError> {
        let Some(file) = &self.file else { return Ok(None) };
        let digest = digest(file.reader().take(file.size)).map_err(unreadable)?;
        match digest.size == file.size && !file.is_modified() {
            true => Ok(Some(digest)),
            false => Err(changed()),
        }
    }
}

fn changed() -> CallError {
    CallError::content(ContentErrorKind::Changed, error::CHANGED)
}
