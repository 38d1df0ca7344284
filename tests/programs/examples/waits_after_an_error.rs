//! Ignores the error of its request, and waits forever.

use fastly_package_test_programs::*;

fn get(target: ServiceVersion, options: RequestOptions) -> Result<Reply, Error> {
    let uri = allowed_uri(&target, &options);
    let _ = send(uri.request(&Method::Get, Fields::new())?);
    // The body of a request that is never sent is never read.
    let request = uri.request(&Method::Put, Fields::new())?;
    let (_body, stream) = open_body(&request);
    loop {
        write(&stream, 1024 * 1024).expect("the host accepts what it has capacity for");
    }
}

on_get!(get);
