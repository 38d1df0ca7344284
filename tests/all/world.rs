//! The component's world: its imports and exports.

use fastly_package::COMPONENT;
use sha2::{Digest, Sha256};
use snapbox::{assert_data_eq, file};
use std::path::Path;
use wit_component::{DecodedWasm, WitPrinter};

fn decode() -> DecodedWasm {
    wit_component::decode(COMPONENT).expect("the component contains its WIT")
}

#[test]
fn the_component_has_the_recorded_world() {
    let decoded = decode();
    let mut printer = WitPrinter::default();
    let nested: Vec<_> = decoded
        .resolve()
        .packages
        .iter()
        .map(|(id, _)| id)
        .filter(|id| *id != decoded.package())
        .collect();
    printer.print(decoded.resolve(), decoded.package(), &nested).unwrap();
    assert_data_eq!(printer.output.to_string(), file!["../golden/component.wit"]);
}

#[test]
fn the_component_imports_http_streams_and_random_bytes_and_nothing_else() {
    let decoded = decode();
    let DecodedWasm::Component(resolve, world) = &decoded else { panic!("not a component") };
    let names = |items: &wit_parser::IndexMap<wit_parser::WorldKey, wit_parser::WorldItem>| {
        let mut names: Vec<_> = items.keys().map(|key| resolve.name_world_key(key)).collect();
        names.sort();
        names
    };
    let world = &resolve.worlds[*world];
    assert_eq!(
        names(&world.imports),
        [
            "wasi:http/outgoing-handler@0.2.0",
            "wasi:http/types@0.2.0",
            "wasi:io/error@0.2.0",
            "wasi:io/poll@0.2.0",
            "wasi:io/streams@0.2.0",
            "wasi:random/random@0.2.0",
        ]
    );
    assert_eq!(
        names(&world.exports),
        ["fastly-package:api/package-api@0.1.0", "fastly-package:api/versions@0.1.0"]
    );
}

#[test]
fn the_component_is_at_most_128_kb_and_starts_with_640_kib_of_memory() {
    assert!(COMPONENT.len() <= 128_000, "{} bytes", COMPONENT.len());
    let memories: Vec<u64> = wasmparser::Parser::new(0)
        .parse_all(COMPONENT)
        .filter_map(|payload| match payload.unwrap() {
            wasmparser::Payload::MemorySection(section) => Some(section),
            _ => None,
        })
        .flat_map(|section| section.into_iter().map(|memory| memory.unwrap().initial))
        .collect();
    // In pages of 64 KiB.
    assert_eq!(memories, [10]);
}

#[test]
fn the_vendored_wit_matches_its_lock_file() {
    let deps = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit/deps");
    let lock = std::fs::read_to_string(deps.with_file_name("deps.sha256")).unwrap();
    let mut locked: Vec<String> = lock.lines().map(str::to_owned).collect();
    locked.sort();
    let mut found = Vec::new();
    for package in std::fs::read_dir(&deps).unwrap() {
        for file in std::fs::read_dir(package.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            let hash = Sha256::digest(std::fs::read(&path).unwrap());
            let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
            let name = path.strip_prefix(deps.parent().unwrap()).unwrap();
            found.push(format!("{hash}  {}", name.display()));
        }
    }
    found.sort();
    assert_eq!(found, locked);
}
