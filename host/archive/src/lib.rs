//! What a Compute package is: a gzip-compressed tar archive with `<top>/fastly.toml` and `<top>/bin/main.wasm`.
//!
//! [`look`] says from its first bytes whether a file may be one. `check`, of the feature `check`, reads one to its end.

mod beginning;
#[cfg(feature = "check")]
mod check;

pub use beginning::{HEAD, Look, NotAPackage, SIZE_LIMIT, look};
#[cfg(feature = "check")]
pub use check::{
    Entries, Finding, Format, Limits, Manifest, Report, Severity, Validity, Wasm, check,
};
