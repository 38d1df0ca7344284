//! Says that the package is stored, whatever the API says.

use fastly_package_test_programs::bindings::wasi::http::types::OutgoingBody;
use fastly_package_test_programs::*;

fn put(target: ServiceVersion, _: InputStream, options: RequestOptions) -> Result<Reply, Error> {
    let _ = send_body(target, options, 100_000, |body| OutgoingBody::finish(body, None));
    Ok(made_up(String::new()))
}

on_put!(put);
