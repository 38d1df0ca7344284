//! Fastly's GetPackage and PutPackage as a sandboxed WebAssembly component, and the host that embeds it.
//!
//! ```no_run
//! use fastly_package::{Content, Plugin, PutOptions, ServiceVersion, Token};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> fastly_package::Result<()> {
//! let plugin = Plugin::builder().token(Token::from_env("FASTLY_API_TOKEN")?).build()?;
//! let target = ServiceVersion::new("SU1Z0isxPaozGVKXdv0eY", 3)?;
//!
//! let package = Content::open("pkg/app.tar.gz").await?;
//! let uploaded = plugin.put_package(&target, package, PutOptions::default()).await?;
//! println!("{}: {:?}", uploaded.reply.package.id, uploaded.proof);
//!
//! let reply = plugin.get_package(&target).await?;
//! println!("{:?}", reply.package.metadata);
//! # Ok(())
//! # }
//! ```
//!
//! The component turns a call into HTTP and HTTP into a result; it sees no file, no environment and no token. This crate passes it the package as a
//! stream that is spliced past its memory, sends the one request that the call allows, and attaches the token to it.
//!
//! # Overview
//!
//! | topic | items |
//! |---|---|
//! | setup | [`Plugin::builder`], [`Token`], [`ApiUrl`], [`Timeouts`], [`Retries`], [`Limits`] |
//! | operations | [`Plugin::get_package`], [`Plugin::put_package`], [`Plugin::list_versions`], [`ServiceVersion`] |
//! | the package to upload, from a file, bytes or a reader; progress; checks | [`Content`], [`PutOptions`] |
//! | results | [`Reply`]; [`Uploaded`] and its [`Proof`] |
//! | errors, and what became of an upload | [`Error`], [`ErrorKind`], [`Error::stored`] |
//! | the requests that may leave the sandbox | [`EgressPolicy`] |
//! | the component in a store of one's own | [`add_to_linker`], [`PluginView`], [`PluginCtx`], [`OutboundHttp`], [`Content::stream`], [`bindings`] |
//! | the component in another host | [`COMPONENT`] |
//!
//! Sizes are in bytes, the API's times are RFC 3339 strings in UTC, and durations are [`Duration`](std::time::Duration)s.
//!
//! # Features
//!
//! `jit`, off by default, adds `PluginBuilder::component` and wasmtime's compiler, which compiles other components at run time.

// Compiles the README's Rust.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

mod api_url;
#[expect(missing_docs, reason = "generated; the documentation is in the WIT")]
pub mod bindings;
mod builder;
mod call;
mod component;
mod content;
mod deadline;
mod digest;
mod engine;
mod error;
mod outbound;
mod plugin;
mod sandbox;
mod service_locks;
mod service_version;
mod sync;
mod timeouts;
mod token;

/// The component as it was built, for other hosts. It is a WebAssembly component of the world `plugin` in `wit/world.wit`.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # std::env::set_current_dir(&folder)?;
/// std::fs::write("fastly-package.wasm", fastly_package::COMPONENT)?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub const COMPONENT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/plugin.wasm"));

pub use api_url::ApiUrl;
pub use bindings::exports::fastly_package::api::package_api::{
    ApiError, ApiErrorEntry, PackageMetadata, PackageResponse, RateLimit, Reply, ServiceVersion,
    UnexpectedResponse,
};
pub use bindings::exports::fastly_package::api::versions::ServiceVersionInfo;
pub use bindings::wasi::http::types::ErrorCode;
pub use builder::PluginBuilder;
pub use content::{Content, ContentReader};
pub use digest::Digest;
pub use error::{ContentError, Error, Mismatch, Result, TimeoutError, UploadProgress};
pub use fastly_package_archive::{NotAPackage, SIZE_LIMIT};
pub use fastly_package_core::api_url::FASTLY_API;
pub use fastly_package_core::egress::DenialReason;
pub use fastly_package_core::error::{
    ContentErrorKind, ErrorKind, Stored, TimeoutPhase, TransportErrorKind, UnexpectedReason,
};
pub use fastly_package_core::retry::Retries;
pub use fastly_package_core::target::Operation;
pub use fastly_package_core::upload::{Expect, PutOptions};
pub use outbound::denial::Denial;
pub use outbound::egress::EgressPolicy;
pub use outbound::{OutboundHttp, RequestHooks};
pub use plugin::{Plugin, Proof, Retry, Uploaded};
pub use sandbox::{Limits, PluginCtx, PluginView, add_to_linker};
pub use timeouts::Timeouts;
pub use token::Token;
