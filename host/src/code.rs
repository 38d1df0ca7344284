//! What a plugin runs: the embedded component, or another of the same world.

use std::borrow::Cow;
use std::fmt;
use wasmtime::component::Component;
use wasmtime::{Engine, Result};

/// The embedded component, compiled for this machine.
pub(crate) const PRECOMPILED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/plugin.cwasm"));

#[derive(Default)]
pub(crate) enum Code {
    #[default]
    Embedded,
    /// Compiled ahead of time; whoever made this vouches for it, as the caller of `PluginBuilder::precompiled_component`.
    Precompiled(Cow<'static, [u8]>),
    /// Not compiled yet.
    #[cfg(feature = "jit")]
    Wasm(Cow<'static, [u8]>),
}

impl Code {
    /// The machine code, on this engine.
    pub(crate) fn load(&self, engine: &Engine) -> Result<Component> {
        let compiled = match self {
            Self::Embedded => PRECOMPILED,
            Self::Precompiled(bytes) => bytes,
            #[cfg(feature = "jit")]
            Self::Wasm(bytes) => return Component::from_binary(engine, bytes),
        };
        // SAFETY: the bytes are those that the build script compiled, or those that the caller of `precompiled_component` vouches for.
        unsafe { Component::deserialize(engine, compiled) }
    }
}

impl fmt::Debug for Code {
    /// Without the bytes, which nobody reads.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Embedded => "Embedded",
            Self::Precompiled(_) => "Precompiled(..)",
            #[cfg(feature = "jit")]
            Self::Wasm(_) => "Wasm(..)",
        })
    }
}
