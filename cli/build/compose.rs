//! Composes the plugin with the guard, and both with the command. Each component is contained in the result byte for byte.

use anyhow::Result;
use wac_graph::types::Package;
use wac_graph::{CompositionGraph, EncodeOptions, NodeId};

const HANDLER: &str = "wasi:http/outgoing-handler@0.2.0";
const API: &str = "fastly-package:api/package-api@0.1.0";
const VERSIONS: &str = "fastly-package:api/versions@0.1.0";
const EGRESS: &str = "fastly-package:api/egress@0.1.0";
const RUN: &str = "wasi:cli/run@0.2.0";

/// Composes the plugin with the guard, which its requests pass. The result exports the interfaces of both, except for the guard's
/// `outgoing-handler`.
pub(crate) fn guarded(plugin: &[u8], guard: &[u8]) -> Result<Vec<u8>> {
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
pub(crate) fn command(guarded: &[u8], command: &[u8]) -> Result<Vec<u8>> {
    let mut graph = CompositionGraph::new();
    let guarded = instantiate(&mut graph, "fastly-package:guarded", guarded)?;
    let command = instantiate(&mut graph, "fastly-package:command", command)?;
    connect(&mut graph, guarded, command, API)?;
    connect(&mut graph, guarded, command, VERSIONS)?;
    connect(&mut graph, guarded, command, EGRESS)?;
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
