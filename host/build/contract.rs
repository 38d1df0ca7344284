//! Writes the contract down in one file, with the packages that it names.

use anyhow::Result;
use std::path::Path;
use wit_component::WitPrinter;
use wit_parser::Resolve;

pub(crate) fn text(folder: &Path) -> Result<String> {
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut resolve = Resolve::default();
    let (contract, _) = resolve.push_dir(folder)?;
    let others: Vec<_> =
        resolve.packages.iter().map(|(id, _)| id).filter(|id| *id != contract).collect();
    let mut printer = WitPrinter::default();
    printer.print(&resolve, contract, &others)?;
    Ok(printer.output.to_string())
}
