//! Says that the API has answered, and has asked it nothing.

use fastly_package_test_programs::*;

fn get(_: ServiceVersion, _: RequestOptions) -> Result<Reply, Error> {
    Ok(made_up(String::new()))
}

on_get!(get);
