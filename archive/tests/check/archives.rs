//! Archives to check, and their reports.

use fastly_package_archive::{CheckReport, Finding, ReadLimits, check, files_hash};
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha512};
use std::collections::BTreeSet;
use std::io::{Cursor, Write};

pub(crate) const MANIFEST: &[u8] =
    b"manifest_version = 3\nname = \"n\"\ndescription = \"d\"\nauthors = []\nlanguage = \"rust\"\n";
pub(crate) const MODULE: &[u8] = b"\0asm\x01\0\0\0";
pub(crate) const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";
/// A type section that claims three types and has none.
pub(crate) const INVALID: &[u8] = b"\0asm\x01\0\0\0\x01\x01\x03";

#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) kind: tar::EntryType,
    pub(crate) content: Vec<u8>,
    pub(crate) target: &'static str,
}

pub(crate) fn file(name: impl Into<String>, content: &[u8]) -> Entry {
    Entry {
        name: name.into(),
        kind: tar::EntryType::Regular,
        content: content.to_vec(),
        target: "",
    }
}

pub(crate) fn special(
    name: impl Into<String>,
    kind: tar::EntryType,
    target: &'static str,
) -> Entry {
    Entry { name: name.into(), kind, content: Vec::new(), target }
}

/// Returns a tar archive of these entries. Their names are not validated, as `tar::Builder` would do.
pub(crate) fn tar(entries: &[Entry]) -> Vec<u8> {
    let mut tar = Vec::new();
    let mut append = |name: &[u8], kind, content: &[u8], target: &str| {
        let mut header = tar::Header::new_gnu();
        header.as_old_mut().name[..name.len()].copy_from_slice(name);
        header.as_old_mut().linkname[..target.len()].copy_from_slice(target.as_bytes());
        header.set_entry_type(kind);
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        tar.extend_from_slice(header.as_bytes());
        tar.extend_from_slice(content);
        tar.resize(tar.len().next_multiple_of(512), 0);
    };
    for Entry { name, kind, content, target } in entries {
        let name = name.as_bytes();
        if name.len() > 100 {
            append(b"././@LongLink", tar::EntryType::GNULongName, &[name, b"\0"].concat(), "");
        }
        append(&name[..name.len().min(100)], *kind, content, target);
    }
    tar.resize(tar.len() + 1024, 0);
    tar
}

pub(crate) fn gzip(tar: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(tar).unwrap();
    gzip.finish().unwrap()
}

pub(crate) fn report(package: &[u8]) -> CheckReport {
    let report = check(&mut Cursor::new(package), ReadLimits::default()).unwrap();
    let hash = files_hash(&mut Cursor::new(package), ReadLimits::default()).unwrap();
    assert_eq!(hash, report.files_hash);
    report
}

/// Returns the names of the findings' variants.
pub(crate) fn kinds(findings: &[Finding]) -> BTreeSet<String> {
    let name = |finding| {
        let text = format!("{finding:?}");
        text.chars().take_while(char::is_ascii_alphanumeric).collect()
    };
    findings.iter().map(name).collect()
}

/// Returns a SHA-512 in lower-case hex.
pub(crate) fn sha512(bytes: impl AsRef<[u8]>) -> String {
    Sha512::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
