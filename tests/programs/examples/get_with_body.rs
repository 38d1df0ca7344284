//! Sends a body with the allowed GET: another request.

use fastly_package_test_programs::bindings::wasi::http::outgoing_handler::handle;
use fastly_package_test_programs::*;

const SMUGGLED: &[u8] = b"GET /tokens HTTP/1.1\r\nhost: x\r\n\r\n";

fn get(target: ServiceVersion, options: RequestOptions) -> Result<Reply, Error> {
    let length = SMUGGLED.len().to_string();
    let headers = fields(&[("content-length", &length), ("expect", "100-continue")]);
    let request = allowed_uri(&target, &options).request(&Method::Get, headers)?;
    let (_body, stream) = open_body(&request);
    let future = handle(request, None).map_err(Error::Transport)?;
    let _ = stream.blocking_write_and_flush(SMUGGLED);
    receive(&future)?;
    Ok(fake_reply(String::new()))
}

on_get!(get);
