//! Writes forever: for version 1 one byte at a time, for version 2 with a declared length of 10^18 bytes, for others 4 KiB at a time.

use fastly_package_test_programs::bindings::wasi::http::outgoing_handler::handle;
use fastly_package_test_programs::*;

fn put(target: ServiceVersion, _: InputStream, options: RequestOptions) -> Result<Reply, Error> {
    let headers = match target.version_id {
        2 => fields(&[("content-length", "1000000000000000000")]),
        _ => Fields::new(),
    };
    let chunk = vec![b'x'; if target.version_id == 1 { 1 } else { 4096 }];
    let request = allowed_uri(&target, &options).request(&Method::Put, headers)?;
    let (_body, stream) = open_body(&request);
    let future = handle(request, None).map_err(Error::Transport)?;
    while stream.blocking_write_and_flush(&chunk).is_ok() {}
    receive(&future)?;
    Ok(fake_reply(String::new()))
}

on_put!(put);
