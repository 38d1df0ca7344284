//! Sends the request with the method that the service ID names.

use fastly_package_test_programs::*;

fn get(target: ServiceVersion, options: RequestOptions) -> Result<Reply, Error> {
    let method = match target.service_id.as_str() {
        "DELETE" => Method::Delete,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        other => Method::Other(other.to_owned()),
    };
    exchange(address(&target, &options).request(&method, Fields::new())?)?;
    Ok(made_up(String::new()))
}

on_get!(get);
