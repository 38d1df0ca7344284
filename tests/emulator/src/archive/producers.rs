//! `wasm_metadata`: what the compilers of a module left in its `producers` section.
//!
//! The recorded answer has the section's fields as they are (`processed-by`, `language`), and the JSON
//! that the Fastly CLI puts there as the "version" of `fastly_data` as an object.
//! The section's format: <https://github.com/WebAssembly/tool-conventions/blob/main/ProducersSection.md>.

use std::io::{self, Read};

use serde_json::{Map, Value};

/// A section that claims more is passed over.
const MAX_SECTION: u64 = 1024 * 1024;

/// The `producers` section of a core module or component as JSON; an empty object where there is none.
/// The module isn't judged: Fastly does that at activation, not at upload.
pub(crate) fn wasm_metadata(mut wasm: impl Read) -> Value {
    Value::Object(find_section(&mut wasm).unwrap_or_default())
}

fn find_section(wasm: &mut impl Read) -> Option<Map<String, Value>> {
    let mut preamble = [0; 8];
    wasm.read_exact(&mut preamble).ok()?;
    if !preamble.starts_with(b"\0asm") {
        return None;
    }
    loop {
        let mut id = [0];
        wasm.read_exact(&mut id).ok()?;
        let size = u64::from(read_u32(wasm)?);
        let mut section = wasm.take(size);
        if id == [0] && size <= MAX_SECTION {
            let mut content = Vec::new();
            section.read_to_end(&mut content).ok()?;
            let mut content = content.as_slice();
            if read_name(&mut content).as_deref() == Some("producers") {
                return parse(&mut content);
            }
        } else {
            io::copy(&mut section, &mut io::sink()).ok()?;
        }
    }
}

fn parse(section: &mut &[u8]) -> Option<Map<String, Value>> {
    let mut fields = Map::new();
    for _ in 0..read_u32(section)? {
        let field = read_name(section)?;
        let mut values = Map::new();
        for _ in 0..read_u32(section)? {
            let name = read_name(section)?;
            let version = read_name(section)?;
            let object = serde_json::from_str(&version).ok().filter(Value::is_object);
            values.insert(name, object.unwrap_or(Value::String(version)));
        }
        fields.insert(field, Value::Object(values));
    }
    Some(fields)
}

fn read_name(bytes: &mut &[u8]) -> Option<String> {
    let length = read_u32(bytes)? as usize;
    let (name, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    String::from_utf8(name.to_vec()).ok()
}

/// Unsigned LEB128 of 32 bits.
fn read_u32(bytes: &mut impl Read) -> Option<u32> {
    let mut value = 0;
    for shift in [0, 7, 14, 21, 28] {
        let mut byte = [0];
        bytes.read_exact(&mut byte).ok()?;
        value |= u32::from(byte[0] & 0x7f).checked_shl(shift)?;
        if byte[0] & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn name(text: &str) -> Vec<u8> {
        let mut bytes = vec![u8::try_from(text.len()).unwrap()];
        bytes.extend(text.bytes());
        bytes
    }

    fn module(section: &[u8]) -> Vec<u8> {
        let mut module = b"\0asm\x01\0\0\0".to_vec();
        module.extend([1, 4, 1, 0x60, 0, 0]);
        module.push(0);
        module.push(u8::try_from(section.len()).unwrap());
        module.extend(section);
        module
    }

    #[test]
    fn the_producers_section_becomes_an_object_and_embedded_json_with_it() {
        let section = [
            name("producers"),
            vec![2],
            name("language"),
            vec![1],
            name("Rust"),
            name(""),
            name("processed-by"),
            vec![2],
            name("rustc"),
            name("1.78.0"),
            name("fastly_data"),
            name("{\"a\":1}"),
        ]
        .concat();
        assert_eq!(
            wasm_metadata(module(&section).as_slice()),
            json!({"language": {"Rust": ""}, "processed-by": {"rustc": "1.78.0", "fastly_data": {"a": 1}}})
        );
    }

    #[test]
    fn without_a_readable_producers_section_the_object_is_empty() {
        assert_eq!(wasm_metadata(b"no module at all".as_slice()), json!({}));
        assert_eq!(wasm_metadata(module(&name("name")).as_slice()), json!({}));
        assert_eq!(
            wasm_metadata(module(&[name("producers"), vec![9]].concat()).as_slice()),
            json!({})
        );
    }
}
