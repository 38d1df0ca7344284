//! Sends a body without a declared length, ends it with trailers, and returns that the connection was lost.

use fastly_package_test_programs::bindings::wasi::http::outgoing_handler::handle;
use fastly_package_test_programs::bindings::wasi::http::types::{ErrorCode, OutgoingBody};
use fastly_package_test_programs::*;

fn put(target: ServiceVersion, _: InputStream, options: RequestOptions) -> Result<Reply, Error> {
    let headers = fields(&[("trailer", "x-end")]);
    let request = allowed_uri(&target, &options).request(&Method::Put, headers)?;
    let (body, stream) = open_body(&request);
    let future = handle(request, None).map_err(Error::Transport)?;
    write(&stream, 10_000).expect("the host accepts it");
    drop(stream);
    OutgoingBody::finish(body, Some(fields(&[("x-end", "1")]))).map_err(Error::Transport)?;
    let _ = receive(&future);
    Err(Error::Transport(ErrorCode::ConnectionTerminated))
}

on_put!(put);
