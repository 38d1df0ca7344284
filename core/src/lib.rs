//! The rules of Fastly's package API that hold whoever calls it: the API's URL and paths, which request may leave the sandbox, what a token is,
//! when a failure is retried, and the procedure of an upload.
//!
//! Everything here is pure: there is no I/O, no async code, no clock and no global state. The host library, the components and the command
//! are built on it, natively and for WebAssembly.

pub mod api_url;
pub mod digest;
pub mod egress;
#[cfg(any(test, feature = "egress-cases"))]
pub mod egress_cases;
pub mod error;
mod error_map;
pub mod retry;
pub mod target;
pub mod token;
pub mod upload;
