//! Reading a package to its end, and the look at its beginning. Input: a gzip stream as it is, or anything else as a tar.

#![no_main]

use std::io::{Cursor, Write};

use fastly_package_archive::{Limits, Look, check, look};
use flate2::Compression;
use flate2::write::GzEncoder;
use libfuzzer_sys::fuzz_target;

const BLOCK: usize = 512;

/// Small, so that an input costs little.
const LIMITS: Limits = Limits { unpacked: 1024 * 1024, entries: 100 };

fuzz_target!(|input: &[u8]| {
    look(input, false);
    if input.starts_with(&[0x1f, 0x8b]) {
        read(input);
    } else {
        read(&gzip(&tar(input)));
    }
});

fn read(package: &[u8]) {
    let looked = look(package, true);
    assert_ne!(looked, Look::More, "there is no more");
    let report = check(&mut Cursor::new(package), LIMITS).expect("memory can be read");
    assert_eq!(report.size, package.len() as u64);
    if !report.findings.iter().any(|finding| finding.refuses_upload()) {
        assert_eq!(looked, Look::Package);
        assert!((2..=LIMITS.entries).contains(&report.files));
        assert!(report.files_hash.is_some());
    }
}

/// A tar of whole blocks, the check sums of its headers corrected: no mutation would get past them otherwise.
fn tar(input: &[u8]) -> Vec<u8> {
    let mut tar = input.to_vec();
    tar.resize(input.len().next_multiple_of(BLOCK), 0);
    let mut start = 0;
    while let Some(block) = tar.get_mut(start..start + BLOCK) {
        start += BLOCK;
        // An empty block ends a tar, and with a check sum it would be none.
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

/// Stored, not compressed: no time is spent on what nobody looks at.
fn gzip(tar: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::none());
    gzip.write_all(tar).and_then(|()| gzip.finish()).expect("writing to memory doesn't fail")
}
