//! The engine's configuration, shared with the build script that compiles the component ahead of time.
//!
//! Settings that affect machine code must be equal on both sides: otherwise the engine rejects the compiled component. Settings for run time only don't
//! belong here.

use wasmtime::Config;

/// Returns the configuration under which components are compiled and run.
pub(crate) fn config() -> Config {
    let mut config = Config::new();
    // Epochs stop a component that computes forever.
    config.epoch_interruption(true);
    // Otherwise WASMTIME_BACKTRACE_DETAILS in the environment of either side would decide.
    config.wasm_backtrace_details(wasmtime::WasmBacktraceDetails::Disable);
    // Set explicitly, whatever wasmtime features the embedder's dependencies enable.
    config.concurrency_support(false);
    config
}
