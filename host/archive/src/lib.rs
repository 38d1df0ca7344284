//! What a Compute package is: a gzip-compressed tar archive with `<top>/fastly.toml` and `<top>/bin/main.wasm`.
//!
//! [`look`] says from its first bytes whether a file may be one. `files_hash`, of the feature `files-hash`, reads one to its end for the hash
//! of its files, and `check`, of the feature `check`, for all that can be said of it.

mod beginning;
#[cfg(feature = "check")]
mod check;
#[cfg(feature = "files-hash")]
#[cfg_attr(not(feature = "check"), expect(dead_code, reason = "what a check alone asks for"))]
mod entries;
#[cfg(feature = "files-hash")]
#[cfg_attr(not(feature = "check"), expect(dead_code, reason = "what a check alone asks for"))]
mod files_hash;
#[cfg(feature = "files-hash")]
mod limits;
#[cfg(feature = "files-hash")]
#[cfg_attr(not(feature = "check"), expect(dead_code, reason = "what a check alone asks for"))]
mod streams;

pub use beginning::{HEAD, Look, NotAPackage, SIZE_LIMIT, look};
#[cfg(feature = "check")]
pub use check::{Entries, Finding, Format, Manifest, Report, Severity, Validity, Wasm, check};
#[cfg(feature = "files-hash")]
pub use files_hash::{files_hash, hashsum};
#[cfg(feature = "files-hash")]
pub use limits::Limits;
