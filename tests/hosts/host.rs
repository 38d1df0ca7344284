//! The hosts, and the command line of each.

use crate::command::{Fixture, TARGET, TOKEN, output};
use crate::rows::{Call, PACKAGE};
use serde_json::Value;
use std::path::{Path, PathBuf};
use tokio::process::Command;

pub(crate) const SERVICE: &str = TARGET[1];
pub(crate) const VERSION: &str = TARGET[3];

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Host {
    /// The native command.
    Native,
    Node,
    Python,
    /// The command component, in Python's `wasmtime` package.
    Command,
    /// The command component, in wasmtime's command.
    Wasmtime,
}

/// The hosts that `tests/hosts/run` installs.
pub(crate) const INSTALLED: [Host; 4] = [Host::Native, Host::Node, Host::Python, Host::Command];

impl Host {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Node => "Node",
            Self::Python => "Python",
            Self::Command => "command, in Python",
            Self::Wasmtime => "command, in wasmtime",
        }
    }

    /// Returns whether the host accepts the native command's arguments.
    fn takes_flags(self) -> bool {
        matches!(self, Self::Native | Self::Command | Self::Wasmtime)
    }

    /// Returns the host's command without arguments, in the fixture's directory and for its API.
    pub(crate) fn command(self, fixture: &Fixture) -> Command {
        let mut command = self.program(fixture);
        command
            .current_dir(fixture.dir.path())
            .env("FASTLY_API_TOKEN", TOKEN)
            .env("FASTLY_API_ENDPOINT", fixture.emulator.url());
        command
    }

    fn program(self, fixture: &Fixture) -> Command {
        let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests");
        let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
        match self {
            Self::Native => fixture.command([""; 0]),
            Self::Node => {
                let mut command = Command::new("node");
                command.arg(examples.join("node/driver.mjs"));
                command
            }
            Self::Python => {
                let mut command = Command::new(path_from("FASTLY_PACKAGE_TEST_PYTHON"));
                command.arg(examples.join("python/driver.py"));
                command.env("PYTHONPATH", examples.join("python/src"));
                command
            }
            Self::Command => {
                let mut command = Command::new(path_from("FASTLY_PACKAGE_TEST_PYTHON"));
                command.arg(tests.join("hosts/run_command.py"));
                command.arg(path_from("FASTLY_PACKAGE_TEST_COMMAND"));
                command
            }
            Self::Wasmtime => {
                let mut command = Command::new(path_from("FASTLY_PACKAGE_TEST_WASMTIME"));
                command.args(["run", "-S", "http", "--dir", "."]);
                for variable in ["FASTLY_API_TOKEN", "FASTLY_API_ENDPOINT"] {
                    command.args(["--env", variable]);
                }
                command.arg(path_from("FASTLY_PACKAGE_TEST_COMMAND"));
                command
            }
        }
    }

    /// Makes a call, and returns a description of its result, as in the table of `examples/README.md`.
    pub(crate) async fn call(self, fixture: &Fixture, call: &Call<'_>) -> String {
        let mut command = self.command(fixture);
        command.env("FASTLY_API_TOKEN", call.token).env("FASTLY_API_ENDPOINT", call.api);
        let size = call.upload.and_then(|(_, size)| size).map(|size| size.to_string());
        let mut stdin = &b""[..];
        command.arg(if call.upload.is_some() { "put" } else { "get" });
        if self.takes_flags() {
            command.args(["--json", "--retries", "0"]);
            command.args(TARGET);
            match (call.upload, size) {
                (Some((package, _)), Some(size)) => {
                    command.args(["--package", "-", "--size", &size]);
                    stdin = package;
                }
                (Some(_), None) => {
                    command.args(["--package", PACKAGE]);
                }
                (None, _) => {}
            }
        } else {
            command.args([SERVICE, VERSION]);
            command.args(call.upload.map(|_| PACKAGE)).args(size);
        }
        let output = output(&mut command, stdin).await;
        let json = serde_json::from_str(&output.stdout)
            .unwrap_or_else(|error| panic!("{}: {error}: {output:?}", self.name()));
        let result = self.describe(&json);
        assert_eq!(output.code == Some(0), result == "ok", "{}: {output:?}", self.name());
        result
    }

    /// Describes the result that a host printed. It contains messages only if they are the API's.
    fn describe(self, json: &Value) -> String {
        let error = &json["error"];
        if error.is_null() {
            let package = if self.takes_flags() { json } else { &json["package"] };
            assert_eq!((&package["service_id"], &package["version"]), (&SERVICE.into(), &3.into()));
            return "ok".into();
        }
        let case = match error["exit_code"].as_u64() {
            None => error["case"].as_str().unwrap_or_default(),
            Some(2) => "invalid-argument",
            Some(3) => "api",
            Some(4) => "transport",
            Some(6) => "content",
            Some(1) => "unexpected-response",
            Some(other) => panic!("exit code {other}: {json}"),
        };
        match case {
            "api" => {
                let texts =
                    [&error["title"], &error["detail"]].into_iter().filter_map(Value::as_str);
                texts
                    .fold(format!("api {}", error["status"]), |line, text| format!("{line} {text}"))
            }
            "unexpected-response" => format!("{case} {}", error["status"]),
            _ => case.to_owned(),
        }
    }
}

/// Returns the path of an interpreter, a command or a component, from a variable that a script sets.
fn path_from(variable: &str) -> PathBuf {
    std::env::var_os(variable)
        .unwrap_or_else(|| {
            panic!("{variable} isn't set: see tests/hosts/run and tests/wasmtime/run")
        })
        .into()
}
