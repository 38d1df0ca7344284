//! Says that the API knows no such package, and has asked it nothing.

use fastly_package_test_programs::*;

fn get(_: ServiceVersion, _: RequestOptions) -> Result<Reply, Error> {
    Err(Error::Api(ApiError {
        status: 404,
        title: None,
        detail: None,
        errors: Vec::new(),
        rate_limit: None,
        media_type: None,
        excerpt: String::new(),
    }))
}

on_get!(get);
