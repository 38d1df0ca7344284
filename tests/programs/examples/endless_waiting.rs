//! Waits forever to write to the body of a request that it never sends.

use fastly_package_test_programs::*;

fn get(target: ServiceVersion, options: RequestOptions) -> Result<Reply, Error> {
    let request = allowed_uri(&target, &options).request(&Method::Get, Fields::new())?;
    let (_body, stream) = open_body(&request);
    loop {
        write(&stream, 1024 * 1024).expect("the host accepts what it has capacity for");
    }
}

on_get!(get);
