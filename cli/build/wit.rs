//! Prints the WIT as one file, with the packages that it depends on.

use anyhow::Result;
use std::path::Path;
use wit_component::WitPrinter;
use wit_parser::Resolve;

pub(crate) fn text(folder: &Path) -> Result<String> {
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(folder)?;
    let others: Vec<_> =
        resolve.packages.iter().map(|(id, _)| id).filter(|id| *id != package).collect();
    let mut printer = WitPrinter::default();
    printer.print(&resolve, package, &others)?;
    Ok(printer.output.to_string())
}
