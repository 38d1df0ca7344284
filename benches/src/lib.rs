//! The counterparts of the benchmarks: a server that discards uploads, and a native client to compare with.

pub mod native;
pub mod package;
pub mod sink;
