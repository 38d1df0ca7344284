//! The error messages for each status of the API, in `tests/golden/errors-get.txt` and `errors-put.txt`, and for each local or network failure, in
//! `errors-local.txt`.

use crate::command::{Fixture, TARGET, assert_golden, described, package, without_ages};
use fastly_package_emulator::{Answer, Config, Fault};
use serde_json::{Value, json};
use std::fmt::Write;

const SERVICE: &str = TARGET[1];
/// A service that doesn't exist.
const MISSING: &str = "0000000000000000000000";
const LATER: &str = "Fri, 01 Jan 2100 00:00:00 GMT";
/// The number of the service's versions.
const VERSIONS: u32 = 4;
/// The number of lines that an error message must stay below, so that it fits on a screen.
const MAX_LINES: usize = 10;

/// A call for this service and version, and the API's faults during it.
struct Case {
    name: &'static str,
    service: &'static str,
    version: &'static str,
    faults: Vec<Fault>,
}

fn case(name: &'static str, fault: Fault) -> Case {
    Case { name, service: SERVICE, version: "3", faults: vec![fault] }
}

fn cases() -> Vec<Case> {
    let plain = |status| Fault::answer(Answer::new(status));
    let json = |status, body: &str| {
        Fault::answer(Answer::new(status).body(body.to_owned()).content_type("application/json"))
    };
    let at = |name, service, version| Case { name, service, version, faults: Vec::new() };
    let elsewhere = "https://elsewhere.test/";
    vec![
        case("400, invalid package", Fault::answer(Answer::bad_package())),
        case("400, deleted", Fault::answer(Answer::service_deleted(SERVICE))),
        case("400, other reason", json(400, r#"{"msg":"Bad request"}"#)),
        case("401", Fault::answer(Answer::unauthorized())),
        case("401, expired", Fault::answer(Answer::token_expired("5Yo3XXnrQpjc20u0ybrf2g"))),
        case("403", Fault::answer(Answer::forbidden())),
        case("403, read-only", Fault::answer(Answer::read_only_token())),
        at("404, service", MISSING, "1"),
        at("404, version", SERVICE, "9"),
        case("404, package", Fault::answer(Answer::not_found())),
        Case {
            faults: vec![Fault::answer(Answer::not_found()), plain(503)],
            ..at("404, failed lookup", SERVICE, "3")
        },
        case("406", plain(406)),
        case("408", plain(408)),
        case("409", plain(409)),
        case("411", plain(411)),
        case("413", Fault::answer(Answer::too_large())),
        case("415", Fault::answer(Answer::unsupported_media_type())),
        case("417", plain(417)),
        case("418", plain(418)),
        case("422, locked", Fault::answer(Answer::version_locked(SERVICE, 3))),
        case("422, other reason", json(422, r#"{"msg":"Unprocessable"}"#)),
        case("429", Fault::answer(Answer::rate_limited(4_102_444_800))),
        case("429, Retry-After", Fault::answer(Answer::new(429).header("Retry-After", LATER))),
        case("429, without headers", plain(429)),
        case("500, HTML", Fault::answer(Answer::guru_meditation())),
        case("502", plain(502)),
        case("503, empty error", json(503, r#"{"errors":[{}]}"#)),
        case("503, empty body", plain(503)),
        case("504", plain(504)),
        case("302", Fault::answer(Answer::redirect(302, elsewhere))),
        case("307", Fault::answer(Answer::redirect(307, elsewhere))),
        case("200, not a package", json(200, "[]")),
        case("200, another version", Fault::answer(Answer::described(SERVICE, 9, Value::Null))),
        case("200, HTML", Fault::answer(Answer::new(200).body("<html>").content_type("text/html"))),
        case("200, truncated", Fault::answer(Answer::new(200).body("{\"id\":\"abc\"}").cut_to(5))),
        case("200, over 1 MiB", Fault::answer(Answer::new(200).padded_to(2_000_000))),
        case("not HTTP", Fault::answer(Answer::raw("SSH-2.0-OpenSSH\r\n\r\n"))),
        case("response lost", Fault::lost_answer()),
    ]
}

/// Returns the exit code, the state of the upload and the message of each case.
async fn messages(command: &[&str]) -> String {
    let mut all = String::new();
    for case in cases() {
        let config =
            Config { services: Some([(SERVICE.to_owned(), VERSIONS)].into()), ..Config::default() };
        let fixture = Fixture::with(config).await;
        fixture.write("app.tar.gz", &package());
        for fault in case.faults {
            fixture.emulator.fault(fault);
        }
        let target = ["--service-id", case.service, "--version", case.version];
        let flags = ["--json", "--retries", "0"];
        let output = fixture.run([command, &target, &flags].concat()).await;
        let failure: Value = serde_json::from_str(&output.stdout).expect("one JSON object");
        let error = &failure["error"];
        assert_eq!(error["exit_code"], output.code.unwrap(), "{}", case.name);
        assert_eq!(failure["service_id"], case.service, "{}", case.name);
        let hint = error["hint"].as_str().map(|hint| format!("hint: {hint}\n"));
        assert!(output.stderr.ends_with(&hint.unwrap_or_default()), "{output:?}");
        assert!(output.stderr.lines().count() < MAX_LINES, "{}", output.stderr);
        let _ = write!(all, "== {}\nexit {}", case.name, error["exit_code"]);
        for field in ["status", "stored", "missing"] {
            match &error[field] {
                Value::Null => {}
                value => {
                    let _ = write!(all, ", {field} {}", value.to_string().trim_matches('"'));
                }
            }
        }
        let _ = write!(all, "\n{}\n", without_ages(&output.stderr));
    }
    all
}

#[tokio::test]
async fn a_failed_get_reports_its_cause_and_a_hint() {
    assert_golden("errors-get.txt", &messages(&["get"]).await);
}

#[tokio::test]
async fn a_failed_put_reports_its_cause_the_state_of_the_upload_and_a_hint() {
    assert_golden("errors-put.txt", &messages(&["put", "--package", "app.tar.gz"]).await);
}

#[tokio::test]
async fn a_local_or_network_failure_reports_its_cause_and_a_hint() {
    let fixture = Fixture::start().await;
    fixture.write("app.tar.gz", &package());
    fixture.write("empty.tar.gz", b"");
    fixture.write("main.wasm", &b"\0asm\x01\0\0\0".repeat(100));
    fixture.write("app.tar", &[b'x'; 2000]);
    fixture.write("bad-token", b"two words");
    std::fs::create_dir(fixture.path("folder")).unwrap();
    let large = std::fs::File::create(fixture.path("large.tar.gz")).unwrap();
    large.set_len(100_000_001).unwrap();
    let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let unreachable = format!("http://{}", gone.local_addr().unwrap());
    drop(gone);
    let mismatch = json!({"size": 9, "hashsum": "0".repeat(128)});
    let mut all = String::new();
    for (name, fault, args) in [
        ("a missing file", None, "put --package missing.tar.gz"),
        ("a folder", None, "put --package folder"),
        ("an empty file", None, "put --package empty.tar.gz"),
        ("a device", None, "put --package /dev/null"),
        ("a Wasm module", None, "put --package main.wasm"),
        ("not gzip", None, "put --package app.tar"),
        ("too large", None, "put --package large.tar.gz"),
        ("a check of a folder", None, "check folder"),
        ("--size of a file", None, "put --package app.tar.gz --size 5"),
        ("a missing token file", None, "get --token-file missing"),
        ("an invalid token", None, "get --token-file bad-token"),
        ("a missing certificate file", None, "get --ca-cert missing"),
        ("an invalid API URL", None, "get --api nowhere"),
        ("an API over HTTP", None, "get --api http://api.fastly.com"),
        ("an unreachable API", None, "get --retries 0 --api NOWHERE"),
        ("a missing field", Some(Fault::answer(described(Value::Null))), "get --field name"),
        ("a timeout", Some(Fault::never_answer()), "get --timeout 500ms"),
        (
            "a timeout of an upload",
            Some(Fault::never_answer()),
            "put --package app.tar.gz --timeout 500ms",
        ),
        (
            "another package stored",
            Some(Fault::answer(described(mismatch))),
            "put --package app.tar.gz",
        ),
    ] {
        if let Some(fault) = fault {
            fixture.emulator.fault(fault);
        }
        let args = args.replace("NOWHERE", &unreachable);
        let target = if args.starts_with("check") { &[][..] } else { &TARGET };
        let args: Vec<&str> = args.split(' ').chain(target.iter().copied()).collect();
        let output = fixture.run(args).await;
        let stderr = output.stderr.replace(&unreachable.replace("http://", ""), "127.0.0.1:1");
        assert!(stderr.lines().count() < MAX_LINES, "{stderr}");
        let _ = write!(all, "== {name}\nexit {}\n{}\n", output.code.unwrap(), portable(&stderr));
    }
    assert_golden("errors-local.txt", &all);
}

/// Removes error numbers, which depend on the operating system.
fn portable(text: &str) -> String {
    let mut parts = text.split(" (os error ");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + part.split_once(')').map_or(part, |(_, rest)| rest))
}
