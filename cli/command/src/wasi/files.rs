//! Files in the directories that the host grants.

use super::bindings::wasi::cli::environment;
use super::bindings::wasi::clocks::wall_clock::Datetime;
use super::bindings::wasi::filesystem::preopens;
use super::bindings::wasi::filesystem::types::{
    Descriptor, DescriptorFlags, DescriptorStat, DescriptorType, ErrorCode, OpenFlags, PathFlags,
};
use super::bindings::wasi::io::streams::{InputStream, StreamError};
use super::preopens::resolve;
use crate::call_error::CallError;
use fastly_package_core::error::ContentErrorKind;
use std::io::{self, Read, Seek, SeekFrom};
use std::rc::Rc;

/// An open file.
pub(super) struct File {
    descriptor: Rc<Descriptor>,
    /// Its length when it was opened, in bytes.
    pub(super) size: u64,
    modified: Option<Datetime>,
}

/// Converts a reason why a file can't be opened. The message doesn't contain the file's name.
impl From<ErrorCode> for CallError {
    fn from(code: ErrorCode) -> Self {
        let reason = match code {
            ErrorCode::NoEntry => {
                return Self::content(ContentErrorKind::NotFound, "No such file or directory");
            }
            ErrorCode::NotPermitted => return outside(),
            ErrorCode::Access => "Permission denied",
            ErrorCode::NotDirectory => "Not a directory",
            ErrorCode::Loop => "Too many levels of symbolic links",
            ErrorCode::NameTooLong => "File name too long",
            code => return Self::content(ContentErrorKind::CannotOpen, code.message()),
        };
        Self::content(ContentErrorKind::CannotOpen, reason)
    }
}

fn outside() -> CallError {
    CallError::content(ContentErrorKind::Outside, "it is in no directory that the host grants")
}

/// Opens a file for reading. The message of an error is the reason only.
pub(super) fn open(path: &str) -> Result<File, CallError> {
    let not_a_file = || CallError::content(ContentErrorKind::NotAFile, "it is not a file");
    let cwd = environment::initial_cwd();
    let directories = preopens::get_directories();
    let names: Vec<&str> = directories.iter().map(|(_, name)| name.as_str()).collect();
    let found = resolve(path, &names, cwd.as_deref());
    let (index, below) = found.ok_or_else(outside)?;
    let (directory, _) = &directories[index];
    let follow = PathFlags::SYMLINK_FOLLOW;
    // Checked before: opening a FIFO would wait for its writer.
    if directory.stat_at(follow, &below)?.type_ != DescriptorType::RegularFile {
        return Err(not_a_file());
    }
    let descriptor =
        directory.open_at(follow, &below, OpenFlags::empty(), DescriptorFlags::READ)?;
    let DescriptorStat { type_, size, data_modification_timestamp: modified, .. } =
        descriptor.stat()?;
    match type_ {
        DescriptorType::RegularFile => Ok(File { descriptor: Rc::new(descriptor), size, modified }),
        _ => Err(not_a_file()),
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
    pub(super) fn reader(&self) -> Reader {
        Reader { descriptor: self.descriptor.clone(), size: self.size, position: 0 }
    }
}

/// A reader of a file.
pub(super) struct Reader {
    descriptor: Rc<Descriptor>,
    size: u64,
    position: u64,
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.descriptor.read(buffer.len() as u64, self.position);
        let (bytes, _) = read.map_err(io_error)?;
        buffer[..bytes.len()].copy_from_slice(&bytes);
        self.position += bytes.len() as u64;
        Ok(bytes.len())
    }
}

impl Seek for Reader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
            SeekFrom::End(by) => self.size.checked_add_signed(by),
        }
        .ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

fn io_error(code: ErrorCode) -> io::Error {
    io::Error::other(code.message())
}

impl Read for InputStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.blocking_read(buffer.len() as u64) {
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
