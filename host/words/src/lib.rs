//! What the command takes and says, flags, sentences, tables and JSON on plain records, and by which rules it judges: when another try may help,
//! whether what is stored is what was sent, what a token is. The native command and the library have it from here, and so has the component that
//! is run by hosts which have a command line only.
//!
//! Nothing here reaches the world by itself: what is printed, and what time it is, goes through the functions of a
//! [`System`](report::System), and what is read comes from readers.

#[cfg(feature = "command")]
pub mod args;
mod contract;
pub mod error;
#[cfg(feature = "command")]
pub mod failure;
#[cfg(feature = "command")]
pub mod fields;
pub mod proof;
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

/// From this size on `100-continue` is worth a round trip. In bytes; curl's figure.
pub const EXPECT_FROM: u64 = 1024 * 1024;
