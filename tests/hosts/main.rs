//! The component in other hosts: what each call comes to is what it comes to in the native one, row by row, as `examples/README.md` says.
//!
//! `tests/hosts/run` prepares Node and Python and runs this; `tests/wasmtime/run` does so with wasmtime's command.

mod alike;
#[path = "../cli/command.rs"]
#[expect(dead_code, reason = "this target needs less of it than the command's own tests")]
mod command;
mod host;
mod rows;
mod table;

use command::{Fixture, ended};
use fastly_package_emulator::Config;
use host::{Host, PREPARED, SERVICE, VERSION};
use rows::rows;
use serde_json::Value;
use table::Table;

async fn assert_all_come_to_the_same(hosts: &[Host]) {
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
#[ignore = "needs Node and Python, which tests/hosts/run prepares"]
async fn each_call_comes_to_the_same_in_each_host() {
    assert_all_come_to_the_same(&PREPARED).await;
}

#[tokio::test]
#[ignore = "needs wasmtime's command, which tests/wasmtime/run prepares"]
async fn each_call_comes_to_the_same_in_wasmtime() {
    assert_all_come_to_the_same(&[Host::Native, Host::Wasmtime]).await;
}

#[tokio::test]
#[ignore = "needs Node and Python, which tests/hosts/run prepares"]
async fn an_origin_that_is_not_the_apis_is_never_connected_to_in_each_host() {
    let fixture = Fixture::with(Config::default()).await;
    let other = Fixture::with(Config::default()).await;
    // The command has one flag for what the plugin is told and what its guard is.
    for host in [Host::Node, Host::Python] {
        let mut command = host.command(&fixture);
        command.args(["denied", SERVICE, VERSION, &other.emulator.url()]);
        let ended = ended(&mut command, b"").await;
        let printed: Value = serde_json::from_str(&ended.stdout).expect("one JSON object");
        let error = &printed["error"];
        assert_eq!(error["case"], "transport", "{}: {ended:?}", host.name());
        assert_eq!(error["code"], "HTTP-request-denied", "{}: {ended:?}", host.name());
    }
    assert_eq!(other.emulator.count_connections().await.unwrap(), 0);
    assert_eq!(fixture.emulator.count_connections().await.unwrap(), 0);
}
