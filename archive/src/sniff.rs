//! Tells from its first bytes whether a file may be a package.

use flate2::bufread::MultiGzDecoder;
use std::fmt;
use std::io::{self, Read};

/// Size of the largest package that the API accepts, in bytes of the `.tar.gz`: the limit that the Fastly CLI enforces.
pub const SIZE_LIMIT: u64 = 100_000_000;

/// Number of bytes of a package that [`sniff`] needs at most. The first tar header is almost always within the first few hundred.
pub const SNIFF_LENGTH: usize = 64 * 1024;

/// Length of a tar header (POSIX ustar).
const HEADER: usize = 512;
const GZIP: &[u8] = b"\x1f\x8b";
/// The checksum in a header.
const CHECKSUM: std::ops::Range<usize> = 148..156;

/// The result of [`sniff`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sniffed {
    /// A gzip-compressed tar archive.
    Package,
    /// Something else.
    NotAPackage(NotAPackage),
    /// More bytes are needed.
    NeedMore,
}

/// The reason why a file is not a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotAPackage {
    /// A WebAssembly module or component.
    BareWasm,
    /// A tar archive without compression.
    PlainTar,
    /// Data that isn't compressed with gzip.
    NotGzip,
    /// Compressed data that is not a tar archive, or is damaged.
    NotTar,
}

impl fmt::Display for NotAPackage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BareWasm => {
                "the file is a bare WebAssembly file, not a .tar.gz that contains one"
            }
            Self::PlainTar => "the file is a tar archive that isn't compressed with gzip",
            Self::NotGzip => "the file isn't compressed with gzip",
            Self::NotTar => "the compressed data is not a tar archive, or is damaged",
        })
    }
}

/// Tells from the first bytes of a file whether it is a gzip-compressed tar archive.
///
/// `is_end` is set if there are no more bytes, or if there are [`SNIFF_LENGTH`] bytes. The result is not [`Sniffed::NeedMore`] then.
///
/// ```
/// use fastly_package_archive::{NotAPackage, Sniffed, sniff};
///
/// let sniffed = sniff(b"\0asm\x01\0\0\0", true);
/// assert_eq!(sniffed, Sniffed::NotAPackage(NotAPackage::BareWasm));
/// ```
pub fn sniff(head: &[u8], is_end: bool) -> Sniffed {
    match sniff_start(head) {
        Sniffed::NeedMore if is_end && head.starts_with(GZIP) => {
            Sniffed::NotAPackage(NotAPackage::NotTar)
        }
        Sniffed::NeedMore if is_end => Sniffed::NotAPackage(NotAPackage::NotGzip),
        decided => decided,
    }
}

fn sniff_start(head: &[u8]) -> Sniffed {
    if head.len() < 4 {
        return Sniffed::NeedMore;
    }
    if !head.starts_with(GZIP) {
        return match head {
            _ if head.starts_with(b"\0asm") => Sniffed::NotAPackage(NotAPackage::BareWasm),
            _ if head.len() < HEADER => Sniffed::NeedMore,
            _ if is_header(head) => Sniffed::NotAPackage(NotAPackage::PlainTar),
            _ => Sniffed::NotAPackage(NotAPackage::NotGzip),
        };
    }
    let mut header = [0; HEADER];
    match MultiGzDecoder::new(head).read_exact(&mut header) {
        Ok(()) if is_header(&header) => Sniffed::Package,
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Sniffed::NeedMore,
        Ok(()) | Err(_) => Sniffed::NotAPackage(NotAPackage::NotTar),
    }
}

/// Returns whether the bytes start with a tar header, by its checksum.
fn is_header(bytes: &[u8]) -> bool {
    let Some(header) = bytes.first_chunk::<HEADER>() else { return false };
    let Ok(stated) = tar::Header::from_byte_slice(header).cksum() else { return false };
    let sum = |bytes: &[u8]| bytes.iter().map(|byte| u32::from(*byte)).sum::<u32>();
    let blank = u32::from(b' ') * CHECKSUM.len() as u32;
    stated == sum(header) - sum(&header[CHECKSUM]) + blank
}

#[cfg(test)]
mod tests {
    use super::*;
    use fastly_package_emulator::sample;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn tar() -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_size(3);
        header.set_cksum();
        tar.append_data(&mut header, "top/fastly.toml", &b"x=1"[..]).unwrap();
        tar.into_inner().unwrap()
    }

    #[test]
    fn a_package_is_recognized_by_its_first_bytes() {
        for package in [sample::package(Default::default()), gzip(&tar())] {
            assert_eq!(sniff(&package, false), Sniffed::Package);
            let decided =
                (0..package.len()).find(|end| sniff(&package[..*end], false) != Sniffed::NeedMore);
            let decided = decided.unwrap();
            assert!(decided <= 1024, "{decided}");
            assert!(
                (decided..1024.min(package.len()))
                    .all(|end| sniff(&package[..end], false) == Sniffed::Package)
            );
        }
    }

    #[test]
    fn other_files_are_distinguished() {
        let wasm = b"\0asm\x01\0\0\0".repeat(100);
        for (bytes, expected) in [
            (wasm.clone(), NotAPackage::BareWasm),
            (tar(), NotAPackage::PlainTar),
            (b"PK\x03\x04".repeat(200), NotAPackage::NotGzip),
            (vec![0; 1024], NotAPackage::NotGzip),
            (b"#!/bin/sh\n".repeat(100), NotAPackage::NotGzip),
            (gzip(&wasm.repeat(2)), NotAPackage::NotTar),
            (gzip(&[0; 1024]), NotAPackage::NotTar),
            (b"\x1f\x8b\x07\0\0\0\0\0\0\0".repeat(100), NotAPackage::NotTar),
        ] {
            assert_eq!(sniff(&bytes, false), Sniffed::NotAPackage(expected), "{bytes:.20?}");
        }
    }

    #[test]
    fn a_few_bytes_are_not_enough_unless_there_are_no_more() {
        for (bytes, expected) in [
            (&b""[..], NotAPackage::NotGzip),
            (b"\x1f", NotAPackage::NotGzip),
            (b"short", NotAPackage::NotGzip),
            (b"\x1f\x8b\x08", NotAPackage::NotTar),
            (&gzip(b"short"), NotAPackage::NotTar),
        ] {
            assert_eq!(sniff(bytes, false), Sniffed::NeedMore, "{bytes:?}");
            assert_eq!(sniff(bytes, true), Sniffed::NotAPackage(expected), "{bytes:?}");
        }
    }
}
