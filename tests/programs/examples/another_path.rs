//! Sends the request to the path that the service ID names.

use fastly_package_test_programs::*;

fn get(target: ServiceVersion, options: RequestOptions) -> Result<Reply, Error> {
    let address = Address { path: target.service_id.clone(), ..address(&target, &options) };
    exchange(address.request(&Method::Get, Fields::new())?)?;
    Ok(made_up(String::new()))
}

on_get!(get);
