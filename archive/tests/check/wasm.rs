//! The description of `bin/main.wasm`.

use crate::archives::*;
use fastly_package_archive::{Format, ModuleImports, Validity, Wasm};

/// Returns a section with this ID and content.
fn section(id: u8, content: &[u8]) -> Vec<u8> {
    let mut section = vec![id];
    let mut length = content.len();
    while length >= 0x80 {
        section.push(length as u8 | 0x80);
        length >>= 7;
    }
    section.push(length as u8);
    section.extend(content);
    section
}

fn name(text: &str) -> Vec<u8> {
    [&[text.len() as u8], text.as_bytes()].concat()
}

/// Returns the report's description of this `bin/main.wasm`.
fn wasm_of(wasm: &[u8]) -> Wasm {
    let package = gzip(&tar(&[file("a/fastly.toml", MANIFEST), file("a/bin/main.wasm", wasm)]));
    report(&package).wasm.unwrap()
}

/// Returns a module with two imports from `fastly`, one from `env`, a memory, and a function with these instructions.
fn module(body: &[u8]) -> Vec<u8> {
    let import = |module: &str, field: &str| [name(module), name(field), vec![0, 0]].concat();
    let imports =
        [vec![3], import("fastly", "a"), import("env", "b"), import("fastly", "c")].concat();
    let body = [&[0], body, &[0x0b]].concat();
    [
        MODULE.to_vec(),
        section(1, &[1, 0x60, 0, 0]),
        section(2, &imports),
        section(3, &[1, 0]),
        section(5, &[1, 0, 1]),
        section(10, &[&[1, body.len() as u8][..], &body].concat()),
    ]
    .concat()
}

#[test]
fn a_module_is_validated_and_its_imports_and_features_are_listed() {
    let plain = wasm_of(&module(&[]));
    assert_eq!((plain.format, &plain.validity), (Some(Format::Module), &Validity::Valid));
    let imports = [("env", 1), ("fastly", 2)]
        .map(|(module, count)| ModuleImports { module: module.into(), count });
    assert_eq!(plain.imports, imports);
    assert!(plain.features.is_empty());
    // i32.const 0, i32.const 0, i32.const 0, memory.fill; and v128.const 0, drop.
    let fill = [0x41, 0, 0x41, 0, 0x41, 0, 0xfc, 11, 0];
    let vector = [&[0xfd, 12][..], &[0; 16], &[0x1a]].concat();
    assert_eq!(wasm_of(&module(&[&fill[..], &vector].concat())).features, ["bulk-memory", "simd"]);
    // A `drop` on an empty stack.
    let invalid = wasm_of(&module(&[0x1a]));
    assert!(matches!(invalid.validity, Validity::Invalid(_)), "{:?}", invalid.validity);
}

#[test]
fn a_module_with_random_changes_is_valid_exactly_if_wasmparser_validates_it() {
    let vector = [&[0xfd, 12][..], &[0; 16], &[0x1a]].concat();
    let whole = [
        module(&vector),
        section(
            0,
            &[name("producers"), vec![1], name("a"), vec![1], name("b"), name("c")].concat(),
        ),
    ]
    .concat();
    for seed in 0..3000 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut wasm = whole.clone();
        for _ in 0..random.usize(1..6) {
            let at = random.usize(..wasm.len());
            match random.u8(0..3) {
                0 => wasm[at] = random.u8(..),
                1 => drop(wasm.remove(at)),
                _ => wasm.insert(at, *random.choice(&[0, 0x7f, 0x80, 0xff]).unwrap()),
            }
        }
        let read = wasm_of(&wasm);
        let valid = wasmparser::Validator::new_with_features(wasmparser::WasmFeatures::all())
            .validate_all(&wasm)
            .map(drop);
        assert_eq!(
            read.validity == Validity::Valid,
            valid.is_ok(),
            "seed {seed}: {read:?} {valid:?}"
        );
    }
}

#[test]
fn a_large_custom_section_is_skipped_and_the_next_section_is_read() {
    let producers =
        [name("producers"), vec![1], name("language"), vec![1], name("Rust"), name("1.95")];
    let large = [name("debug"), vec![7; 20 * 1024 * 1024]].concat();
    let wasm = [module(&[]), section(0, &large), section(0, &producers.concat())].concat();
    let wasm = wasm_of(&wasm);
    assert_eq!(wasm.validity, Validity::Valid);
    let rust = vec![("Rust".to_owned(), "1.95".to_owned())];
    assert_eq!(wasm.producers, [("language".to_owned(), rust)]);
    let truncated = [module(&[]), section(0, &large)].concat();
    let truncated = wasm_of(&truncated[..truncated.len() - 1]);
    assert!(matches!(truncated.validity, Validity::Invalid(_)), "{:?}", truncated.validity);
}

#[test]
fn the_validity_of_a_module_with_too_large_a_section_is_unknown() {
    let data = [&[1, 1, 0x80, 0x80, 0x80, 0x08][..], &vec![7; 16 * 1024 * 1024]].concat();
    let wasm = wasm_of(&[MODULE.to_vec(), section(11, &data)].concat());
    assert!(matches!(wasm.validity, Validity::Unknown(_)), "{:?}", wasm.validity);
}

#[test]
fn producers_nested_components_and_imports_are_limited() {
    let pairs =
        [name("producers"), vec![1], name("language"), vec![0xa0, 0x8d, 0x06], vec![0; 200_000]];
    let wasm = [MODULE.to_vec(), section(0, &pairs.concat()).repeat(20)].concat();
    assert_eq!(wasm_of(&wasm).producers, []);
    let mut nested = COMPONENT.to_vec();
    for _ in 0..1000 {
        nested = [COMPONENT.to_vec(), section(4, &nested)].concat();
    }
    let nested = wasm_of(&nested);
    assert_eq!(nested.validity, Validity::Unknown("components are nested too deeply".into()));
    let imports = |count: u16| {
        let imports: Vec<u8> = (0..count)
            .flat_map(|number| [name(&number.to_string()), name(""), vec![0, 0]].concat())
            .collect();
        let count = [(count & 0x7f) as u8 | 0x80, (count >> 7) as u8];
        [
            MODULE.to_vec(),
            section(1, &[1, 0x60, 0, 0]),
            section(2, &[&count[..], &imports].concat()),
        ]
        .concat()
    };
    let many = wasm_of(&imports(2000));
    assert_eq!((many.validity, many.imports.len()), (Validity::Valid, 1000));
}
