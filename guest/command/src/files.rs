//! Files in the folders that the host hands in.

use crate::bindings::wasi::cli::{environment, stdin};
use crate::bindings::wasi::clocks::wall_clock::Datetime;
use crate::bindings::wasi::filesystem::preopens;
use crate::bindings::wasi::filesystem::types::{
    Descriptor, DescriptorFlags, DescriptorStat, DescriptorType, ErrorCode, OpenFlags, PathFlags,
};
use crate::bindings::wasi::io::streams::{InputStream, StreamError};
use std::io::{self, Read, Seek, SeekFrom};

/// A file that is there.
pub(crate) struct File {
    descriptor: Descriptor,
    /// When it was opened.
    pub(crate) size: u64,
    modified: Option<Datetime>,
}

/// Why there is none.
pub(crate) enum NoFile {
    /// There is nothing of this name.
    Missing(String),
    /// It is in none of the folders that were handed in.
    Outside,
    /// It can't be opened.
    Closed(String),
    /// It is a folder or something else.
    NotAFile,
}

/// What is said of a file in none of the folders.
pub(crate) const OUTSIDE: &str = "it is in no folder that the host hands in";

impl NoFile {
    pub(crate) fn reason(self) -> String {
        match self {
            Self::Missing(why) | Self::Closed(why) => why,
            Self::Outside => OUTSIDE.into(),
            Self::NotAFile => "it is not a file".into(),
        }
    }
}

/// Opens a file for reading.
pub(crate) fn open(path: &str) -> Result<File, NoFile> {
    let cwd = environment::initial_cwd();
    let folders = preopens::get_directories();
    let names: Vec<&str> = folders.iter().map(|(_, name)| name.as_str()).collect();
    let found = resolve(path, &names, cwd.as_deref());
    let (index, below) = found.ok_or(NoFile::Outside)?;
    let (folder, _) = &folders[index];
    let follow = PathFlags::SYMLINK_FOLLOW;
    // Looked at before it is opened: opening a FIFO would wait for its writer.
    let looked_at = folder.stat_at(follow, &below).map_err(no_file)?;
    if looked_at.type_ != DescriptorType::RegularFile {
        return Err(NoFile::NotAFile);
    }
    let opened = folder.open_at(follow, &below, OpenFlags::empty(), DescriptorFlags::READ);
    let descriptor = opened.map_err(no_file)?;
    let DescriptorStat { type_, size, data_modification_timestamp: modified, .. } =
        descriptor.stat().map_err(no_file)?;
    match type_ {
        DescriptorType::RegularFile => Ok(File { descriptor, size, modified }),
        _ => Err(NoFile::NotAFile),
    }
}

/// The folder that a path is in, and the path from there: of several the one with the longest name, but rather one that the path doesn't lead
/// out of.
fn resolve(path: &str, folders: &[&str], cwd: Option<&str>) -> Option<(usize, String)> {
    let within = |name: &str, path: &str| -> Option<String> {
        let parts = |path: &str| -> Vec<String> {
            path.split('/').filter(|part| !matches!(*part, "" | ".")).map(str::to_owned).collect()
        };
        let (name_parts, path_parts) = (parts(name), parts(path));
        let below = path_parts.strip_prefix(name_parts.as_slice())?;
        let below = match below {
            [] => ".".to_owned(),
            // What has a slash at its end is a folder, or there is none of its name.
            below if path.ends_with('/') => below.join("/") + "/",
            below => below.join("/"),
        };
        (name.starts_with('/') == path.starts_with('/')).then_some(below)
    };
    let found = |path: &str| {
        let held = folders.iter().enumerate();
        held.filter_map(|(index, name)| Some((name.len(), index, within(name, path)?)))
            .max_by_key(|(length, _, below)| (!leads_out(below), *length))
            .map(|(_, index, below)| (index, below))
    };
    // Where a host names none, the working directory is the root, as it is for programs of wasi-libc.
    let from_cwd = || match path.starts_with('/') {
        true => None,
        false => found(&format!("{}/{path}", cwd.unwrap_or_default())),
    };
    found(path).or_else(from_cwd)
}

/// Whether a path has more ways up than down before them.
fn leads_out(path: &str) -> bool {
    let mut depth = 0;
    path.split('/').any(|part| {
        depth += if part == ".." { -1 } else { 1 };
        depth < 0
    })
}

fn no_file(code: ErrorCode) -> NoFile {
    let why = match code {
        ErrorCode::NoEntry => return NoFile::Missing("No such file or directory".into()),
        ErrorCode::NotPermitted => return NoFile::Outside,
        ErrorCode::Access => "Permission denied",
        ErrorCode::NotDirectory => "Not a directory",
        ErrorCode::Loop => "Too many levels of symbolic links",
        ErrorCode::NameTooLong => "File name too long",
        code => return NoFile::Closed(code.message().to_owned()),
    };
    NoFile::Closed(why.into())
}

