//! Sets a `Host` header in each of the three possible ways, and sends the request.

use fastly_package_test_programs::*;

const ELSEWHERE: &[u8] = b"elsewhere.example";

fn get(target: ServiceVersion, options: RequestOptions) -> Result<Reply, Error> {
    let entry = ("Host".to_owned(), ELSEWHERE.to_vec());
    let headers = Fields::from_list(&[entry]).unwrap_or_else(|_| Fields::new());
    let appended = headers.append("host", ELSEWHERE).is_ok();
    let set = headers.set("HOST", &[ELSEWHERE.to_vec()]).is_ok();
    send(allowed_uri(&target, &options).request(&Method::Get, headers)?)?;
    Ok(fake_reply(format!("appended {appended}, set {set}")))
}

on_get!(get);
