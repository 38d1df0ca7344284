//! Sends a whole request, and returns that the content was too short.

use fastly_package_test_programs::bindings::wasi::http::types::OutgoingBody;
use fastly_package_test_programs::*;

fn put(target: ServiceVersion, _: InputStream, options: RequestOptions) -> Result<Reply, Error> {
    let _ = send_body(target, options, 100_000, |body| OutgoingBody::finish(body, None));
    Err(Error::Content(ContentError::TooShort(1)))
}

on_put!(put);
