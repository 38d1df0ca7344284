//! What can be wrong with a package, in words.

use crate::{NotAPackage, SIZE_LIMIT};
use std::fmt;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The API refuses the upload, or the version can't be activated.
    Error,
    /// It may surprise.
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

/// Entries of one kind: the first of them, and how many there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entries {
    /// The name of the first, as it comes in the archive.
    pub first: String,
    /// How many there are.
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

/// Something that is wrong with a package. Its `Display` says what; [`hint`](Self::hint), what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Finding {
    /// It is longer than the API takes.
    TooLarge {
        /// In bytes.
        size: u64,
    },
    /// It doesn't begin as gzip does, but as something else; an empty file is such a one.
    NotGzip(NotAPackage),
    /// The gzip stream is damaged or ends early.
    Gzip(String),
    /// What is compressed is no tar archive, or a damaged one.
    Tar(String),
    /// It unpacks to more than the limit: it was read up to there.
    Unpacks(u64),
    /// It has more entries than the limit, or longer names: it was read up to there.
    TooManyEntries(usize),
    /// `fastly.toml` or `bin/main.wasm` lie at the archive's root: no folder holds them.
    NoTopFolder,
    /// There is no `<top>/fastly.toml`.
    NoManifest,
    /// There is a `<top>/fastly.toml`, but no `<top>/bin/main.wasm`.
    NoWasm {
        /// The folder.
        top: String,
    },
    /// `fastly.toml` can't be read.
    Manifest(String),
    /// Fields that `fastly.toml` should have.
    MissingFields(Vec<&'static str>),
    /// `bin/main.wasm` isn't WebAssembly.
    NotWasm,
    /// `bin/main.wasm` isn't valid.
    InvalidWasm(String),
    /// `bin/main.wasm` is a component.
    Component,
    /// `bin/main.wasm` has parts that are too large to be validated here.
    Unvalidated(String),
    /// Entries outside of the top folder.
    Outside(Entries),
    /// Names that begin with `./`.
    DotSlash(Entries),
    /// Names that begin with `/`.
    Absolute(Entries),
    /// Names with `..` in them.
    Parent(Entries),
    /// Names that come more than once.
    Duplicates(Entries),
    /// Links that lead out of the top folder.
    LinksOut(Entries),
    /// Neither files nor folders nor links.
    Special(Entries),
    /// What macOS leaves beside files: `.DS_Store`, `._NAME`, `__MACOSX`.
    MacOs(Entries),
    /// A file with holes, of which a tar has only what is around them: it was read up to there.
    Sparse(String),
    /// Something else follows the gzip stream.
    Trailing,
    /// `files_hash` would take too long: the files come in too different an order.
    Scattered,
}

impl Finding {
    /// How bad it is.
    pub fn severity(&self) -> Severity {
        match self {
            Self::NotWasm | Self::InvalidWasm(_) | Self::Sparse(_) => Severity::Error,
            finding if finding.refuses_upload() => Severity::Error,
            _ => Severity::Warning,
        }
    }

    /// Whether the API refuses the upload for it. It judges the wasm later: when the version is activated.
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

    /// Whether what follows in the archive wasn't read.
    pub(super) fn ends_the_reading(&self) -> bool {
        matches!(
            self,
            Self::NotGzip(_)
                | Self::Gzip(_)
                | Self::Tar(_)
                | Self::Unpacks(_)
                | Self::TooManyEntries(_)
                | Self::Sparse(_)
        )
    }

