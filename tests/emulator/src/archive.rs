//! Reading a package: a gzip-compressed tar with `<top>/fastly.toml` and `<top>/bin/main.wasm`.
//!
//! ```
//! use fastly_package_emulator::{archive, sample};
//!
//! let package = sample::package(sample::SampleOptions::default());
//! let info = archive::read(package.as_slice())?;
//! assert_eq!(info.size, package.len() as u64);
//! assert_eq!(info.name.as_deref(), Some("sample-package"));
//! # Ok::<(), archive::ArchiveError>(())
//! ```

mod entries;
mod error;
mod files_hash;
mod layout;
mod producers;
mod streams;

use std::io::{self, Read};

use serde_json::Value;

pub use error::ArchiveError;

pub(crate) use streams::Hashed;
use streams::Unpacked;

use files_hash::Files;

/// How much reading an archive may cost.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes that the archive may unpack to. Default 1,000,000,000.
    pub unpacked_bytes: u64,
    /// Entries that the archive may have. Default 200,000.
    pub entries: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { unpacked_bytes: 1_000_000_000, entries: 200_000 }
    }
}

/// What a package says of itself, and its hashes: what Fastly's API answers under `metadata`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct PackageInfo {
    /// The directory that holds everything.
    pub top: String,
    /// `name` in `fastly.toml`.
    pub name: Option<String>,
    /// `description` in `fastly.toml`.
    pub description: Option<String>,
    /// `authors` in `fastly.toml`.
    pub authors: Option<Vec<String>>,
    /// `language` in `fastly.toml`.
    pub language: Option<String>,
    /// `cloned_from` in `fastly.toml`: the starter kit.
    pub cloned_from: Option<String>,
    /// Length of the `.tar.gz`, in bytes.
    pub size: u64,
    /// SHA-512 of the `.tar.gz`, in lower-case hex.
    pub hashsum: String,
    /// SHA-512 over the contents of all regular files in the byte order of their names, in lower-case
    /// hex: what `fastly compute hash-files` prints.
    pub files_hash: String,
    /// Number of regular files; of two with one name, one.
    pub files: usize,
    /// Length of `bin/main.wasm`, in bytes.
    pub wasm_size: u64,
    /// The `producers` section of `bin/main.wasm`; an empty object where there is none.
    pub wasm_metadata: Value,
}

/// Reads a whole package with the default [`Limits`].
///
/// Memory stays constant whatever the package's size: contents that may be needed once more, because
/// the entries aren't sorted, go to an unlinked temporary file.
///
/// # Errors
///
/// What makes Fastly answer "Failed to extract metadata from package", and a reader that fails.
pub fn read(reader: impl Read) -> Result<PackageInfo, ArchiveError> {
    read_within(reader, Limits::default())
}

/// As [`read`], within `limits`.
///
/// # Errors
///
/// As [`read`], and [`ArchiveError::TooLarge`] where a limit is passed.
pub fn read_within(reader: impl Read, limits: Limits) -> Result<PackageInfo, ArchiveError> {
    let mut package = Hashed::new(reader);
    let contents = unpack(&mut package, limits)?;
    let (size, hashsum) = package.finish();
    Ok(contents.into_info(size, hashsum))
}

/// What [`read_within`] learns before it knows size and hash.
pub(crate) struct Contents {
    layout: layout::Layout,
    manifest: layout::Manifest,
    files_hash: String,
    files: usize,
    wasm_metadata: Value,
}

impl Contents {
    pub(crate) fn into_info(self, size: u64, hashsum: String) -> PackageInfo {
        PackageInfo {
            top: self.layout.top,
            name: self.manifest.name,
            description: self.manifest.description,
            authors: self.manifest.authors,
            language: self.manifest.language,
            cloned_from: self.manifest.cloned_from,
            size,
            hashsum,
            files_hash: self.files_hash,
            files: self.files,
            wasm_size: self.layout.wasm.length(),
            wasm_metadata: self.wasm_metadata,
        }
    }
}

pub(crate) fn unpack(
    package: &mut Hashed<impl Read>,
    limits: Limits,
) -> Result<Contents, ArchiveError> {
    let mut magic = Vec::new();
    if package.by_ref().take(2).read_to_end(&mut magic).is_err() || magic != [0x1f, 0x8b] {
        return Err(package.failure().map_or(ArchiveError::NotGzip, ArchiveError::Read));
    }
    let mut tar = Unpacked::new(magic.as_slice().chain(&mut *package), limits.unpacked_bytes);
    let unpacked = unpack_tar(&mut tar, limits);
    let failure = tar.failure();
    match (package.failure(), failure) {
        (Some(error), _) => Err(ArchiveError::Read(error)),
        (None, Some(failure)) => Err(failure),
        (None, None) => unpacked,
    }
}

fn unpack_tar(tar: &mut Unpacked<impl Read>, limits: Limits) -> Result<Contents, ArchiveError> {
    let mut files = Files::new();
    entries::read(&mut *tar, limits.entries, &mut files)?;
    // What follows the last entry belongs to the gzip stream all the same: its check sum is at its end.
    io::copy(tar, &mut io::sink()).map_err(ArchiveError::Gzip)?;
    let layout = layout::find(&files)?;
    let manifest = layout::manifest(&mut files, layout.manifest)?;
    let wasm_metadata =
        producers::wasm_metadata(files.open(layout.wasm).map_err(ArchiveError::Spool)?);
    Ok(Contents {
        files_hash: files.hash().map_err(ArchiveError::Spool)?,
        files: files.count(),
        layout,
        manifest,
        wasm_metadata,
    })
}
