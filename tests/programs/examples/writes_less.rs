//! Declares a hundred thousand bytes, writes half of them and finishes.

use fastly_package_test_programs::bindings::wasi::http::outgoing_handler::handle;
use fastly_package_test_programs::bindings::wasi::http::types::OutgoingBody;
use fastly_package_test_programs::*;

fn put(target: ServiceVersion, _: InputStream, options: RequestOptions) -> Result<Reply, Error> {
    let headers = fields(&[("content-length", "100000")]);
    let request = address(&target, &options).request(&Method::Put, headers)?;
    let (body, stream) = body_of(&request);
    let future = handle(request, None).map_err(Error::Transport)?;
    let _ = write(&stream, 50_000);
    drop(stream);
    OutgoingBody::finish(body, None).map_err(Error::Transport)?;
    answer(&future)?;
    Ok(made_up(String::new()))
}

on_put!(put);
