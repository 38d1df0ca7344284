//! Generated components that break the rules of WebAssembly's memories, tables and strings, or allocate more than a call may.

use crate::{SERVICE, emulator, load_error, plugin_for};
use fastly_package::{ErrorKind, ServiceVersion};
use std::num::NonZeroU32;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// A component of the world `plugin`, made of one core module.
struct Generated {
    memory: &'static str,
    /// The body of `cabi_realloc`.
    realloc: &'static str,
    /// The body of `get-package`, which returns the address of its result.
    get: &'static str,
    fields: String,
    encoding: StringEncoding,
}

impl Default for Generated {
    fn default() -> Self {
        Self {
            memory: "1",
            realloc: "i32.const 1024",
            get: ERROR,
            fields: String::new(),
            encoding: StringEncoding::UTF8,
        }
    }
}

/// Returns `invalid-argument` with a text of four bytes, or two UTF-16 code units, at address 512.
const ERROR: &str = "(i32.store8 (i32.const 0) (i32.const 1))
    (i32.store8 (i32.const 8) (i32.const 0))
    (i32.store (i32.const 16) (i32.const 512))
    (i32.store (i32.const 20) (i32.const 4))
    i32.const 0";

impl Generated {
    fn build(self) -> Vec<u8> {
        let Self { memory, realloc, get, fields, encoding } = self;
        let parameters = |count| "i32 ".repeat(count);
        let text = format!(
            r#"(module
            (memory (export "memory") {memory})
            (func (export "cabi_realloc") (param {}) (result i32) {realloc})
            (func (export "fastly-package:api/package-api@0.1.0#get-package") (param {}) (result i32) {get})
            (func (export "fastly-package:api/package-api@0.1.0#put-package") (param i32) (result i32) unreachable)
            (func (export "fastly-package:api/versions@0.1.0#list-versions") (param {}) (result i32) unreachable)
            {fields})"#,
            parameters(4),
            parameters(12),
            parameters(11),
        );
        let mut module = wat::parse_str(text).unwrap();
        let mut resolve = Resolve::default();
        let wit = concat!(env!("CARGO_MANIFEST_DIR"), "/../wit");
        let (package, _) = resolve.push_dir(wit).unwrap();
        let world = resolve.select_world(&[package], Some("plugin")).unwrap();
        embed_component_metadata(&mut module, &resolve, world, encoding).unwrap();
        ComponentEncoder::default().module(&module).unwrap().encode().unwrap()
    }
}

/// Returns the kinds and messages of the errors of a component: on demand, in a pool, and on demand because a pool can't be reserved.
async fn errors(component: Vec<u8>) -> Vec<(ErrorKind, String)> {
    let emulator = emulator().await;
    let target = ServiceVersion::new(SERVICE, 3).unwrap();
    let mut errors = Vec::new();
    for pool in [None, NonZeroU32::new(2), Some(NonZeroU32::MAX)] {
        let plugin = plugin_for(&emulator).component(component.clone());
        let plugin = pool.into_iter().fold(plugin, |plugin, size| plugin.pooling_allocator(size));
        let error = match plugin.build() {
            Ok(plugin) => plugin.get_package(&target).await.unwrap_err(),
            Err(error) => error,
        };
        errors.push((error.kind(), error.to_string()));
    }
    assert_eq!(emulator.connections(), 0);
    errors
}

/// Asserts that the component is stopped for this reason, or, in a pool, for that of the pool.
async fn assert_stopped(component: Vec<u8>, reason: &str, reason_in_pool: &str) {
    for ((kind, message), reason) in
        errors(component).await.into_iter().zip([reason, reason_in_pool, reason])
    {
        assert_eq!(kind, ErrorKind::Component, "{message}");
        assert!(message.contains(reason), "{message}");
    }
}

fn fields(fields: impl Into<String>) -> Generated {
    Generated { fields: fields.into(), ..Generated::default() }
}

