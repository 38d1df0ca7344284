//! What a comparison needs on the other side: a server that discards uploads, and a native client to be compared with.

pub mod native;
pub mod package;
pub mod sink;
