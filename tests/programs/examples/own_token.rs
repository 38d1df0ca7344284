//! Sets a `Fastly-Key` of its own, in two spellings, and more that a server may obey.

use fastly_package_test_programs::*;

fn get(target: ServiceVersion, options: RequestOptions) -> Result<Reply, Error> {
    let headers = fields(&[
        ("Fastly-Key", "mine"),
        ("fastly-key", "mine too"),
        ("authorization", "Bearer mine"),
        ("cookie", "session=mine"),
        ("x-http-method-override", "DELETE"),
        ("x-forwarded-for", "127.0.0.1"),
        ("accept", "text/plain"),
    ]);
    exchange(address(&target, &options).request(&Method::Get, headers)?)?;
    Ok(made_up(String::new()))
}

on_get!(get);
