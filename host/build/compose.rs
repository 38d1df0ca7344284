//! Puts the guard around the plugin. Both stay in the result byte for byte.

use anyhow::Result;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;
use std::ops::Range;
use wac_graph::types::Package;
use wac_graph::{CompositionGraph, EncodeOptions};

const HANDLER: &str = "wasi:http/outgoing-handler@0.2.0";
const API: &str = "fastly-package:api/package-api@0.1.0";
const EGRESS: &str = "fastly-package:api/egress@0.1.0";

/// The plugin, whose requests go through the guard; with the exports of both, but for the guard's way out.
pub(crate) fn guarded(plugin: &[u8], guard: &[u8]) -> Result<Vec<u8>> {
    let mut graph = CompositionGraph::new();
    let mut instantiate = |name: &str, component: &[u8]| {
        let package = Package::from_bytes(name, None, component.to_vec(), graph.types_mut())?;
        let package = graph.register_package(package)?;
        anyhow::Ok(graph.instantiate(package))
    };
    let guard = instantiate("fastly-package:guard", guard)?;
    let plugin = instantiate("fastly-package:plugin", plugin)?;
    let handler = graph.alias_instance_export(guard, HANDLER)?;
    graph.set_instantiation_argument(plugin, HANDLER, handler)?;
    for (instance, interface) in [(plugin, API), (guard, EGRESS)] {
        let export = graph.alias_instance_export(instance, interface)?;
        graph.export(export, interface)?;
    }
    Ok(graph.encode(EncodeOptions::default())?)
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
