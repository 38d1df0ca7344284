//! Reads a package to its end.
//!
//! [`check`] reads one as a stream, in constant memory, and says what is in it, what the API would refuse, and what may surprise.
//!
//! ```no_run
//! use fastly_package_archive::{Limits, check};
//!
//! let mut file = std::fs::File::open("pkg/app.tar.gz")?;
//! let report = check(&mut file, Limits::default())?;
//! for finding in &report.findings {
//!     println!("{}: {finding}", finding.severity());
//! }
//! # Ok::<(), std::io::Error>(())
//! ```

mod finding;
mod layout;
mod manifest;
mod wasm;

use crate::entries::{self, Entry, Fault, Kind};
use crate::files_hash::Files;
use crate::streams::{self, Hashed, READ, Unpacked, Unpacking};
use crate::{HEAD, Limits, Look, NotAPackage, SIZE_LIMIT, look};
pub use finding::{Entries, Finding, Severity};
use layout::{Layout, Required, Top};
use manifest::MAX_MANIFEST;
pub use manifest::Manifest;
use std::io::{self, Read, Seek, SeekFrom};
pub use wasm::{Format, Validity, Wasm};

/// How many of the largest files a report names.
const LARGEST: usize = 5;

/// What an archive is.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Report {
    /// Length of the `.tar.gz`, in bytes.
    pub size: u64,
    /// SHA-512 of the `.tar.gz`, in lower-case hex.
    pub hashsum: String,
    /// What it unpacks to, in bytes, as far as it could be read.
    pub unpacked: u64,
    /// Regular files; of several with one name, one.
    pub files: usize,
    /// SHA-512 over the contents of all regular files in the byte order of their names, in lower-case hex: what
    /// `fastly compute hash-files` prints. `None` where the archive can't be read to its end.
    pub files_hash: Option<String>,
    /// The folder that holds everything.
    pub top: Option<String>,
    /// The largest files, and their lengths in bytes.
    pub largest: Vec<(String, u64)>,
    /// What `fastly.toml` says, where it can be read.
    pub manifest: Option<Manifest>,
    /// What `bin/main.wasm` is, where there is one.
    pub wasm: Option<Wasm>,
    /// What is wrong with it: errors first.
    pub findings: Vec<Finding>,
}

impl Report {
    /// Whether the API would refuse it, at the upload or when the version is activated.
    pub fn has_errors(&self) -> bool {
        self.findings.iter().any(|finding| finding.severity() == Severity::Error)
    }
}

/// Reads an archive from where `package` is to its end, and again where its files aren't in the order in which they are hashed.
///
/// Fails when `package` can't be read. What is wrong with the archive is in the report.
pub fn check(package: &mut (impl Read + Seek), limits: Limits) -> io::Result<Report> {
    let start = package.stream_position()?;
    let mut hashed = Hashed::new(&mut *package);
    let mut contents = Contents::default();
    let (unpacked, found) = contents.read(&mut hashed, limits);
    hashed.failed()?;
    // What isn't read as an archive is part of the file all the same.
    let rest = streams::read(&mut hashed, |_| {});
    hashed.failed()?;
    rest?;
    let (size, hashsum) = hashed.finish();

    let Contents { files, layout } = contents;
    let (top, mut findings) = layout.judge(files.iter().map(|(name, _)| name));
    if size > SIZE_LIMIT {
        findings.push(Finding::TooLarge { size });
    }
    let (count, largest) = (files.len(), largest(&files));
    let mut files_hash = None;
    let is_whole = !found.as_ref().is_some_and(Finding::ends_the_reading);
    findings.extend(found);
    if is_whole {
        package.seek(SeekFrom::Start(start))?;
        files_hash = files.hash(package, limits.unpacked)?;
        findings.extend(files_hash.is_none().then_some(Finding::Scattered));
    } else {
        // What is missing may be in the rest.
        findings.retain(|finding| !matches!(finding, Finding::NoManifest | Finding::NoWasm { .. }));
    }
    let (name, Top { manifest, wasm }) =
        top.map_or_else(Default::default, |(name, top)| (Some(layout::text(&name)), top));
    let manifest = match manifest {
        Some(Ok(manifest)) => {
            let missing = manifest.missing();
            findings.extend((!missing.is_empty()).then_some(Finding::MissingFields(missing)));
            Some(manifest)
        }
        Some(Err(why)) => {
            findings.push(Finding::Manifest(why));
            None
        }
        None => None,
    };
    findings.extend(wasm.as_ref().and_then(Wasm::finding));
    findings.sort_by_key(Finding::severity);
    Ok(Report {
        size,
        hashsum,
        unpacked,
        files: count,
        files_hash,
        top: name,
        largest,
        manifest,
        wasm,
        findings,
    })
}

