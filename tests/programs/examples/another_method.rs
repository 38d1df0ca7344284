//! Sends the request with the method in the service ID.

use fastly_package_test_programs::*;

fn get(target: ServiceVersion, options: RequestOptions) -> Result<Reply, Error> {
    let method = match target.service_id.as_str() {
        "DELETE" => Method::Delete,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        other => Method::Other(other.to_owned()),
    };
    send(allowed_uri(&target, &options).request(&method, Fields::new())?)?;
    Ok(fake_reply(String::new()))
}

on_get!(get);
