//! The component in other hosts: what each call comes to is what it comes to in the native one, row by row.
//!
//! `tests/hosts/run` prepares Node and Python and runs this.

#[path = "../cli/command.rs"]
#[expect(dead_code, reason = "this target needs less of it than the command's own tests")]
mod command;

use command::{Fixture, TOKEN, assert_golden, ended, sha512};
use fastly_package_emulator::sample::{self, SampleOptions};
use fastly_package_emulator::{Answer, Config, Fault, Then};
use serde_json::Value;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use tokio::process::Command;

const SERVICE: &str = "SU1Z0isxPaozGVKXdv0eY";
const VERSION: &str = "3";
const SMALL: u64 = 1024;
const LARGE: u64 = 20 * 1024 * 1024;

#[derive(Clone, Copy, PartialEq)]
enum Host {
    Native,
    Node,
    Python,
}

const HOSTS: [(&str, Host); 3] =
    [("native", Host::Native), ("Node", Host::Node), ("Python", Host::Python)];

/// What is done, and what goes wrong.
struct Row {
    name: &'static str,
    call: Call,
    fault: Option<Fault>,
}

#[derive(Clone, Copy)]
enum Call {
    /// Of a version with a package, or of one without.
    Get { stored: bool },
    /// Of so many bytes, of which one more is announced than there is, or none.
    Put { size: u64, short: bool },
    /// With a token that is wrong.
    WrongToken,
    /// Of an API that isn't there.
    Unreachable,
}

fn rows() -> Vec<Row> {
    let put = |name, size, fault| Row { name, call: Call::Put { size, short: false }, fault };
    let early = |answer| Some(Fault::early_answer(answer).then(Then::Stall));
    let late = |answer| Some(Fault::answer(answer));
    vec![
        Row { name: "get", call: Call::Get { stored: true }, fault: None },
        Row { name: "get, nothing there", call: Call::Get { stored: false }, fault: None },
        Row { name: "get, wrong token", call: Call::WrongToken, fault: None },
        Row {
            name: "get, HTML",
            call: Call::Get { stored: true },
            fault: late(Answer::new(200).body("<html>").content_type("text/html")),
        },
        Row {
            name: "get, answer cut",
            call: Call::Get { stored: true },
            fault: late(Answer::real().cut_to(40)),
        },
        Row { name: "API not there", call: Call::Unreachable, fault: None },
        put("put 1 KiB", SMALL, None),
        put("put 20 MiB", LARGE, None),
        put("put, no package", SMALL, late(Answer::bad_package())),
        put("put, read-only token", SMALL, late(Answer::read_only_token())),
        put("put, locked", SMALL, late(Answer::version_locked(SERVICE, 3))),
        put("put, 429", SMALL, late(Answer::rate_limited(4_102_444_800))),
        put("put, 503", SMALL, late(Answer::new(503))),
        put("put, redirect", SMALL, late(Answer::redirect(307, "https://elsewhere.test/"))),
        put("put, early 401", LARGE, early(Answer::unauthorized())),
        put("put, early 413", LARGE, early(Answer::too_large())),
        Row {
            name: "put, source too short",
            call: Call::Put { size: SMALL, short: true },
            fault: None,
        },
    ]
}

/// The words before the operation, and those after it that only this host has.
fn command(host: Host, fixture: &Fixture) -> Command {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let mut command = match host {
        Host::Native => fixture.command([""; 0]),
        Host::Node => Command::new("node"),
        Host::Python => Command::new(python()),
    };
    match host {
        Host::Native => {}
        Host::Node => {
            command.arg(examples.join("node/driver.mjs"));
        }
        Host::Python => {
            command.arg(examples.join("python/driver.py"));
            command.env("PYTHONPATH", examples.join("python/src"));
        }
    }
    command
        .current_dir(fixture.folder.path())
        .env("FASTLY_API_TOKEN", TOKEN)
        .env("FASTLY_API_ENDPOINT", fixture.emulator.url());
    command
}

/// The interpreter of the virtual environment that was prepared.
fn python() -> PathBuf {
    std::env::var_os("FASTLY_PACKAGE_TEST_PYTHON")
        .expect("FASTLY_PACKAGE_TEST_PYTHON names an interpreter: tests/hosts/run sets it")
        .into()
}

