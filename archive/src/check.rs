//! Reads and checks a whole package.

mod finding;
mod layout;
mod manifest;
mod wasm;

use crate::entries::{self, Entry, Error, Kind};
use crate::files_hash::Files;
use crate::streams::{self, Hashed, READ};
use crate::{NotAPackage, ReadLimits, SIZE_LIMIT, SNIFF_LENGTH, Sniffed, sniff};
pub use finding::{Entries, Finding, Severity};
use layout::{Layout, Required, Top};
use manifest::MAX_MANIFEST;
pub use manifest::Manifest;
use serde::Serialize;
use std::io::{self, Read, Seek, SeekFrom};
pub use wasm::{Format, ModuleImports, Validity, Wasm};

/// Number of the largest files in a report.
const LARGEST: usize = 5;

/// The result of [`check`].
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct CheckReport {
    /// Size of the `.tar.gz`, in bytes.
    pub size: u64,
    /// Size of the unpacked archive in bytes, as far as it could be read.
    pub unpacked: u64,
    /// SHA-512 of the `.tar.gz`, in lower-case hex.
    pub hashsum: String,
    /// SHA-512 of the contents of all regular files in the byte order of their names, in lower-case hex: the output of
    /// `fastly compute hash-files`. `None` if the archive can't be read to its end.
    pub files_hash: Option<String>,
    /// Number of regular files. Several files with the same name count as one.
    pub files: usize,
    /// The top-level folder.
    pub top: Option<String>,
    /// The largest files, the largest first.
    pub largest: Vec<PackageFile>,
    /// The contents of `fastly.toml`. `None` if it is missing or malformed.
    pub manifest: Option<Manifest>,
    /// The properties of `bin/main.wasm`. `None` if it is missing.
    pub wasm: Option<Wasm>,
    /// The problems of the package, errors first.
    #[serde(skip)]
    pub findings: Vec<Finding>,
}

/// A file in a package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PackageFile {
    /// Its full name. Bytes that aren't UTF-8 are replaced.
    pub name: String,
    /// Its size, in bytes.
    pub size: u64,
}

impl CheckReport {
    /// Returns whether the API would refuse the package, during the upload or when the version is activated.
    pub fn has_errors(&self) -> bool {
        self.findings.iter().any(|finding| finding.severity() == Severity::Error)
    }
}

/// Reads the rest of `package` as a stream, in constant memory, and reports its contents and problems.
///
/// If the files aren't sorted by name, they are read again for `files_hash`.
///
/// # Errors
///
/// If `package` can't be read. A damaged archive is not an error, but a finding in the report.
///
/// # Examples
///
/// ```no_run
/// use fastly_package_archive::{ReadLimits, check};
///
/// let mut file = std::fs::File::open("pkg/app.tar.gz")?;
/// let report = check(&mut file, ReadLimits::default())?;
/// for finding in &report.findings {
///     println!("{}: {finding}", finding.severity());
/// }
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn check(package: &mut (impl Read + Seek), limits: ReadLimits) -> io::Result<CheckReport> {
    let start = package.stream_position()?;
    let mut hashed = Hashed::new(&mut *package);
    let mut contents = Contents::default();
    let (unpacked, found) = contents.read(&mut hashed, limits);
    // The digest covers data after the archive too.
    let digest = hashed.finish()?;

    let Contents { files, layout } = contents;
    let (top, mut findings) = layout.finish(files.iter().map(|(name, _)| name));
    if digest.size > SIZE_LIMIT {
        findings.push(Finding::TooLarge { size: digest.size });
    }
    let (count, largest) = (files.iter().count(), largest(&files));
    let mut files_hash = None;
    let is_whole = matches!(found, None | Some(Finding::Trailing));
    findings.extend(found);
    if is_whole {
        package.seek(SeekFrom::Start(start))?;
        files_hash = files.hash(package, limits.unpacked)?;
        findings.extend(files_hash.is_none().then_some(Finding::Scattered));
    } else {
        // The missing files may be in the unread rest.
        findings.retain(|finding| !matches!(finding, Finding::NoManifest | Finding::NoWasm { .. }));
    }
    let (name, Top { manifest, wasm }) =
        top.map_or_else(Default::default, |(name, top)| (Some(layout::text(&name)), top));
    let manifest = manifest.transpose().unwrap_or_else(|why| {
        findings.push(Finding::Manifest(why));
        None
    });
    let missing = manifest.as_ref().map(Manifest::missing).unwrap_or_default();
    findings.extend((!missing.is_empty()).then_some(Finding::MissingFields(missing)));
    findings.extend(wasm.as_ref().and_then(Wasm::finding));
    findings.sort_by_key(Finding::severity);
    Ok(CheckReport {
        size: digest.size,
        unpacked,
        hashsum: digest.hashsum(),
        files_hash,
        files: count,
        top: name,
        largest,
        manifest,
        wasm,
        findings,
    })
}

/// The contents of an archive.
#[derive(Default)]
struct Contents {
    files: Files,
    layout: Layout,
}

impl Contents {
    /// Reads an archive. Returns its unpacked size in bytes, and the problem of the archive itself if there is one.
    fn read(&mut self, package: &mut impl Read, limits: ReadLimits) -> (u64, Option<Finding>) {
        let mut head = Vec::new();
        // An error is returned again by the next read.
        let _ = package.by_ref().take(SNIFF_LENGTH as u64).read_to_end(&mut head);
        if let Sniffed::NotAPackage(
            reason @ (NotAPackage::BareWasm | NotAPackage::PlainTar | NotAPackage::NotGzip),
        ) = sniff(&head, true)
        {
            return (0, Some(Finding::NotGzip(reason)));
        }
        let package = io::BufReader::with_capacity(READ, package);
        let package = head.as_slice().chain(package);
        let (unpacked, result) =
            entries::read(package, limits, |entry, content| self.add(entry, content));
        let found = match result {
            Ok(has_more) => has_more.then_some(Finding::Trailing),
            Err(Error::TooLarge) => Some(Finding::Unpacks(limits.unpacked)),
            Err(Error::Gzip(error)) => Some(Finding::Gzip(error.to_string())),
            Err(Error::Tar(error)) => Some(Finding::Tar(error.to_string())),
            Err(Error::TooMany) => Some(Finding::TooManyEntries(limits.entries)),
            Err(Error::Sparse(name)) => Some(Finding::Sparse(layout::text(&name))),
        };
        (unpacked, found)
    }

    fn add(&mut self, entry: Entry, content: &mut dyn Read) -> io::Result<()> {
        self.layout.add(&entry);
        if entry.kind != Kind::File {
            return Ok(());
        }
        if self.files.add(&entry.name, entry.size) {
            self.layout.add_duplicate(&entry.name);
        }
        let mut content = Hashing { content, files: &mut self.files };
        if let Some((top, which)) = layout::required(&entry.name)
            && let Some(top) = self.layout.top(top)
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
        _ => Err("larger than 64 KiB".to_owned()),
    })
}

/// A file's content, which is hashed while it is read.
struct Hashing<'a> {
    content: &'a mut dyn Read,
    files: &'a mut Files,
}

impl Read for Hashing<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.content.read(buffer)?;
        self.files.content(&buffer[..read]);
        Ok(read)
    }
}

fn largest(files: &Files) -> Vec<PackageFile> {
    let mut all: Vec<_> = files.iter().collect();
    all.sort_by_key(|(_, size)| std::cmp::Reverse(*size));
    let largest = all.into_iter().take(LARGEST);
    largest.map(|(name, size)| PackageFile { name: layout::text(name), size }).collect()
}
