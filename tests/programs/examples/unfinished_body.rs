//! Writes half of the declared body and drops the rest.

use fastly_package_test_programs::*;

fn put(target: ServiceVersion, _: InputStream, options: RequestOptions) -> Result<Reply, Error> {
    send_body(target, options, 50_000, |body| {
        drop(body);
        Ok(())
    })
}

on_put!(put);
