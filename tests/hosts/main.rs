//! The component in other hosts: each call has the outcome that is documented in `examples/README.md`.
//!
//! `tests/hosts/run` installs Node and Python and runs these tests; `tests/wasmtime/run` does so with wasmtime's command.

#[path = "../cli/command.rs"]
#[expect(dead_code, reason = "the command's own tests use all of it")]
mod command;
mod host;
mod parity;
mod rows;
mod table;

use command::{Fixture, output};
use fastly_package_emulator::Config;
use host::{Host, INSTALLED, SERVICE, VERSION};
use rows::rows;
use serde_json::Value;
use table::Table;

async fn assert_outcomes(hosts: &[Host]) {
    let table = Table::read();
    for host in hosts {
        for row in table.rows_of(rows()) {
            let outcome = row.outcome(async |fixture, call| host.call(fixture, call).await).await;
            assert_eq!(
                outcome,
                table.outcome(row.name, host.name()),
                "{} in {}",
                row.name,
                host.name()
            );
        }
    }
}

#[tokio::test]
#[ignore = "needs Node and Python, which tests/hosts/run installs"]
async fn each_call_has_the_documented_outcome_in_each_host() {
    assert_outcomes(&INSTALLED).await;
}

#[tokio::test]
#[ignore = "needs wasmtime's command, which tests/wasmtime/run installs"]
async fn each_call_has_the_documented_outcome_in_wasmtime() {
    assert_outcomes(&[Host::Native, Host::Wasmtime]).await;
}

#[tokio::test]
#[ignore = "needs Node and Python, which tests/hosts/run installs"]
async fn another_origin_is_never_connected_to_in_each_host() {
    let fixture = Fixture::with(Config::default()).await;
    let other = Fixture::with(Config::default()).await;
    // The command can't be tested, since it has one flag for the API of the plugin and that of the guard.
    for host in [Host::Node, Host::Python] {
        let mut command = host.command(&fixture);
        command.args(["denied", SERVICE, VERSION, &other.emulator.url()]);
        let output = output(&mut command, b"").await;
        let json: Value = serde_json::from_str(&output.stdout).expect("one JSON object");
        let error = &json["error"];
        assert_eq!(error["case"], "transport", "{}: {output:?}", host.name());
        assert_eq!(error["code"], "HTTP-request-denied", "{}: {output:?}", host.name());
    }
    assert_eq!(other.emulator.count_connections().await.unwrap(), 0);
    assert_eq!(fixture.emulator.count_connections().await.unwrap(), 0);
}
