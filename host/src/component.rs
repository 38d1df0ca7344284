//! The component that a plugin runs.

use std::borrow::Cow;
use std::fmt;
use wasmtime::component::Component;
use wasmtime::{Engine, Result};

/// The embedded component, compiled for this machine.
pub(crate) const PRECOMPILED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/plugin.cwasm"));

/// The embedded component, or another one of the same world.
#[derive(Default)]
pub(crate) enum ComponentSource {
    #[default]
    Embedded,
    /// Compiled ahead of time. The caller of `PluginBuilder::precompiled_component` vouches for it.
    Precompiled(Cow<'static, [u8]>),
    /// WebAssembly.
    #[cfg(feature = "jit")]
    Wasm(Cow<'static, [u8]>),
}

impl ComponentSource {
    /// Loads the component into an engine.
    pub(crate) fn load(&self, engine: &Engine) -> Result<Component> {
        let precompiled = match self {
            Self::Embedded => PRECOMPILED,
            Self::Precompiled(bytes) => bytes,
            #[cfg(feature = "jit")]
            Self::Wasm(bytes) => return Component::from_binary(engine, bytes),
        };
        // SAFETY: the bytes were compiled by the build script, or the caller of `precompiled_component` vouches for them.
        unsafe { Component::deserialize(engine, precompiled) }
    }
}

impl fmt::Debug for ComponentSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Embedded => "Embedded",
            Self::Precompiled(_) => "Precompiled(..)",
            #[cfg(feature = "jit")]
            Self::Wasm(_) => "Wasm(..)",
        })
    }
}
