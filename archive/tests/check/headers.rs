//! Archives with tar headers of several formats.

use crate::archives::*;
use std::collections::BTreeSet;

/// Returns an entry with a ustar header, which has a prefix of the name.
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
fn files_with_ustar_pax_and_old_headers_are_hashed_in_the_order_of_their_names() {
    let pax = b"17 path=p/x/a b\n\n27 SCHILY.xattr.u=\n1\n2 a=b\n";
    let entries = [
        ustar("", "p/fastly.toml", b'0', MANIFEST),
        ustar("p", "bin/main.wasm", b'0', MODULE),
        ustar("", "pax", b'x', pax),
        ustar("", "p/short", b'0', b"1"),
        // A contiguous file and a directory with an old header are not hashed. A file whose name ends with a slash is.
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
    assert_eq!(report.files_hash, Some(sha512(named.map(|(_, content)| content).concat())));
}

#[test]
fn an_archive_with_a_sparse_file_has_no_files_hash() {
    for kind in [b'S', b'x'] {
        let records = b"22 GNU.sparse.major=1\n";
        let entries =
            [ustar("", "a/fastly.toml", b'0', MANIFEST), ustar("", "a/hole", kind, records)];
        let report = report(&gzip(&[entries.concat(), vec![0; 1024]].concat()));
        assert_eq!(kinds(&report.findings), BTreeSet::from(["Sparse".to_owned()]));
        assert_eq!(report.files_hash, None);
    }
}
