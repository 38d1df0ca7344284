//! Checks the paths in a package.

use super::finding::{Entries, Finding};
use super::manifest::Manifest;
use super::wasm::Wasm;
use crate::entries::{Entry, Kind};
use std::collections::BTreeMap;

const MANIFEST: &[u8] = b"fastly.toml";
const WASM: &[u8] = b"bin/main.wasm";

/// Number of folders with a manifest or a wasm that are examined.
const MAX_TOPS: usize = 4;

/// One of the two files that a package must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Required {
    Manifest,
    Wasm,
}

/// The entries added so far.
#[derive(Default)]
pub(super) struct Layout {
    tops: BTreeMap<Vec<u8>, Top>,
    is_at_root: bool,
    dot_slash: Option<Entries>,
    absolute: Option<Entries>,
    parent: Option<Entries>,
    duplicates: Option<Entries>,
    links_out: Option<Entries>,
    special: Option<Entries>,
    mac_os: Option<Entries>,
}

/// A folder that contains a required file.
#[derive(Default)]
pub(super) struct Top {
    pub(super) manifest: Option<Result<Manifest, String>>,
    pub(super) wasm: Option<Wasm>,
}

/// Adds an entry to those with the same problem.
fn add(entries: &mut Option<Entries>, name: &[u8]) {
    entries.get_or_insert_with(|| Entries { first: text(name), count: 0 }).count += 1;
}

impl Layout {
    /// Adds an entry.
    pub(super) fn add(&mut self, entry: &Entry) {
        let name = entry.name.as_slice();
        if name.starts_with(b"/") {
            add(&mut self.absolute, name);
        }
        // The entry `./`, which `tar -C dir .` adds, is reported through its contents.
        if name.starts_with(b"./") && name != b"./" {
            add(&mut self.dot_slash, name);
        }
        let parts = || name.split(|byte| *byte == b'/');
        if parts().any(|part| part == b"..") {
            add(&mut self.parent, name);
        }
        if parts().any(|part| matches!(part, b".DS_Store" | b"__MACOSX") || part.starts_with(b"._"))
        {
            add(&mut self.mac_os, name);
        }
        match &entry.kind {
            Kind::File => self.is_at_root |= is_at_root(name),
            Kind::SymbolicLink(target) if leads_out(folder(name), target, name) => {
                add(&mut self.links_out, name);
            }
            Kind::HardLink(target) if leads_out(b"", target, name) => {
                add(&mut self.links_out, name);
            }
            Kind::Folder | Kind::SymbolicLink(_) | Kind::HardLink(_) => {}
            Kind::Other => add(&mut self.special, name),
        }
    }

    /// Adds a file whose name has occurred before.
    pub(super) fn add_duplicate(&mut self, name: &[u8]) {
        add(&mut self.duplicates, name);
    }

    /// Returns the top-level folder with this name, unless there are too many.
    pub(super) fn top(&mut self, top: &[u8]) -> Option<&mut Top> {
        if self.tops.len() >= MAX_TOPS && !self.tops.contains_key(top) {
            return None;
        }
        Some(self.tops.entry(top.to_vec()).or_default())
    }

    /// Returns the top-level folder with its contents, and the problems. `files` are the names of all files.
    pub(super) fn finish<'f>(
        self,
        files: impl Iterator<Item = &'f [u8]>,
    ) -> (Option<(Vec<u8>, Top)>, Vec<Finding>) {
        let mut findings = Vec::new();
        let tops = self.tops.into_iter().filter(|(_, top)| top.manifest.is_some());
        // The first one with a wasm, or else the first one.
        let top = tops.min_by_key(|(_, top)| top.wasm.is_none());
        match &top {
            Some((name, Top { wasm: None, .. })) => {
                findings.push(Finding::NoWasm { top: text(name) })
            }
            Some(_) => {}
            None if self.is_at_root => findings.push(Finding::NoTopFolder),
            None => findings.push(Finding::NoManifest),
        }
        if let Some((name, _)) = &top {
            let mut outside = None;
            files.filter(|file| first_part(file) != name).for_each(|file| add(&mut outside, file));
            findings.extend(outside.map(Finding::Outside));
        }
        let found = [
            self.dot_slash.map(Finding::DotSlash),
            self.absolute.map(Finding::Absolute),
            self.parent.map(Finding::Parent),
            self.duplicates.map(Finding::Duplicates),
            self.links_out.map(Finding::LinksOut),
            self.special.map(Finding::Special),
            self.mac_os.map(Finding::MacOs),
        ];
        findings.extend(found.into_iter().flatten());
        (top, findings)
    }
}