    /// What to do.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => {
                "`fastly-package check` lists its largest files; `wasm-opt -Os --strip-debug` often halves a main.wasm"
            }
            Self::NotGzip(_) => "`fastly compute build` writes the package to pkg/NAME.tar.gz",
            Self::Gzip(_) | Self::Tar(_) => {
                "it was cut or changed on its way: build it, or fetch it, again"
            }
            Self::Unpacks(_) | Self::TooManyEntries(_) => {
                "leave out what isn't needed: only fastly.toml and bin/main.wasm are"
            }
            Self::NoTopFolder => {
                "pack the folder itself, not what is in it: tar -czf app.tar.gz app (and not tar -C app .)"
            }
            Self::NoManifest | Self::NoWasm { .. } => {
                "a package has NAME/fastly.toml and NAME/bin/main.wasm, in one folder NAME"
            }
            Self::Manifest(_) => {
                "the manifest is TOML: https://www.fastly.com/documentation/reference/compute/fastly-toml"
            }
            Self::NotWasm | Self::InvalidWasm(_) => {
                "the upload is taken, but the version can't be activated: compile it again"
            }
            Self::Component => {
                "Compute's own toolchains make core modules, for wasm32-wasip1: it may not be activated"
            }
            Self::Absolute(_) | Self::Parent(_) | Self::Outside(_) => {
                "pack one folder, by a relative name"
            }
            Self::Duplicates(_) => "the last of each counts",
            Self::LinksOut(_) => "pack the files themselves: tar --dereference --hard-dereference",
            Self::Special(_) => "leave them out",
            Self::MacOs(_) => "leave them out: COPYFILE_DISABLE=1 tar --exclude .DS_Store",
            Self::MissingFields(_) => "add them: they are shown beside the package",
            Self::DotSlash(_) => "pack the folder by its name: tar -czf app.tar.gz app",
            Self::Unvalidated(_) => "validate it by itself: wasm-tools validate main.wasm",
            Self::Sparse(_) => "pack it again, without --sparse",
            Self::Trailing => {
                "what follows isn't part of the package: cut it off, or pack it again"
            }
            Self::Scattered => "pack the files in the order of their names: tar --sort=name",
        }
    }

    /// A name that stays as it is, for programs.
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
                write!(f, "it is larger than the API takes: {size} bytes of {SIZE_LIMIT}")
            }
            Self::NotGzip(what) => what.fmt(f),
            Self::Gzip(why) => write!(f, "its gzip compression is damaged: {why}"),
            Self::Tar(why) => {
                write!(f, "what is compressed in it is no tar archive, or is damaged: {why}")
            }
            Self::Unpacks(limit) => {
                write!(f, "it unpacks to more than {limit} bytes; the rest wasn't read")
            }
            Self::TooManyEntries(limit) => {
                write!(
                    f,
                    "it has more than {limit} entries, or too long names; the rest wasn't read"
                )
            }
            Self::NoTopFolder => f.write_str("its files lie at its root: no folder holds them"),
            Self::NoManifest => f.write_str("there is no fastly.toml in its top folder"),
            Self::NoWasm { top } => {
                write!(f, "there is no {top}/bin/main.wasm beside {top}/fastly.toml")
            }
            Self::Manifest(why) => write!(f, "fastly.toml can't be read: {why}"),
            Self::MissingFields(fields) => {
                write!(f, "fastly.toml doesn't say {}", fields.join(", "))
            }
            Self::NotWasm => f.write_str("bin/main.wasm isn't WebAssembly"),
            Self::InvalidWasm(why) => write!(f, "bin/main.wasm isn't valid: {why}"),
            Self::Component => f.write_str("bin/main.wasm is a component"),
            Self::Unvalidated(why) => write!(f, "bin/main.wasm wasn't validated whole: {why}"),
            Self::Outside(entries) => write!(f, "outside of the top folder: {entries}"),
            Self::DotSlash(entries) => write!(f, "names that begin with ./: {entries}"),
            Self::Absolute(entries) => write!(f, "names that begin with /: {entries}"),
            Self::Parent(entries) => write!(f, "names with .. in them: {entries}"),
            Self::Duplicates(entries) => write!(f, "more than once: {entries}"),
            Self::LinksOut(entries) => {
                write!(f, "links that lead out of the top folder: {entries}")
            }
            Self::Special(entries) => write!(f, "neither files nor folders: {entries}"),
            Self::MacOs(entries) => write!(f, "left there by macOS: {entries}"),
            Self::Sparse(name) => {
                write!(f, "it has sparse files, which can't be read here: {name}")
            }
            Self::Trailing => f.write_str("something else follows the compressed archive"),
            Self::Scattered => {
                f.write_str("files_hash would take too long: the files are in another order")
            }
        }
    }
}
