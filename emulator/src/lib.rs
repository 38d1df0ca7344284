//! Fastly's package API on loopback: `GET` and `PUT` of `/service/{service_id}/version/{version_id}/package`,
//! `GET /service/{service_id}/version`, and the requests of the Fastly CLI before and after an upload.
//!
//! The emulator reads each uploaded archive, answers with its size, hashes and metadata, and refuses archives that are not valid packages.
//! Every request is [recorded](RecordedRequest) with its raw bytes. A [`Fault`] makes the emulator fail as networks, gateways and overloaded
//! servers do.
//!
//! ```
//! use fastly_package_emulator::{Answer, Config, Emulator, Fault, Then};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! let config = Config { token: Some("secret".into()), ..Config::default() };
//! let emulator = Emulator::start(config).await?;
//! emulator.fault(Fault::early_answer(Answer::unauthorized()).on_put().then(Then::Close));
//! // … a client uploads to `emulator.url()` …
//! assert_eq!(emulator.requests().len(), 0);
//! assert_eq!(emulator.connections(), 0);
//! emulator.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! Its behavior follows Fastly's documentation and the responses recorded in fastly/go-fastly, `fastly/fixtures`. Behavior that is not
//! recorded anywhere is marked *inferred*.

#![deny(missing_docs)]
#![forbid(unsafe_code)]

mod answer;
mod api;
mod clock;
mod config;
mod connection;
mod emulator;
mod exchange;
mod fault;
#[cfg(fuzzing)]
pub mod fuzzing;
mod head;
mod multipart;
mod pace;
mod rate_limit;
mod recorded_answers;
mod recorder;
mod refusal;
pub mod sample;
mod shared;
mod state;
mod stored_package;
mod upload;

pub use answer::Answer;
pub use config::Config;
pub use emulator::Emulator;
pub use fault::{Fault, Then};
pub use recorder::{RecordedPart, RecordedRequest};
pub use stored_package::StoredPackage;
