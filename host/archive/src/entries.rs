//! The entries of a tar.
//!
//! `tar` would read the long names of GNU and pax entries into memory whatever their size, so that a small archive could fill it; here
//! they are read raw, within a bound.

mod pax;

use std::io::{self, Read};
use tar::{Archive, EntryType};

/// What all names together may come to, in bytes: they are kept.
const MAX_NAMES: usize = 8 * 1024 * 1024;
/// Longest long name and largest set of pax records, in bytes.
const MAX_EXTENSION: u64 = 1024 * 1024;
/// The longest name that is taken, in bytes.
const MAX_NAME: usize = 64 * 1024;
/// Where a header says what kind of entry it is (POSIX ustar).
const TYPE_FLAG: usize = 156;

/// An entry without its content.
pub(crate) struct Entry {
    /// The full name.
    pub(crate) name: Vec<u8>,
    pub(crate) kind: Kind,
    /// In bytes.
    pub(crate) size: u64,
}

#[derive(Debug, PartialEq)]
pub(crate) enum Kind {
    File,
    Folder,
    /// To another file, by this name.
    SymbolicLink(Vec<u8>),
    /// To another entry, by this name.
    HardLink(Vec<u8>),
    /// A device, a FIFO or the like.
    Other,
}

/// Why a tar can't be read to its end.
pub(crate) enum Fault {
    Tar(io::Error),
    TooMany,
    /// A file with holes, of which the tar has only what is around them.
    Sparse(Vec<u8>),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Tar(error)
    }
}

/// Passes every entry to `visit`, with its content.
pub(crate) fn read(
    tar: impl Read,
    limit: usize,
    mut visit: impl FnMut(Entry, &mut dyn Read) -> io::Result<()>,
) -> Result<(), Fault> {
    let mut archive = Archive::new(tar);
    let (mut long_name, mut long_link) = (None, None);
    let mut names = 0;
    for (count, entry) in archive.entries()?.raw(true).enumerate() {
        let mut entry = entry?;
        if count >= limit {
            return Err(Fault::TooMany);
        }
        let kind = entry.header().entry_type();
        match kind {
            EntryType::GNULongName => long_name = Some(until_nul(extension(&mut entry)?)),
            EntryType::GNULongLink => long_link = Some(until_nul(extension(&mut entry)?)),
            EntryType::XHeader => {
                let records = pax::records(extension(&mut entry)?)?;
                if records.iter().any(|(key, _)| key.starts_with(b"GNU.sparse.")) {
                    return Err(Fault::Sparse(entry.path_bytes().into_owned()));
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
                return Err(Fault::Sparse(
                    long_name.unwrap_or_else(|| entry.path_bytes().into_owned()),
                ));
            }
            // It describes all that follow, and no name of theirs.
            EntryType::XGlobalHeader => {}
            _ => {
                let name = long_name.take().unwrap_or_else(|| entry.path_bytes().into_owned());
                names += name.len();
                if name.len() > MAX_NAME || names > MAX_NAMES {
                    return Err(Fault::TooMany);
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
                let mut content = Exactly { left: size, entry: &mut entry };
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

/// An entry that must be as long as its header says: `tar` takes an archive that ends in the middle of an entry for whole.
struct Exactly<R> {
    entry: R,
    left: u64,
}

impl<R: Read> Read for Exactly<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.entry.read(buffer)?;
        self.left = self.left.saturating_sub(read as u64);
        if read == 0 && self.left > 0 && !buffer.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(read)
    }
}
