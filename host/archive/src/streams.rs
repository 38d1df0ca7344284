//! The two streams that an archive passes: compressed, and unpacked. Each remembers why it failed: the error arrives through `tar`, which
//! can't say from which of them it came.

use flate2::bufread::GzDecoder;
use sha2::{Digest, Sha512};
use std::io::{self, BufRead, Read};

/// What is read at a time, in bytes.
pub(crate) const READ: usize = 64 * 1024;
/// What each gzip member begins with.
const MAGIC: u8 = 0x1f;

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
        (self.size, hex(self.hash))
    }

    /// Fails if the reader did.
    pub(crate) fn failed(&mut self) -> io::Result<()> {
        self.failure.take().map_or(Ok(()), Err)
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

/// The unpacked stream, of one gzip member after the other: it ends with an error past a limit.
pub(crate) struct Unpacked<R> {
    /// `None` at the end.
    member: Option<GzDecoder<R>>,
    size: u64,
    limit: u64,
    /// Whether something else follows the last member.
    has_more: bool,
    failure: Option<Unpacking>,
}

/// Why unpacking failed.
pub(crate) enum Unpacking {
    /// It comes to more than the limit.
    TooMuch,
    Gzip(io::Error),
}

impl<R: BufRead> Unpacked<R> {
    pub(crate) fn new(reader: R, limit: u64) -> Self {
        let member = Some(GzDecoder::new(reader));
        Self { member, size: 0, limit, has_more: false, failure: None }
    }

    /// Bytes unpacked, whether something else follows, and why no more were unpacked, if that failed.
    pub(crate) fn finish(self) -> (u64, bool, Option<Unpacking>) {
        (self.size, self.has_more, self.failure)
    }

    fn read_member(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.member {
            let read = member.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            let Some(member) = self.member.take() else { break };
            let mut rest = member.into_inner();
            let next = rest.fill_buf()?.first().copied();
            if next == Some(MAGIC) {
                self.member = Some(GzDecoder::new(rest));
            } else {
                self.has_more = next.is_some();
            }
        }
        Ok(0)
    }
}

impl<R: BufRead> Read for Unpacked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.read_member(buffer) {
            Ok(read) if read as u64 > self.limit - self.size => {
                self.failure = Some(Unpacking::TooMuch);
                Err(io::ErrorKind::FileTooLarge.into())
            }
            Ok(read) => {
                self.size += read as u64;
                Ok(read)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => {
                let kind = error.kind();
                self.failure = Some(Unpacking::Gzip(error));
                Err(kind.into())
            }
        }
    }
}

/// Reads to the end.
pub(crate) fn read(reader: &mut dyn Read, mut take: impl FnMut(&[u8])) -> io::Result<()> {
    let mut buffer = vec![0; READ];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(read) => take(&buffer[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// In lower-case hex.
pub(crate) fn hex(hash: Sha512) -> String {
    use std::fmt::Write as _;
    hash.finalize().iter().fold(String::with_capacity(128), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
