//! Returns every header that it can see of its own request and of the answer.

use fastly_package_test_programs::*;

fn get(target: ServiceVersion, options: RequestOptions) -> Result<Reply, Error> {
    let request = address(&target, &options).request(&Method::Get, fields(&[("x-own", "1")]))?;
    let asked = request.headers().entries();
    let answered = exchange(request)?.headers().entries();
    let line =
        |(name, value): (String, Vec<u8>)| format!("{name}: {}\n", String::from_utf8_lossy(&value));
    Ok(made_up(asked.into_iter().chain(answered).map(line).collect()))
}

on_get!(get);
