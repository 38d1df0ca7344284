//! `component`: hands out the components of this build, and their contract.

use crate::cli::Component;
use fastly_package_words::failure::Failure;
use flate2::read::GzDecoder;
use std::io::{IsTerminal, Read, Write};
use std::path::Path;

// Where the plugin and the guard stand in what follows. A build around a component that came without a guard has an empty one.
include!(concat!(env!("OUT_DIR"), "/guarded.rs"));
/// The plugin in its guard, both byte for byte, compressed.
const GUARDED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/guarded.wasm.gz"));
const CONTRACT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/contract.wit.gz"));

pub(crate) fn run(args: &Component) -> Result<(), Failure> {
    if GUARD.is_empty() && (args.guard || args.guarded) {
        let why = "this build has no guard: it was made with FASTLY_PACKAGE_COMPONENT, and without FASTLY_PACKAGE_GUARD";
        return Err(Failure::Usage(why.into()));
    }
    let whole = match args.wit {
        true => decompressed(CONTRACT),
        false => decompressed(GUARDED),
    };
    let whole = whole.map_err(|error| Failure::Local("can't decompress it".into(), error))?;
    let bytes = match args {
        Component { wit: true, .. } | Component { guarded: true, .. } => &whole[..],
        Component { guard: true, .. } => &whole[GUARD],
        _ => &whole[PLUGIN],
    };
    match &args.output {
        Some(path) if path != Path::new("-") => std::fs::write(path, bytes)
            .map_err(|error| Failure::Local(format!("can't write {}", path.display()), error)),
        _ if !args.wit && std::io::stdout().is_terminal() => {
            Err(Failure::Usage("a component is nothing for a terminal: name a file with -o".into()))
        }
        _ => print(bytes),
    }
}

fn decompressed(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut whole = Vec::new();
    GzDecoder::new(bytes).read_to_end(&mut whole)?;
    Ok(whole)
}

fn print(bytes: &[u8]) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    let written = stdout.write_all(bytes).and_then(|()| stdout.flush());
    written.map_err(Failure::unwritten)
}
