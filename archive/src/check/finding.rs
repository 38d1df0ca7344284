//! The problems that a package can have.

use crate::{NotAPackage, SIZE_LIMIT};
use std::fmt;

/// The severity of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The API refuses the upload, or the version can't be activated.
    Error,
    /// The API accepts the package, but the result may be unexpected.
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}

/// The entries that a finding is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entries {
    /// The name of the first entry, as in the archive.
    pub first: String,
    /// Number of entries.
    pub count: usize,
}

impl fmt::Display for Entries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.count {
            1 => f.write_str(&self.first),
            count => write!(f, "{} and {} more", self.first, count - 1),
        }
    }
}

/// A problem of a package. `Display` describes it, and [`hint`](Self::hint) suggests a solution.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Finding {
    /// The package exceeds the API's size limit.
    TooLarge {
        /// In bytes.
        size: u64,
    },
    /// The file doesn't start like gzip, or is empty.
    NotGzip(NotAPackage),
    /// The gzip stream is damaged or ends early.
    Gzip(String),
    /// The compressed data is not a tar archive, or is damaged.
    Tar(String),
    /// The unpacked archive exceeds the limit in bytes. The rest wasn't read.
    Unpacks(u64),
    /// The number of entries exceeds the limit, or names are too long. The rest wasn't read.
    TooManyEntries(usize),
    /// `fastly.toml` or `bin/main.wasm` is at the archive root instead of in a top-level folder.
    NoTopFolder,
    /// `<top>/fastly.toml` is missing.
    NoManifest,
    /// `<top>/bin/main.wasm` is missing, next to a `<top>/fastly.toml`.
    NoWasm {
        /// The top-level folder.
        top: String,
    },
    /// `fastly.toml` can't be read.
    Manifest(String),
    /// Fields are missing from `fastly.toml`.
    MissingFields(Vec<&'static str>),
    /// `bin/main.wasm` isn't WebAssembly.
    NotWasm,
    /// `bin/main.wasm` is invalid.
    InvalidWasm(String),
    /// `bin/main.wasm` is a component.
    Component,
    /// `bin/main.wasm` has parts that are too large to be validated.
    Unvalidated(String),
    /// Entries outside of the top-level folder.
    Outside(Entries),
    /// Names that start with `./`.
    DotSlash(Entries),
    /// Names that start with `/`.
    Absolute(Entries),
    /// Names that contain `..`.
    Parent(Entries),
    /// Names that occur more than once.
    Duplicates(Entries),
    /// Links to targets outside of the top-level folder.
    LinksOut(Entries),
    /// Entries that are neither files, folders nor links.
    Special(Entries),
    /// Files that macOS creates: `.DS_Store`, `._NAME`, `__MACOSX`.
    MacOs(Entries),
    /// A sparse file, which isn't supported. The rest wasn't read.
    Sparse(String),
    /// Other data follows the gzip stream.
    Trailing,
    /// The files are so far from sorted by name that `files_hash` would take too long.
    Scattered,
}

impl Finding {
    /// Returns the severity.
    pub fn severity(&self) -> Severity {
        match self {
            Self::NotWasm | Self::InvalidWasm(_) | Self::Sparse(_) => Severity::Error,
            finding if finding.refuses_upload() => Severity::Error,
            _ => Severity::Warning,
        }
    }

    /// Returns whether the API refuses the upload because of it. The API checks the wasm only when the version is activated.
    pub fn refuses_upload(&self) -> bool {
        matches!(
            self,
            Self::TooLarge { .. }
                | Self::NotGzip(_)
                | Self::Gzip(_)
                | Self::Tar(_)
                | Self::Unpacks(_)
                | Self::TooManyEntries(_)
                | Self::NoTopFolder
                | Self::NoManifest
                | Self::NoWasm { .. }
                | Self::Manifest(_)
        )
    }

