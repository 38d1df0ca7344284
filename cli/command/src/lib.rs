//! The commands `get` and `put` of fastly-package, written once for two platforms.
//!
//! The native command implements [`Platform`](platform::Platform) on the library `fastly-package`. The command component, which this crate
//! is when it is built for WebAssembly, implements it on the plugin that it is composed with.

pub mod args;
pub mod call_error;
pub mod contract;
pub mod error;
pub mod fields;
pub mod get;
pub mod platform;
pub mod put;
pub mod report;
pub mod system;
pub mod targets;
pub mod times;
#[cfg(any(test, target_family = "wasm"))]
mod wasi;
