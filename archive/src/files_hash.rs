//! Computes `files_hash`: the SHA-512 of the contents of all regular files, in the byte order of their full names. If several files have the
//! same name, the last one counts.
//!
//! Source: `fastly compute hash-files` prints it (fastly/cli, `pkg/commands/compute/hashfiles.go`), and it was compared with responses of the
//! API.
//!
//! If a tar is in another order, it is read several times. Each time, the next files in the order are hashed. Files that follow soon in the
//! order are kept in memory, within a limit.

use crate::entries::{self, Error, Kind, ReadLimits};
use crate::streams::{self, Hashed, READ, hex};
use fastly_package_core::digest::Digest;
use sha2::{Digest as _, Sha512};
use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};

/// Limit on the files kept in memory, in bytes.
const MAX_KEPT: u64 = 8 * 1024 * 1024;
/// Limit on the bytes unpacked by all readings together. Only malicious archives need more.
const MAX_UNPACKED: u64 = 64 << 30;

/// Returns the digest of the rest of `package`.
///
/// # Errors
///
/// If `package` can't be read.
pub fn digest(package: impl Read) -> io::Result<Digest> {
    Hashed::new(package).finish()
}

/// Returns the `files_hash` of the rest of `package`, in lower-case hex.
///
/// Returns `None` if the archive can't be read to its end, or exceeds the limits.
///
/// # Errors
///
/// If `package` can't be read again, which is necessary if its files are not sorted by name.
pub fn files_hash(
    package: &mut (impl Read + Seek),
    limits: ReadLimits,
) -> io::Result<Option<String>> {
    let start = package.stream_position()?;
    let mut files = Files::default();
    let reader = BufReader::with_capacity(READ, &mut *package);
    let (_, result) = entries::read(reader, limits, |entry, content| {
        if entry.kind == Kind::File {
            files.add(&entry.name, entry.size);
            streams::read(content, |piece| files.content(piece))?;
        }
        Ok(())
    });
    if result.is_err() {
        return Ok(None);
    }
    package.seek(SeekFrom::Start(start))?;
    files.hash(package, limits.unpacked)
}

/// The regular files of an archive.
#[derive(Default)]
pub(crate) struct Files {
    /// By name: the index of the file in the archive, and its length.
    by_name: BTreeMap<Vec<u8>, (usize, u64)>,
    /// Number of files in the archive, including those that a later one repositions.
    count: usize,
    is_unsorted: bool,
    /// The hash so far, unless the files are unsorted.
    hash: Sha512,
}

impl Files {
    /// Adds a file, whose content is passed to [`content`](Self::content) in pieces. Returns whether it repositions one with the same name.
    pub(crate) fn add(&mut self, name: &[u8], size: u64) -> bool {
        if self.by_name.last_key_value().is_some_and(|(last, _)| last.as_slice() >= name) {
            self.is_unsorted = true;
        }
        let index = self.count;
        self.count += 1;
        self.by_name.insert(name.to_vec(), (index, size)).is_some()
    }

    /// Hashes a piece of the last file's content.
    pub(crate) fn content(&mut self, piece: &[u8]) {
        if !self.is_unsorted {
            self.hash.update(piece);
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8], u64)> {
        self.by_name.iter().map(|(name, (_, size))| (name.as_slice(), *size))
    }

    /// Returns the hash, in lower-case hex, or `None` if that takes too long. `package` is at the start of the archive, so that it can be read
    /// again, and `limit` is that of the unpacked archive.
    pub(crate) fn hash(
        self,
        package: &mut (impl Read + Seek),
        limit: u64,
    ) -> io::Result<Option<String>> {
        if self.is_unsorted {
            return Unsorted::new(self).hash(package, limit);
        }
        Ok(Some(hex(self.hash)))
    }
}

/// Files that aren't sorted by name.
struct Unsorted {
    /// The lengths of the files in the order of their names.
    sizes: Vec<u64>,
    /// For each file of the archive, its position in that order, or `None` if a later file repositions it.
    positions: Vec<Option<usize>>,
    /// The position of the next file to hash.
    next: usize,
    hash: Sha512,
}

impl Unsorted {
    fn new(files: Files) -> Self {
        let mut positions = vec![None; files.count];
        let mut sizes = Vec::with_capacity(files.by_name.len());
        for (index, size) in files.by_name.into_values() {
            positions[index] = Some(sizes.len());
            sizes.push(size);
        }
        Self { sizes, positions, next: 0, hash: Sha512::new() }
    }

    fn hash(mut self, package: &mut (impl Read + Seek), limit: u64) -> io::Result<Option<String>> {
        let start = package.stream_position()?;
        let mut unpacked = 0;
        while self.next < self.sizes.len() {
            if unpacked > MAX_UNPACKED {
                return Ok(None);
            }
            package.seek(SeekFrom::Start(start))?;
            unpacked += self.pass(BufReader::with_capacity(READ, &mut *package), limit)?;
        }
        Ok(Some(hex(self.hash)))
    }

