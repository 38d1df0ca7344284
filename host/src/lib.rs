//! Fastly's GetPackage and PutPackage as a sandboxed WebAssembly component, and the host that embeds it.
//!
//! ```no_run
//! use fastly_package::{Plugin, ServiceVersion, Token};
//!
//! # async fn example() -> fastly_package::Result<()> {
//! let plugin = Plugin::builder().token(Token::from_env("FASTLY_API_TOKEN")?).build()?;
//! let target = ServiceVersion::new("SU1Z0isxPaozGVKXdv0eY", 3)?;
//! let reply = plugin.get_package(&target).await?;
//! println!("{:?}", reply.package.metadata);
//! # Ok(())
//! # }
//! ```
//!
//! The component turns a call into HTTP and HTTP into a result; it sees no file, no environment and no token. This crate gives it
//! the package as a stream that is spliced past its memory, lets out the one request that the call allows, and attaches the token there.

// The README's Rust compiles.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

mod api;
#[expect(missing_docs, reason = "generated; the documentation is in the WIT")]
pub mod bindings;
mod builder;
mod call;
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

pub use api::{ApiUrl, FASTLY_API};
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
pub use error::{
    ComponentError, ContentError, Error, Mismatch, Result, Stored, TimeoutError, TimeoutKind,
    TransportError, Upload,
};
pub use fastly_package_archive::{NotAPackage, SIZE_LIMIT};
pub use missing::Missing;
pub use plugin::{Expect, Plugin, Proof, PutOptions, Uploaded};
pub use retries::{Retries, Retry};
pub use sandbox::Limits;
