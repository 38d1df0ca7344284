//! Builds the components that misbehave, compiles them ahead of time, and generates a constant for each.

#[path = "../host/src/engine.rs"]
mod engine;

use anyhow::{Context, Result};
use fastly_package_component_build as component_build;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    component_build::exit(build())
}

fn build() -> Result<()> {
    let programs = component_build::manifest_dir().join("programs");
    for path in ["../host/src/engine.rs", "programs/examples"] {
        println!("cargo::rerun-if-changed={path}");
    }
    let modules = component_build::build_modules(
        &programs,
        &["build", "--examples"],
        component_build::PROFILE,
    )?
    .join("examples");
    let out = component_build::out_dir();
    let mut constants = String::new();
    for name in example_names(&programs.join("examples"))? {
        let module = modules.join(format!("{name}.wasm"));
        component_build::watch_sources(&module)?;
        let compiled = out.join(format!("{name}.cwasm"));
        fs::write(&compiled, precompile(&component_build::encode(&module)?)?)?;
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

fn precompile(component: &[u8]) -> Result<Vec<u8>> {
    let mut config = engine::config();
    config.target(&std::env::var("TARGET")?)?;
    Ok(wasmtime::Engine::new(&config)?.precompile_component(component)?)
}

fn example_names(examples: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(examples)? {
        let path = entry?.path();
        let name = path
            .file_stem()
            .and_then(|name| name.to_str())
            .context("the file name is not UTF-8")?;
        names.push(name.to_owned());
    }
    names.sort();
    Ok(names)
}
