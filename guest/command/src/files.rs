//! Files in the folders that the host hands in.

use crate::bindings::wasi::cli::{environment, stdin};
use crate::bindings::wasi::filesystem::preopens;
use crate::bindings::wasi::filesystem::types::{
    Descriptor, DescriptorFlags, DescriptorType, ErrorCode, OpenFlags, PathFlags,
};
use crate::bindings::wasi::io::streams::{InputStream, StreamError};
use std::io::{self, Read, Seek, SeekFrom};

/// A file that is there.
pub(crate) struct File {
    descriptor: Descriptor,
    pub(crate) size: u64,
}

/// Why there is none.
pub(crate) enum NoFile {
    /// There is nothing of this name, in none of the folders that were handed in.
    Missing(String),
    /// It can't be opened.
    Closed(String),
    /// It is a folder or something else.
    NotAFile,
}

impl NoFile {
    pub(crate) fn reason(self) -> String {
        match self {
            Self::Missing(why) | Self::Closed(why) => why,
            Self::NotAFile => "it is not a file".into(),
        }
    }
}

/// Opens a file for reading.
pub(crate) fn open(path: &str) -> Result<File, NoFile> {
    let cwd = environment::initial_cwd();
    let folders = preopens::get_directories();
    let names: Vec<&str> = folders.iter().map(|(_, name)| name.as_str()).collect();
    let Some((index, below)) = resolve(path, &names, cwd.as_deref()) else {
        return Err(NoFile::Missing(
            "no folder that the host hands in has it (with wasmtime: --dir FOLDER)".into(),
        ));
    };
    let (folder, _) = &folders[index];
    let opened = folder.open_at(
        PathFlags::SYMLINK_FOLLOW,
        &below,
        OpenFlags::empty(),
        DescriptorFlags::READ,
    );
    let descriptor = opened.map_err(no_file)?;
    let stat = descriptor.stat().map_err(no_file)?;
    match stat.type_ {
        DescriptorType::RegularFile => Ok(File { descriptor, size: stat.size }),
        _ => Err(NoFile::NotAFile),
    }
}

/// The folder that a path is in, and the path from there: of several the one with the longest name.
fn resolve(path: &str, folders: &[&str], cwd: Option<&str>) -> Option<(usize, String)> {
    let within = |name: &str, path: &str| -> Option<String> {
        let parts = |path: &str| -> Vec<String> {
            path.split('/').filter(|part| !matches!(*part, "" | ".")).map(str::to_owned).collect()
        };
        let (name_parts, path_parts) = (parts(name), parts(path));
        let below = path_parts.strip_prefix(name_parts.as_slice())?;
        (name.starts_with('/') == path.starts_with('/') && !below.is_empty())
            .then(|| below.join("/"))
    };
    let found = |path: &str| {
        let held = folders.iter().enumerate();
        held.filter_map(|(index, name)| Some((name.len(), index, within(name, path)?)))
            .max_by_key(|(length, ..)| *length)
            .map(|(_, index, below)| (index, below))
    };
    let from_cwd = || match cwd {
        Some(cwd) if !path.starts_with('/') => found(&format!("{cwd}/{path}")),
        _ => None,
    };
    found(path).or_else(from_cwd)
}

fn no_file(code: ErrorCode) -> NoFile {
    let why = match code {
        ErrorCode::NoEntry => return NoFile::Missing("No such file or directory".into()),
        ErrorCode::Access => "Permission denied",
        ErrorCode::NotPermitted => "it is outside of the folders that the host hands in",
        ErrorCode::NotDirectory => "Not a directory",
        ErrorCode::Loop => "Too many levels of symbolic links",
        ErrorCode::NameTooLong => "File name too long",
        code => return NoFile::Closed(code.message().to_owned()),
    };
    NoFile::Closed(why.into())
}

impl File {
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
        match self.0.blocking_read(buffer.len() as u64) {
            Ok(bytes) => {
                buffer[..bytes.len()].copy_from_slice(&bytes);
                Ok(bytes.len())
            }
            Err(StreamError::Closed) => Ok(0),
            Err(StreamError::LastOperationFailed(error)) => {
                Err(io::Error::other(error.to_debug_string()))
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
        assert_eq!(resolve("/etc/passwd", &["."], Some("/work")), None);
        assert_eq!(resolve("app.tar.gz", &[], Some("/")), None);
        // A folder is no file in itself.
        assert_eq!(resolve("pkg", &["pkg"], None), None);
    }
}
