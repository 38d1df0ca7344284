//! The two streams that an archive passes: compressed, and unpacked. Each remembers why it failed: the
//! error arrives through `tar`, which can't say from which of them it came.

use std::io::{self, Read};

use flate2::read::MultiGzDecoder;
use sha2::{Digest, Sha512};

use super::ArchiveError;
use super::files_hash::hex;

/// The compressed stream: counted and hashed as it is read.
pub(crate) struct Hashed<R> {
    reader: R,
    hash: Sha512,
    size: u64,
    failure: Option<io::Error>,
}

impl<R: Read> Hashed<R> {
    pub(crate) fn new(reader: R) -> Self {
        Self { reader, hash: Sha512::new(), size: 0, failure: None }
    }

    /// Bytes read, and their SHA-512 in lower-case hex.
    pub(crate) fn finish(self) -> (u64, String) {
        (self.size, hex(&self.hash.finalize()))
    }

    /// Why the reader failed, if it did.
    pub(crate) fn failure(&mut self) -> Option<io::Error> {
        self.failure.take()
    }
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.reader.read(buffer) {
            Ok(read) => {
                self.hash.update(&buffer[..read]);
                self.size += read as u64;
                Ok(read)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => {
                let kind = error.kind();
                self.failure = Some(error);
                Err(kind.into())
            }
        }
    }
}

/// The unpacked stream: it ends with an error past a limit.
pub(crate) struct Unpacked<R> {
    gzip: MultiGzDecoder<R>,
    left: u64,
    failure: Option<ArchiveError>,
}

impl<R: Read> Unpacked<R> {
    pub(crate) fn new(reader: R, limit: u64) -> Self {
        Self { gzip: MultiGzDecoder::new(reader), left: limit, failure: None }
    }

    /// Why unpacking failed, if it did.
    pub(crate) fn failure(self) -> Option<ArchiveError> {
        self.failure
    }
}

impl<R: Read> Read for Unpacked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.gzip.read(buffer) {
            Ok(read) if read as u64 > self.left => {
                self.failure = Some(ArchiveError::TooLarge);
                Err(io::ErrorKind::FileTooLarge.into())
            }
            Ok(read) => {
                self.left -= read as u64;
                Ok(read)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => {
                let kind = error.kind();
                self.failure = Some(ArchiveError::Gzip(error));
                Err(kind.into())
            }
        }
    }
}
