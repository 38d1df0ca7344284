//! Adds a query to the allowed path.

use fastly_package_test_programs::*;

fn get(target: ServiceVersion, options: RequestOptions) -> Result<Reply, Error> {
    let uri = allowed_uri(&target, &options);
    let path = format!("{}?force=1", uri.path);
    send(Uri { path, ..uri }.request(&Method::Get, Fields::new())?)?;
    Ok(fake_reply(String::new()))
}

on_get!(get);
