//! Files in the directories that the host grants.

use super::bindings::wasi::cli::{environment, stdin};
use super::bindings::wasi::clocks::wall_clock::Datetime;
use super::bindings::wasi::filesystem::preopens;
use super::bindings::wasi::filesystem::types::{
    Descriptor, DescriptorFlags, DescriptorStat, DescriptorType, ErrorCode, OpenFlags, PathFlags,
};
use super::bindings::wasi::io::streams::{InputStream, StreamError};
use super::preopens::resolve;
use fastly_package_core::error::ContentErrorKind;
use std::borrow::Borrow;
use std::io::{self, Read, Seek, SeekFrom};

/// An open file.
pub(super) struct File {
    descriptor: Descriptor,
    /// Its length when it was opened, in bytes.
    pub(super) size: u64,
    modified: Option<Datetime>,
}

/// Why a file can't be opened.
pub(super) struct OpenError {
    pub(super) kind: ContentErrorKind,
    pub(super) reason: String,
}

impl OpenError {
    fn new(kind: ContentErrorKind, reason: impl Into<String>) -> Self {
        Self { kind, reason: reason.into() }
    }

    fn outside() -> Self {
        Self::new(ContentErrorKind::Outside, "it is in no directory that the host grants")
    }

    fn not_a_file() -> Self {
        Self::new(ContentErrorKind::NotAFile, "it is not a file")
    }
}

impl From<ErrorCode> for OpenError {
    fn from(code: ErrorCode) -> Self {
        let reason = match code {
            ErrorCode::NoEntry => {
                return Self::new(ContentErrorKind::NotFound, "No such file or directory");
            }
            ErrorCode::NotPermitted => return Self::outside(),
            ErrorCode::Access => "Permission denied",
            ErrorCode::NotDirectory => "Not a directory",
            ErrorCode::Loop => "Too many levels of symbolic links",
            ErrorCode::NameTooLong => "File name too long",
            code => return Self::new(ContentErrorKind::CannotOpen, code.message()),
        };
        Self::new(ContentErrorKind::CannotOpen, reason)
    }
}

/// Opens a file for reading.
pub(super) fn open(path: &str) -> Result<File, OpenError> {
    let cwd = environment::initial_cwd();
    let directories = preopens::get_directories();
    let names: Vec<&str> = directories.iter().map(|(_, name)| name.as_str()).collect();
    let found = resolve(path, &names, cwd.as_deref());
    let (index, below) = found.ok_or_else(OpenError::outside)?;
    let (directory, _) = &directories[index];
    let follow = PathFlags::SYMLINK_FOLLOW;
    // Checked before: opening a FIFO would wait for its writer.
    if directory.stat_at(follow, &below)?.type_ != DescriptorType::RegularFile {
        return Err(OpenError::not_a_file());
    }
    let descriptor =
        directory.open_at(follow, &below, OpenFlags::empty(), DescriptorFlags::READ)?;
    let DescriptorStat { type_, size, data_modification_timestamp: modified, .. } =
        descriptor.stat()?;
    match type_ {
        DescriptorType::RegularFile => Ok(File { descriptor, size, modified }),
        _ => Err(OpenError::not_a_file()),
    }
}

impl File {
    /// Returns whether the file was modified since it was opened, by its length and its time.
    pub(super) fn is_modified(&self) -> bool {
        !self.descriptor.stat().is_ok_and(|stat| {
            let time = |time: Option<Datetime>| time.map(|time| (time.seconds, time.nanoseconds));
            let modified = stat.data_modification_timestamp;
            stat.size == self.size && time(modified) == time(self.modified)
        })
    }

    /// Returns a stream of the content, for the host to read.
    pub(super) fn stream(&self) -> io::Result<InputStream> {
        self.descriptor.read_via_stream(0).map_err(io_error)
    }

    /// Returns a reader of the content.
    pub(super) fn reader(&self) -> Reader<&Self> {
        Reader { file: self, position: 0 }
    }

    /// Returns a reader that owns the file.
    pub(super) fn into_reader(self) -> Reader<Self> {
        Reader { file: self, position: 0 }
    }
}

/// A reader of a file.
pub(super) struct Reader<F> {
    file: F,
    position: u64,
}

impl<F: Borrow<File>> Read for Reader<F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let descriptor = &self.file.borrow().descriptor;
        let (bytes, _) = descriptor.read(buffer.len() as u64, self.position).map_err(io_error)?;
        buffer[..bytes.len()].copy_from_slice(&bytes);
        self.position += bytes.len() as u64;
        Ok(bytes.len())
    }
}

impl<F: Borrow<File>> Seek for Reader<F> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
            SeekFrom::End(by) => self.file.borrow().size.checked_add_signed(by),
        }
        .ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

fn io_error(code: ErrorCode) -> io::Error {
    io::Error::other(code.message())
}

/// A reader of standard input.
pub(super) struct Stdin(InputStream);

pub(super) fn stdin() -> Stdin {
    Stdin(stdin::get_stdin())
}

impl Read for Stdin {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.0.blocking_read(buffer.len() as u64) {
                // A host may return nothing.
                Ok(bytes) if bytes.is_empty() && !buffer.is_empty() => {}
                Ok(bytes) => {
                    buffer[..bytes.len()].copy_from_slice(&bytes);
                    return Ok(bytes.len());
                }
                Err(StreamError::Closed) => return Ok(0),
                Err(StreamError::LastOperationFailed(error)) => {
                    return Err(io::Error::other(error.to_debug_string()));
                }
            }
        }
    }
}
