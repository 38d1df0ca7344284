//! Doesn't read the body of the response.

use fastly_package_test_programs::*;

fn get(target: ServiceVersion, options: RequestOptions) -> Result<Reply, Error> {
    send(allowed_uri(&target, &options).request(&Method::Get, Fields::new())?)?;
    Ok(fake_reply(String::new()))
}

on_get!(get);
