//! Says whether it finds anything of an earlier call: in its variables, or in memory that it takes to be fresh.

use fastly_package_test_programs::*;
use std::sync::atomic::{AtomicBool, Ordering};

static CALLED: AtomicBool = AtomicBool::new(false);

fn get(_: ServiceVersion, _: RequestOptions) -> Result<Reply, Error> {
    // The allocator doesn't clear what the memory has only just grown by.
    let fresh = vec![0_u8; 2 * 1024 * 1024].leak();
    let dirty = fresh.iter().any(|byte| *byte != 0);
    fresh.fill(0xa5);
    let found = dirty || CALLED.swap(true, Ordering::Relaxed);
    Err(Error::InvalidArgument(if found { "it remembers" } else { "it knows nothing" }.into()))
}

on_get!(get);
