//! Builds the components that misbehave, and writes one constant for each, compiled ahead of time.

#[path = "../host/build/component.rs"]
mod component;

use anyhow::{Context, Result};
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    component::end(build())
}

fn build() -> Result<()> {
    let programs = component::manifest_dir().join("programs");
    for path in ["../host/build/component.rs", "../host/src/engine.rs", "programs/examples"] {
        println!("cargo::rerun-if-changed={path}");
    }
    let modules =
        component::build_modules(&programs, &["build", "--examples"], component::PROFILE)?
            .join("examples");
    let out = component::out_dir();
    let mut constants = String::new();
    for name in names(&programs.join("examples"))? {
        let module = modules.join(format!("{name}.wasm"));
        component::watch_sources(&module)?;
        let compiled = out.join(format!("{name}.cwasm"));
        fs::write(&compiled, component::precompile(&component::encode(&module)?)?)?;
        let constant = name.to_ascii_uppercase();
        writeln!(
            constants,
            "pub(crate) const {constant}: &[u8] = include_bytes!({:?});",
            compiled.display().to_string()
        )?;
    }
    fs::write(out.join("programs.rs"), constants)?;
    Ok(())
}

fn names(examples: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(examples)? {
        let path = entry?.path();
        let name = path.file_stem().and_then(|name| name.to_str()).context("a name in UTF-8")?;
        names.push(name.to_owned());
    }
    names.sort();
    Ok(names)
}
