//! Sets the initial memory of the component.

/// The size of the stack in bytes. The default is 1 MiB, which a host that doesn't track modified pages clears after each call.
const STACK: usize = 256 * 1024;
/// The initial memory in bytes: the stack, the data, and the allocations of a call with a response of the usual length. Other calls grow the memory.
const MEMORY: usize = 640 * 1024;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_FAMILY").as_deref() == Ok("wasm") {
        println!("cargo::rustc-link-arg-cdylib=-zstack-size={STACK}");
        println!("cargo::rustc-link-arg-cdylib=--initial-memory={MEMORY}");
    }
}
