//! `files_hash`: SHA-512 over the contents of all regular files, one after the other, in the byte order of their full names; of several
//! with one name the last counts.
//!
//! Source: checked by Fastly's users against answers of the API; it is what `fastly compute hash-files` prints.
//!
//! A tar needn't be in that order. Then it is read again, as often as it takes: each time what comes next is hashed as it passes, and
//! what comes soon is kept until its turn, within a bound.

use crate::Limits;
use crate::entries::{self, Kind};
use crate::streams::{self, Hashed, READ, Unpacked, hex};
use sha2::{Digest, Sha512};
use std::collections::BTreeMap;
use std::io::{self, BufReader, Read, Seek, SeekFrom};

/// What may be kept until its turn, in bytes.
const KEPT: u64 = 8 * 1024 * 1024;
/// What all readings together may unpack, in bytes: more only an archive needs that was made for it.
const WORK: u64 = 64 << 30;

/// The length of what `package` has left, in bytes, and its SHA-512 in lower-case hex: the API's `hashsum`.
///
/// # Errors
///
/// When `package` can't be read.
pub fn hashsum(package: impl Read) -> io::Result<(u64, String)> {
    let mut hashed = Hashed::new(package);
    let read = streams::read(&mut hashed, |_| {});
    hashed.failed()?;
    read?;
    Ok(hashed.finish())
}

/// The `files_hash` of the archive from where `package` is to its end, in lower-case hex: what `check` says, without the rest of it.
///
/// `None` where the archive can't be read to its end, or comes to more than the limits.
///
/// # Errors
///
/// When `package` can't be read a second time, as an archive has to be whose files are not in order.
pub fn files_hash(package: &mut (impl Read + Seek), limits: Limits) -> io::Result<Option<String>> {
    let start = package.stream_position()?;
    let mut files = Files::default();
    let mut tar = Unpacked::new(BufReader::with_capacity(READ, &mut *package), limits.unpacked);
    let read = entries::read(&mut tar, limits.entries, |entry, content| {
        if entry.kind == Kind::File {
            files.add(&entry.name, entry.size);
            streams::read(content, |piece| files.content(piece))?;
        }
        Ok(())
    });
    // What follows the last entry belongs to the gzip stream all the same: its checksum is at its end.
    let read = read.and_then(|()| Ok(streams::read(&mut tar, |_| {})?));
    let (_, _, failure) = tar.finish();
    if read.is_err() || failure.is_some() {
        return Ok(None);
    }
    package.seek(SeekFrom::Start(start))?;
    files.hash(package, limits.unpacked)
}

/// The regular files of an archive, as they come.
#[derive(Default)]
pub(crate) struct Files {
    /// By name: which of the files it is, counted as they come, and its length.
    by_name: BTreeMap<Vec<u8>, (usize, u64)>,
    /// How many came.
    came: usize,
    /// Whether one came that belongs before another.
    is_scattered: bool,
    /// The hash so far, until then.
    hash: Sha512,
}

impl Files {
    /// Takes in a file whose content comes in pieces through [`content`](Self::content). Whether there was one of this name before.
    pub(crate) fn add(&mut self, name: &[u8], size: u64) -> bool {
        if self.by_name.last_key_value().is_some_and(|(last, _)| last.as_slice() >= name) {
            self.is_scattered = true;
        }
        let number = self.came;
        self.came += 1;
        self.by_name.insert(name.to_vec(), (number, size)).is_some()
    }

    /// A piece of the last file's content.
    pub(crate) fn content(&mut self, piece: &[u8]) {
        if !self.is_scattered {
            self.hash.update(piece);
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8], u64)> {
        self.by_name.iter().map(|(name, (_, size))| (name.as_slice(), *size))
    }

    pub(crate) fn len(&self) -> usize {
        self.by_name.len()
    }

    /// The hash, in lower-case hex. `package` is where the archive begins, for reading it again, and unpacks to no more than `limit`.
    /// `None` where that would take too many readings.
    pub(crate) fn hash(
        self,
        package: &mut (impl Read + Seek),
        limit: u64,
    ) -> io::Result<Option<String>> {
        match self.is_scattered {
            false => Ok(Some(hex(self.hash))),
            true => Sorting::new(self).hash(package, limit),
        }
    }
}

