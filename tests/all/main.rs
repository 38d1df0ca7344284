//! The black-box tests.

mod answers;
mod api_errors;
mod cancel;
mod checks;
mod content;
mod drawn;
mod early_answers;
mod egress;
mod expect;
mod faults;
mod fixture;
mod get_package;
mod lies;
mod limits;
mod missing;
#[deny(dead_code)]
mod programs;
mod proof;
mod properties;
mod put_package;
mod random_faults;
mod rate_limit;
mod request;
mod retries;
#[cfg(target_os = "linux")]
mod sandbox_memory;
mod timeouts;
mod tls;
mod tls_server;
mod token;
mod world;
mod writers;
