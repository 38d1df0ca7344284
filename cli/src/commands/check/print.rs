//! The output of `check`.

use crate::native::finding;
use fastly_package::SIZE_LIMIT;
use fastly_package_archive::{self as archive, Format, Validity, Wasm};
use fastly_package_command::error::{CommandError, Finding};
use fastly_package_command::report::{Report, decimal, printable, size, table};
use serde::Serialize;
use std::path::Path;

/// The maximum number of modules and files that are shown.
const MAX_SHOWN: usize = 12;

/// Prints the properties of a package to stdout, and its errors and warnings to stderr.
pub(crate) fn print(
    path: &Path,
    checked: &archive::Report,
    report: Report,
) -> Result<(), CommandError> {
    let findings: Vec<_> = checked.findings.iter().map(finding).collect();
    if report.json {
        return report.json(&CheckJson::new(path, checked, &findings));
    }
    if !report.quiet {
        match report.line(&properties(checked)) {
            // Errors and warnings go to another stream.
            Ok(()) | Err(CommandError::BrokenPipe) => {}
            Err(error) => return Err(error),
        }
    }
    for (finding, printed) in checked.findings.iter().zip(&findings) {
        match finding.severity() {
            archive::Severity::Error => report.error(&printed.message),
            archive::Severity::Warning => report.warn(&printed.message),
        }
        report.hint(printed.hint);
    }
    let path = path.display();
    if !checked.has_errors() {
        report.status("ok", &format!(": {} can be uploaded", printable(&path.to_string())));
    } else {
        let refused = checked.findings.iter().any(archive::Finding::refuses_upload);
        let result = if refused { "is not a valid package" } else { "has errors" };
        report.error(&format!("{path} {result}; see the errors above"));
    }
    Ok(())
}

fn properties(checked: &archive::Report) -> String {
    let mut rows = Vec::new();
    let mut row = |name, value| rows.push((name, value));
    row("size", format!("{} of {}", size(checked.size), decimal(SIZE_LIMIT)));
    row("unpacked", size(checked.unpacked));
    let folder = checked.top.as_deref().map(|top| format!(" in {top}/")).unwrap_or_default();
    row("files", format!("{}{folder}", checked.files));
    for (number, (name, bytes)) in checked.largest.iter().enumerate() {
        row(if number == 0 { "largest" } else { "" }, format!("{name}: {}", size(*bytes)));
    }
    row("hashsum", checked.hashsum.clone());
    row("files_hash", checked.files_hash.clone().unwrap_or_default());
    if let Some(manifest) = &checked.manifest {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        row("manifest", text(&manifest.manifest_version));
        row("name", text(&manifest.name));
        row("description", text(&manifest.description));
        row("authors", manifest.authors.as_deref().unwrap_or_default().join(", "));
        row("language", text(&manifest.language));
        row("cloned from", text(&manifest.cloned_from));
    }
    if let Some(wasm) = &checked.wasm {
        row("wasm", kind(wasm));
        row("features", wasm.features.join(", "));
        let mut imports: Vec<_> =
            wasm.imports.iter().map(|(module, count)| format!("{module} ({count})")).collect();
        let more = imports.len().saturating_sub(MAX_SHOWN);
        imports.truncate(MAX_SHOWN);
        if more > 0 {
            imports.push(format!("and {more} more"));
        }
        row("imports", imports.join(", "));
    }
    table(rows)
}

fn kind(wasm: &Wasm) -> String {
    let validity = match &wasm.validity {
        Validity::Valid => "valid",
        Validity::Invalid(_) => "not valid",
        Validity::Unknown(_) => "not validated",
    };
    match wasm.format {
        Format::Module => format!("module, {validity}, {}", size(wasm.size)),
        Format::Component => format!("component, {validity}, {}", size(wasm.size)),
        Format::Unknown => format!("something else, {}", size(wasm.size)),
    }
}

#[derive(Serialize)]
struct CheckJson<'a> {
    file: String,
    /// Whether there are no errors.
    ok: bool,
    findings: &'a [Finding],
    size: u64,
    unpacked: u64,
    hashsum: &'a str,
    files_hash: Option<&'a str>,
    files: usize,
    top: Option<&'a str>,
    largest: Vec<FileJson<'a>>,
    manifest: Option<ManifestJson<'a>>,
    wasm: Option<WasmJson<'a>>,
}

#[derive(Serialize)]
struct FileJson<'a> {
    name: &'a str,
    size: u64,
}

#[derive(Serialize)]
struct ManifestJson<'a> {
    manifest_version: Option<&'a str>,
    name: Option<&'a str>,
    description: Option<&'a str>,
    authors: Option<&'a [String]>,
    language: Option<&'a str>,
    cloned_from: Option<&'a str>,
}

#[derive(Serialize)]
struct WasmJson<'a> {
    size: u64,
    /// `null`: not WebAssembly.
    format: Option<&'static str>,
    /// `null`: not validated to its end.
    valid: Option<bool>,
    features: &'a [String],
    imports: Vec<ImportsJson<'a>>,
}

#[derive(Serialize)]
struct ImportsJson<'a> {
    module: &'a str,
    count: usize,
}

impl<'a> CheckJson<'a> {
    fn new(path: &Path, checked: &'a archive::Report, findings: &'a [Finding]) -> Self {
        Self {
            file: path.display().to_string(),
            ok: !checked.has_errors(),
            findings,
            size: checked.size,
            unpacked: checked.unpacked,
            hashsum: &checked.hashsum,
            files_hash: checked.files_hash.as_deref(),
            files: checked.files,
            top: checked.top.as_deref(),
            largest: checked
                .largest
                .iter()
                .map(|(name, size)| FileJson { name, size: *size })
                .collect(),
            manifest: checked.manifest.as_ref().map(|manifest| ManifestJson {
                manifest_version: manifest.manifest_version.as_deref(),
                name: manifest.name.as_deref(),
                description: manifest.description.as_deref(),
                authors: manifest.authors.as_deref(),
                language: manifest.language.as_deref(),
                cloned_from: manifest.cloned_from.as_deref(),
            }),
            wasm: checked.wasm.as_ref().map(WasmJson::new),
        }
    }
}

impl<'a> WasmJson<'a> {
    fn new(wasm: &'a Wasm) -> Self {
        Self {
            size: wasm.size,
            format: match wasm.format {
                Format::Module => Some("module"),
                Format::Component => Some("component"),
                Format::Unknown => None,
            },
            valid: match wasm.validity {
                Validity::Valid => Some(true),
                Validity::Invalid(_) => Some(false),
                Validity::Unknown(_) => None,
            },
            features: &wasm.features,
            imports: wasm
                .imports
                .iter()
                .map(|(module, count)| ImportsJson { module, count: *count })
                .collect(),
        }
    }
}
