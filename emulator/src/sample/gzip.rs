//! Writes gzip (RFC 1952) with parts that are stored instead of compressed, so that its length is known in advance.

use std::io::{self, Write};

use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};

use super::Noise;

/// Magic, deflate, flags, no time, no extra flags, unknown system; the flags are the fourth byte.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
const FLAG_COMMENT: u8 = 0x10;
const TRAILER: u64 = 8;

/// Lengths of the longest stored block of deflate (RFC 1951, section 3.2.4), and of its header.
const BLOCK: u64 = 65_535;
const BLOCK_HEADER: u64 = 5;

/// A gzip file being written.
pub(super) struct Gzip<W> {
    writer: W,
    crc: Crc,
    written: u64,
}

impl<W: Write> Gzip<W> {
    /// Returns the length of a file with these parts and no comment.
    pub(super) fn length(before: &[u8], stored: u64, after: &[u8]) -> io::Result<u64> {
        let deflated = deflate(before, false)?.len() + deflate(after, true)?.len();
        let blocks = stored.div_ceil(BLOCK) * BLOCK_HEADER;
        Ok(HEADER.len() as u64 + deflated as u64 + stored + blocks + TRAILER)
    }

    /// Writes the header, with a comment of `comment` bytes including its final zero.
    pub(super) fn start(writer: W, comment: u64) -> io::Result<Self> {
        let mut gzip = Self { writer, crc: Crc::new(), written: 0 };
        let mut header = HEADER;
        if comment > 0 {
            header[3] = FLAG_COMMENT;
        }
        gzip.write(&header)?;
        for left in (0..comment).rev() {
            gzip.write(if left == 0 { b"\0" } else { b"-" })?;
        }
        Ok(gzip)
    }

    pub(super) fn deflated(&mut self, content: &[u8], last: bool) -> io::Result<()> {
        self.crc.update(content);
        self.write(&deflate(content, last)?)
    }

    pub(super) fn stored(&mut self, length: u64, mut noise: Noise) -> io::Result<()> {
        let mut left = length;
        let mut block = vec![0; BLOCK as usize];
        while left > 0 {
            let size = left.min(BLOCK) as u16;
            let content = &mut block[..usize::from(size)];
            noise.fill(content);
            let [low, high] = size.to_le_bytes();
            self.write(&[0, low, high, !low, !high])?;
            self.crc.update(content);
            self.write(content)?;
            left -= u64::from(size);
        }
        Ok(())
    }

    /// Writes the trailer, and returns the file's length.
    pub(super) fn finish(mut self) -> io::Result<u64> {
        let (sum, amount) = (self.crc.sum(), self.crc.amount());
        self.write(&[sum.to_le_bytes(), amount.to_le_bytes()].concat())?;
        self.writer.flush()?;
        Ok(self.written)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.writer.write_all(bytes)?;
        self.written += bytes.len() as u64;
        Ok(())
    }
}

/// Compresses with raw deflate to a whole number of bytes, as the last part of a stream or as an earlier one.
fn deflate(content: &[u8], last: bool) -> io::Result<Vec<u8>> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content)?;
    if last {
        return encoder.finish();
    }
    encoder.flush()?;
    Ok(encoder.get_ref().clone())
}
