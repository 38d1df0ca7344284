//! Components that misbehave, for use in place of the embedded one. A program that no test runs is a compile error.

use fastly_package::PluginBuilder;

include!(concat!(env!("OUT_DIR"), "/programs.rs"));

/// Configures the plugin to run this program.
pub(crate) fn run(program: &'static [u8], plugin: PluginBuilder) -> PluginBuilder {
    // SAFETY: the build script of these tests compiled the constants with the same wasmtime and engine configuration as the crate under test.
    unsafe { plugin.precompiled_component(program) }
}
