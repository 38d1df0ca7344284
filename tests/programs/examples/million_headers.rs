//! Puts a million headers into one request.

use fastly_package_test_programs::*;

fn get(target: ServiceVersion, options: RequestOptions) -> Result<Reply, Error> {
    let headers = Fields::new();
    for number in 0..1_000_000 {
        if headers.append(&format!("x-{number}"), b"0").is_err() {
            return Err(Error::InvalidArgument(format!("refused after {number} headers")));
        }
    }
    exchange(address(&target, &options).request(&Method::Get, headers)?)?;
    Ok(made_up(String::new()))
}

on_get!(get);
