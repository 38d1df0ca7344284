//! Random archives, whose reports are compared with a simple computation from their entries.

use crate::archives::*;
use fastly_package_archive::{ReadLimits, Severity, check};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Cursor;

/// An archive, and the findings that it must have.
struct RandomArchive {
    entries: Vec<Entry>,
    expected: BTreeSet<&'static str>,
}

fn random_archive(random: &mut fastrand::Rng) -> RandomArchive {
    let long = "d".repeat(120);
    let top = random.choice(["app", "t", "Ünïcode", long.as_str()]).unwrap().to_owned();
    let mut expected = BTreeSet::new();
    let mut entries = Vec::new();
    let manifest = match random.u8(0..8) {
        0 => {
            expected.insert("Manifest");
            b"name = ".to_vec()
        }
        1 => {
            expected.insert("MissingFields");
            b"name = \"n\"".to_vec()
        }
        _ => MANIFEST.to_vec(),
    };
    let wasm = match random.u8(0..8) {
        0 => {
            expected.insert("NotWasm");
            vec![0; 30]
        }
        1 => {
            expected.insert("InvalidWasm");
            INVALID.to_vec()
        }
        2 => {
            expected.insert("Component");
            COMPONENT.to_vec()
        }
        _ => MODULE.to_vec(),
    };
    match random.u8(0..10) {
        0 => {
            expected = BTreeSet::from(["NoTopFolder"]);
            entries
                .push(file(*random.choice(&["fastly.toml", "./fastly.toml"]).unwrap(), &manifest));
            entries.push(file("bin/main.wasm", &wasm));
        }
        1 => {
            expected = BTreeSet::from(["NoManifest"]);
            entries.push(file(format!("{top}/bin/main.wasm"), &wasm));
        }
        2 => {
            expected.retain(|kind| !kind.contains("Wasm") && *kind != "Component");
            expected.insert("NoWasm");
            entries.push(file(format!("{top}/fastly.toml"), &manifest));
        }
        _ => {
            entries.push(file(format!("{top}/fastly.toml"), &manifest));
            entries.push(file(format!("{top}/bin/main.wasm"), &wasm));
        }
    }
    let has_top = !expected.contains("NoTopFolder") && !expected.contains("NoManifest");
    for number in 0..random.usize(0..6) {
        let size = random.usize(0..3000);
        let content: Vec<u8> = std::iter::repeat_with(|| random.u8(..)).take(size).collect();
        entries.push(file(format!("{top}/src/{number}-{}", random.alphanumeric()), &content));
    }
    let mut add = |is_added: bool, kind, entry: Entry| {
        if is_added {
            expected.insert(kind);
            entries.push(entry);
        }
    };
    let mut rarely = || random.u8(0..5) == 0;
    add(rarely(), "MacOs", file(format!("{top}/.DS_Store"), b"x"));
    add(rarely(), "MacOs", file(format!("{top}/src/._lib.rs"), b"x"));
    add(rarely(), "LinksOut", special(format!("{top}/up"), tar::EntryType::Symlink, "../../etc"));
    add(
        rarely(),
        "LinksOut",
        special(format!("{top}/root"), tar::EntryType::Symlink, "/etc/passwd"),
    );
    add(rarely(), "LinksOut", special(format!("{top}/hard"), tar::EntryType::Link, "other/file"));
    add(rarely(), "Special", special(format!("{top}/fifo"), tar::EntryType::Fifo, ""));
    if rarely() {
        entries.push(special(
            format!("{top}/inside"),
            tar::EntryType::Symlink,
            "src/../fastly.toml",
        ));
        entries.push(special(format!("{top}/src/"), tar::EntryType::Directory, ""));
    }
    let mut outside = Vec::new();
    if rarely() {
        expected.insert("Absolute");
        outside.push(file("/abs/file", b"1"));
    }
    if rarely() {
        expected.insert("Parent");
        outside.push(file("../out", b"2"));
    }
    if rarely() {
        outside.push(file("other/file", b"3"));
    }
    if !outside.is_empty() && has_top {
        expected.insert("Outside");
    }
    entries.extend(outside);
    if rarely() {
        entries.iter_mut().filter(|entry| !entry.name.starts_with(['/', '.'])).for_each(|entry| {
            entry.name.insert_str(0, "./");
        });
    }
    if entries.iter().any(|entry| entry.name.starts_with("./")) {
        expected.insert("DotSlash");
    }
    if rarely()
        && let Some(entry) = entries.last().cloned().filter(|entry| !entry.content.is_empty())
    {
        expected.insert("Duplicates");
        entries.insert(0, Entry { content: b"an older one".to_vec(), ..entry });
        // Not shuffled, because the last of two entries with the same name counts.
        return RandomArchive { entries, expected };
    }
    random.shuffle(&mut entries);
    RandomArchive { entries, expected }
}

