//! Where a package's required files lie, and what its manifest says.

use std::io::Read;

use toml::{Table, Value};

use super::ArchiveError;
use super::files_hash::{Files, Span};

const MANIFEST: &[u8] = b"fastly.toml";
const WASM: &[u8] = b"bin/main.wasm";

/// A manifest of more bytes isn't read.
const MAX_MANIFEST: u64 = 1024 * 1024;

/// The two files that a package must have.
pub(super) struct Layout {
    pub(super) top: String,
    pub(super) manifest: Span,
    pub(super) wasm: Span,
}

/// What `fastly.toml` says; a field that is missing or of another type is `None`.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Manifest {
    pub(super) name: Option<String>,
    pub(super) description: Option<String>,
    pub(super) authors: Option<Vec<String>>,
    pub(super) language: Option<String>,
    pub(super) cloned_from: Option<String>,
}

pub(super) fn find(files: &Files) -> Result<Layout, ArchiveError> {
    let mut error = ArchiveError::NoManifest;
    for name in files.names() {
        if at_root(name) {
            error = ArchiveError::NoTopDirectory;
        }
        let Some(prefix) = name.strip_suffix(MANIFEST) else { continue };
        let Some(top) = top_directory(prefix) else { continue };
        let wasm = [prefix, WASM].concat();
        match (files.get(name), files.get(&wasm)) {
            (Some(manifest), Some(wasm)) => return Ok(Layout { top, manifest, wasm }),
            _ => error = ArchiveError::NoWasm,
        }
    }
    Err(error)
}

/// Whether a required file lies there without a directory of its own around it.
fn at_root(name: &[u8]) -> bool {
    let prefix = name.strip_suffix(MANIFEST).or_else(|| name.strip_suffix(WASM));
    prefix.is_some_and(|prefix| {
        prefix.split(|byte| *byte == b'/').all(|part| matches!(part, b"" | b"." | b".."))
    })
}

/// The one directory that `prefix` (`<top>/`, with or without a leading `./`) names.
fn top_directory(prefix: &[u8]) -> Option<String> {
    let prefix = prefix.strip_prefix(b"./").unwrap_or(prefix);
    let top = prefix.strip_suffix(b"/")?;
    let single = !top.is_empty() && !top.contains(&b'/') && top != b"." && top != b"..";
    single.then(|| String::from_utf8_lossy(top).into_owned())
}

pub(super) fn manifest(files: &mut Files, span: Span) -> Result<Manifest, ArchiveError> {
    if span.length() > MAX_MANIFEST {
        return Err(ArchiveError::Manifest("larger than 1 MiB".into()));
    }
    let mut text = String::new();
    files
        .open(span)
        .and_then(|mut content| content.read_to_string(&mut text))
        .map_err(|error| ArchiveError::Manifest(error.to_string()))?;
    parse(&text)
}

fn parse(text: &str) -> Result<Manifest, ArchiveError> {
    let table: Table = text
        .parse()
        .map_err(|error: toml::de::Error| ArchiveError::Manifest(error.message().to_owned()))?;
    let string = |key: &str| table.get(key).and_then(Value::as_str).map(str::to_owned);
    let authors = table
        .get("authors")
        .and_then(Value::as_array)
        .map(|authors| authors.iter().filter_map(Value::as_str).map(str::to_owned).collect());
    Ok(Manifest {
        name: string("name"),
        description: string("description"),
        authors,
        language: string("language"),
        cloned_from: string("cloned_from"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(names: &[&str]) -> Files {
        let mut files = Files::new();
        for name in names {
            files.add(name.as_bytes().to_vec(), b"".as_slice()).unwrap();
        }
        files
    }

    #[test]
    fn any_single_directory_may_be_the_top() {
        let top = |names: &[&str]| find(&files(names)).map(|layout| layout.top).ok();
        assert_eq!(top(&["app/fastly.toml", "app/bin/main.wasm"]).as_deref(), Some("app"));
        assert_eq!(top(&["./app/bin/main.wasm", "./app/fastly.toml"]).as_deref(), Some("app"));
    }

    #[test]
    fn files_at_the_root_have_no_top_directory() {
        let roots = ["", "./", "/", "../", "././"];
        for names in
            roots.map(|root| [format!("{root}fastly.toml"), format!("{root}bin/main.wasm")])
        {
            let names = names.each_ref().map(String::as_str);
            assert!(matches!(find(&files(&names)), Err(ArchiveError::NoTopDirectory)), "{names:?}");
        }
    }

    #[test]
    fn a_missing_file_and_a_deeper_one_are_told_apart() {
        assert!(matches!(find(&files(&["a/bin/main.wasm"])), Err(ArchiveError::NoManifest)));
        assert!(matches!(
            find(&files(&["a/fastly.toml", "b/bin/main.wasm"])),
            Err(ArchiveError::NoWasm)
        ));
        assert!(matches!(
            find(&files(&["a/b/fastly.toml", "a/b/bin/main.wasm"])),
            Err(ArchiveError::NoManifest)
        ));
    }

    #[test]
    fn a_manifest_may_leave_out_what_it_likes() {
        assert_eq!(parse("manifest_version = 3").unwrap(), Manifest::default());
        let manifest = parse("name = \"n\"\nauthors = [\"a\", \"b\"]\nlanguage = 5").unwrap();
        assert_eq!(manifest.name.as_deref(), Some("n"));
        assert_eq!(manifest.authors, Some(vec!["a".into(), "b".into()]));
        assert_eq!(manifest.language, None);
        assert!(matches!(parse("name = "), Err(ArchiveError::Manifest(_))));
    }
}
