//! Builds the guest into a component and compiles it ahead of time, so that the library neither contains a compiler nor spends time on compiling.

use anyhow::Result;
use fastly_package_component_build as component_build;
use std::path::PathBuf;
use std::process::ExitCode;
use std::{env, fs};

#[path = "src/engine.rs"]
mod engine;

/// The path of a component to embed in place of the guest: for builds that can't run a nested cargo.
const PREBUILT: &str = "FASTLY_PACKAGE_COMPONENT";

fn main() -> ExitCode {
    component_build::exit(build())
}

fn build() -> Result<()> {
    println!("cargo::rerun-if-changed=src/engine.rs");
    let plugin = match component_build::read_prebuilt(PREBUILT)? {
        Some(plugin) => plugin,
        None => component_build::component(
            "../guest",
            "fastly_package_guest",
            component_build::PROFILE,
        )?,
    };
    let out: PathBuf = component_build::out_dir();
    fs::write(out.join("plugin.cwasm"), precompile(&plugin)?)?;
    let path = out.join("plugin.wasm");
    fs::write(&path, plugin)?;
    println!("cargo::metadata=plugin={}", path.display());
    Ok(())
}

/// Compiles a component for the machine that the outer build is for.
fn precompile(component: &[u8]) -> Result<Vec<u8>> {
    let mut config = engine::config();
    // Set even if it is this machine's: otherwise the build machine's own CPU features would be required wherever it runs.
    config.target(&env::var("TARGET")?)?;
    Ok(wasmtime::Engine::new(&config)?.precompile_component(component)?)
}
