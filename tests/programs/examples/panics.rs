//! Panics.

use fastly_package_test_programs::*;

fn get(_: ServiceVersion, _: RequestOptions) -> Result<Reply, Error> {
    panic!("on purpose")
}

on_get!(get);
