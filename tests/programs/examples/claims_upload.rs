//! Returns that the package is stored, whatever the response is.

use fastly_package_test_programs::bindings::wasi::http::types::OutgoingBody;
use fastly_package_test_programs::*;

fn put(target: ServiceVersion, _: InputStream, options: RequestOptions) -> Result<Reply, Error> {
    let _ = send_body(target, options, 100_000, |body| OutgoingBody::finish(body, None));
    Ok(fake_reply(String::new()))
}

on_put!(put);
