//! Archives of every odd kind, generated from a seed, against a reading of a few lines that knows what was put in.

use fastly_package_archive::{
    Finding, Format, Limits, Report, Severity, Validity, check, files_hash,
};
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha512};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Cursor, Write};

const MANIFEST: &[u8] =
    b"manifest_version = 3\nname = \"n\"\ndescription = \"d\"\nauthors = []\nlanguage = \"rust\"\n";
const MODULE: &[u8] = b"\0asm\x01\0\0\0";
const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";
/// A type section that claims three types and has none.
const INVALID: &[u8] = b"\0asm\x01\0\0\0\x01\x01\x03";

#[derive(Clone)]
struct Entry {
    name: String,
    kind: tar::EntryType,
    content: Vec<u8>,
    target: &'static str,
}

fn file(name: impl Into<String>, content: &[u8]) -> Entry {
    Entry {
        name: name.into(),
        kind: tar::EntryType::Regular,
        content: content.to_vec(),
        target: "",
    }
}

fn special(name: impl Into<String>, kind: tar::EntryType, target: &'static str) -> Entry {
    Entry { name: name.into(), kind, content: Vec::new(), target }
}

/// The entries as they are, whatever `tar` thinks of their names.
fn tar(entries: &[Entry]) -> Vec<u8> {
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

fn gzip(tar: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(tar).unwrap();
    gzip.finish().unwrap()
}

fn report(package: &[u8]) -> Report {
    let report = check(&mut Cursor::new(package), Limits::default()).unwrap();
    // Whoever wants the hash alone is told the same.
    let hash = files_hash(&mut Cursor::new(package), Limits::default()).unwrap();
    assert_eq!(hash, report.files_hash);
    report
}

/// What kinds of things are wrong, by the names of the variants.
fn kinds(findings: &[Finding]) -> BTreeSet<String> {
    let name = |finding| {
        let text = format!("{finding:?}");
        text.chars().take_while(char::is_ascii_alphanumeric).collect()
    };
    findings.iter().map(name).collect()
}

fn hex(bytes: impl AsRef<[u8]>) -> String {
    Sha512::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// An archive, and what is odd about it.
struct Odd {
    entries: Vec<Entry>,
    expected: BTreeSet<&'static str>,
}

fn odd(random: &mut fastrand::Rng) -> Odd {
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
    let mut add = |odd: bool, kind, entry: Entry| {
        if odd {
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
        // The last counts: it must stay behind.
        return Odd { entries, expected };
    }
    random.shuffle(&mut entries);
    Odd { entries, expected }
}

#[test]
fn archives_of_every_odd_kind_are_told_apart_and_hashed_as_the_api_does() {
    let mut seen = BTreeSet::new();
    for seed in 0..400 {
        let mut random = fastrand::Rng::with_seed(seed);
        let Odd { entries, expected } = odd(&mut random);
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
        assert_eq!(report.files_hash, Some(hex(contents)), "seed {seed}");
        assert_eq!(report.hashsum, hex(&package), "seed {seed}");
        assert_eq!((report.files, report.size), (files.len(), package.len() as u64), "seed {seed}");
        let errors =
            report.findings.iter().take_while(|it| it.severity() == Severity::Error).count();
        assert!(report.findings[errors..].iter().all(|it| it.severity() == Severity::Warning));
        seen.extend(found);
    }
    assert_eq!(seen.len(), 16, "a kind that never came: {seen:?}");
}

#[test]
fn an_archive_that_is_cut_anywhere_is_damaged_and_never_fine() {
    let package = gzip(&tar(&[file("a/fastly.toml", MANIFEST), file("a/bin/main.wasm", MODULE)]));
    assert!(report(&package).findings.is_empty());
    for end in 0..package.len() {
        let report = report(&package[..end]);
        let kinds = kinds(&report.findings);
        let broken = ["NotGzip", "Gzip", "Tar"].iter().any(|kind| kinds.contains(*kind));
        assert!(broken && report.files_hash.is_none(), "{end}: {kinds:?}");
        assert_eq!(report.size, end as u64);
    }
}

#[test]
fn a_byte_that_was_changed_is_noticed_unless_it_unpacks_to_the_same() {
    let package = gzip(&tar(&[file("a/fastly.toml", MANIFEST), file("a/bin/main.wasm", MODULE)]));
    let whole = report(&package);
    let mut noticed = 0;
    for position in 0..package.len() {
        let mut changed = package.clone();
        changed[position] ^= 0x55;
        let report = report(&changed);
        assert_ne!(report.hashsum, whole.hashsum);
        if report.findings.is_empty() {
            // Such as the time in gzip's head, or where in a run of zeros more of them are copied from.
            assert_eq!((&report.files_hash, report.unpacked), (&whole.files_hash, whole.unpacked));
        } else {
            noticed += 1;
        }
    }
    assert!(noticed > package.len() * 9 / 10, "{noticed} of {}", package.len());
}

/// The checksums of a tar's headers, made right again: nothing that was changed would get past them.
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
fn whatever_is_in_an_archive_it_is_read_to_an_end() {
    for seed in 0..3000 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut tar = tar(&odd(&mut random).entries);
        // Where names, lengths, kinds and the beginning of contents stand, more often than elsewhere.
        for _ in 0..random.usize(1..12) {
            let block = random.usize(0..tar.len() / 512) * 512;
            let anywhere = random.usize(0..512);
            let within = *random.choice(&[0, 100, 124, 135, 156, 157, 345, anywhere]).unwrap();
            let any = random.u8(..);
            tar[block + within] =
                *random.choice(&[0, b'/', b'7', b'x', b'L', b'S', 0xff, any]).unwrap();
        }
        let package = gzip(&with_checksums(tar));
        let limits = Limits { unpacked: 1 << 20, entries: 100 };
        let report = check(&mut Cursor::new(&package), limits).unwrap();
        assert_eq!(report.size, package.len() as u64, "seed {seed}");
        if !report.has_errors() {
            assert!(report.files_hash.is_some() && report.files >= 2, "seed {seed}: {report:?}");
        }
    }
}

#[test]
fn whatever_a_module_is_it_is_read_to_an_end() {
    let vector = [&[0xfd, 12][..], &[0; 16], &[0x1a]].concat();
    let whole = [
        module(&vector),
        section(
            0,
            &[name("producers"), vec![1], name("a"), vec![1], name("b"), name("c")].concat(),
        ),
    ]
    .concat();
    for seed in 0..3000 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut wasm = whole.clone();
        for _ in 0..random.usize(1..6) {
            let at = random.usize(..wasm.len());
            match random.u8(0..3) {
                0 => wasm[at] = random.u8(..),
                1 => drop(wasm.remove(at)),
                _ => wasm.insert(at, *random.choice(&[0, 0x7f, 0x80, 0xff]).unwrap()),
            }
        }
        let read = wasm_of(&wasm);
        let valid = wasmparser::Validator::new_with_features(wasmparser::WasmFeatures::all())
            .validate_all(&wasm)
            .map(drop);
        assert_eq!(
            read.validity == Validity::Valid,
            valid.is_ok(),
            "seed {seed}: {read:?} {valid:?}"
        );
    }
}

#[test]
fn what_isnt_an_archive_is_called_what_it_is() {
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
fn a_bomb_ends_at_a_bound() {
    let package =
        gzip(&tar(&[file("a/fastly.toml", MANIFEST), file("a/zeros", &vec![0; 2_000_000])]));
    let limits = Limits { unpacked: 1_000_000, ..Limits::default() };
    let report = check(&mut Cursor::new(&package), limits).unwrap();
    assert_eq!(report.findings, [Finding::Unpacks(1_000_000)]);
    assert!(report.unpacked <= 1_000_000);
    let many: Vec<_> = (0..101).map(|number| file(format!("a/{number}"), b"")).collect();
    let limits = Limits { entries: 100, ..Limits::default() };
    let report = check(&mut Cursor::new(gzip(&tar(&many))), limits).unwrap();
    assert_eq!(report.findings, [Finding::TooManyEntries(100)]);
}

#[test]
fn names_are_kept_up_to_a_bound() {
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
fn a_file_that_cant_be_read_is_not_taken_for_a_bad_archive() {
    struct Failing(Cursor<Vec<u8>>);
    impl std::io::Read for Failing {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            match self.0.read(buffer)? {
                0 => Err(std::io::Error::other("the disk is gone")),
                read => Ok(read),
            }
        }
    }
    impl std::io::Seek for Failing {
        fn seek(&mut self, to: std::io::SeekFrom) -> std::io::Result<u64> {
            self.0.seek(to)
        }
    }
    let package = gzip(&tar(&[file("a/fastly.toml", MANIFEST)]));
    for end in [0, 1, 30] {
        let mut failing = Failing(Cursor::new(package[..end].to_vec()));
        let error = check(&mut failing, Limits::default()).unwrap_err();
        assert_eq!(error.to_string(), "the disk is gone");
    }
}

#[test]
fn what_follows_the_compressed_archive_is_noticed_and_hurts_nothing() {
    let package = gzip(&tar(&[file("a/fastly.toml", MANIFEST), file("a/bin/main.wasm", MODULE)]));
    let whole = report(&package);
    let padded = report(&[package.clone(), vec![0; 512]].concat());
    assert_eq!(padded.findings, [Finding::Trailing]);
    assert_eq!(padded.files_hash, whole.files_hash);
    // Of several members one follows the other, an empty one too.
    let members = [gzip(&[]), package, gzip(&[0; 512])].concat();
    let members = report(&members);
    assert_eq!((members.findings, members.files_hash), (vec![], whole.files_hash));
}

/// An entry of this kind, with a prefix to its name as ustar has it.
fn ustar(prefix: &str, name: &str, kind: u8, content: &[u8]) -> Vec<u8> {
    let mut header = tar::Header::new_ustar();
    header.as_ustar_mut().unwrap().prefix[..prefix.len()].copy_from_slice(prefix.as_bytes());
    header.as_ustar_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
    header.as_ustar_mut().unwrap().typeflag = [kind];
    header.set_size(content.len() as u64);
    header.set_cksum();
    let mut entry = [header.as_bytes().as_slice(), content].concat();
    entry.resize(entry.len().next_multiple_of(512), 0);
    entry
}

#[test]
fn headers_of_every_age_name_the_files_that_are_hashed() {
    let pax = b"17 path=p/x/a b\n\n27 SCHILY.xattr.u=\n1\n2 a=b\n";
    let entries = [
        ustar("", "p/fastly.toml", b'0', MANIFEST),
        ustar("p", "bin/main.wasm", b'0', MODULE),
        ustar("", "pax", b'x', pax),
        ustar("", "p/short", b'0', b"1"),
        // Neither a contiguous file nor what was a folder before POSIX is hashed; a file with a slash at its end is.
        ustar("", "p/contiguous", b'7', b"2"),
        ustar("", "p/folder/", 0, b""),
        ustar("", "p/file/", b'0', b"3"),
        vec![0; 1024],
    ];
    let report = report(&gzip(&entries.concat()));
    assert_eq!(kinds(&report.findings), BTreeSet::from(["Special".to_owned()]));
    let contents = [MODULE, MANIFEST, b"3", b"1"];
    let mut named = [
        ("p/bin/main.wasm", contents[0]),
        ("p/fastly.toml", contents[1]),
        ("p/file/", contents[2]),
        ("p/x/a b\n", contents[3]),
    ];
    named.sort_unstable();
    assert_eq!(report.files_hash, Some(hex(named.map(|(_, content)| content).concat())));
}

#[test]
fn a_sparse_file_is_not_hashed_as_what_it_isnt() {
    for kind in [b'S', b'x'] {
        let records = b"22 GNU.sparse.major=1\n";
        let entries =
            [ustar("", "a/fastly.toml", b'0', MANIFEST), ustar("", "a/hole", kind, records)];
        let report = report(&gzip(&[entries.concat(), vec![0; 1024]].concat()));
        assert_eq!(kinds(&report.findings), BTreeSet::from(["Sparse".to_owned()]));
        assert_eq!(report.files_hash, None);
    }
}

#[test]
fn what_a_module_or_component_may_have_many_of_is_bounded() {
    let pairs =
        [name("producers"), vec![1], name("language"), vec![0xa0, 0x8d, 0x06], vec![0; 200_000]];
    let wasm = [MODULE.to_vec(), section(0, &pairs.concat()).repeat(20)].concat();
    assert_eq!(wasm_of(&wasm).producers, []);
    let mut nested = COMPONENT.to_vec();
    for _ in 0..1000 {
        nested = [COMPONENT.to_vec(), section(4, &nested)].concat();
    }
    let nested = wasm_of(&nested);
    assert_eq!(nested.validity, Validity::Unknown("its components are nested too deeply".into()));
    let imports = |count: u16| {
        let imports: Vec<u8> = (0..count)
            .flat_map(|number| [name(&number.to_string()), name(""), vec![0, 0]].concat())
            .collect();
        let count = [(count & 0x7f) as u8 | 0x80, (count >> 7) as u8];
        [
            MODULE.to_vec(),
            section(1, &[1, 0x60, 0, 0]),
            section(2, &[&count[..], &imports].concat()),
        ]
        .concat()
    };
    let many = wasm_of(&imports(2000));
    assert_eq!((many.validity, many.imports.len()), (Validity::Valid, 1000));
}

/// A section: its number, its length, its content.
fn section(id: u8, content: &[u8]) -> Vec<u8> {
    let mut section = vec![id];
    let mut length = content.len();
    while length >= 0x80 {
        section.push(length as u8 | 0x80);
        length >>= 7;
    }
    section.push(length as u8);
    section.extend(content);
    section
}

fn name(text: &str) -> Vec<u8> {
    [&[text.len() as u8], text.as_bytes()].concat()
}

fn wasm_of(wasm: &[u8]) -> fastly_package_archive::Wasm {
    let package = gzip(&tar(&[file("a/fastly.toml", MANIFEST), file("a/bin/main.wasm", wasm)]));
    report(&package).wasm.unwrap()
}

/// A module with two imports from one module and one of another, a memory, and a function with these operators.
fn module(body: &[u8]) -> Vec<u8> {
    let import = |from: &str, what: &str| [name(from), name(what), vec![0, 0]].concat();
    let imports =
        [vec![3], import("fastly", "a"), import("env", "b"), import("fastly", "c")].concat();
    let body = [&[0], body, &[0x0b]].concat();
    [
        MODULE.to_vec(),
        section(1, &[1, 0x60, 0, 0]),
        section(2, &imports),
        section(3, &[1, 0]),
        section(5, &[1, 0, 1]),
        section(10, &[&[1, body.len() as u8][..], &body].concat()),
    ]
    .concat()
}

#[test]
fn a_module_is_validated_and_what_it_needs_is_summed_up() {
    let plain = wasm_of(&module(&[]));
    assert_eq!((plain.format, &plain.validity), (Format::Module, &Validity::Valid));
    assert_eq!(plain.imports, [("env".to_owned(), 1), ("fastly".to_owned(), 2)]);
    assert!(plain.features.is_empty());
    // i32.const 0, i32.const 0, i32.const 0, memory.fill; and v128.const 0, drop.
    let fill = [0x41, 0, 0x41, 0, 0x41, 0, 0xfc, 11, 0];
    let vector = [&[0xfd, 12][..], &[0; 16], &[0x1a]].concat();
    assert_eq!(wasm_of(&module(&[&fill[..], &vector].concat())).features, ["bulk-memory", "simd"]);
    // A drop of nothing.
    let wrong = wasm_of(&module(&[0x1a]));
    assert!(matches!(wrong.validity, Validity::Invalid(_)), "{:?}", wrong.validity);
}

#[test]
fn a_large_custom_section_passes_by_and_what_follows_is_read() {
    let producers =
        [name("producers"), vec![1], name("language"), vec![1], name("Rust"), name("1.95")];
    let large = [name("debug"), vec![7; 20 * 1024 * 1024]].concat();
    let wasm = [module(&[]), section(0, &large), section(0, &producers.concat())].concat();
    let wasm = wasm_of(&wasm);
    assert_eq!(wasm.validity, Validity::Valid);
    let rust = vec![("Rust".to_owned(), "1.95".to_owned())];
    assert_eq!(wasm.producers, [("language".to_owned(), rust)]);
    let cut = [module(&[]), section(0, &large)].concat();
    let cut = wasm_of(&cut[..cut.len() - 1]);
    assert!(matches!(cut.validity, Validity::Invalid(_)), "{:?}", cut.validity);
}

#[test]
fn what_is_too_large_to_be_validated_is_said_to_be() {
    let data = [&[1, 1, 0x80, 0x80, 0x80, 0x08][..], &vec![7; 16 * 1024 * 1024]].concat();
    let wasm = wasm_of(&[MODULE.to_vec(), section(11, &data)].concat());
    assert!(matches!(wasm.validity, Validity::Unknown(_)), "{:?}", wasm.validity);
}
