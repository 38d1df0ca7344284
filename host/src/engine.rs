//! The engine's configuration, shared with the build script that compiles the component ahead of time.
//!
//! What shapes machine code must be equal on both sides, or the compiled component is refused when it is loaded. So all of it
//! stands here, and nothing that belongs to run time alone does.

use wasmtime::Config;

/// The configuration under which components are compiled and run.
pub(crate) fn config() -> Config {
    let mut config = Config::new();
    // A component that computes for ever is stopped at an epoch.
    config.epoch_interruption(true);
    // Else WASMTIME_BACKTRACE_DETAILS in the environment of either side would decide.
    config.wasm_backtrace_details(wasmtime::WasmBacktraceDetails::Disable);
    // On both sides, whatever features of wasmtime the embedder's own dependencies switch on.
    config.concurrency_support(false);
    config
}
