//! Package files to upload.

use anyhow::{Context, Result};
use fastly_package_emulator::sample::{self, SampleOptions};
use sha2::{Digest, Sha512};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// A package file.
#[derive(Debug, Clone)]
pub struct Package {
    /// The service to upload it to.
    pub service: String,
    /// The path of the file.
    pub path: PathBuf,
    /// The size, in bytes.
    pub size: u64,
    /// The SHA-512, in hexadecimal.
    pub sha512: String,
}

impl Package {
    /// Writes a package of `size` bytes into a directory.
    pub fn create(dir: &Path, service: &str, size: u64) -> Result<Self> {
        let path = dir.join(format!("{service}.tar.gz"));
        let file =
            File::create(&path).with_context(|| format!("can't write {}", path.display()))?;
        let mut writer = HashingWriter { file: BufWriter::new(file), hash: Sha512::new() };
        sample::write(&SampleOptions { size: Some(size), ..Default::default() }, &mut writer)?;
        writer.flush()?;
        Ok(Self { service: service.to_owned(), path, size, sha512: hex(&writer.hash.finalize()) })
    }
}

/// Hashes what it writes to a file.
struct HashingWriter {
    file: BufWriter<File>,
    hash: Sha512,
}

impl Write for HashingWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hash.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Formats bytes in hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