#[test]
fn a_report_has_the_findings_sizes_and_hashes_of_the_archive() {
    let mut seen = BTreeSet::new();
    for seed in 0..400 {
        let mut random = fastrand::Rng::with_seed(seed);
        let RandomArchive { entries, expected } = random_archive(&mut random);
        let package = gzip(&tar(&entries));
        let report = report(&package);
        let found = kinds(&report.findings);
        assert_eq!(found, expected.iter().map(|kind| (*kind).to_owned()).collect(), "seed {seed}");
        let files: BTreeMap<&str, &[u8]> = entries
            .iter()
            .filter(|entry| entry.kind == tar::EntryType::Regular)
            .map(|entry| (entry.name.as_str(), entry.content.as_slice()))
            .collect();
        let contents: Vec<u8> = files.values().copied().flatten().copied().collect();
        assert_eq!(report.files_hash, Some(sha512(contents)), "seed {seed}");
        assert_eq!(report.hashsum, sha512(&package), "seed {seed}");
        assert_eq!((report.files, report.size), (files.len(), package.len() as u64), "seed {seed}");
        let errors =
            report.findings.iter().take_while(|it| it.severity() == Severity::Error).count();
        assert!(report.findings[errors..].iter().all(|it| it.severity() == Severity::Warning));
        seen.extend(found);
    }
    assert_eq!(seen.len(), 16, "a finding did not occur: {seen:?}");
}

/// Corrects the checksums of the headers, which would otherwise reject every change.
fn with_checksums(mut tar: Vec<u8>) -> Vec<u8> {
    let mut start = 0;
    while let Some(block) = tar.get_mut(start..start + 512) {
        start += 512;
        let mut header = tar::Header::new_old();
        header.as_mut_bytes().copy_from_slice(block);
        if block.iter().all(|byte| *byte == 0) {
            continue;
        }
        header.set_cksum();
        block.copy_from_slice(header.as_bytes());
        let size = header.entry_size().ok().and_then(|size| usize::try_from(size).ok());
        let Some(size) = size.filter(|size| *size <= tar.len()) else { break };
        start += size.next_multiple_of(512);
    }
    tar
}

#[test]
fn an_archive_with_random_changes_is_read_to_its_end() {
    for seed in 0..3000 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut tar = tar(&random_archive(&mut random).entries);
        // The fields of headers and the first bytes of contents are more likely than other offsets.
        for _ in 0..random.usize(1..12) {
            let block = random.usize(0..tar.len() / 512) * 512;
            let anywhere = random.usize(0..512);
            let within = *random.choice(&[0, 100, 124, 135, 156, 157, 345, anywhere]).unwrap();
            let any = random.u8(..);
            tar[block + within] =
                *random.choice(&[0, b'/', b'7', b'x', b'L', b'S', 0xff, any]).unwrap();
        }
        let package = gzip(&with_checksums(tar));
        let limits = ReadLimits { unpacked: 1 << 20, entries: 100 };
        let report = check(&mut Cursor::new(&package), limits).unwrap();
        assert_eq!(report.size, package.len() as u64, "seed {seed}");
        if !report.has_errors() {
            assert!(report.files_hash.is_some() && report.files >= 2, "seed {seed}: {report:?}");
        }
    }
}
