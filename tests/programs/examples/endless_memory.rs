//! Allocates forever.

use fastly_package_test_programs::*;

fn get(_: ServiceVersion, _: RequestOptions) -> Result<Reply, Error> {
    let mut kept = Vec::new();
    loop {
        kept.push(std::hint::black_box(vec![1_u8; 1024 * 1024]));
    }
}

on_get!(get);
