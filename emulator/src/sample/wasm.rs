//! Encodes a core module that does nothing (<https://webassembly.github.io/spec/core/binary/modules.html>).

use std::io;

const PREAMBLE: &[u8] = b"\0asm\x01\0\0\0";

/// The type, function, memory, export and code sections: a memory, and an empty function `_start`.
const SECTIONS: [(u8, &[u8]); 5] = [
    (1, &[1, 0x60, 0, 0]),
    (3, &[1, 0]),
    (5, &[1, 0, 1]),
    (7, b"\x02\x06memory\x02\x00\x06_start\x00\x00"),
    (10, &[1, 2, 0, 0x0b]),
];

/// The name of the custom section that contains the payload.
const PAYLOAD: &str = "payload";

/// Returns the module up to a payload of this many bytes, which is its end.
pub(super) fn module_before_payload(payload: u64) -> io::Result<Vec<u8>> {
    let mut module = PREAMBLE.to_vec();
    for (id, content) in SECTIONS {
        section(&mut module, id, content, 0)?;
    }
    let producers = [
        name("producers"),
        vec![1],
        name("processed-by"),
        vec![1],
        name(env!("CARGO_PKG_NAME")),
        name(env!("CARGO_PKG_VERSION")),
    ];
    section(&mut module, 0, &producers.concat(), 0)?;
    if payload > 0 {
        section(&mut module, 0, &name(PAYLOAD), payload)?;
    }
    Ok(module)
}

/// Appends a section whose content has `more` bytes to come.
fn section(module: &mut Vec<u8>, id: u8, content: &[u8], more: u64) -> io::Result<()> {
    let size = u32::try_from(content.len() as u64 + more).map_err(|_| {
        io::Error::new(io::ErrorKind::InvalidInput, "a module is smaller than 4 GiB")
    })?;
    module.push(id);
    module.extend(leb128(size));
    module.extend(content);
    Ok(())
}

fn name(text: &str) -> Vec<u8> {
    let mut name = leb128(u32::try_from(text.len()).unwrap_or(u32::MAX));
    name.extend(text.bytes());
    name
}

fn leb128(mut value: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}
