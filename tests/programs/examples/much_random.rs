//! Requests a million random bytes at once.

use fastly_package_test_programs::bindings::wasi::random::random::get_random_bytes;
use fastly_package_test_programs::*;

fn get(_: ServiceVersion, _: RequestOptions) -> Result<Reply, Error> {
    Ok(fake_reply(get_random_bytes(1_000_000).len().to_string()))
}

on_get!(get);
