//! Reads and checks a whole package.

mod finding;
mod layout;
mod manifest;
mod wasm;

use crate::entries::{self, Entry, Error, Kind};
use crate::files_hash::Files;
use crate::streams::{self, Hashed, READ, UnpackError, Unpacked};
use crate::{Limits, NotAPackage, SIZE_LIMIT, SNIFF_LENGTH, Sniffed, sniff};
pub use finding::{Entries, Finding, Severity};
use layout::{Layout, Required, Top};
use manifest::MAX_MANIFEST;
pub use manifest::Manifest;
use std::io::{self, Read, Seek, SeekFrom};
pub use wasm::{Format, Validity, Wasm};

/// Number of the largest files in a report.
const LARGEST: usize = 5;

/// The result of [`check`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Report {
    /// Size of the `.tar.gz`, in bytes.
    pub size: u64,
    /// SHA-512 of the `.tar.gz`, in lower-case hex.
    pub hashsum: String,
    /// Size of the unpacked archive in bytes, as far as it could be read.
    pub unpacked: u64,
    /// Number of regular files. Several files with the same name count as one.
    pub files: usize,
    /// SHA-512 of the contents of all regular files in the byte order of their names, in lower-case hex: the output of
    /// `fastly compute hash-files`. `None` if the archive can't be read to its end.
    pub files_hash: Option<String>,
    /// The top-level folder.
    pub top: Option<String>,
    /// The largest files, and their sizes in bytes.
    pub largest: Vec<(String, u64)>,
    /// The contents of `fastly.toml`. `None` if it is missing or malformed.
    pub manifest: Option<Manifest>,
    /// The properties of `bin/main.wasm`. `None` if it is missing.
    pub wasm: Option<Wasm>,
    /// The problems of the package, errors first.
    pub findings: Vec<Finding>,
}

impl Report {
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
/// use fastly_package_archive::{Limits, check};
///
/// let mut file = std::fs::File::open("pkg/app.tar.gz")?;
/// let report = check(&mut file, Limits::default())?;
/// for finding in &report.findings {
///     println!("{}: {finding}", finding.severity());
/// }
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn check(package: &mut (impl Read + Seek), limits: Limits) -> io::Result<Report> {
    let start = package.stream_position()?;
    let mut hashed = Hashed::new(&mut *package);
    let mut contents = Contents::default();
    let (unpacked, found) = contents.read(&mut hashed, limits);
    hashed.take_error()?;
    // The digest covers data after the archive too.
    let rest = streams::read(&mut hashed, |_| {});
    hashed.take_error()?;
    rest?;
    let digest = hashed.finish();

    let Contents { files, layout } = contents;
    let (top, mut findings) = layout.finish(files.iter().map(|(name, _)| name));
    if digest.size > SIZE_LIMIT {
        findings.push(Finding::TooLarge { size: digest.size });
    }
    let (count, largest) = (files.len(), largest(&files));
    let mut files_hash = None;
    let is_whole = !found.as_ref().is_some_and(Finding::ends_reading);
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
        size: digest.size,
        hashsum: digest.hashsum(),
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

/// The contents of an archive.
#[derive(Default)]
struct Contents {
    files: Files,
    layout: Layout,
}

impl Contents {
    /// Reads an archive. Returns its unpacked size in bytes, and the problem of the archive itself if there is one.
    fn read(&mut self, package: &mut impl Read, limits: Limits) -> (u64, Option<Finding>) {
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
        let mut tar = Unpacked::new(head.as_slice().chain(package), limits.unpacked);
        let read =
            entries::read(&mut tar, limits.entries, |entry, content| self.add(entry, content))
                // The gzip stream continues after the last entry: its checksum is at its end.
                .and_then(|()| Ok(streams::read(&mut tar, |_| {})?));
        let (unpacked, has_more, error) = tar.finish();
        let found = match (error, read) {
            (Some(UnpackError::TooLarge), _) => Some(Finding::Unpacks(limits.unpacked)),
            (Some(UnpackError::Gzip(error)), _) => Some(Finding::Gzip(error.to_string())),
            (None, Err(Error::TooMany)) => Some(Finding::TooManyEntries(limits.entries)),
            (None, Err(Error::Tar(error))) => Some(Finding::Tar(error.to_string())),
            (None, Err(Error::Sparse(name))) => Some(Finding::Sparse(layout::text(&name))),
            (None, Ok(())) => has_more.then_some(Finding::Trailing),
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

fn largest(files: &Files) -> Vec<(String, u64)> {
    let mut all: Vec<_> = files.iter().collect();
    all.sort_by_key(|(_, size)| std::cmp::Reverse(*size));
    all.truncate(LARGEST);
    all.into_iter().map(|(name, size)| (layout::text(name), size)).collect()
}
