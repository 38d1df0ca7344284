//! Returns a success without sending a request.

use fastly_package_test_programs::*;

fn get(_: ServiceVersion, _: RequestOptions) -> Result<Reply, Error> {
    Ok(fake_reply(String::new()))
}

on_get!(get);
