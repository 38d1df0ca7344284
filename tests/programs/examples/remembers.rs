//! Returns whether it finds anything of an earlier call: in its variables, or in memory that it has just grown.

use fastly_package_test_programs::*;
use std::sync::atomic::{AtomicBool, Ordering};

const PAGE: usize = 64 * 1024;
const PAGES: usize = 32;

static CALLED: AtomicBool = AtomicBool::new(false);

fn get(_: ServiceVersion, _: RequestOptions) -> Result<Reply, Error> {
    let new = grow_memory();
    let bytes = 0..PAGES * PAGE;
    // SAFETY: the memory has grown by this range, nothing else uses it, and every bit pattern is a valid byte.
    let dirty = bytes.clone().any(|index| unsafe { new.add(index).read_volatile() } != 0);
    // SAFETY: as above.
    unsafe { new.write_bytes(0xa5, bytes.len()) };
    let found = dirty || CALLED.swap(true, Ordering::Relaxed);
    Err(Error::InvalidArgument(if found { "it remembers" } else { "it knows nothing" }.into()))
}

/// Grows the memory and returns the new part. Memory of the allocator could have been used by this call before.
#[cfg(target_family = "wasm")]
fn grow_memory() -> *mut u8 {
    (core::arch::wasm32::memory_grow(0, PAGES) * PAGE) as *mut u8
}

/// Never called: the program only runs as a component.
#[cfg(not(target_family = "wasm"))]
fn grow_memory() -> *mut u8 {
    std::ptr::null_mut()
}

on_get!(get);
