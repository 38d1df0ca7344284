//! Tests of `check`.

mod archives;
mod damaged;
mod headers;
mod random;
mod wasm;
