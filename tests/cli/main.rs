//! The command, as a person or a script runs it, against the emulator. A test target of the host's crate, for which cargo builds the
//! command first.

mod command;
mod emulate;
mod get;
mod put;
mod readme;
mod secrets;
mod usage;
