//! Fastly's package API on loopback: `GET` and `PUT` of
//! `/service/{service_id}/version/{version_id}/package`, and what the Fastly CLI asks before it
//! uploads.
//!
//! The emulator really reads what is uploaded: it answers with the size, the hashes and the metadata of
//! the archive it received, and refuses what is no package. Every request is
//! [recorded](RecordedRequest) down to its raw bytes, and a [`Fault`] makes it misbehave in the ways of
//! networks, gateways and overloaded servers.
//!
//! ```
//! use fastly_package_emulator::{Answer, Config, Emulator, Fault, Then};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! let emulator = Emulator::start(Config {
//!     token: Some("secret".into()),
//!     ..Config::default()
//! })
//! .await?;
//!
//! emulator.fault(Fault::early_answer(Answer::unauthorized()).on_put().then(Then::Close));
//! // … let a client upload to `emulator.url()` …
//! assert_eq!(emulator.requests().len(), 0);
//! assert_eq!(emulator.connections(), 0);
//! emulator.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! What is known about Fastly's API comes from its published documentation and from answers that the
//! `go-fastly` client recorded. What nobody recorded is marked *inferred* where it is decided.

#![deny(missing_docs)]
#![forbid(unsafe_code)]

mod answer;
mod api;
mod clock;
mod config;
mod connection;
mod emulator;
mod fault;
mod framing;
#[cfg(fuzzing)]
pub mod fuzzing;
mod journal;
mod multipart;
mod pace;
mod rate_limit;
mod recorded_answers;
mod route;
pub mod sample;
mod service;
mod state;
mod stored_package;
mod upload;
mod wire;

pub use answer::Answer;
pub use config::Config;
pub use emulator::Emulator;
pub use fault::{Fault, Then};
pub use journal::{RecordedPart, RecordedRequest};
pub use stored_package::StoredPackage;
