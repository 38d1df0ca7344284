//! `component`: hands out the components of this build, and their contract.

use crate::cli::Component;
use fastly_package_words::failure::Failure;
use flate2::read::GzDecoder;
use std::io::{IsTerminal, Read, Write};
use std::path::Path;

// Where each component stands in what follows. Of a build around a component that came without the others, they are empty.
include!(concat!(env!("OUT_DIR"), "/places.rs"));
/// The components, each of which holds those before it byte for byte, compressed.
const COMPONENTS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/components.gz"));
const CONTRACT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/contract.wit.gz"));

pub(crate) fn run(args: &Component) -> Result<(), Failure> {
    let (whole, place) = match args {
        Component { wit: true, .. } => (CONTRACT, None),
        Component { guard: true, .. } => (COMPONENTS, Some(GUARD)),
        Component { guarded: true, .. } => (COMPONENTS, Some(GUARDED)),
        Component { command: true, .. } => (COMPONENTS, Some(COMMAND)),
        _ => (COMPONENTS, Some(PLUGIN)),
    };
    if place.as_ref().is_some_and(std::ops::Range::is_empty) {
        let why = "this build doesn't have it: it was made with FASTLY_PACKAGE_COMPONENT, and without FASTLY_PACKAGE_GUARD or FASTLY_PACKAGE_COMMAND";
        return Err(Failure::Usage(why.into()));
    }
    let whole = decompressed(whole);
    let whole = whole.map_err(|error| Failure::Local("can't decompress it".into(), error))?;
    let bytes = &whole[place.unwrap_or(0..whole.len())];
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
