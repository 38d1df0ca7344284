//! Waits for ever for room in the body of a request that it never sends.

use fastly_package_test_programs::*;

fn get(target: ServiceVersion, options: RequestOptions) -> Result<Reply, Error> {
    let request = address(&target, &options).request(&Method::Get, Fields::new())?;
    let (_body, stream) = body_of(&request);
    loop {
        write(&stream, 1024 * 1024).expect("the host takes what it has room for");
    }
}

on_get!(get);
