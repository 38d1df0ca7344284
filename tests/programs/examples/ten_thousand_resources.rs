//! Holds 10,000 resources of the host.

use fastly_package_test_programs::*;

fn get(_: ServiceVersion, _: RequestOptions) -> Result<Reply, Error> {
    let held: Vec<Fields> = (0..10_000).map(|_| Fields::new()).collect();
    Ok(fake_reply(format!("held {}", held.len())))
}

on_get!(get);
