//! Sends a body of no declared length, ends it with trailers, and says that the connection was lost.

use fastly_package_test_programs::bindings::wasi::http::outgoing_handler::handle;
use fastly_package_test_programs::bindings::wasi::http::types::{ErrorCode, OutgoingBody};
use fastly_package_test_programs::*;

fn put(target: ServiceVersion, _: InputStream, options: RequestOptions) -> Result<Reply, Error> {
    let headers = fields(&[("trailer", "x-end")]);
    let request = address(&target, &options).request(&Method::Put, headers)?;
    let (body, stream) = body_of(&request);
    let future = handle(request, None).map_err(Error::Transport)?;
    write(&stream, 10_000).expect("the host takes it");
    drop(stream);
    OutgoingBody::finish(body, Some(fields(&[("x-end", "1")]))).map_err(Error::Transport)?;
    let _ = answer(&future);
    Err(Error::Transport(ErrorCode::ConnectionTerminated))
}

on_put!(put);
