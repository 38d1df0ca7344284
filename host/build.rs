//! Builds the guest, makes a component of it, and compiles that ahead of time, so that neither the library nor the command
//! carries a compiler or spends time on compiling.

#[path = "build/component.rs"]
mod component;
#[cfg(feature = "cli")]
#[path = "build/compose.rs"]
mod compose;
#[cfg(feature = "cli")]
#[path = "build/contract.rs"]
mod contract;

use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs};

/// A component to embed in place of the guest: for builds that can't run cargo a second time.
const PREBUILT: &str = "FASTLY_PACKAGE_COMPONENT";
/// The guard to go with it.
#[cfg(feature = "cli")]
const PREBUILT_GUARD: &str = "FASTLY_PACKAGE_GUARD";

fn main() -> ExitCode {
    component::end(build())
}

fn build() -> Result<()> {
    println!("cargo::rerun-if-changed=build/component.rs");
    println!("cargo::rerun-if-changed=src/engine.rs");
    println!("cargo::rerun-if-env-changed={PREBUILT}");
    let plugin = match env::var_os(PREBUILT) {
        Some(path) => read_prebuilt(PREBUILT, &PathBuf::from(path))?,
        None => build_component("../guest", "fastly_package_guest.wasm")?,
    };
    let out = component::out_dir();
    fs::write(out.join("plugin.cwasm"), component::precompile(&plugin)?)?;
    #[cfg(feature = "cli")]
    write_guarded(&out, &plugin)?;
    fs::write(out.join("plugin.wasm"), plugin)?;
    Ok(())
}

/// Builds what the command alone hands out: the contract, and the plugin in its guard, compressed, with where both stand in it. Around a
/// component that came without a guard there is none.
#[cfg(feature = "cli")]
fn write_guarded(out: &Path, plugin: &[u8]) -> Result<()> {
    println!("cargo::rerun-if-changed=build/compose.rs");
    println!("cargo::rerun-if-changed=build/contract.rs");
    println!("cargo::rerun-if-env-changed={PREBUILT_GUARD}");
    let guard = match (env::var_os(PREBUILT_GUARD), env::var_os(PREBUILT)) {
        (Some(path), _) => read_prebuilt(PREBUILT_GUARD, &PathBuf::from(path))?,
        (None, Some(_)) => Vec::new(),
        (None, None) => build_component("../guest/guard", "fastly_package_guard.wasm")?,
    };
    let guarded = match guard.is_empty() {
        true => plugin.to_vec(),
        false => compose::guarded(plugin, &guard)?,
    };
    let plugin = compose::find(plugin, &guarded).context("the plugin isn't in its guard")?;
    let guard = compose::find(&guard, &guarded).context("the guard isn't around the plugin")?;
    let places = format!(
        "const PLUGIN: std::ops::Range<usize> = {plugin:?};\nconst GUARD: std::ops::Range<usize> = {guard:?};\n"
    );
    let contract = contract::text(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit"))?;
    fs::write(out.join("guarded.rs"), places)?;
    fs::write(out.join("guarded.wasm.gz"), compose::compressed(&guarded)?)?;
    fs::write(out.join("contract.wit.gz"), compose::compressed(contract.as_bytes())?)?;
    Ok(())
}

fn build_component(folder: &str, module: &str) -> Result<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    // Without the rlib beside it, which the unit tests want: what could be linked to from outside would stay in the module.
    let command = ["rustc", "--lib", "--crate-type", "cdylib"];
    println!("cargo::rerun-if-changed={}", folder.join("build.rs").display());
    let module = component::build_modules(&folder, &command)?.join(module);
    component::watch_sources(&module)?;
    component::encode(&module)
}

fn read_prebuilt(variable: &str, path: &Path) -> Result<Vec<u8>> {
    println!("cargo::rerun-if-changed={}", path.display());
    fs::read(path)
        .with_context(|| format!("{variable} names {}, which can't be read", path.display()))
}
