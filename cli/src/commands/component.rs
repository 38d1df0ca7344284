//! `component`: writes a component of this build, or the WIT.

use crate::cli::Component;
use fastly_package::COMPONENT;
use fastly_package_command::error::CommandError;
use flate2::read::GzDecoder;
use std::io::{IsTerminal, Read, Write};
use std::path::Path;

macro_rules! embedded {
    ($name:literal) => {
        include_bytes!(concat!(env!("OUT_DIR"), "/", $name))
    };
}

/// Compressed with gzip. A component that this build doesn't contain is empty.
const GUARD: &[u8] = embedded!("guard.wasm.gz");
const GUARDED: &[u8] = embedded!("guarded.wasm.gz");
const COMMAND: &[u8] = embedded!("command.wasm.gz");
const WIT: &[u8] = embedded!("package.wit.gz");

pub(crate) fn run(args: &Component) -> Result<(), CommandError> {
    let bytes = match args {
        Component { wit: true, .. } => decompress(WIT)?,
        Component { guard: true, .. } => decompress(GUARD)?,
        Component { guarded: true, .. } => decompress(GUARDED)?,
        Component { command: true, .. } => decompress(COMMAND)?,
        _ => COMPONENT.to_vec(),
    };
    if bytes.is_empty() {
        let why = "this build doesn't contain it: it was built with FASTLY_PACKAGE_COMPONENT, but without FASTLY_PACKAGE_GUARD or FASTLY_PACKAGE_COMMAND";
        return Err(CommandError::Usage(why.into()));
    }
    match &args.output {
        Some(path) if path != Path::new("-") => std::fs::write(path, bytes)
            .map_err(|error| CommandError::Io(format!("can't write {}", path.display()), error)),
        _ if !args.wit && std::io::stdout().is_terminal() => Err(CommandError::Usage(
            "refusing to write binary output to the terminal; use -o FILE".into(),
        )),
        _ => {
            let mut stdout = std::io::stdout().lock();
            stdout.write_all(&bytes).and_then(|()| stdout.flush()).map_err(CommandError::output)
        }
    }
}

fn decompress(bytes: &[u8]) -> Result<Vec<u8>, CommandError> {
    let mut decompressed = Vec::new();
    GzDecoder::new(bytes)
        .read_to_end(&mut decompressed)
        .map_err(|error| CommandError::Io("can't decompress the component".into(), error))?;
    Ok(decompressed)
}
