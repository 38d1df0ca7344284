//! Builds the components that the command writes: the guard, the guarded plugin, and the command as a component. They are embedded compressed.

mod build {
    pub(crate) mod compose;
    pub(crate) mod wit;
}

use anyhow::{Context, Result, ensure};
use build::{compose, wit};
use fastly_package_component_build as component_build;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;
use std::process::ExitCode;
use std::{env, fs};

/// The path of a prebuilt plugin. The library's build script reads it.
const PREBUILT_PLUGIN: &str = "FASTLY_PACKAGE_COMPONENT";
/// The path of a prebuilt guard, for builds that can't run a nested cargo.
const PREBUILT_GUARD: &str = "FASTLY_PACKAGE_GUARD";
/// The path of a prebuilt command component, before it is composed with the plugin and the guard.
const PREBUILT_COMMAND: &str = "FASTLY_PACKAGE_COMMAND";

fn main() -> ExitCode {
    component_build::exit(build())
}

/// A component that isn't available, because only some are prebuilt, is written as an empty file.
fn build() -> Result<()> {
    for path in ["build/compose.rs", "build/wit.rs"] {
        println!("cargo::rerun-if-changed={path}");
    }
    println!("cargo::rerun-if-env-changed={PREBUILT_PLUGIN}");
    let plugin = env::var("DEP_FASTLY_PACKAGE_PLUGIN").context("the library has no component")?;
    let plugin = fs::read(plugin)?;
    let guard = part(PREBUILT_GUARD, ["../guest/guard", "fastly_package_guard", "component"])?;
    let command = part(PREBUILT_COMMAND, ["command", "fastly_package_command", "command"])?;
    let guarded = match &guard {
        Some(guard) => Some(compose::guarded(&plugin, guard)?),
        None => None,
    };
    ensure!(
        command.is_none() || guarded.is_some(),
        "{PREBUILT_COMMAND} is composed with a guard: set {PREBUILT_GUARD} too"
    );
    let command = match (&guarded, &command) {
        (Some(guarded), Some(command)) => Some(compose::command(guarded, command)?),
        _ => None,
    };
    let wit = wit::text(&component_build::manifest_dir().join("../wit"))?;
    for (name, content) in [
        ("guard.wasm.gz", guard),
        ("guarded.wasm.gz", guarded),
        ("command.wasm.gz", command),
        ("package.wit.gz", Some(wit.into_bytes())),
    ] {
        let compressed = compress(&content.unwrap_or_default())?;
        fs::write(component_build::out_dir().join(name), compressed)?;
    }
    Ok(())
}

/// Builds a component, or reads the prebuilt one. `None` if only the plugin is prebuilt.
fn part(prebuilt: &str, [folder, name, profile]: [&str; 3]) -> Result<Option<Vec<u8>>> {
    match component_build::read_prebuilt(prebuilt)? {
        Some(component) => Ok(Some(component)),
        None if env::var_os(PREBUILT_PLUGIN).is_some() => Ok(None),
        None => component_build::component(folder, name, profile).map(Some),
    }
}

fn compress(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?)
}