impl File {
    /// Whether nothing has been written to it since it was opened, as far as its length and time tell.
    pub(crate) fn is_unwritten(&self) -> bool {
        self.descriptor.stat().is_ok_and(|stat| {
            let time = |time: Option<Datetime>| time.map(|time| (time.seconds, time.nanoseconds));
            let modified = stat.data_modification_timestamp;
            stat.size == self.size && time(modified) == time(self.modified)
        })
    }

    /// The content, from its beginning, for the host to read.
    pub(crate) fn stream(&self) -> io::Result<InputStream> {
        self.descriptor.read_via_stream(0).map_err(|code| io::Error::other(code.message()))
    }

    /// The content, from its beginning, to be read here.
    pub(crate) fn reader(&self) -> Reader<'_> {
        Reader { file: self, position: 0 }
    }

    /// What stands at the beginning, no more than `length` bytes.
    pub(crate) fn head(&self, length: usize) -> io::Result<Vec<u8>> {
        let mut head = Vec::new();
        self.reader().take(length as u64).read_to_end(&mut head)?;
        Ok(head)
    }
}

/// A file as Rust reads one.
pub(crate) struct Reader<'a> {
    file: &'a File,
    position: u64,
}

impl Read for Reader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.descriptor.read(buffer.len() as u64, self.position);
        let (bytes, _) = read.map_err(|code| io::Error::other(code.message()))?;
        buffer[..bytes.len()].copy_from_slice(&bytes);
        self.position += bytes.len() as u64;
        Ok(bytes.len())
    }
}

impl Seek for Reader<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
            SeekFrom::End(by) => self.file.size.checked_add_signed(by),
        }
        .ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

/// Standard input as Rust reads it.
pub(crate) struct Stdin(InputStream);

pub(crate) fn stdin() -> Stdin {
    Stdin(stdin::get_stdin())
}

impl Read for Stdin {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.0.blocking_read(buffer.len() as u64) {
                // A host may wake up with nothing.
                Ok(bytes) if bytes.is_empty() && !buffer.is_empty() => {}
                Ok(bytes) => {
                    buffer[..bytes.len()].copy_from_slice(&bytes);
                    return Ok(bytes.len());
                }
                Err(StreamError::Closed) => return Ok(0),
                Err(StreamError::LastOperationFailed(error)) => {
                    return Err(io::Error::other(error.to_debug_string()));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::resolve;

    #[test]
    fn a_path_is_in_the_folder_with_the_longest_name() {
        let folders = [".", "/", "/work", "/work/app", "pkg"];
        for (path, expected) in [
            ("app.tar.gz", (0, "app.tar.gz")),
            ("./app.tar.gz", (0, "app.tar.gz")),
            ("sub//app.tar.gz", (0, "sub/app.tar.gz")),
            ("pkg/app.tar.gz", (4, "app.tar.gz")),
            ("../app.tar.gz", (0, "../app.tar.gz")),
            ("/etc/app.tar.gz", (1, "etc/app.tar.gz")),
            ("/work/app.tar.gz", (2, "app.tar.gz")),
            ("/work/app/app.tar.gz", (3, "app.tar.gz")),
            ("/work/application", (2, "application")),
        ] {
            let found = resolve(path, &folders, None);
            assert_eq!(found, Some((expected.0, expected.1.to_owned())), "{path}");
        }
    }

    #[test]
    fn without_a_folder_of_that_name_the_working_directory_may_be_in_one() {
        let found = resolve("pkg/app.tar.gz", &["/work"], Some("/work/project"));
        assert_eq!(found, Some((0, "project/pkg/app.tar.gz".to_owned())));
        assert_eq!(resolve("app.tar.gz", &["/work"], None), None);
        let root = Some((0, "pkg/app.tar.gz".to_owned()));
        assert_eq!(resolve("pkg/app.tar.gz", &["/"], None), root);
        assert_eq!(resolve("pkg/app.tar.gz", &["/", "/work"], Some("/")), root);
        assert_eq!(resolve("/etc/passwd", &["."], Some("/work")), None);
        assert_eq!(resolve("app.tar.gz", &[], Some("/")), None);
        // A folder is no file in itself, which it says when it is looked at.
        assert_eq!(resolve("pkg", &["pkg"], None), Some((0, ".".to_owned())));
        assert_eq!(resolve("pkg/app.tar.gz/", &["pkg"], None), Some((0, "app.tar.gz/".to_owned())));
    }

    #[test]
    fn a_way_up_is_taken_where_it_stays_inside() {
        let found = resolve("pkg/../app.tar.gz", &[".", "pkg"], None);
        assert_eq!(found, Some((0, "pkg/../app.tar.gz".to_owned())));
        let out = resolve("pkg/../../app.tar.gz", &[".", "pkg"], None);
        assert_eq!(out, Some((1, "../../app.tar.gz".to_owned())), "which the host refuses");
    }
}
