//! Builds the guest, makes a component of it, and compiles that ahead of time, so that neither the library nor the command
//! carries a compiler or spends time on compiling.

#[path = "build/component.rs"]
mod component;

use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs};

/// A component to embed in place of the guest: for builds that can't run cargo a second time.
const PREBUILT: &str = "FASTLY_PACKAGE_COMPONENT";

fn main() -> ExitCode {
    component::end(build())
}

fn build() -> Result<()> {
    println!("cargo::rerun-if-changed=build/component.rs");
    println!("cargo::rerun-if-changed=src/engine.rs");
    println!("cargo::rerun-if-env-changed={PREBUILT}");
    let bytes = match env::var_os(PREBUILT) {
        Some(path) => read_prebuilt(&PathBuf::from(path))?,
        None => build_guest()?,
    };
    let out = component::out_dir();
    fs::write(out.join("plugin.cwasm"), component::precompile(&bytes)?)?;
    fs::write(out.join("plugin.wasm"), bytes)?;
    Ok(())
}

fn build_guest() -> Result<Vec<u8>> {
    let guest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../guest");
    // Without the rlib beside it, which the unit tests want: what could be linked to from outside would stay in the module.
    let command = ["rustc", "--lib", "--crate-type", "cdylib"];
    println!("cargo::rerun-if-changed={}", guest.join("build.rs").display());
    let module = component::build_modules(&guest, &command)?.join("fastly_package_guest.wasm");
    component::watch_sources(&module)?;
    component::encode(&module)
}

fn read_prebuilt(path: &Path) -> Result<Vec<u8>> {
    println!("cargo::rerun-if-changed={}", path.display());
    fs::read(path)
        .with_context(|| format!("{PREBUILT} names {}, which can't be read", path.display()))
}
