//! Says whether it finds anything of an earlier call: in its variables, or in memory that is fresh to it.

use fastly_package_test_programs::*;
use std::sync::atomic::{AtomicBool, Ordering};

const PAGE: usize = 64 * 1024;
const PAGES: usize = 32;

static CALLED: AtomicBool = AtomicBool::new(false);

fn get(_: ServiceVersion, _: RequestOptions) -> Result<Reply, Error> {
    let fresh = grown();
    let bytes = 0..PAGES * PAGE;
    // SAFETY: the memory has grown by as much, and nobody else knows of it; whatever is there, a byte may have it.
    let dirty = bytes.clone().any(|at| unsafe { fresh.add(at).read_volatile() } != 0);
    // SAFETY: as above.
    unsafe { fresh.write_bytes(0xa5, bytes.len()) };
    let found = dirty || CALLED.swap(true, Ordering::Relaxed);
    Err(Error::InvalidArgument(if found { "it remembers" } else { "it knows nothing" }.into()))
}

/// What the memory has just grown by. From an allocator it could be what this call used before.
#[cfg(target_family = "wasm")]
fn grown() -> *mut u8 {
    (core::arch::wasm32::memory_grow(0, PAGES) * PAGE) as *mut u8
}

/// Not run as anything else than a component.
#[cfg(not(target_family = "wasm"))]
fn grown() -> *mut u8 {
    std::ptr::null_mut()
}

on_get!(get);
