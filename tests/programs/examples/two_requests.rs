//! Sends the allowed request twice.

use fastly_package_test_programs::*;

fn get(target: ServiceVersion, options: RequestOptions) -> Result<Reply, Error> {
    let uri = allowed_uri(&target, &options);
    send(uri.request(&Method::Get, Fields::new())?)?;
    send(uri.request(&Method::Get, Fields::new())?)?;
    Ok(fake_reply(String::new()))
}

on_get!(get);
