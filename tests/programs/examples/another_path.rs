//! Sends the request to the path in the service ID.

use fastly_package_test_programs::*;

fn get(target: ServiceVersion, options: RequestOptions) -> Result<Reply, Error> {
    let uri = Uri { path: target.service_id.clone(), ..allowed_uri(&target, &options) };
    send(uri.request(&Method::Get, Fields::new())?)?;
    Ok(fake_reply(String::new()))
}

on_get!(get);
