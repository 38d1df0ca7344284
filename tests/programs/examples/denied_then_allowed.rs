//! Sends a denied request many times, then the allowed one.

use fastly_package_test_programs::*;

fn get(target: ServiceVersion, options: RequestOptions) -> Result<Reply, Error> {
    for _ in 0..1000 {
        let uri = Uri { path: "/tokens".into(), ..allowed_uri(&target, &options) };
        let _ = send(uri.request(&Method::Get, Fields::new())?);
    }
    send(allowed_uri(&target, &options).request(&Method::Get, Fields::new())?)?;
    Ok(fake_reply(String::new()))
}

on_get!(get);
