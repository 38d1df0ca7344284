//! Takes the whole answer into its memory, and waits for ever.

use fastly_package_test_programs::*;

fn get(target: ServiceVersion, options: RequestOptions) -> Result<Reply, Error> {
    let address = address(&target, &options);
    let response = exchange(address.request(&Method::Get, Fields::new())?)?;
    let headers = response.headers().entries();
    let body = response.consume().expect("an answer has a body");
    let stream = body.stream().expect("a body has a stream");
    let mut kept = Vec::new();
    while let Ok(bytes) = stream.blocking_read(7) {
        kept.extend(bytes);
    }
    std::hint::black_box((&headers, &kept));
    // Room in a body that is never sent doesn't come back.
    let request = address.request(&Method::Get, Fields::new())?;
    let (_body, stream) = body_of(&request);
    loop {
        write(&stream, 1024 * 1024).expect("the host takes what it has room for");
    }
}

on_get!(get);
