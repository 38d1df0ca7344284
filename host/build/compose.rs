//! Puts the guard around the plugin, and the command before both. All of them stay in the result byte for byte.

use anyhow::Result;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;
use std::ops::Range;
use wac_graph::types::Package;
use wac_graph::{CompositionGraph, EncodeOptions, NodeId};

const HANDLER: &str = "wasi:http/outgoing-handler@0.2.0";
const API: &str = "fastly-package:api/package-api@0.1.0";
const EGRESS: &str = "fastly-package:api/egress@0.1.0";
const RUN: &str = "wasi:cli/run@0.2.0";

/// The plugin, whose requests go through the guard; with the exports of both, but for the guard's way out.
pub(crate) fn guarded(plugin: &[u8], guard: &[u8]) -> Result<Vec<u8>> {
    let mut graph = CompositionGraph::new();
    let guard = instantiate(&mut graph, "fastly-package:guard", guard)?;
    let plugin = instantiate(&mut graph, "fastly-package:plugin", plugin)?;
    connect(&mut graph, guard, plugin, HANDLER)?;
    export(&mut graph, plugin, API)?;
    export(&mut graph, guard, EGRESS)?;
    Ok(graph.encode(EncodeOptions::default())?)
}

/// The command, which calls the plugin and tells its guard what to let out.
pub(crate) fn command(guarded: &[u8], command: &[u8]) -> Result<Vec<u8>> {
    let mut graph = CompositionGraph::new();
    let guarded = instantiate(&mut graph, "fastly-package:guarded", guarded)?;
    let command = instantiate(&mut graph, "fastly-package:command", command)?;
    connect(&mut graph, guarded, command, API)?;
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

/// Where a part stands in the whole; an empty one at the beginning.
pub(crate) fn find(part: &[u8], whole: &[u8]) -> Option<Range<usize>> {
    if part.is_empty() {
        return Some(0..0);
    }
    let start = whole.windows(part.len()).position(|window| window == part)?;
    Some(start..start + part.len())
}

pub(crate) fn compressed(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?)
}