#[tokio::test]
async fn a_generated_component_returns_its_error() {
    let component = fields(r#"(data (i32.const 512) "text")"#);
    for (kind, message) in errors(component.build()).await {
        assert_eq!((kind, message.as_str()), (ErrorKind::InvalidArgument, "text"));
    }
}

#[tokio::test]
async fn all_memories_together_are_limited() {
    let exceeded = "its memories exceed 67108864 bytes";
    let several = "per-instance limit of 1";
    assert_stopped(fields("(memory 1100)").build(), exceeded, several).await;
    assert_stopped(fields("(memory 400)".repeat(3)).build(), exceeded, several).await;
    assert_stopped(fields("(memory i64 400)".repeat(3)).build(), exceeded, several).await;
    let many = fields("(memory 0)".repeat(16)).build();
    assert_stopped(many, "memory count too high at 17", "count of 17 exceeds").await;
}

#[tokio::test]
async fn a_memory_that_grows_is_limited() {
    let grows = || Generated {
        memory: "1",
        get: "(loop $more (drop (memory.grow (i32.const 16))) (br $more)) unreachable",
        ..Generated::default()
    };
    let exceeded = "its memories exceed 67108864 bytes";
    assert_stopped(grows().build(), exceeded, exceeded).await;
}

#[tokio::test]
async fn all_tables_together_are_limited() {
    let exceeded = "its tables exceed 100000 elements";
    assert_stopped(fields("(table 60000 funcref)".repeat(2)).build(), exceeded, exceeded).await;
    assert_stopped(
        fields("(table 0 funcref)".repeat(65)).build(),
        "table count too high at 65",
        "tables count of 65 exceeds",
    )
    .await;
}

#[tokio::test]
async fn core_instances_are_limited() {
    let mut component = fields("").build();
    // Section 1: an empty core module, the second one. Section 2: its instances, without arguments.
    component.extend(section(1, b"\0asm\x01\0\0\0".to_vec()));
    component.extend(section(2, [leb128(150), [0, 1, 0].repeat(150)].concat()));
    assert_stopped(component, "instance count too high at 101", "151 core module instances").await;
}

#[tokio::test]
async fn a_string_outside_of_memory_is_an_error() {
    for (length, message) in [("0xfffffff0", "out of bounds"), ("0x7fffffff", "out of bounds")] {
        let get = ERROR.replace("(i32.const 512)", &format!("(i32.const {length})"));
        let get: &'static str = get.leak();
        assert_stopped(Generated { get, ..Generated::default() }.build(), message, message).await;
    }
}

#[tokio::test]
async fn a_bad_address_of_reallocated_memory_is_an_error() {
    for (realloc, message) in [
        ("i32.const 0xfffffff0", "realloc return: beyond end of memory"),
        ("i32.const 65535", "realloc return: beyond end of memory"),
        ("unreachable", "unreachable"),
    ] {
        let component = Generated { realloc, ..Generated::default() };
        assert_stopped(component.build(), message, message).await;
    }
}

#[tokio::test]
async fn text_that_is_not_unicode_is_an_error() {
    let invalid = r#"(data (i32.const 512) "\ff\fe\00\d8\00\d8\00\d8")"#;
    let message = "invalid utf-8";
    assert_stopped(fields(invalid).build(), message, message).await;
    let lone_surrogates = r#"(data (i32.const 512) "\00\d8\00\d8\00\d8\00\d8")"#;
    let component = Generated { encoding: StringEncoding::UTF16, ..fields(lone_surrogates) };
    let message = "unpaired surrogate found";
    assert_stopped(component.build(), message, message).await;
}

#[tokio::test]
async fn a_component_that_is_too_large_to_compile_is_not_loaded() {
    let emulator = emulator().await;
    let segment = "x".repeat(9 * 1024 * 1024);
    for large in
        [format!(r#"(data "{segment}")"#), format!("(elem func {})", "0 ".repeat(9 * 1024 * 1024))]
    {
        let message = load_error(plugin_for(&emulator).component(fields(large).build()).build());
        assert!(message.contains("more than 8388608"), "{message}");
    }
}

#[tokio::test]
async fn large_segments_do_not_count_as_memory() {
    let segment = "x".repeat(1024 * 1024);
    let elements = "0 ".repeat(10_000);
    let text = r#"(data (i32.const 512) "text")"#;
    let large = fields(format!(r#"{text} (data "{segment}") (elem func {elements})"#));
    for (kind, message) in errors(large.build()).await {
        assert_eq!((kind, message.as_str()), (ErrorKind::InvalidArgument, "text"));
    }
}

#[tokio::test]
async fn deeply_nested_types_are_an_error() {
    let emulator = emulator().await;
    let mut component = b"\0asm\x0d\0\x01\0".to_vec();
    // Section 7: lists of lists, the innermost one of bytes. Each type is the list of the one before.
    const DEPTH: u32 = 1000;
    let mut types = leb128(DEPTH);
    types.extend([0x70, 0x7d]);
    for previous in 0..DEPTH - 1 {
        types.push(0x70);
        types.extend(signed_leb128(previous));
    }
    component.extend(section(7, types));
    let message = load_error(plugin_for(&emulator).component(component).build());
    assert!(message.contains("nesting"), "{message}");
}

fn section(id: u8, content: Vec<u8>) -> Vec<u8> {
    [vec![id], leb128(content.len() as u32), content].concat()
}

fn leb128(mut number: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 128 {
        bytes.push(number as u8 | 128);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

/// Encodes a number with a leading zero bit for its sign.
fn signed_leb128(number: u32) -> Vec<u8> {
    let mut bytes = leb128(number);
    if let Some(last) = bytes.last_mut().filter(|last| **last >= 64) {
        *last |= 128;
        bytes.push(0);
    }
    bytes
}