/// What was seen in an archive.
#[derive(Default)]
struct Contents {
    files: Files,
    layout: Layout,
}

impl Contents {
    /// Reads what is in it, and returns how much that came to, in bytes, and what is wrong with the archive as such.
    fn read(&mut self, package: &mut impl Read, limits: Limits) -> (u64, Option<Finding>) {
        let mut head = Vec::new();
        // If it can't be read, that is found out by whoever reads on.
        let _ = package.by_ref().take(HEAD as u64).read_to_end(&mut head);
        if let Look::Not(
            what @ (NotAPackage::BareWasm | NotAPackage::PlainTar | NotAPackage::NotGzip),
        ) = look(&head, true)
        {
            return (0, Some(Finding::NotGzip(what)));
        }
        let package = io::BufReader::with_capacity(READ, package);
        let mut tar = Unpacked::new(head.as_slice().chain(package), limits.unpacked);
        let read =
            entries::read(&mut tar, limits.entries, |entry, content| self.take(entry, content))
                // What follows the last entry belongs to the gzip stream all the same: its checksum is at its end.
                .and_then(|()| Ok(streams::read(&mut tar, |_| {})?));
        let (unpacked, has_more, failure) = tar.finish();
        let found = match (failure, read) {
            (Some(Unpacking::TooMuch), _) => Some(Finding::Unpacks(limits.unpacked)),
            (Some(Unpacking::Gzip(error)), _) => Some(Finding::Gzip(error.to_string())),
            (None, Err(Fault::TooMany)) => Some(Finding::TooManyEntries(limits.entries)),
            (None, Err(Fault::Tar(error))) => Some(Finding::Tar(error.to_string())),
            (None, Err(Fault::Sparse(name))) => Some(Finding::Sparse(layout::text(&name))),
            (None, Ok(())) => has_more.then_some(Finding::Trailing),
        };
        (unpacked, found)
    }

    fn take(&mut self, entry: Entry, content: &mut dyn Read) -> io::Result<()> {
        self.layout.look(&entry);
        if entry.kind != Kind::File {
            return Ok(());
        }
        if self.files.add(&entry.name, entry.size) {
            self.layout.duplicate(&entry.name);
        }
        let mut content = Passing { content, files: &mut self.files };
        if let Some((top, which)) = layout::required(&entry.name)
            && let Some(top) = self.layout.place(top)
        {
            match which {
                Required::Manifest => top.manifest = Some(read_manifest(&mut content)?),
                Required::Wasm => top.wasm = Some(wasm::read(entry.size, &mut content)?),
            }
        }
        streams::read(&mut content, |_| {})
    }
}

fn read_manifest(content: &mut impl Read) -> io::Result<Result<Manifest, String>> {
    let mut bytes = Vec::new();
    content.take(MAX_MANIFEST + 1).read_to_end(&mut bytes)?;
    Ok(match bytes.len() as u64 {
        ..=MAX_MANIFEST => Manifest::parse(&bytes),
        _ => Err("it is larger than 64 KiB".to_owned()),
    })
}

/// A file's content, hashed while it is read.
struct Passing<'a> {
    content: &'a mut dyn Read,
    files: &'a mut Files,
}

impl Read for Passing<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.content.read(buffer)?;
        self.files.content(&buffer[..read]);
        Ok(read)
    }
}

fn largest(files: &Files) -> Vec<(String, u64)> {
    let mut all: Vec<_> = files.iter().collect();
    all.sort_by_key(|(_, size)| std::cmp::Reverse(*size));
    all.truncate(LARGEST);
    all.into_iter().map(|(name, size)| (layout::text(name), size)).collect()
}
