//! Packages to upload: they begin as a `.tar.gz` does, and the rest is noise that no compression or cache helps with.

use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha512};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// A package in a file.
#[derive(Debug, Clone)]
pub struct Package {
    /// The service that it is for.
    pub service: String,
    /// Where it is.
    pub path: PathBuf,
    /// In bytes.
    pub size: u64,
    /// In hexadecimal digits.
    pub sha512: String,
}

impl Package {
    /// Writes one of `size` bytes for `service` into `folder`.
    pub fn create(folder: &Path, service: &str, size: u64) -> Result<Self> {
        let path = folder.join(format!("{service}.tar.gz"));
        let file =
            File::create(&path).with_context(|| format!("can't write {}", path.display()))?;
        let mut file = BufWriter::new(file);
        let mut hasher = Sha512::new();
        let head = head();
        ensure!(size >= head.len() as u64, "a package has at least {} bytes", head.len());
        hasher.update(&head);
        file.write_all(&head)?;
        let mut left = size - head.len() as u64;
        let mut noise = Noise(size | 1);
        let mut block = vec![0; 64 * 1024];
        while left > 0 {
            noise.fill(&mut block);
            let bytes = &block[..block.len().min(usize::try_from(left).unwrap_or(usize::MAX))];
            hasher.update(bytes);
            file.write_all(bytes)?;
            left -= bytes.len() as u64;
        }
        file.flush()?;
        Ok(Self { service: service.to_owned(), path, size, sha512: hex(&hasher.finalize()) })
    }
}

/// The header of a gzip member, and in a stored block (RFC 1951, 3.2.4), which takes up some of the noise, that of a tar archive's first
/// file.
fn head() -> Vec<u8> {
    let mut header = [0; 512];
    header[..24].copy_from_slice(b"package/bin/main.wasm\0\0\0");
    header[100..108].copy_from_slice(b"0000644\0");
    header[124..136].copy_from_slice(b"00000000010\0");
    header[148..156].copy_from_slice(b"        ");
    header[156] = b'0';
    header[257..265].copy_from_slice(b"ustar\x0000");
    let sum: u32 = header.iter().copied().map(u32::from).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let mut head = b"\x1f\x8b\x08\0\0\0\0\0\0\xff".to_vec();
    let length = u16::MAX;
    head.push(0);
    head.extend(length.to_le_bytes());
    head.extend((!length).to_le_bytes());
    head.extend(header);
    head
}

/// Marsaglia's xorshift64.
struct Noise(u64);

impl Noise {
    fn fill(&mut self, block: &mut [u8]) {
        for eight in block.chunks_exact_mut(8) {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            eight.copy_from_slice(&self.0.to_le_bytes());
        }
    }
}

/// Bytes in hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