    /// Reads the archive once, and hashes at least the next file. Returns the unpacked size.
    fn pass(&mut self, package: impl BufRead, unpacked: u64) -> io::Result<u64> {
        let (before, end) = (self.next, self.end_of_kept());
        let mut kept: BTreeMap<usize, Vec<u8>> = BTreeMap::new();
        let mut index = 0;
        let limits = ReadLimits { unpacked, entries: usize::MAX };
        let (unpacked, result) = entries::read(package, limits, |entry, content| {
            if entry.kind != Kind::File {
                return Ok(());
            }
            let position = self.positions.get(index).copied().flatten();
            index += 1;
            match position {
                Some(position) if position == self.next => {
                    let hash = &mut self.hash;
                    streams::read(content, |piece| hash.update(piece))?;
                    self.next += 1;
                }
                Some(position)
                    if (self.next..end).contains(&position) && entry.size <= MAX_KEPT =>
                {
                    let mut bytes = Vec::new();
                    content.read_to_end(&mut bytes)?;
                    kept.insert(position, bytes);
                }
                _ => {}
            }
            while let Some(bytes) = kept.remove(&self.next) {
                self.hash.update(&bytes);
                self.next += 1;
            }
            Ok(())
        });
        match result {
            Ok(_) if self.next > before => Ok(unpacked),
            Err(Error::Gzip(error) | Error::Tar(error)) => Err(error),
            // The first reading succeeded.
            _ => Err(io::Error::other("the file was modified while it was read")),
        }
    }

    /// Returns the position up to which files are kept, except for those above the limit.
    fn end_of_kept(&self) -> usize {
        let mut left = MAX_KEPT;
        let later = self.sizes[self.next..].iter();
        let fits = |size: &&u64| {
            let rest = left.checked_sub(**size);
            left = rest.unwrap_or(left);
            rest.is_some() || **size > MAX_KEPT
        };
        self.next + later.take_while(fits).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Cursor;

    fn archive(entries: &[(String, Vec<u8>)]) -> Vec<u8> {
        let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        for (name, content) in entries {
            let mut header = tar::Header::new_ustar();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            tar.append_data(&mut header, name, content.as_slice()).unwrap();
        }
        tar.into_inner().unwrap().finish().unwrap()
    }

    /// Returns the hash, and how many times the archive was read again.
    fn hash_of(entries: &[(String, Vec<u8>)]) -> (String, usize) {
        let package = archive(entries);
        let mut files = Files::default();
        for (name, content) in entries {
            files.add(name.as_bytes(), content.len() as u64);
            files.content(content);
        }
        let mut package = Counted(Cursor::new(package), 0);
        (files.hash(&mut package, u64::MAX).unwrap().unwrap(), package.1)
    }

    /// Counts how many times it is read from its start.
    struct Counted(Cursor<Vec<u8>>, usize);

    impl Read for Counted {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.1 += usize::from(self.0.position() == 0);
            self.0.read(buffer)
        }
    }

    impl Seek for Counted {
        fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
            self.0.seek(to)
        }
    }

    fn text(entries: &[(&str, &str)]) -> Vec<(String, Vec<u8>)> {
        entries.iter().map(|(name, content)| ((*name).into(), content.as_bytes().into())).collect()
    }

    fn sha512(bytes: impl AsRef<[u8]>) -> String {
        hex(Sha512::new_with_prefix(bytes))
    }

    #[test]
    fn a_digest_has_a_length_and_a_hash() {
        let digest = digest(&b"abc"[..]).unwrap();
        let (size, hash) = (digest.size, digest.hashsum());
        // FIPS 180-4's example.
        assert_eq!((size, &hash[..16], &hash[112..]), (3, "ddaf35a193617aba", "2a9ac94fa54ca49f"));
    }

    #[test]
    fn the_contents_are_hashed_in_the_byte_order_of_the_names() {
        let sorted = text(&[("a/B", "1"), ("a/a", "2"), ("a/b/c", "3"), ("a/b1", "4")]);
        assert_eq!(hash_of(&sorted), (sha512("1234"), 0));
        let unsorted = text(&[("a/b1", "4"), ("a/a", "2"), ("a/B", "1"), ("a/b/c", "3")]);
        assert_eq!(hash_of(&unsorted), (sha512("1234"), 1));
    }

    #[test]
    fn of_several_entries_with_one_name_the_last_counts() {
        assert_eq!(hash_of(&text(&[("a", "old"), ("a", "new")])), (sha512("new"), 1));
        let apart = text(&[("a", "old"), ("b", "+"), ("a", "new")]);
        assert_eq!(hash_of(&apart), (sha512("new+"), 1));
    }

    #[test]
    fn the_hash_of_no_files_is_that_of_no_bytes() {
        assert_eq!(hash_of(&[]), (sha512(""), 0));
    }

    #[test]
    fn files_that_are_too_long_to_keep_are_hashed_in_later_readings() {
        let long = |byte| vec![byte; MAX_KEPT as usize + 1];
        let backwards: Vec<(String, Vec<u8>)> = vec![
            ("d".into(), b"4".to_vec()),
            ("c".into(), long(b'3')),
            ("b".into(), long(b'2')),
            ("a".into(), b"1".to_vec()),
        ];
        let all = [b"1".to_vec(), long(b'2'), long(b'3'), b"4".to_vec()].concat();
        assert_eq!(hash_of(&backwards), (sha512(all), 3));
    }

    #[test]
    fn files_are_kept_within_the_limit() {
        let backwards: Vec<_> =
            (0..20u8).rev().map(|n| (format!("{n:02}"), vec![n; 1024 * 1024])).collect();
        let all: Vec<u8> = (0..20u8).flat_map(|n| vec![n; 1024 * 1024]).collect();
        let (hash, readings) = hash_of(&backwards);
        assert_eq!(hash, sha512(all));
        assert_eq!(readings, 3);
    }
}
