//! Sets a `Fastly-Key` header, in two spellings, and other headers that a server may interpret.

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
    send(allowed_uri(&target, &options).request(&Method::Get, headers)?)?;
    Ok(fake_reply(String::new()))
}

on_get!(get);
