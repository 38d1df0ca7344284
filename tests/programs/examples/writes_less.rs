//! Declares 100,000 bytes, writes half of them and finishes the body.

use fastly_package_test_programs::bindings::wasi::http::types::OutgoingBody;
use fastly_package_test_programs::*;

fn put(target: ServiceVersion, _: InputStream, options: RequestOptions) -> Result<Reply, Error> {
    send_body(target, options, 50_000, |body| OutgoingBody::finish(body, None))
}

on_put!(put);
