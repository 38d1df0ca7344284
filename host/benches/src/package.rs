//! Packages to upload, in files.

use anyhow::{Context, Result};
use fastly_package_emulator::sample::{self, SampleOptions};
use sha2::{Digest, Sha512};
use std::fs::File;
use std::io::{self, BufWriter, Write};
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
        let mut written = Hashed { file: BufWriter::new(file), hash: Sha512::new() };
        sample::write(&SampleOptions { size: Some(size), ..Default::default() }, &mut written)?;
        written.flush()?;
        Ok(Self { service: service.to_owned(), path, size, sha512: hex(&written.hash.finalize()) })
    }
}

/// A file that is hashed as it is written.
struct Hashed {
    file: BufWriter<File>,
    hash: Sha512,
}

impl Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hash.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Bytes in hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
