//! Sends the request with `http` in place of `https`, or the reverse.

use fastly_package_test_programs::*;

fn get(target: ServiceVersion, options: RequestOptions) -> Result<Reply, Error> {
    let uri = allowed_uri(&target, &options);
    let scheme = if matches!(uri.scheme, Scheme::Http) { Scheme::Https } else { Scheme::Http };
    send(Uri { scheme, ..uri }.request(&Method::Get, Fields::new())?)?;
    Ok(fake_reply(String::new()))
}

on_get!(get);
