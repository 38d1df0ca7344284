//! Whether a package begins as one: a look at its first bytes, which costs nothing.

use flate2::bufread::MultiGzDecoder;
use std::fmt;
use std::io::{self, Read};

/// The largest package that the API takes, in bytes of the `.tar.gz`: what the Fastly CLI enforces.
pub const SIZE_LIMIT: u64 = 100_000_000;

/// How much of a package is looked at, in bytes. The first header is almost always within the first few hundred.
pub const HEAD: usize = 64 * 1024;

/// A tar header (POSIX ustar).
const HEADER: usize = 512;
const GZIP: &[u8] = b"\x1f\x8b";
/// Where a header's checksum stands.
const CHECKSUM: std::ops::Range<usize> = 148..156;

/// What the beginning of a package says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// That it is one.
    Package,
    /// That it isn't, and what it is.
    Not(NotAPackage),
    /// It doesn't say yet.
    More,
}

/// What is in place of a package: a gzip-compressed tar archive. `Display` says it in words.
///
/// ```
/// use fastly_package_archive::{Look, NotAPackage, look};
///
/// assert_eq!(look(b"\0asm\x01\0\0\0", true), Look::Not(NotAPackage::BareWasm));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotAPackage {
    /// A WebAssembly module or component by itself.
    BareWasm,
    /// A tar archive that isn't compressed.
    PlainTar,
    /// Something that isn't compressed with gzip.
    NotGzip,
    /// gzip with something else than a tar archive in it, or damaged.
    NotTar,
}

impl fmt::Display for NotAPackage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BareWasm => "it is a bare WebAssembly file, not a .tar.gz with one in it",
            Self::PlainTar => "it is a tar archive that isn't compressed with gzip",
            Self::NotGzip => "it isn't compressed with gzip",
            Self::NotTar => "what is compressed in it is no tar archive, or is damaged",
        })
    }
}

/// Looks at the first bytes of a package. `whole`: there are no more, or enough that more would say nothing else.
pub fn look(head: &[u8], whole: bool) -> Look {
    match look_so_far(head) {
        Look::More if whole && head.starts_with(GZIP) => Look::Not(NotAPackage::NotTar),
        Look::More if whole => Look::Not(NotAPackage::NotGzip),
        decided => decided,
    }
}

fn look_so_far(head: &[u8]) -> Look {
    if head.len() < 4 {
        return Look::More;
    }
    if !head.starts_with(GZIP) {
        return match head {
            _ if head.starts_with(b"\0asm") => Look::Not(NotAPackage::BareWasm),
            _ if head.len() < HEADER => Look::More,
            _ if is_header(head) => Look::Not(NotAPackage::PlainTar),
            _ => Look::Not(NotAPackage::NotGzip),
        };
    }
    let mut header = [0; HEADER];
    match MultiGzDecoder::new(head).read_exact(&mut header) {
        Ok(()) if is_header(&header) => Look::Package,
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Look::More,
        Ok(()) | Err(_) => Look::Not(NotAPackage::NotTar),
    }
}

/// Whether a tar header begins here: its checksum is right.
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
    fn a_package_is_known_from_its_beginning() {
        for package in [sample::package(Default::default()), gzip(&tar())] {
            assert_eq!(look(&package, false), Look::Package);
            let decided =
                (0..package.len()).find(|end| look(&package[..*end], false) != Look::More);
            let decided = decided.unwrap();
            assert!(decided <= 1024, "{decided}");
            assert!(
                (decided..1024.min(package.len()))
                    .all(|end| look(&package[..end], false) == Look::Package)
            );
        }
    }

    #[test]
    fn what_is_no_package_is_called_what_it_is() {
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
            assert_eq!(look(&bytes, false), Look::Not(expected), "{bytes:.20?}");
        }
    }

    #[test]
    fn too_little_says_nothing_until_it_is_all() {
        for (bytes, expected) in [
            (&b""[..], NotAPackage::NotGzip),
            (b"\x1f", NotAPackage::NotGzip),
            (b"short", NotAPackage::NotGzip),
            (b"\x1f\x8b\x08", NotAPackage::NotTar),
            (&gzip(b"short"), NotAPackage::NotTar),
        ] {
            assert_eq!(look(bytes, false), Look::More, "{bytes:?}");
            assert_eq!(look(bytes, true), Look::Not(expected), "{bytes:?}");
        }
    }
}