/// Returns the top-level folder of a required file, and which file it is.
pub(super) fn required(name: &[u8]) -> Option<(&[u8], Required)> {
    let name = without_dot(name);
    let slash = name.iter().position(|byte| *byte == b'/')?;
    let (top, rest) = (&name[..slash], &name[slash + 1..]);
    if matches!(top, b"" | b"." | b"..") {
        return None;
    }
    match rest {
        MANIFEST => Some((top, Required::Manifest)),
        WASM => Some((top, Required::Wasm)),
        _ => None,
    }
}

/// Returns whether a file is a required one at the root of the archive.
fn is_at_root(name: &[u8]) -> bool {
    let before = name.strip_suffix(MANIFEST).or_else(|| name.strip_suffix(WASM));
    before.is_some_and(|before| {
        before.split(|byte| *byte == b'/').all(|part| matches!(part, b"" | b"." | b".."))
    })
}

fn without_dot(name: &[u8]) -> &[u8] {
    name.strip_prefix(b"./").unwrap_or(name)
}

fn first_part(name: &[u8]) -> &[u8] {
    without_dot(name).split(|byte| *byte == b'/').next().unwrap_or_default()
}

fn folder(name: &[u8]) -> &[u8] {
    name.rsplitn(2, |byte| *byte == b'/').nth(1).unwrap_or_default()
}

/// Returns whether `target`, relative to `folder`, is outside of the top-level folder of the link `name`.
fn leads_out(folder: &[u8], target: &[u8], name: &[u8]) -> bool {
    if target.starts_with(b"/") {
        return true;
    }
    let mut path: Vec<&[u8]> = Vec::new();
    for part in [folder, target].into_iter().flat_map(|path| path.split(|byte| *byte == b'/')) {
        match part {
            b"" | b"." => {}
            b".." if path.pop().is_none() => return true,
            b".." => {}
            part => path.push(part),
        }
    }
    path.first().is_none_or(|top| *top != first_part(name))
}

/// Converts a name to text. Bytes that aren't UTF-8 are replaced.
pub(super) fn text(name: &[u8]) -> String {
    String::from_utf8_lossy(name).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_required_files_are_in_a_folder_of_any_name() {
        assert_eq!(required(b"app/fastly.toml"), Some((&b"app"[..], Required::Manifest)));
        assert_eq!(required(b"./app/bin/main.wasm"), Some((&b"app"[..], Required::Wasm)));
        for name in
            ["fastly.toml", "./fastly.toml", "/fastly.toml", "../fastly.toml", "a/b/fastly.toml"]
        {
            assert_eq!(required(name.as_bytes()), None, "{name}");
        }
    }

    #[test]
    fn a_link_stays_in_its_top_level_folder_or_leads_out() {
        for (name, target, out) in [
            ("app/src/a", "b", false),
            ("app/src/a", "../b", false),
            ("app/src/a", "../../app/b", false),
            ("app/src/a", "../../b", true),
            ("app/src/a", "../../../b", true),
            ("app/a", "/etc/passwd", true),
            ("app/a", "..", true),
            ("./app/a", "./b/../c", false),
        ] {
            let leads_out = leads_out(folder(name.as_bytes()), target.as_bytes(), name.as_bytes());
            assert_eq!(leads_out, out, "{name} -> {target}");
        }
        assert!(!leads_out(b"", b"app/b", b"app/a"));
        assert!(leads_out(b"", b"other/b", b"app/a"));
    }
}
