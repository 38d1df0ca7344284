//! Archives that are damaged, too large, or not archives.

use crate::archives::*;
use fastly_package_archive::{Finding, ReadLimits, check};
use std::collections::BTreeSet;
use std::io::Cursor;

#[test]
fn a_truncated_archive_has_a_finding_wherever_it_ends() {
    let package = gzip(&tar(&[file("a/fastly.toml", MANIFEST), file("a/bin/main.wasm", MODULE)]));
    assert!(report(&package).findings.is_empty());
    for end in 0..package.len() {
        let report = report(&package[..end]);
        let kinds = kinds(&report.findings);
        let is_damaged = ["NotGzip", "Gzip", "Tar"].iter().any(|kind| kinds.contains(*kind));
        assert!(is_damaged && report.files_hash.is_none(), "{end}: {kinds:?}");
        assert_eq!(report.size, end as u64);
    }
}

#[test]
fn a_changed_byte_is_detected_unless_the_archive_unpacks_to_the_same_files() {
    let package = gzip(&tar(&[file("a/fastly.toml", MANIFEST), file("a/bin/main.wasm", MODULE)]));
    let whole = report(&package);
    let mut detected = 0;
    for position in 0..package.len() {
        let mut changed = package.clone();
        changed[position] ^= 0x55;
        let report = report(&changed);
        assert_ne!(report.hashsum, whole.hashsum);
        if report.findings.is_empty() {
            // For example, the time in the gzip header, or a distance in a run of zeros.
            assert_eq!((&report.files_hash, report.unpacked), (&whole.files_hash, whole.unpacked));
        } else {
            detected += 1;
        }
    }
    assert!(detected > package.len() * 9 / 10, "{detected} of {}", package.len());
}

#[test]
fn content_that_is_not_an_archive_has_the_finding_for_its_format() {
    for (bytes, kind) in [
        (Vec::new(), "NotGzip"),
        (MODULE.to_vec(), "NotGzip"),
        (tar(&[file("a/fastly.toml", MANIFEST)]), "NotGzip"),
        (gzip(b"no tar at all"), "Tar"),
        (gzip(&[b'x'; 2048]), "Tar"),
    ] {
        assert_eq!(kinds(&report(&bytes).findings), BTreeSet::from([kind.to_owned()]));
    }
    assert_eq!(
        kinds(&report(&gzip(&[0; 1024])).findings),
        BTreeSet::from(["NoManifest".to_owned()])
    );
}

#[test]
fn unpacking_stops_at_the_limits() {
    let package =
        gzip(&tar(&[file("a/fastly.toml", MANIFEST), file("a/zeros", &vec![0; 2_000_000])]));
    let limits = ReadLimits { unpacked: 1_000_000, ..ReadLimits::default() };
    let report = check(&mut Cursor::new(&package), limits).unwrap();
    assert_eq!(report.findings, [Finding::Unpacks(1_000_000)]);
    assert!(report.unpacked <= 1_000_000);
    let many: Vec<_> = (0..101).map(|number| file(format!("a/{number}"), b"")).collect();
    let limits = ReadLimits { entries: 100, ..ReadLimits::default() };
    let report = check(&mut Cursor::new(gzip(&tar(&many))), limits).unwrap();
    assert_eq!(report.findings, [Finding::TooManyEntries(100)]);
}

#[test]
fn the_total_length_of_names_is_limited() {
    let long = |number: usize| format!("a/{number}{}", "n".repeat(60_000));
    let many: Vec<_> = (0..200).map(|number| file(long(number), b"")).collect();
    assert_eq!(
        kinds(&report(&gzip(&tar(&many))).findings),
        BTreeSet::from(["TooManyEntries".to_owned()])
    );
    let too_long = file(format!("a/{}", "n".repeat(70_000)), b"");
    assert_eq!(
        kinds(&report(&gzip(&tar(&[too_long]))).findings),
        BTreeSet::from(["TooManyEntries".to_owned()])
    );
}

#[test]
fn a_read_error_is_returned_and_is_not_a_finding() {
    struct FailingReader(Cursor<Vec<u8>>);
    impl std::io::Read for FailingReader {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            match self.0.read(buffer)? {
                0 => Err(std::io::Error::other("the disk is gone")),
                read => Ok(read),
            }
        }
    }
    impl std::io::Seek for FailingReader {
        fn seek(&mut self, to: std::io::SeekFrom) -> std::io::Result<u64> {
            self.0.seek(to)
        }
    }
    let package = gzip(&tar(&[file("a/fastly.toml", MANIFEST)]));
    for end in [0, 1, 30] {
        let mut reader = FailingReader(Cursor::new(package[..end].to_vec()));
        let error = check(&mut reader, ReadLimits::default()).unwrap_err();
        assert_eq!(error.to_string(), "the disk is gone");
    }
}

#[test]
fn trailing_data_is_a_finding_and_does_not_affect_the_hash() {
    let package = gzip(&tar(&[file("a/fastly.toml", MANIFEST), file("a/bin/main.wasm", MODULE)]));
    let whole = report(&package);
    let padded = report(&[package.clone(), vec![0; 512]].concat());
    assert_eq!(padded.findings, [Finding::Trailing]);
    assert_eq!(padded.files_hash, whole.files_hash);
    // Several gzip members, even empty ones, are one stream.
    let members = [gzip(&[]), package, gzip(&[0; 512])].concat();
    let members = report(&members);
    assert_eq!((members.findings, members.files_hash), (vec![], whole.files_hash));
}
