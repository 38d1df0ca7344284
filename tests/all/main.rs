//! The black-box tests: one module for each topic.

mod api_errors;
mod cancel;
mod checks;
mod connections;
mod content;
mod dishonest_components;
mod early_responses;
mod egress;
mod expect;
mod faults;
mod fixture;
mod get_package;
mod identity;
mod limits;
mod list_versions;
#[deny(dead_code)]
mod programs;
mod properties;
mod put_package;
mod random_cases;
mod random_faults;
mod rate_limit;
mod request;
mod responses;
mod retries;
#[cfg(target_os = "linux")]
mod sandbox_memory;
mod service_locks;
mod timeouts;
mod tls;
mod tls_server;
mod token;
mod verification;
mod world;
