//! Builds the components that the command writes: the guard, the guarded plugin, and the command as a component. They are embedded compressed.

use anyhow::{Context, Result, ensure};
use fastly_package_component_build as component_build;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::{env, fs};
use wac_graph::types::Package;
use wac_graph::{CompositionGraph, EncodeOptions, NodeId};
use wit_component::WitPrinter;
use wit_parser::Resolve;

/// The path of a prebuilt plugin. The library's build script reads it.
const PREBUILT_PLUGIN: &str = "FASTLY_PACKAGE_COMPONENT";
/// The path of a prebuilt guard, for builds that can't run a nested cargo.
const PREBUILT_GUARD: &str = "FASTLY_PACKAGE_GUARD";
/// The path of a prebuilt command component, before it is composed with the plugin and the guard.
const PREBUILT_COMMAND: &str = "FASTLY_PACKAGE_COMMAND";

const HANDLER: &str = "wasi:http/outgoing-handler@0.2.0";
const API: &str = "fastly-package:api/package-api@0.1.0";
const VERSIONS: &str = "fastly-package:api/versions@0.1.0";
const EGRESS: &str = "fastly-package:api/egress@0.1.0";
const RUN: &str = "wasi:cli/run@0.2.0";

fn main() -> ExitCode {
    component_build::exit(build())
}

/// A component that isn't available, because only some are prebuilt, is written as an empty file.
fn build() -> Result<()> {
    println!("cargo::rerun-if-env-changed={PREBUILT_PLUGIN}");
    let plugin = env::var("DEP_FASTLY_PACKAGE_PLUGIN").context("the library has no component")?;
    let plugin = fs::read(plugin)?;
    let guard = part(PREBUILT_GUARD, ["../guest/guard", "fastly_package_guard", "component"])?;
    let command = part(PREBUILT_COMMAND, ["command", "fastly_package_command", "command"])?;
    let guarded = match &guard {
        Some(guard) => Some(compose_guarded(&plugin, guard)?),
        None => None,
    };
    ensure!(
        command.is_none() || guarded.is_some(),
        "{PREBUILT_COMMAND} is composed with a guard: set {PREBUILT_GUARD} too"
    );
    let command = match (&guarded, &command) {
        (Some(guarded), Some(command)) => Some(compose_command(guarded, command)?),
        _ => None,
    };
    let wit = wit_text(&component_build::manifest_dir().join("../wit"))?;
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

/// Composes the plugin with the guard, which its requests pass. The result exports the interfaces of both, except for the guard's
/// `outgoing-handler`.
fn compose_guarded(plugin: &[u8], guard: &[u8]) -> Result<Vec<u8>> {
    let mut graph = CompositionGraph::new();
    let guard = instantiate(&mut graph, "fastly-package:guard", guard)?;
    let plugin = instantiate(&mut graph, "fastly-package:plugin", plugin)?;
    connect(&mut graph, guard, plugin, HANDLER)?;
    export(&mut graph, plugin, API)?;
    export(&mut graph, plugin, VERSIONS)?;
    export(&mut graph, guard, EGRESS)?;
    Ok(graph.encode(EncodeOptions::default())?)
}

/// Composes the command with the guarded plugin.
fn compose_command(guarded: &[u8], command: &[u8]) -> Result<Vec<u8>> {
    let mut graph = CompositionGraph::new();
    let guarded = instantiate(&mut graph, "fastly-package:guarded", guarded)?;
    let command = instantiate(&mut graph, "fastly-package:command", command)?;
    for interface in [API, VERSIONS, EGRESS] {
        connect(&mut graph, guarded, command, interface)?;
    }
    export(&mut graph, command, RUN)?;
    Ok(graph.encode(EncodeOptions::default())?)
}

fn instantiate(graph: &mut CompositionGraph, name: &str, component: &[u8]) -> Result<NodeId> {
    let package = Package::from_bytes(name, None, component.to_vec(), graph.types_mut())?;
    let package = graph.register_package(package)?;
    Ok(graph.instantiate(package))
}

fn connect(graph: &mut CompositionGraph, from: NodeId, to: NodeId, interface: &str) -> Result<()> {
    let export = graph.alias_instance_export(from, interface)?;
    Ok(graph.set_instantiation_argument(to, interface, export)?)
}

fn export(graph: &mut CompositionGraph, from: NodeId, interface: &str) -> Result<()> {
    let export = graph.alias_instance_export(from, interface)?;
    Ok(graph.export(export, interface).map(drop)?)
}

/// Prints the WIT as one file, with the packages that it depends on.
fn wit_text(folder: &Path) -> Result<String> {
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(folder)?;
    let others: Vec<_> =
        resolve.packages.iter().map(|(id, _)| id).filter(|id| *id != package).collect();
    let mut printer = WitPrinter::default();
    printer.print(&resolve, package, &others)?;
    Ok(printer.output.to_string())
}
