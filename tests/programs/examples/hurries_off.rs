//! Writes a whole body, and returns that the connection was lost before the host can have sent any of it.

use fastly_package_test_programs::bindings::wasi::http::outgoing_handler::handle;
use fastly_package_test_programs::bindings::wasi::http::types::{ErrorCode, OutgoingBody};
use fastly_package_test_programs::*;

fn put(target: ServiceVersion, _: InputStream, options: RequestOptions) -> Result<Reply, Error> {
    let headers = fields(&[("content-length", "100000")]);
    let request = allowed_uri(&target, &options).request(&Method::Put, headers)?;
    let (body, stream) = open_body(&request);
    let _future = handle(request, None).map_err(Error::Transport)?;
    stream.write(&[b'x'; 100_000]).expect("a new body has capacity for it");
    drop(stream);
    OutgoingBody::finish(body, None).map_err(Error::Transport)?;
    Err(Error::Transport(ErrorCode::ConnectionTerminated))
}

on_put!(put);
