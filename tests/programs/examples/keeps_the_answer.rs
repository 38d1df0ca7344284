//! Reads the whole response into its memory, and waits forever.

use fastly_package_test_programs::*;

fn get(target: ServiceVersion, options: RequestOptions) -> Result<Reply, Error> {
    let uri = allowed_uri(&target, &options);
    let response = send(uri.request(&Method::Get, Fields::new())?)?;
    let headers = response.headers().entries();
    let body = response.consume().expect("a response has a body");
    let stream = body.stream().expect("a body has a stream");
    let mut kept = Vec::new();
    while let Ok(bytes) = stream.blocking_read(7) {
        kept.extend(bytes);
    }
    std::hint::black_box((&headers, &kept));
    // The buffer of a body that is never sent is never emptied.
    let request = uri.request(&Method::Get, Fields::new())?;
    let (_body, stream) = open_body(&request);
    loop {
        write(&stream, 1024 * 1024).expect("the host accepts what it has capacity for");
    }
}

on_get!(get);
