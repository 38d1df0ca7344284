//! Returns an error with megabytes of escape sequences.

use fastly_package_test_programs::*;

fn get(_: ServiceVersion, _: RequestOptions) -> Result<Reply, Error> {
    Err(Error::InvalidArgument("\u{1b}[31m".repeat(800_000)))
}

on_get!(get);
