//! `files_hash`: SHA-512 over the contents of all regular files, one after the other, ordered by full
//! entry name in byte order; of two entries with one name the last counts.
//!
//! Source: checked by Fastly's users against answers of the API; it is what `fastly compute hash-files`
//! prints.

use std::collections::BTreeMap;
use std::io::{self, Read, Seek, SeekFrom, Write};

use sha2::{Digest, Sha512};
use tempfile::SpooledTempFile;

use super::ArchiveError;

/// Contents up to this many bytes together never touch a disk.
const IN_MEMORY: usize = 1024 * 1024;

/// Where a file's content lies in the spool.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    start: u64,
    length: u64,
}

impl Span {
    /// In bytes.
    pub(crate) fn length(self) -> u64 {
        self.length
    }
}

/// The regular files of an archive, spooled to an unlinked temporary file: an entry that comes late may
/// belong before all that came so far, and then every content is needed once more.
pub(crate) struct Files {
    spool: SpooledTempFile,
    spans: BTreeMap<Vec<u8>, Span>,
    end: u64,
    /// The hash so far, while the entries come in order; `None` once one didn't.
    in_order: Option<Sha512>,
}

impl Files {
    pub(crate) fn new() -> Self {
        Self {
            spool: SpooledTempFile::new(IN_MEMORY),
            spans: BTreeMap::new(),
            end: 0,
            in_order: Some(Sha512::new()),
        }
    }

    /// Takes in one regular file.
    pub(crate) fn add(
        &mut self,
        name: Vec<u8>,
        mut content: impl Read,
    ) -> Result<(), ArchiveError> {
        if self.spans.last_key_value().is_some_and(|(last, _)| *last >= name) {
            self.in_order = None;
        }
        let start = self.end;
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let read = content.read(&mut buffer).map_err(ArchiveError::Tar)?;
            if read == 0 {
                break;
            }
            self.spool.write_all(&buffer[..read]).map_err(ArchiveError::Spool)?;
            if let Some(hash) = &mut self.in_order {
                hash.update(&buffer[..read]);
            }
            self.end += read as u64;
        }
        self.spans.insert(name, Span { start, length: self.end - start });
        Ok(())
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &[u8]> {
        self.spans.keys().map(Vec::as_slice)
    }

    pub(crate) fn count(&self) -> usize {
        self.spans.len()
    }

    pub(crate) fn get(&self, name: &[u8]) -> Option<Span> {
        self.spans.get(name).copied()
    }

    /// The content of one file.
    pub(crate) fn open(&mut self, span: Span) -> io::Result<impl Read + '_> {
        self.spool.seek(SeekFrom::Start(span.start))?;
        Ok((&mut self.spool).take(span.length))
    }

    /// The hash, in lower-case hex.
    pub(crate) fn hash(&mut self) -> io::Result<String> {
        if let Some(hash) = &self.in_order {
            return Ok(hex(&hash.clone().finalize()));
        }
        let mut hash = Sha512::new();
        let mut buffer = vec![0; 64 * 1024];
        for span in self.spans.values() {
            self.spool.seek(SeekFrom::Start(span.start))?;
            let mut content = (&mut self.spool).take(span.length);
            loop {
                let read = content.read(&mut buffer)?;
                if read == 0 {
                    break;
                }
                hash.update(&buffer[..read]);
            }
        }
        Ok(hex(&hash.finalize()))
    }
}

/// Lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash_of(entries: &[(&str, &str)]) -> String {
        let mut files = Files::new();
        for (name, content) in entries {
            files.add(name.as_bytes().to_vec(), content.as_bytes()).unwrap();
        }
        files.hash().unwrap()
    }

    fn sha512(text: &str) -> String {
        hex(&Sha512::digest(text.as_bytes()))
    }

    #[test]
    fn the_contents_are_hashed_in_the_byte_order_of_the_names() {
        let sorted = [("a/B", "1"), ("a/a", "2"), ("a/b/c", "3"), ("a/b1", "4")];
        assert_eq!(hash_of(&sorted), sha512("1234"));
        let unsorted = [("a/b1", "4"), ("a/a", "2"), ("a/B", "1"), ("a/b/c", "3")];
        assert_eq!(hash_of(&unsorted), sha512("1234"));
    }

    #[test]
    fn of_two_entries_with_one_name_the_last_counts() {
        assert_eq!(hash_of(&[("a", "old"), ("a", "new")]), sha512("new"));
        assert_eq!(hash_of(&[("a", "old"), ("b", "+"), ("a", "new")]), sha512("new+"));
    }

    #[test]
    fn no_file_hashes_as_nothing() {
        assert_eq!(
            hash_of(&[]),
            "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce\
             47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e"
        );
    }

    #[test]
    fn contents_larger_than_what_is_kept_in_memory_hash_the_same() {
        let large = "x".repeat(IN_MEMORY + 1);
        assert_eq!(hash_of(&[("b", &large), ("a", "1")]), sha512(&format!("1{large}")));
    }
}
