//! The command as a process, against the emulator. A test target of the command's crate, so that cargo builds the command first.

mod check;
mod color;
mod command;
mod component;
mod emulate;
mod errors;
mod examples;
mod fault_table;
mod get;
mod interrupted;
mod json;
mod killed;
mod outcomes;
mod proxy;
mod put;
mod readme;
mod recording;
mod secrets;
mod targets;
#[cfg(target_os = "linux")]
mod terminal;
#[path = "../all/tls_server.rs"]
mod tls_server;
mod usage;
