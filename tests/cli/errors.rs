//! What is printed for each status of the API, in `tests/golden/errors-get.txt` and `errors-put.txt`, and for each failure on this machine and on
//! the way, in `errors-local.txt`.

use crate::command::{Fixture, TARGET, assert_golden, package, without_ages};
use fastly_package_emulator::{Answer, Config, Fault};
use serde_json::{Value, json};
use std::fmt::Write;

const SERVICE: &str = TARGET[1];
/// Of these there is no service.
const OTHER: &str = "0000000000000000000000";
const LATER: &str = "Fri, 01 Jan 2100 00:00:00 GMT";
/// The versions that the service has.
const VERSIONS: u32 = 4;
/// `head -n` of a terminal's screen.
const SCREEN: usize = 10;

/// What goes wrong, for a call about this service and version.
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
        case("400, no package", Fault::answer(Answer::bad_package())),
        case("400, deleted", Fault::answer(Answer::service_deleted(SERVICE))),
        case("400, anything", json(400, r#"{"msg":"Bad request"}"#)),
        case("401", Fault::answer(Answer::unauthorized())),
        case("401, expired", Fault::answer(Answer::token_expired("5Yo3XXnrQpjc20u0ybrf2g"))),
        case("403", Fault::answer(Answer::forbidden())),
        case("403, read-only", Fault::answer(Answer::read_only_token())),
        at("404, service", OTHER, "1"),
        at("404, version", SERVICE, "9"),
        case("404, package", Fault::answer(Answer::not_found())),
        Case {
            faults: vec![Fault::answer(Answer::not_found()), plain(503)],
            ..at("404, of what isn't to be found out", SERVICE, "3")
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
        case("422, anything", json(422, r#"{"msg":"Unprocessable"}"#)),
        case("429", Fault::answer(Answer::rate_limited(4_102_444_800))),
        case("429, Retry-After", Fault::answer(Answer::new(429).header("Retry-After", LATER))),
        case("429, nothing said", plain(429)),
        case("500, HTML", Fault::answer(Answer::guru_meditation())),
        case("502", plain(502)),
        case("503, an empty error", json(503, r#"{"errors":[{}]}"#)),
        case("503, nothing", plain(503)),
        case("504", plain(504)),
        case("302", Fault::answer(Answer::redirect(302, elsewhere))),
        case("307", Fault::answer(Answer::redirect(307, elsewhere))),
        case("200, no package", json(200, "[]")),
        case("200, HTML", Fault::answer(Answer::new(200).body("<html>").content_type("text/html"))),
        case("200, cut", Fault::answer(Answer::new(200).body("{\"id\":\"abc\"}").cut_to(5))),
        case("200, over 1 MiB", Fault::answer(Answer::new(200).padded_to(2_000_000))),
        case("no HTTP", Fault::answer(Answer::raw("SSH-2.0-OpenSSH\r\n\r\n"))),
        case("answer lost", Fault::lost_answer()),
    ]
}

/// Each case, with the exit code, what is stored, and what is said.
async fn printed(command: &[&str]) -> String {
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
        let more = ["--json", "--retries", "0"];
        let ended = fixture.run([command, &target, &more].concat()).await;
        let failure: Value = serde_json::from_str(&ended.stdout).expect("one JSON object");
        let error = &failure["error"];
        assert_eq!(error["exit_code"], ended.code.unwrap(), "{}", case.name);
        assert_eq!(failure["service_id"], case.service, "{}", case.name);
        let hint = error["hint"].as_str().map(|hint| format!("hint: {hint}\n"));
        assert!(ended.stderr.ends_with(&hint.unwrap_or_default()), "{ended:?}");
        assert!(ended.stderr.lines().count() < SCREEN, "{}", ended.stderr);
        let _ = write!(all, "== {}\nexit {}", case.name, error["exit_code"]);
        for field in ["status", "stored", "missing"] {
            match &error[field] {
                Value::Null => {}
                value => {
                    let _ = write!(all, ", {field} {}", value.to_string().trim_matches('"'));
                }
            }
        }
        let _ = write!(all, "\n{}\n", without_ages(&ended.stderr));
    }
    all
}

#[tokio::test]
async fn a_get_that_fails_says_what_failed_why_and_what_to_do() {
    assert_golden("errors-get.txt", &printed(&["get"]).await);
}

#[tokio::test]
async fn a_put_that_fails_says_what_failed_why_what_is_stored_and_what_to_do() {
    assert_golden("errors-put.txt", &printed(&["put", "--package", "app.tar.gz"]).await);
}

/// What each failure that isn't the API's says, and its exit code.
#[tokio::test]
async fn a_failure_on_this_machine_or_on_the_way_says_the_same() {
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
    let nowhere = format!("http://{}", gone.local_addr().unwrap());
    drop(gone);
    let mismatch = json!({"size": 9, "hashsum": "0".repeat(128)});
    let mut all = String::new();
    for (name, fault, args) in [
        ("no package", None, "put --package missing.tar.gz"),
        ("a folder", None, "put --package folder"),
        ("an empty file", None, "put --package empty.tar.gz"),
        ("a device", None, "put --package /dev/null"),
        ("a bare wasm", None, "put --package main.wasm"),
        ("no gzip", None, "put --package app.tar"),
        ("too large", None, "put --package large.tar.gz"),
        ("a check of a folder", None, "check folder"),
        ("a size of a file", None, "put --package app.tar.gz --size 5"),
        ("no token file", None, "get --token-file missing"),
        ("a token that is none", None, "get --token-file bad-token"),
        ("no certificates", None, "get --ca-cert missing"),
        ("an API that is none", None, "get --api nowhere"),
        ("an API in plain text", None, "get --api http://api.fastly.com"),
        ("an API that isn't there", None, "get --retries 0 --api NOWHERE"),
        (
            "a field that isn't named",
            Some(Fault::answer(Answer::described(Value::Null))),
            "get --field name",
        ),
        ("a timeout", Some(Fault::never_answer()), "get --timeout 500ms"),
        (
            "a timeout of an upload",
            Some(Fault::never_answer()),
            "put --package app.tar.gz --timeout 500ms",
        ),
        (
            "something else stored",
            Some(Fault::answer(Answer::described(mismatch))),
            "put --package app.tar.gz",
        ),
    ] {
        if let Some(fault) = fault {
            fixture.emulator.fault(fault);
        }
        let args = args.replace("NOWHERE", &nowhere);
        let target = if args.starts_with("check") { &[][..] } else { &TARGET };
        let words: Vec<&str> = args.split(' ').chain(target.iter().copied()).collect();
        let ended = fixture.run(words).await;
        let says = ended.stderr.replace(&nowhere.replace("http://", ""), "127.0.0.1:1");
        assert!(says.lines().count() < SCREEN, "{says}");
        let _ = write!(all, "== {name}\nexit {}\n{}\n", ended.code.unwrap(), portable(&says));
    }
    assert_golden("errors-local.txt", &all);
}

/// Without the numbers that a system gives its errors.
fn portable(text: &str) -> String {
    let mut parts = text.split(" (os error ");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + part.split_once(')').map_or(part, |(_, rest)| rest))
}