    /// Suggests a solution.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => {
                "leave out files that aren't needed; `wasm-opt -Os --strip-debug` often halves the size of main.wasm"
            }
            Self::NotGzip(_) => "`fastly compute build` writes the package to pkg/NAME.tar.gz",
            Self::Gzip(_) | Self::Tar(_) => {
                "the file may have been truncated or modified; build or download it again"
            }
            Self::Unpacks(_) | Self::TooManyEntries(_) => {
                "leave out files that aren't needed; only fastly.toml and bin/main.wasm are required"
            }
            Self::NoTopFolder => {
                "archive the folder itself instead of its contents: tar -czf app.tar.gz app (not tar -C app .)"
            }
            Self::NoManifest | Self::NoWasm { .. } => {
                "a package contains NAME/fastly.toml and NAME/bin/main.wasm in one folder NAME"
            }
            Self::Manifest(_) => {
                "for the format, see https://www.fastly.com/documentation/reference/compute/fastly-toml"
            }
            Self::NotWasm | Self::InvalidWasm(_) => {
                "the upload succeeds, but the version can't be activated; compile main.wasm again"
            }
            Self::Component => {
                "the version may fail to activate; Compute's toolchains build core modules for wasm32-wasip1"
            }
            Self::Absolute(_) | Self::Parent(_) | Self::Outside(_) => {
                "archive a single folder by its relative path"
            }
            Self::Duplicates(_) => "the last entry with each name is used",
            Self::LinksOut(_) => {
                "archive the linked files themselves: tar --dereference --hard-dereference"
            }
            Self::Special(_) => "leave out these entries",
            Self::MacOs(_) => "leave out these files: COPYFILE_DISABLE=1 tar --exclude .DS_Store",
            Self::MissingFields(_) => "add the fields; the API reports them with the package",
            Self::DotSlash(_) => "archive the folder by its name: tar -czf app.tar.gz app",
            Self::Unvalidated(_) => "validate it separately: wasm-tools validate main.wasm",
            Self::Sparse(_) => "create the archive without --sparse",
            Self::Trailing => "remove the data after the archive, or create the archive again",
            Self::Scattered => "sort the files by name: tar --sort=name",
        }
    }

    /// Returns a stable name, for programs.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "too_large",
            Self::NotGzip(_) => "not_gzip",
            Self::Gzip(_) => "gzip",
            Self::Tar(_) => "tar",
            Self::Unpacks(_) => "unpacks",
            Self::TooManyEntries(_) => "too_many_entries",
            Self::NoTopFolder => "no_top_folder",
            Self::NoManifest => "no_manifest",
            Self::NoWasm { .. } => "no_wasm",
            Self::Manifest(_) => "manifest",
            Self::MissingFields(_) => "missing_fields",
            Self::NotWasm => "not_wasm",
            Self::InvalidWasm(_) => "invalid_wasm",
            Self::Component => "component",
            Self::Unvalidated(_) => "unvalidated",
            Self::Outside(_) => "outside",
            Self::DotSlash(_) => "dot_slash",
            Self::Absolute(_) => "absolute",
            Self::Parent(_) => "parent",
            Self::Duplicates(_) => "duplicates",
            Self::LinksOut(_) => "links_out",
            Self::Special(_) => "special",
            Self::MacOs(_) => "mac_os",
            Self::Sparse(_) => "sparse",
            Self::Trailing => "trailing",
            Self::Scattered => "scattered",
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { size } => {
                write!(f, "the package has {size} bytes; the API accepts at most {SIZE_LIMIT}")
            }
            Self::NotGzip(reason) => reason.fmt(f),
            Self::Gzip(why) => write!(f, "the gzip compression is damaged: {why}"),
            Self::Tar(why) => {
                write!(f, "the compressed data is not a tar archive, or is damaged: {why}")
            }
            Self::Unpacks(limit) => {
                write!(f, "the archive unpacks to more than {limit} bytes; the rest wasn't read")
            }
            Self::TooManyEntries(limit) => {
                write!(
                    f,
                    "the archive has more than {limit} entries, or its names are too long; the rest wasn't read"
                )
            }
            Self::NoTopFolder => f.write_str(
                "files are at the archive root; they must be inside one top-level folder",
            ),
            Self::NoManifest => f.write_str("there is no fastly.toml in a top-level folder"),
            Self::NoWasm { top } => {
                write!(f, "there is no {top}/bin/main.wasm next to {top}/fastly.toml")
            }
            Self::Manifest(why) => write!(f, "fastly.toml can't be read: {why}"),
            Self::MissingFields(fields) => {
                write!(f, "fastly.toml is missing: {}", fields.join(", "))
            }
            Self::NotWasm => f.write_str("bin/main.wasm isn't WebAssembly"),
            Self::InvalidWasm(why) => write!(f, "bin/main.wasm is invalid: {why}"),
            Self::Component => f.write_str("bin/main.wasm is a component"),
            Self::Unvalidated(why) => write!(f, "bin/main.wasm wasn't fully validated: {why}"),
            Self::Outside(entries) => write!(f, "outside of the top-level folder: {entries}"),
            Self::DotSlash(entries) => write!(f, "names that start with ./: {entries}"),
            Self::Absolute(entries) => write!(f, "names that start with /: {entries}"),
            Self::Parent(entries) => write!(f, "names that contain ..: {entries}"),
            Self::Duplicates(entries) => write!(f, "duplicate names: {entries}"),
            Self::LinksOut(entries) => {
                write!(f, "links to outside of the top-level folder: {entries}")
            }
            Self::Special(entries) => write!(f, "neither files nor folders: {entries}"),
            Self::MacOs(entries) => write!(f, "created by macOS: {entries}"),
            Self::Sparse(name) => write!(f, "sparse files aren't supported: {name}"),
            Self::Trailing => f.write_str("there is other data after the compressed archive"),
            Self::Scattered => {
                f.write_str("files_hash would take too long: the files aren't sorted by name")
            }
        }
    }
}
