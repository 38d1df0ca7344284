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
mod content;
mod edge;
mod engine;
mod error;
mod plugin;
mod sandbox;

pub use api::{ApiUrl, FASTLY_API};
pub use bindings::exports::fastly_package::api::package_api::{
    ApiError, ApiErrorEntry, PackageMetadata, PackageResponse, RateLimit, Reply, ServiceVersion,
    UnexpectedReason, UnexpectedResponse,
};
pub use bindings::wasi::http::types::ErrorCode;
pub use content::Content;
pub use edge::egress::{Denial, DenialReason, EgressPolicy};
pub use edge::token::Token;
pub use error::{
    ComponentError, ContentError, Error, Result, Stored, TimeoutError, TimeoutKind, TransportError,
};
pub use plugin::{COMPONENT, Expect, Plugin, PluginBuilder, PutOptions, Timeouts};
pub use sandbox::Limits;
