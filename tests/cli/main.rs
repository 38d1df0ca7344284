//! The command, as a person or a script runs it, against the emulator. A test target of the host's crate, for which cargo builds the
//! command first.

mod check;
mod command;
mod emulate;
mod examples;
mod fault_table;
mod get;
mod killed;
mod outcomes;
mod proxy;
mod put;
mod readme;
mod secrets;
#[path = "../all/tls_server.rs"]
mod tls_server;
mod usage;
