//! Reads the entries of a package.
//!
//! `tar` reads the long names of GNU and pax entries into memory whatever their size, so that a small archive could exhaust it. Here, the raw
//! entries are read, with a limit.

mod pax;

use crate::streams::{self, Unpacked};
use std::io::{self, BufRead, Read};
use tar::{Archive, EntryType};

/// Limit on the length of all names together, in bytes. They are kept in memory.
const MAX_NAMES: usize = 8 * 1024 * 1024;
/// Limit on a GNU long name, and on a set of pax records, in bytes.
const MAX_EXTENSION: u64 = 1024 * 1024;
/// Limit on a name, in bytes.
const MAX_NAME: usize = 64 * 1024;
/// Offset of the type flag in a header (POSIX ustar).
const TYPE_FLAG: usize = 156;

/// Limits on the cost of reading an archive. Reading ends at a limit.
#[derive(Debug, Clone, Copy)]
pub struct ReadLimits {
    /// Size of the unpacked archive, in bytes. Default: 4 GiB.
    pub unpacked: u64,
    /// Number of entries, whose names are kept in memory. Default: 100,000. All names together are limited to 8 MiB.
    pub entries: usize,
}

impl Default for ReadLimits {
    fn default() -> Self {
        Self { unpacked: 4 << 30, entries: 100_000 }
    }
}

/// An entry without its content.
pub(crate) struct Entry {
    pub(crate) name: Vec<u8>,
    pub(crate) kind: Kind,
    /// In bytes.
    pub(crate) size: u64,
}

#[derive(Debug, PartialEq)]
pub(crate) enum Kind {
    File,
    Folder,
    /// With the name of the other file.
    SymbolicLink(Vec<u8>),
    /// With the name of the other entry.
    HardLink(Vec<u8>),
    /// Such as a device or a FIFO.
    Other,
}

/// The reason why a package can't be read to its end.
pub(crate) enum Error {
    /// The unpacked archive exceeds the limit.
    TooLarge,
    Gzip(io::Error),
    Tar(io::Error),
    TooMany,
    /// A sparse file. The tar doesn't contain all of it.
    Sparse(Vec<u8>),
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Tar(error)
    }
}

/// Passes every entry to `visit`, with its content. Returns the unpacked size in bytes, and whether other data follows the archive.
pub(crate) fn read(
    package: impl BufRead,
    limits: ReadLimits,
    visit: impl FnMut(Entry, &mut dyn Read) -> io::Result<()>,
) -> (u64, Result<bool, Error>) {
    let mut tar = Unpacked::new(package, limits.unpacked);
    let read = read_tar(&mut tar, limits.entries, visit)
        // The gzip stream continues after the last entry: its checksum is at its end.
        .and_then(|()| Ok(streams::read(&mut tar, |_| {})?));
    let (unpacked, has_more, error) = tar.finish();
    let result = match error {
        Some(error) if error.kind() == io::ErrorKind::FileTooLarge => Err(Error::TooLarge),
        Some(error) => Err(Error::Gzip(error)),
        None => read.map(|()| has_more),
    };
    (unpacked, result)
}

fn read_tar(
    tar: impl Read,
    limit: usize,
    mut visit: impl FnMut(Entry, &mut dyn Read) -> io::Result<()>,
) -> Result<(), Error> {
    let mut archive = Archive::new(tar);
    let (mut long_name, mut long_link) = (None, None);
    let mut names = 0;
    for (count, entry) in archive.entries()?.raw(true).enumerate() {
        let mut entry = entry?;
        if count >= limit {
            return Err(Error::TooMany);
        }
        let kind = entry.header().entry_type();
        match kind {
            EntryType::GNULongName => long_name = Some(until_nul(extension(&mut entry)?)),
            EntryType::GNULongLink => long_link = Some(until_nul(extension(&mut entry)?)),
            EntryType::XHeader => {
                let records = pax::records(extension(&mut entry)?)?;
                if records.iter().any(|(key, _)| key.starts_with(b"GNU.sparse.")) {
                    return Err(Error::Sparse(entry.path_bytes().into_owned()));
                }
                for (key, value) in records {
                    match key.as_slice() {
                        b"path" => long_name = Some(value),
                        b"linkpath" => long_link = Some(value),
                        _ => {}
                    }
                }
            }
            EntryType::GNUSparse => {
                return Err(Error::Sparse(
                    long_name.unwrap_or_else(|| entry.path_bytes().into_owned()),
                ));
            }
            // Global records don't contain names.
            EntryType::XGlobalHeader => {}
            _ => {
                let name = long_name.take().unwrap_or_else(|| entry.path_bytes().into_owned());
                names += name.len();
                if name.len() > MAX_NAME || names > MAX_NAMES {
                    return Err(Error::TooMany);
                }
                let link =
                    || entry.link_name_bytes().map_or_else(Vec::new, |link| link.into_owned());
                let target = long_link.take().unwrap_or_else(link);
                let kind = match kind {
                    // Before POSIX a directory was a regular file whose name ends with a slash.
                    EntryType::Regular
                        if entry.header().as_bytes()[TYPE_FLAG] == 0 && name.ends_with(b"/") =>
                    {
                        Kind::Folder
                    }
                    EntryType::Regular => Kind::File,
                    EntryType::Directory => Kind::Folder,
                    EntryType::Symlink => Kind::SymbolicLink(target),
                    EntryType::Link => Kind::HardLink(target),
                    _ => Kind::Other,
                };
                let size = entry.size();
                let mut content = ExactLength { left: size, entry: &mut entry };
                visit(Entry { name, kind, size }, &mut content)?;
            }
        }
    }
    Ok(())
}

fn extension(entry: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    entry.take(MAX_EXTENSION + 1).read_to_end(&mut content)?;
    if content.len() as u64 > MAX_EXTENSION {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "an extended header of more than 1 MiB",
        ));
    }
    Ok(content)
}

fn until_nul(mut name: Vec<u8>) -> Vec<u8> {
    name.truncate(name.iter().position(|byte| *byte == 0).unwrap_or(name.len()));
    name
}

/// The content of an entry, which must be as long as its header says. `tar` doesn't report an archive that ends in the middle of an entry.
struct ExactLength<R> {
    entry: R,
    left: u64,
}

impl<R: Read> Read for ExactLength<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.entry.read(buffer)?;
        self.left = self.left.saturating_sub(read as u64);
        if read == 0 && self.left > 0 && !buffer.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(read)
    }
}
