//! Sets how much memory the component begins with.

/// In bytes. The default is 1 MiB, which a host that can't tell what was written to wipes after each call.
const STACK: usize = 256 * 1024;
/// Stack, data, and what a call allocates for an answer of the usual length: for more, the memory grows.
const MEMORY: usize = 640 * 1024;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_FAMILY").as_deref() == Ok("wasm") {
        println!("cargo::rustc-link-arg-cdylib=-zstack-size={STACK}");
        println!("cargo::rustc-link-arg-cdylib=--initial-memory={MEMORY}");
    }
}
