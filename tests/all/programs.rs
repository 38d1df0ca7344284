//! Components that misbehave, in place of the embedded one. One that no test runs doesn't compile.

use fastly_package::PluginBuilder;

include!(concat!(env!("OUT_DIR"), "/programs.rs"));

/// Has the plugin run one of these.
pub(crate) fn run(program: &'static [u8], plugin: PluginBuilder) -> PluginBuilder {
    // SAFETY: the bytes are constants that the build script of these tests compiled, with the wasmtime and the engine configuration of
    // the crate under test.
    unsafe { plugin.precompiled_component(program) }
}
