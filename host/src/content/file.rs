//! An open file that must not be modified while it is read.

use crate::error::ContentError;
use bytes::Bytes;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
#[cfg(unix)]
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

/// An open file, from a position to its end, and its state when it was opened.
pub(super) struct OpenFile {
    file: File,
    pub(super) start: u64,
    pub(super) size: u64,
    state: FileState,
}

struct FileState {
    length: u64,
    /// `None` if the platform doesn't provide it.
    modified: Option<SystemTime>,
    /// The time of the last change of content or metadata, in seconds and nanoseconds. Unlike the other time, it can't be set.
    #[cfg(unix)]
    changed: (i64, i64),
    #[cfg(unix)]
    links: u64,
}

impl FileState {
    fn of(file: &File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        Ok(Self {
            length: metadata.len(),
            modified: metadata.modified().ok(),
            #[cfg(unix)]
            changed: (metadata.ctime(), metadata.ctime_nsec()),
            #[cfg(unix)]
            links: metadata.nlink(),
        })
    }

    fn is_modified(&self, before: &Self) -> bool {
        self.length != before.length || self.modified != before.modified
    }

    /// Returns whether content or metadata were changed. Removing or linking a file is not a change.
    fn is_changed(&self, before: &Self) -> bool {
        #[cfg(unix)]
        return self.changed != before.changed && self.links == before.links;
        #[cfg(not(unix))]
        return self.is_modified(before);
    }
}

impl OpenFile {
    /// Takes an open file from its current position.
    pub(super) fn new(mut file: File) -> io::Result<Self> {
        let state = FileState::of(&file)?;
        let start = file.stream_position()?;
        let size = state.length.saturating_sub(start);
        Ok(Self { file, start, size, state })
    }

    /// Reads at a position without moving the file's own, which concurrent readers share.
    pub(super) fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        #[cfg(unix)]
        return std::os::unix::fs::FileExt::read_at(&self.file, buffer, position);
        #[cfg(windows)]
        return std::os::windows::fs::FileExt::seek_read(&self.file, buffer, position);
    }

    /// Checks that the file was not modified since it was opened. If its content is hashed, which notices a modification whose time was reset, the file may
    /// be renamed and its permissions changed.
    pub(super) fn check_unmodified(&self, is_hashed: bool) -> Result<(), ContentError> {
        let state = FileState::of(&self.file).map_err(ContentError::Read)?;
        match state.is_modified(&self.state) || !is_hashed && state.is_changed(&self.state) {
            true => Err(ContentError::Changed),
            false => Ok(()),
        }
    }
}

/// Opens a regular file.
pub(super) fn open(path: &Path) -> Result<File, ContentError> {
    let cannot_open = |error| ContentError::Open(path.to_owned(), error);
    let mut options = OpenOptions::new();
    // Otherwise, opening a FIFO waits for its writer.
    #[cfg(unix)]
    options.custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY);
    let file = options.read(true).open(path).map_err(cannot_open)?;
    match file.metadata().map_err(cannot_open)?.is_file() {
        true => Ok(file),
        false => Err(ContentError::NotAFile(path.to_owned())),
    }
}

/// A reader of content, with a position of its own.
pub struct ContentReader {
    pub(super) source: ReaderSource,
    pub(super) size: u64,
    pub(super) position: u64,
}

pub(super) enum ReaderSource {
    File(Arc<OpenFile>),
    Bytes(Bytes),
}

impl Read for ContentReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.size.saturating_sub(self.position)).unwrap_or(usize::MAX);
        let wanted = buffer.len().min(left);
        let buffer = &mut buffer[..wanted];
        let read = match &self.source {
            ReaderSource::File(file) => file.read_at(buffer, file.start + self.position)?,
            ReaderSource::Bytes(bytes) => {
                let start = self.position.min(self.size) as usize;
                buffer.copy_from_slice(&bytes[start..start + wanted]);
                wanted
            }
        };
        self.position += read as u64;
        Ok(read)
    }
}

impl Seek for ContentReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
            SeekFrom::End(by) => self.size.checked_add_signed(by),
        }
        .ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

impl std::fmt::Debug for ContentReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ContentReader").field("position", &self.position).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Content;
    use std::io::Write;

    #[test]
    #[cfg(unix)]
    fn a_modification_is_noticed_even_if_its_time_is_reset() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app.tar.gz");
        std::fs::write(&path, "package").unwrap();
        let opened = OpenFile::new(open(&path).unwrap()).unwrap();
        let modified = std::fs::metadata(&path).unwrap().modified().unwrap();
        opened.check_unmodified(false).unwrap();
        // Times of files have the resolution of the kernel's clock.
        std::thread::sleep(std::time::Duration::from_millis(50));
        std::fs::write(&path, "PACKAGE").unwrap();
        File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
        assert!(matches!(opened.check_unmodified(false), Err(ContentError::Changed)));
        opened.check_unmodified(true).expect("the hash decides");
    }

    #[test]
    fn a_file_may_be_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app.tar.gz");
        std::fs::write(&path, "package").unwrap();
        let opened = OpenFile::new(open(&path).unwrap()).unwrap();
        std::fs::remove_file(&path).unwrap();
        opened.check_unmodified(false).unwrap();
    }

    #[test]
    fn a_reader_reads_a_part_of_a_file_or_bytes_and_seeks_in_it() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"before, package").unwrap();
        file.seek(SeekFrom::Start(8)).unwrap();
        for content in [Content::from_file(file).unwrap(), Content::from_bytes("package").unwrap()]
        {
            let mut reader = content.reader().unwrap();
            let mut read = String::new();
            reader.read_to_string(&mut read).unwrap();
            assert_eq!(read, "package");
            assert_eq!(reader.seek(SeekFrom::End(-3)).unwrap(), 4);
            read.clear();
            reader.read_to_string(&mut read).unwrap();
            assert_eq!(read, "age");
            assert_eq!(reader.seek(SeekFrom::Start(100)).unwrap(), 100);
            assert_eq!(reader.read(&mut [0; 8]).unwrap(), 0);
        }
    }
}
