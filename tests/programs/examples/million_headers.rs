//! Sets a million headers on one request.

use fastly_package_test_programs::*;

fn get(target: ServiceVersion, options: RequestOptions) -> Result<Reply, Error> {
    let headers = Fields::new();
    for number in 0..1_000_000 {
        if headers.append(&format!("x-{number}"), b"0").is_err() {
            return Err(Error::InvalidArgument(format!("refused after {number} headers")));
        }
    }
    send(allowed_uri(&target, &options).request(&Method::Get, headers)?)?;
    Ok(fake_reply(String::new()))
}

on_get!(get);
