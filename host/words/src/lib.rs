//! What the command takes and what it says, flags, sentences, tables and JSON, on plain records, and when it tries again. The native command has them from here, and so
//! has the component that is run by hosts which have a command line only.
//!
//! Nothing here does anything: what is printed goes through the functions of a [`System`](report::System).

#[cfg(feature = "command")]
pub mod args;
pub mod error;
#[cfg(feature = "command")]
pub mod failure;
#[cfg(feature = "command")]
pub mod records;
#[cfg(feature = "command")]
pub mod report;
pub mod retries;
#[cfg(feature = "command")]
pub mod targets;
#[cfg(feature = "command")]
pub mod times;
pub mod token;
