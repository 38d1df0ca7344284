//! The entries of a tar.
//!
//! `tar` would read the long names of GNU and pax entries into memory whatever their size, so that a
//! small archive could fill it; here they are read raw, within a bound.

use std::io::{self, Read};

use tar::{Archive, EntryType, PaxExtensions};

use super::ArchiveError;
use super::files_hash::Files;

/// Longest long name and largest set of pax records.
const MAX_EXTENSION: u64 = 64 * 1024;

/// Passes every regular file of the tar to `files`, under its full name.
pub(super) fn read(tar: impl Read, limit: usize, files: &mut Files) -> Result<(), ArchiveError> {
    let mut archive = Archive::new(tar);
    let mut long_name = None;
    let entries = archive.entries().map_err(ArchiveError::Tar)?.raw(true);
    for (count, entry) in entries.enumerate() {
        let mut entry = entry.map_err(ArchiveError::Tar)?;
        if count >= limit {
            return Err(ArchiveError::TooLarge);
        }
        let kind = entry.header().entry_type();
        match kind {
            EntryType::GNULongName => {
                let mut name = extension(&mut entry)?;
                name.truncate(name.iter().position(|byte| *byte == 0).unwrap_or(name.len()));
                long_name = Some(name);
                continue;
            }
            EntryType::XHeader => {
                if let Some(name) = pax_path(&extension(&mut entry)?)? {
                    long_name = Some(name);
                }
                continue;
            }
            // These describe a link's target or all that follows, never this entry's name.
            EntryType::GNULongLink | EntryType::XGlobalHeader => continue,
            _ => {}
        }
        let name = long_name.take().unwrap_or_else(|| entry.path_bytes().into_owned());
        // Before POSIX a directory was a regular file whose name ends with a slash.
        if (kind.is_file() || kind.is_contiguous()) && !name.ends_with(b"/") {
            let size = entry.size();
            let mut content = Exactly { entry: &mut entry, left: size };
            files.add(name, &mut content)?;
        }
    }
    Ok(())
}

fn extension(entry: &mut impl Read) -> Result<Vec<u8>, ArchiveError> {
    let mut content = Vec::new();
    entry.take(MAX_EXTENSION + 1).read_to_end(&mut content).map_err(ArchiveError::Tar)?;
    if content.len() as u64 > MAX_EXTENSION {
        return Err(ArchiveError::TooLarge);
    }
    Ok(content)
}

fn pax_path(records: &[u8]) -> Result<Option<Vec<u8>>, ArchiveError> {
    let mut path = None;
    for record in PaxExtensions::new(records) {
        let record = record.map_err(ArchiveError::Tar)?;
        if record.key_bytes() == b"path" {
            path = Some(record.value_bytes().to_vec());
        }
    }
    Ok(path)
}

/// An entry that must be as long as its header says: `tar` takes an archive that ends in the middle of
/// an entry for whole.
struct Exactly<R> {
    entry: R,
    left: u64,
}

impl<R: Read> Read for Exactly<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.entry.read(buffer)?;
        self.left = self.left.saturating_sub(read as u64);
        if read == 0 && self.left > 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(read)
    }
}
