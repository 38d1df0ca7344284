//! The command, as a person or a script runs it, against the emulator. A test target of the host's crate, for which cargo builds the
//! command first.

mod check;
mod color;
mod command;
mod emulate;
mod errors;
mod fault_table;
mod get;
mod interrupted;
mod killed;
mod outcomes;
mod proxy;
mod put;
mod readme;
mod secrets;
mod targets;
#[path = "../all/tls_server.rs"]
mod tls_server;
mod usage;
