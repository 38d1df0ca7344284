//! Imports what the sandbox doesn't have: the environment.

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
    Ok(made_up(format!("{:?}", more::wasi::cli::environment::get_environment())))
}

on_get!(get);
