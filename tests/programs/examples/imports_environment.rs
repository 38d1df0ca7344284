//! Imports an interface that the sandbox doesn't provide: the environment.

use fastly_package_test_programs::*;

mod more {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "package test:more; world more { import wasi:cli/environment@0.2.0; }",
        world: "test:more/more",
        generate_all,
    });
}

fn get(_: ServiceVersion, _: RequestOptions) -> Result<Reply, Error> {
    Ok(fake_reply(format!("{:?}", more::wasi::cli::environment::get_environment())))
}

on_get!(get);
