use std::fmt;
use std::io;

/// Why an archive is no package.
#[derive(Debug)]
#[non_exhaustive]
pub enum ArchiveError {
    /// The reader itself failed; the archive wasn't judged.
    Read(io::Error),
    /// The temporary file failed; the archive wasn't judged.
    Spool(io::Error),
    /// It doesn't begin as gzip does (`1f 8b`); an empty file is such a one.
    NotGzip,
    /// The gzip stream is damaged or ends early.
    Gzip(io::Error),
    /// What was compressed is no tar, or a damaged one.
    Tar(io::Error),
    /// It unpacks to more than the limit, in bytes or in entries.
    TooLarge,
    /// `fastly.toml` or `bin/main.wasm` lie at the archive's root: there is no top directory. Such
    /// archives, with entries that begin with `./`, began to fail in October 2025.
    NoTopDirectory,
    /// There is no `<top>/fastly.toml`.
    NoManifest,
    /// There is no `<top>/bin/main.wasm` beside `<top>/fastly.toml`.
    NoWasm,
    /// `fastly.toml` isn't TOML, isn't UTF-8, or is larger than 1 MiB.
    Manifest(String),
}

impl fmt::Display for ArchiveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(error) => write!(f, "the package could not be read: {error}"),
            Self::Spool(error) => write!(f, "the temporary file failed: {error}"),
            Self::NotGzip => f.write_str("not gzip"),
            Self::Gzip(error) => write!(f, "damaged gzip: {error}"),
            Self::Tar(error) => write!(f, "damaged tar: {error}"),
            Self::TooLarge => f.write_str("unpacks to more than the limit"),
            Self::NoTopDirectory => f.write_str("the entries have no top directory"),
            Self::NoManifest => f.write_str("no <top>/fastly.toml"),
            Self::NoWasm => f.write_str("no <top>/bin/main.wasm"),
            Self::Manifest(reason) => write!(f, "fastly.toml: {reason}"),
        }
    }
}

impl std::error::Error for ArchiveError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Read(error) | Self::Spool(error) | Self::Gzip(error) | Self::Tar(error) => {
                Some(error)
            }
            _ => None,
        }
    }
}