/// What a row comes to in a host: in words, and what the emulator has then.
async fn outcome(row: &Row, host: Host) -> String {
    let fixture = Fixture::with(Config::default()).await;
    let size = match row.call {
        Call::Put { size, .. } => size,
        _ => SMALL,
    };
    let package = sample::package(SampleOptions { size: Some(size), ..Default::default() });
    fixture.write("app.tar.gz", &package);
    if let Call::Get { stored: true } = row.call {
        let target = ["--service-id", SERVICE, "--version", VERSION];
        let put = fixture.run([&["put", "-p", "app.tar.gz"], &target[..]].concat()).await;
        assert_eq!(put.code, Some(0), "{put:?}");
    }
    if let Some(fault) = &row.fault {
        fixture.emulator.fault(fault.clone());
    }
    let mut command = command(host, &fixture);
    match row.call {
        Call::WrongToken => {
            command.env("FASTLY_API_TOKEN", "wrong");
        }
        Call::Unreachable => {
            command.env("FASTLY_API_ENDPOINT", "http://127.0.0.1:1");
        }
        _ => {}
    }
    let announced = match row.call {
        Call::Put { short: true, .. } => Some((size + 1).to_string()),
        _ => None,
    };
    let is_put = matches!(row.call, Call::Put { .. });
    let mut stdin = &b""[..];
    if host == Host::Native {
        command.arg(if is_put { "put" } else { "get" }).args(["--json", "--retries", "0"]);
        command.args(["--service-id", SERVICE, "--version", VERSION]);
        match announced {
            Some(announced) => {
                command.args(["--package", "-", "--size", &announced]);
                stdin = &package;
            }
            None if is_put => {
                command.args(["--package", "app.tar.gz"]);
            }
            None => {}
        }
    } else {
        command.args([if is_put { "put" } else { "get" }, SERVICE, VERSION]);
        command.args(is_put.then_some("app.tar.gz")).args(announced);
    }
    let ended = ended(&mut command, stdin).await;
    let printed = serde_json::from_str(&ended.stdout)
        .unwrap_or_else(|error| panic!("{}: {error}: {ended:?}", row.name));
    let stored = match fixture.emulator.package(SERVICE, 3) {
        Some(stored) if stored.hashsum() == sha512(&package) => "stored",
        Some(_) => "something else stored",
        None => "nothing stored",
    };
    format!("{}, {stored}", in_words(&printed, host))
}

/// What a host printed. Texts are compared where they are the API's.
fn in_words(printed: &Value, host: Host) -> String {
    let error = &printed["error"];
    if error.is_null() {
        let package = if host == Host::Native { printed } else { &printed["package"] };
        assert_eq!((&package["service_id"], &package["version"]), (&SERVICE.into(), &3.into()));
        return "ok".into();
    }
    let case = match error["exit_code"].as_u64() {
        None => error["case"].as_str().unwrap_or_default(),
        Some(2) => "invalid-argument",
        Some(3) => "api",
        Some(4) => "transport",
        Some(6) => "content",
        Some(_) => "unexpected-response",
    };
    match case {
        "api" => {
            let texts = [&error["title"], &error["detail"]].into_iter().filter_map(Value::as_str);
            texts.fold(format!("api {}", error["status"]), |words, text| format!("{words} {text}"))
        }
        "unexpected-response" => format!("{case} {}", error["status"]),
        _ => case.to_owned(),
    }
}

#[tokio::test]
#[ignore = "needs Node and Python, which tests/hosts/run prepares"]
async fn each_call_comes_to_the_same_in_each_host() {
    let mut table = String::new();
    for row in rows() {
        let native = outcome(&row, Host::Native).await;
        let _ = writeln!(table, "{}: {native}", row.name);
        for (name, host) in HOSTS {
            if host != Host::Native {
                assert_eq!(outcome(&row, host).await, native, "{} in {name}", row.name);
                let _ = writeln!(table, "{:>10}: the same", name);
            }
        }
    }
    assert_golden("hosts.txt", &table);
}

#[tokio::test]
#[ignore = "needs Node and Python, which tests/hosts/run prepares"]
async fn an_origin_that_is_not_the_apis_is_never_connected_to() {
    let fixture = Fixture::with(Config::default()).await;
    let other = Fixture::with(Config::default()).await;
    for (name, host) in HOSTS {
        if host == Host::Native {
            continue;
        }
        let mut command = command(host, &fixture);
        command.args(["denied", SERVICE, VERSION, &other.emulator.url()]);
        let ended = ended(&mut command, b"").await;
        let printed: Value = serde_json::from_str(&ended.stdout).expect("one JSON object");
        let error = &printed["error"];
        assert_eq!(error["case"], "transport", "{name}: {ended:?}");
        assert_eq!(error["code"], "HTTP-request-denied", "{name}: {ended:?}");
    }
    assert_eq!(other.emulator.count_connections().await.unwrap(), 0);
    assert_eq!(fixture.emulator.count_connections().await.unwrap(), 0);
}
