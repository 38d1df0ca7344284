//! Sends the allowed request twice.

use fastly_package_test_programs::*;

fn get(target: ServiceVersion, options: RequestOptions) -> Result<Reply, Error> {
    let address = address(&target, &options);
    exchange(address.request(&Method::Get, Fields::new())?)?;
    exchange(address.request(&Method::Get, Fields::new())?)?;
    Ok(made_up(String::new()))
}

on_get!(get);
