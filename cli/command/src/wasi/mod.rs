//! The command as a component, for hosts that run components as programs. It is composed with the guarded plugin.

#[cfg(target_family = "wasm")]
pub(crate) mod bindings {
    wit_bindgen::generate!({ path: "../../wit", world: "command", generate_all });
}
#[cfg(target_family = "wasm")]
mod call_error;
mod cli;
#[cfg(target_family = "wasm")]
mod component;
#[cfg(target_family = "wasm")]
mod content;
#[cfg(target_family = "wasm")]
mod files;
#[cfg(target_family = "wasm")]
mod platform;
mod preopens;
#[cfg(target_family = "wasm")]
mod system;
#[cfg(target_family = "wasm")]
mod upload;
