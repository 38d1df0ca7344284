//! The component that a plugin runs.

use std::borrow::Cow;
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
            Self::Wasm(bytes) => return compile(engine, bytes, COMPILE_TIME),
        };
        // SAFETY: the bytes were compiled by the build script, or the caller of `precompiled_component` vouches for them.
        unsafe { Component::deserialize(engine, precompiled) }
    }
}

/// The maximum length of a component that is compiled, in bytes. The embedded one has 120 KB.
#[cfg(feature = "jit")]
const MAX_WASM: usize = 8 * 1024 * 1024;
/// The maximum time that a component may take to compile.
#[cfg(feature = "jit")]
const COMPILE_TIME: std::time::Duration = std::time::Duration::from_secs(60);

/// Compiles a component on a thread of its own: a compilation can't be interrupted. A thread that takes too long ends by itself.
#[cfg(feature = "jit")]
fn compile(engine: &Engine, wasm: &[u8], limit: std::time::Duration) -> Result<Component> {
    use std::sync::mpsc::RecvTimeoutError;

    if wasm.len() > MAX_WASM {
        let message = format!("it has {} bytes, more than {MAX_WASM}", wasm.len());
        return Err(wasmtime::Error::msg(message));
    }
    let (engine, wasm) = (engine.clone(), wasm.to_owned());
    let (sender, compiled) = std::sync::mpsc::channel();
    std::thread::Builder::new()
        .name("fastly-package-compile".into())
        .spawn(move || sender.send(Component::from_binary(&engine, &wasm)))?;
    compiled.recv_timeout(limit).unwrap_or_else(|error| {
        Err(wasmtime::Error::msg(match error {
            RecvTimeoutError::Timeout => format!("it was not compiled within {limit:?}"),
            RecvTimeoutError::Disconnected => "the compiler panicked".to_owned(),
        }))
    })
}

#[cfg(all(test, feature = "jit"))]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_compilation_has_a_time_limit() {
        let engine = Engine::new(&crate::engine::config()).unwrap();
        let error = compile(&engine, crate::COMPONENT, Duration::ZERO).unwrap_err();
        assert_eq!(error.to_string(), "it was not compiled within 0ns");
    }
}
