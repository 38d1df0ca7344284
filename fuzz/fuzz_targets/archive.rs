//! The check of a whole package, and the check of its first bytes. The input is a gzip stream, or else a tar archive.

#![no_main]

use std::io::{Cursor, Write};

use fastly_package_archive::{ReadLimits, Sniffed, check, sniff};
use flate2::Compression;
use flate2::write::GzEncoder;
use libfuzzer_sys::fuzz_target;

const BLOCK: usize = 512;

/// Low limits, so that each input is fast.
const LIMITS: ReadLimits = ReadLimits { unpacked: 1024 * 1024, entries: 100 };

fuzz_target!(|input: &[u8]| {
    sniff(input, false);
    if input.starts_with(&[0x1f, 0x8b]) {
        check_package(input);
    } else {
        check_package(&gzip(&tar(input)));
    }
});

fn check_package(package: &[u8]) {
    let beginning = sniff(package, true);
    assert_ne!(beginning, Sniffed::NeedMore, "the package is complete");
    let report = check(&mut Cursor::new(package), LIMITS).expect("reading from memory succeeds");
    assert_eq!(report.size, package.len() as u64);
    if !report.findings.iter().any(|finding| finding.refuses_upload()) {
        assert_eq!(beginning, Sniffed::Package);
        assert!((2..=LIMITS.entries).contains(&report.files));
        assert!(report.files_hash.is_some());
    }
}

/// Pads a tar archive to whole blocks and corrects the checksums of its headers, which would otherwise reject every mutation.
fn tar(input: &[u8]) -> Vec<u8> {
    let mut tar = input.to_vec();
    tar.resize(input.len().next_multiple_of(BLOCK), 0);
    let mut start = 0;
    while let Some(block) = tar.get_mut(start..start + BLOCK) {
        start += BLOCK;
        // An empty block ends the archive, and must stay empty.
        if block.iter().all(|byte| *byte == 0) {
            continue;
        }
        let mut header = tar::Header::new_old();
        header.as_mut_bytes().copy_from_slice(block);
        header.set_cksum();
        block.copy_from_slice(header.as_bytes());
        let size = header.entry_size().ok().and_then(|size| usize::try_from(size).ok());
        match size.filter(|size| *size <= tar.len()) {
            Some(size) => start += size.next_multiple_of(BLOCK),
            None => break,
        }
    }
    tar
}

/// Wraps an archive in gzip without compression, which is faster.
fn gzip(tar: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::none());
    gzip.write_all(tar).and_then(|()| gzip.finish()).expect("writing to memory succeeds")
}
