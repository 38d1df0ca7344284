//! Returns every header that it can see of its own request and of the response.

use fastly_package_test_programs::*;

fn get(target: ServiceVersion, options: RequestOptions) -> Result<Reply, Error> {
    let request =
        allowed_uri(&target, &options).request(&Method::Get, fields(&[("x-own", "1")]))?;
    let requested = request.headers().entries();
    let received = send(request)?.headers().entries();
    let line =
        |(name, value): (String, Vec<u8>)| format!("{name}: {}\n", String::from_utf8_lossy(&value));
    Ok(fake_reply(requested.into_iter().chain(received).map(line).collect()))
}

on_get!(get);
