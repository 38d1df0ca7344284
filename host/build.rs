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

#[cfg(feature = "cli")]
use anyhow::ensure;
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs};

/// A component to embed in place of the guest: for builds that can't run cargo a second time.
const PREBUILT: &str = "FASTLY_PACKAGE_COMPONENT";
/// The guard to go with it.
#[cfg(feature = "cli")]
const PREBUILT_GUARD: &str = "FASTLY_PACKAGE_GUARD";
/// The command to go before both, as it is before it is composed.
#[cfg(feature = "cli")]
const PREBUILT_COMMAND: &str = "FASTLY_PACKAGE_COMMAND";

fn main() -> ExitCode {
    component::end(build())
}

fn build() -> Result<()> {
    println!("cargo::rerun-if-changed=build/component.rs");
    println!("cargo::rerun-if-changed=src/engine.rs");
    println!("cargo::rerun-if-env-changed={PREBUILT}");
    let plugin = match env::var_os(PREBUILT) {
        Some(path) => read_prebuilt(PREBUILT, &PathBuf::from(path))?,
        None => build_component("../guest", "fastly_package_guest.wasm", component::PROFILE)?,
    };
    let out = component::out_dir();
    fs::write(out.join("plugin.cwasm"), component::precompile(&plugin)?)?;
    #[cfg(feature = "cli")]
    write_components(&out, &plugin)?;
    fs::write(out.join("plugin.wasm"), plugin)?;
    Ok(())
}

/// Builds what the command alone hands out, compressed: the contract; and the components, each in the next, with where they stand in it.
/// Around a component that came without a guard there is none, and no command.
#[cfg(feature = "cli")]
fn write_components(out: &Path, plugin: &[u8]) -> Result<()> {
    println!("cargo::rerun-if-changed=build/compose.rs");
    println!("cargo::rerun-if-changed=build/contract.rs");
    let guard =
        part(PREBUILT_GUARD, ["../guest/guard", "fastly_package_guard.wasm", component::PROFILE])?;
    let command =
        part(PREBUILT_COMMAND, ["../guest/command", "fastly_package_command.wasm", "command"])?;
    let guarded = match guard.is_empty() {
        true => Vec::new(),
        false => compose::guarded(plugin, &guard)?,
    };
    ensure!(
        command.is_empty() || !guarded.is_empty(),
        "{PREBUILT_COMMAND} is composed with a guard: name one with {PREBUILT_GUARD}"
    );
    let command = match command.is_empty() {
        true => Vec::new(),
        false => compose::command(&guarded, &command)?,
    };
    let all = [plugin, &guard, &guarded, &command];
    let whole = all.into_iter().rfind(|part| !part.is_empty()).unwrap_or_default();
    let mut places = String::new();
    for (name, part) in ["PLUGIN", "GUARD", "GUARDED", "COMMAND"].into_iter().zip(all) {
        let place = compose::find(part, whole)
            .with_context(|| format!("{name} isn't in what was composed of it"))?;
        places.push_str(&format!("const {name}: std::ops::Range<usize> = {place:?};\n"));
    }
    let contract = contract::text(&component::manifest_dir().join("../wit"))?;
    fs::write(out.join("places.rs"), places)?;
    fs::write(out.join("components.gz"), compose::compressed(whole)?)?;
    fs::write(out.join("contract.wit.gz"), compose::compressed(contract.as_bytes())?)?;
    Ok(())
}

/// A component to be composed with the plugin: a prebuilt one, or the guest's own; none where only the plugin is prebuilt.
#[cfg(feature = "cli")]
fn part(prebuilt: &str, [folder, module, profile]: [&str; 3]) -> Result<Vec<u8>> {
    println!("cargo::rerun-if-env-changed={prebuilt}");
    match (env::var_os(prebuilt), env::var_os(PREBUILT)) {
        (Some(path), _) => read_prebuilt(prebuilt, &PathBuf::from(path)),
        (None, Some(_)) => Ok(Vec::new()),
        (None, None) => build_component(folder, module, profile),
    }
}

fn build_component(folder: &str, module: &str, profile: &str) -> Result<Vec<u8>> {
    let folder = component::manifest_dir().join(folder);
    // Without the rlib beside it, which the unit tests want: what could be linked to from outside would stay in the module.
    let command = ["rustc", "--lib", "--crate-type", "cdylib"];
    let module = component::build_modules(&folder, &command, profile)?.join(module);
    component::watch_sources(&module)?;
    component::encode(&module)
}

fn read_prebuilt(variable: &str, path: &Path) -> Result<Vec<u8>> {
    println!("cargo::rerun-if-changed={}", path.display());
    fs::read(path)
        .with_context(|| format!("{variable} names {}, which can't be read", path.display()))
}
