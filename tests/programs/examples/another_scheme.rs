//! Sends the request with the other of the two schemes.

use fastly_package_test_programs::*;

fn get(target: ServiceVersion, options: RequestOptions) -> Result<Reply, Error> {
    let address = address(&target, &options);
    let scheme = if matches!(address.scheme, Scheme::Http) { Scheme::Https } else { Scheme::Http };
    exchange(Address { scheme, ..address }.request(&Method::Get, Fields::new())?)?;
    Ok(made_up(String::new()))
}

on_get!(get);
