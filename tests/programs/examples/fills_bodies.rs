//! Begins one request after the other, and fills what each of their bodies may keep outside the sandbox.

use fastly_package_test_programs::*;

fn get(target: ServiceVersion, options: RequestOptions) -> Result<Reply, Error> {
    let mut kept = Vec::new();
    loop {
        let request = address(&target, &options).request(&Method::Put, Fields::new())?;
        let (body, stream) = body_of(&request);
        while let Ok(1..) = stream.check_write() {
            let permitted = stream.check_write().expect("it was open before");
            stream.write(&vec![b'x'; permitted as usize]).expect("it is permitted");
        }
        kept.push((request, body, stream));
    }
}

on_get!(get);
