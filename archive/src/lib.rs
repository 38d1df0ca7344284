//! Reads and checks Compute packages: gzip-compressed tar archives with `<top>/fastly.toml` and `<top>/bin/main.wasm`.
//!
//! [`sniff`] tells from its first bytes whether a file may be a package. With the feature `files-hash`, `digest` hashes a file and `files_hash`
//! the files in it. With the feature `check`, `check` reads and checks a whole package.

#[cfg(feature = "check")]
mod check;
#[cfg(feature = "files-hash")]
#[cfg_attr(not(feature = "check"), expect(dead_code, reason = "used by `check`"))]
mod entries;
#[cfg(feature = "files-hash")]
#[cfg_attr(not(feature = "check"), expect(dead_code, reason = "used by `check`"))]
mod files_hash;
mod sniff;
#[cfg(feature = "files-hash")]
mod streams;

#[cfg(feature = "check")]
pub use check::{
    CheckReport, Entries, Finding, Format, Manifest, ModuleImports, PackageFile, Severity,
    Validity, Wasm, check,
};
#[cfg(feature = "files-hash")]
pub use entries::ReadLimits;
#[cfg(feature = "files-hash")]
pub use files_hash::{digest, files_hash};
pub use sniff::{NotAPackage, SIZE_LIMIT, SNIFF_LENGTH, Sniffed, sniff};
