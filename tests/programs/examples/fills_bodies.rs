//! Creates request after request, and fills the buffer that the host has for each body.

use fastly_package_test_programs::*;

fn get(target: ServiceVersion, options: RequestOptions) -> Result<Reply, Error> {
    let mut kept = Vec::new();
    loop {
        let request = allowed_uri(&target, &options).request(&Method::Put, Fields::new())?;
        let (body, stream) = open_body(&request);
        while let Ok(1..) = stream.check_write() {
            let permitted = stream.check_write().expect("the stream is open");
            stream.write(&vec![b'x'; permitted as usize]).expect("the bytes are permitted");
        }
        kept.push((request, body, stream));
    }
}

on_get!(get);
