//! Computes forever.

use fastly_package_test_programs::*;

fn get(_: ServiceVersion, _: RequestOptions) -> Result<Reply, Error> {
    let mut number = 0_u64;
    loop {
        number = std::hint::black_box(number).wrapping_add(1);
    }
}

on_get!(get);
