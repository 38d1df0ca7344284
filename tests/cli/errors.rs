//! What is printed for each status of the API and each failure on the way, in `tests/golden/errors-get.txt` and `errors-put.txt`.

use crate::command::{Fixture, TARGET, assert_golden, package, without_ages};
use fastly_package_emulator::{Answer, Config, Fault};
use serde_json::Value;
use std::fmt::Write;

const SERVICE: &str = TARGET[1];
/// Of these there is no service.
const OTHER: &str = "0000000000000000000000";
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
        case("429, Retry-After", Fault::answer(Answer::new(429).header("Retry-After", "120"))),
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
