//! Adds a query to the path that is allowed.

use fastly_package_test_programs::*;

fn get(target: ServiceVersion, options: RequestOptions) -> Result<Reply, Error> {
    let address = address(&target, &options);
    let path = format!("{}?force=1", address.path);
    exchange(Address { path, ..address }.request(&Method::Get, Fields::new())?)?;
    Ok(made_up(String::new()))
}

on_get!(get);
