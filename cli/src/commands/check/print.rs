//! The output of `check`.

use crate::native::finding;
use fastly_package::SIZE_LIMIT;
use fastly_package_archive::{self as archive, CheckReport, Format, Validity, Wasm};
use fastly_package_command::error::{CommandError, Finding};
use fastly_package_command::report::{Report, decimal, printable, size, table};
use serde::Serialize;
use std::path::Path;

/// The maximum number of modules and files that are shown.
const MAX_SHOWN: usize = 12;

#[derive(Serialize)]
struct CheckJson<'a> {
    file: String,
    /// Whether there are no errors.
    ok: bool,
    findings: &'a [Finding],
    #[serde(flatten)]
    checked: &'a CheckReport,
}

/// Prints the properties of a package to stdout, and its errors and warnings to stderr.
pub(crate) fn print(
    path: &Path,
    checked: &CheckReport,
    report: Report,
) -> Result<(), CommandError> {
    let findings: Vec<_> = checked.findings.iter().map(finding).collect();
    if report.json {
        let (file, ok) = (path.display().to_string(), !checked.has_errors());
        return report.json(&CheckJson { file, ok, findings: &findings, checked });
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

fn properties(checked: &CheckReport) -> String {
    let mut rows = Vec::new();
    let mut row = |name, value| rows.push((name, value));
    row("size", format!("{} of {}", size(checked.size), decimal(SIZE_LIMIT)));
    row("unpacked", size(checked.unpacked));
    let folder = checked.top.as_deref().map(|top| format!(" in {top}/")).unwrap_or_default();
    row("files", format!("{}{folder}", checked.files));
    for (number, file) in checked.largest.iter().enumerate() {
        let label = if number == 0 { "largest" } else { "" };
        row(label, format!("{}: {}", file.name, size(file.size)));
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
        let shown = wasm.imports.iter().take(MAX_SHOWN);
        let mut imports: Vec<_> =
            shown.map(|imports| format!("{} ({})", imports.module, imports.count)).collect();
        let more = wasm.imports.len() - imports.len();
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
        Some(Format::Module) => format!("module, {validity}, {}", size(wasm.size)),
        Some(Format::Component) => format!("component, {validity}, {}", size(wasm.size)),
        None => format!("something else, {}", size(wasm.size)),
    }
}
