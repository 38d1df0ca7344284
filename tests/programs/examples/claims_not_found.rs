//! Returns a 404 without sending a request.

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