/// Files that don't come in order.
struct Sorting {
    /// In the order of hashing.
    sizes: Vec<u64>,
    /// By when they come: their place in that order, if they count.
    places: Vec<Option<usize>>,
    /// The place of what is to be hashed next.
    next: usize,
    hash: Sha512,
}

impl Sorting {
    fn new(files: Files) -> Self {
        let mut places = vec![None; files.came];
        let mut sizes = Vec::with_capacity(files.by_name.len());
        for (number, size) in files.by_name.into_values() {
            places[number] = Some(sizes.len());
            sizes.push(size);
        }
        Self { sizes, places, next: 0, hash: Sha512::new() }
    }

    fn hash(mut self, package: &mut (impl Read + Seek), limit: u64) -> io::Result<Option<String>> {
        let start = package.stream_position()?;
        let mut work = 0;
        while self.next < self.sizes.len() {
            if work > WORK {
                return Ok(None);
            }
            package.seek(SeekFrom::Start(start))?;
            let mut tar = Unpacked::new(BufReader::with_capacity(READ, &mut *package), limit);
            self.pass(&mut tar)?;
            let (unpacked, ..) = tar.finish();
            work += unpacked;
        }
        Ok(Some(hex(self.hash)))
    }

    /// Reads the archive once. What is next is somewhere in it, so that each pass hashes that at least.
    fn pass(&mut self, tar: impl Read) -> io::Result<()> {
        let (before, soon) = (self.next, self.soon());
        let mut kept: BTreeMap<usize, Vec<u8>> = BTreeMap::new();
        let mut number = 0;
        let read = entries::read(tar, usize::MAX, |entry, content| {
            if entry.kind != Kind::File {
                return Ok(());
            }
            let place = self.places.get(number).copied().flatten();
            number += 1;
            match place {
                Some(place) if place == self.next => {
                    let hash = &mut self.hash;
                    streams::read(content, |piece| hash.update(piece))?;
                    self.next += 1;
                }
                Some(place) if place > self.next && place < soon && entry.size <= KEPT => {
                    let mut bytes = Vec::new();
                    content.read_to_end(&mut bytes)?;
                    kept.insert(place, bytes);
                }
                _ => {}
            }
            while let Some(bytes) = kept.remove(&self.next) {
                self.hash.update(&bytes);
                self.next += 1;
            }
            Ok(())
        });
        match read {
            Ok(()) if self.next > before => Ok(()),
            Err(entries::Fault::Tar(error)) => Err(error),
            // It was read before, and what isn't the same now was written to meanwhile.
            Ok(()) | Err(entries::Fault::TooMany | entries::Fault::Sparse(_)) => Err(changed()),
        }
    }

    /// The place up to which files may be kept: those that are too long for it pass by.
    fn soon(&self) -> usize {
        let mut left = KEPT;
        let later = self.sizes[self.next..].iter();
        let fits = |size: &&u64| match left.checked_sub(**size) {
            Some(rest) => {
                left = rest;
                true
            }
            None => **size > KEPT,
        };
        self.next + later.take_while(fits).count()
    }
}

fn changed() -> io::Error {
    io::Error::other("it was written to while it was read")
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

    /// The hash, and how many times the archive was read for it after the first time.
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

    /// Counts how many times it is read from its beginning.
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
    fn a_content_has_a_length_and_a_hash() {
        let (size, hash) = hashsum(&b"abc"[..]).unwrap();
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
    fn no_file_hashes_as_nothing() {
        assert_eq!(hash_of(&[]), (sha512(""), 0));
    }

    #[test]
    fn what_is_too_long_to_keep_is_hashed_when_it_passes_in_its_turn() {
        let long = |byte| vec![byte; KEPT as usize + 1];
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
    fn no_more_is_kept_than_may_be() {
        let backwards: Vec<_> =
            (0..20u8).rev().map(|n| (format!("{n:02}"), vec![n; 1024 * 1024])).collect();
        let all: Vec<u8> = (0..20u8).flat_map(|n| vec![n; 1024 * 1024]).collect();
        let (hash, readings) = hash_of(&backwards);
        assert_eq!(hash, sha512(all));
        assert_eq!(readings, 3);
    }
}
