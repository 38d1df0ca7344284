//! Calls functions of the host forever.

use fastly_package_test_programs::bindings::wasi::random::random::get_random_bytes;
use fastly_package_test_programs::*;

fn get(_: ServiceVersion, _: RequestOptions) -> Result<Reply, Error> {
    loop {
        std::hint::black_box(get_random_bytes(4096));
    }
}

on_get!(get);
