//! Fastly's GetPackage and PutPackage as a sandboxed WebAssembly component, and the host that embeds it.
//!
//! ```
//! use fastly_package::{Content, Plugin, PutOptions, ServiceVersion, Token};
//!
//! # use fastly_package_emulator::{Emulator, sample};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let emulator = Emulator::start(Default::default()).await?;
//! # let folder = tempfile::tempdir()?;
//! # std::env::set_current_dir(&folder)?;
//! # std::fs::create_dir("pkg")?;
//! # std::fs::write("pkg/app.tar.gz", sample::package(Default::default()))?;
//! # // SAFETY: this program has one thread.
//! # unsafe { std::env::set_var("FASTLY_API_TOKEN", "0123456789abcdef") };
//! let plugin = Plugin::builder()
//!     .token(Token::from_env("FASTLY_API_TOKEN")?)
//! #   .api(emulator.url().parse()?)
//!     .build()?;
//! let target = ServiceVersion::new("SU1Z0isxPaozGVKXdv0eY", 3)?;
//!
//! let package = Content::open("pkg/app.tar.gz").await?;
//! let uploaded = plugin.put_package(&target, package, PutOptions::default()).await?;
//! println!("{}: {:?}", uploaded.reply.package.id, uploaded.proof);
//!
//! let reply = plugin.get_package(&target).await?;
//! assert_eq!(reply.package.id, uploaded.reply.package.id);
//! # Ok(())
//! # }
//! ```
//!
//! The component turns a call into HTTP and HTTP into a result; it sees no file, no environment and no token. This crate gives it
//! the package as a stream that is spliced past its memory, lets out the one request that the call allows, and attaches the token there.
//!
//! # What is where
//!
//! | for | look at |
//! |---|---|
//! | setting up | [`Plugin::builder`], [`Token`], [`ApiUrl`], [`Timeouts`], [`Retries`], [`Limits`] |
//! | the two operations | [`Plugin::get_package`], [`Plugin::put_package`], [`ServiceVersion`] |
//! | a package to upload: from a file, bytes or a reader; progress; checks | [`Content`], [`PutOptions`] |
//! | what came of it | [`Reply`]; [`Uploaded`] and its [`Proof`] |
//! | what failed, where, and what became of an upload | [`Error`], [`Error::stored`] |
//! | what a 404 is about | [`Plugin::find_missing`] |
//! | what may leave the sandbox | [`EgressPolicy`] |
//! | running the component in a store of one's own | [`PluginBuilder::edges`], [`Content::stream`], [`bindings`], [`COMPONENT`] |
//! | running the component in another host | [`COMPONENT`], [`bindings`] |
//!
//! Sizes are in bytes, times that the API tells are RFC 3339 strings in UTC, and durations are [`Duration`](std::time::Duration)s.
//!
//! # Features
//!
//! `cli`, on by default, is the command and what it depends on: without it, the library has fewer dependencies. `jit` adds
//! `PluginBuilder::component`, and wasmtime's compiler for it: components are then compiled while the program runs.

// The README's Rust compiles.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

mod api;
#[expect(missing_docs, reason = "generated; the documentation is in the WIT")]
pub mod bindings;
mod builder;
mod call;
mod code;
mod content;
mod deadline;
mod digest;
mod edge;
mod engine;
mod error;
mod listener;
mod missing;
mod plugin;
mod retries;
mod sandbox;
mod service_version;
mod turns;

pub use api::ApiUrl;
pub use bindings::exports::fastly_package::api::package_api::{
    ApiError, ApiErrorEntry, PackageMetadata, PackageResponse, RateLimit, Reply, ServiceVersion,
    UnexpectedReason, UnexpectedResponse,
};
pub use bindings::wasi::http::types::ErrorCode;
pub use builder::{COMPONENT, PluginBuilder, Timeouts};
pub use content::Content;
pub use digest::Digest;
pub use edge::egress::{Denial, DenialReason, EgressPolicy};
pub use edge::token::Token;
pub use edge::{Edge, Edges};
pub use error::{
    ComponentError, ContentError, Error, Mismatch, Result, Stored, TimeoutError, TimeoutKind,
    TransportError, Upload,
};
pub use fastly_package_archive::{NotAPackage, SIZE_LIMIT};
pub use fastly_package_egress::FASTLY_API;
pub use missing::Missing;
pub use plugin::{Expect, Plugin, Proof, PutOptions, Uploaded};
pub use retries::{Retries, Retry};
pub use sandbox::Limits;
