//! Sets a `Fastly-Key` of its own, in two spellings.

use fastly_package_test_programs::*;

fn get(target: ServiceVersion, options: RequestOptions) -> Result<Reply, Error> {
    let headers = fields(&[("Fastly-Key", "mine"), ("fastly-key", "mine too")]);
    exchange(address(&target, &options).request(&Method::Get, headers)?)?;
    Ok(made_up(String::new()))
}

on_get!(get);
