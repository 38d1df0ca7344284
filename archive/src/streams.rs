//! The compressed and the unpacked stream of an archive. Each keeps its error, since the source of an error that `tar` returns is unknown.

use fastly_package_core::digest::Digest;
use flate2::bufread::GzDecoder;
use sha2::{Digest as _, Sha512};
use std::io::{self, BufRead, Read};

/// Number of bytes read at a time.
pub(crate) const READ: usize = 64 * 1024;
/// The first byte of each gzip member.
const MAGIC: u8 = 0x1f;

/// The compressed stream, counted and hashed as it is read.
pub(crate) struct Hashed<R> {
    reader: R,
    hash: Sha512,
    size: u64,
    error: Option<io::Error>,
}

impl<R: Read> Hashed<R> {
    pub(crate) fn new(reader: R) -> Self {
        Self { reader, hash: Sha512::new(), size: 0, error: None }
    }

    /// Reads the rest, and returns the digest of all bytes. Fails if reading failed at any time.
    pub(crate) fn finish(mut self) -> io::Result<Digest> {
        if self.error.is_none() {
            // The error is kept.
            let _ = read(&mut self, |_| {});
        }
        let digest = Digest { size: self.size, sha512: self.hash.finalize().into() };
        self.error.map_or(Ok(digest), Err)
    }
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer).map_err(|error| keep(error, &mut self.error))?;
        self.hash.update(&buffer[..read]);
        self.size += read as u64;
        Ok(read)
    }
}

/// The unpacked stream of all gzip members. Beyond a limit, it fails with [`io::ErrorKind::FileTooLarge`].
pub(crate) struct Unpacked<R> {
    /// `None` at the end.
    member: Option<GzDecoder<R>>,
    size: u64,
    limit: u64,
    /// Whether other data follows the last member.
    has_more: bool,
    error: Option<io::Error>,
}

impl<R: BufRead> Unpacked<R> {
    pub(crate) fn new(reader: R, limit: u64) -> Self {
        let member = Some(GzDecoder::new(reader));
        Self { member, size: 0, limit, has_more: false, error: None }
    }

    /// Returns the number of bytes, whether other data follows, and the error if unpacking failed.
    pub(crate) fn finish(self) -> (u64, bool, Option<io::Error>) {
        (self.size, self.has_more, self.error)
    }

    fn read_member(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.member {
            let read = member.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            let Some(member) = self.member.take() else { break };
            let mut rest = member.into_inner();
            match rest.fill_buf()?.first().copied() {
                Some(MAGIC) => self.member = Some(GzDecoder::new(rest)),
                next => self.has_more = next.is_some(),
            }
        }
        Ok(0)
    }
}

impl<R: BufRead> Read for Unpacked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = match self.read_member(buffer) {
            Ok(read) if read as u64 > self.limit - self.size => {
                Err(io::ErrorKind::FileTooLarge.into())
            }
            result => result,
        };
        let read = read.map_err(|error| keep(error, &mut self.error))?;
        self.size += read as u64;
        Ok(read)
    }
}

/// Keeps an error, and returns one of the same kind.
fn keep(error: io::Error, kept: &mut Option<io::Error>) -> io::Error {
    let kind = error.kind();
    // The reader tries again.
    if kind != io::ErrorKind::Interrupted {
        *kept = Some(error);
    }
    kind.into()
}

/// Reads to the end, and passes each piece to `visit`.
pub(crate) fn read(reader: &mut dyn Read, mut visit: impl FnMut(&[u8])) -> io::Result<()> {
    let mut buffer = vec![0; READ];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(read) => visit(&buffer[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Returns a hash in lower-case hex.
pub(crate) fn hex(hash: Sha512) -> String {
    use std::fmt::Write as _;
    hash.finalize().iter().fold(String::with_capacity(128), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
