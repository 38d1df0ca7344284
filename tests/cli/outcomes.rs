//! What an upload comes to where not all goes well: what is printed, and the exit code.

use crate::command::{Fixture, TARGET, TOKEN, ended, package};
use fastly_package_emulator::{Answer, Fault};
use serde_json::{Value, json};

fn parsed(stdout: &str) -> Value {
    serde_json::from_str(stdout).unwrap_or_else(|error| panic!("{error}: {stdout}"))
}

#[tokio::test]
async fn each_retry_is_said_unless_it_is_to_be_quiet() {
    for (more, lines) in [(&[][..], 3), (&["--quiet"], 0)] {
        let fixture = Fixture::start().await;
        fixture.write("app.tar.gz", &package());
        fixture.emulator.fault(Fault::early_answer(Answer::new(503)).on_put());
        fixture.emulator.fault(Fault::reset().on_put());
        let ended = fixture.put("app.tar.gz", more).await;
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        assert_eq!(ended.stderr.lines().count(), lines, "{}", ended.stderr);
        if lines > 0 {
            let first = "warning: the API answered 503 Service Unavailable; trying again in 0.";
            assert!(ended.stderr.starts_with(first), "{}", ended.stderr);
            assert!(ended.stderr.contains("s (1 of 2)\n"), "{}", ended.stderr);
            assert!(ended.stderr.contains("s (2 of 2)\n"), "{}", ended.stderr);
        }
        assert_eq!(fixture.uploads(), 1);
    }
}

#[tokio::test]
async fn a_result_says_whether_it_was_verified_and_how_often_it_was_sent() {
    let fixture = Fixture::start().await;
    fixture.write("app.tar.gz", &package());
    let ended = fixture.put("app.tar.gz", &["--json"]).await;
    let printed = parsed(&ended.stdout);
    assert_eq!((&printed["verified"], &printed["attempts"]), (&json!(true), &json!(1)));
    assert_eq!(printed["uploaded_bytes"], package().len());

    let ended = fixture.put("app.tar.gz", &["--json", "--no-verify"]).await;
    assert_eq!(parsed(&ended.stdout)["verified"], false);
    assert_eq!(ended.stderr, "");
}

#[tokio::test]
async fn something_else_stored_than_was_sent_ends_in_7() {
    let fixture = Fixture::start().await;
    fixture.write("app.tar.gz", &package());
    let other = json!({"size": 9, "hashsum": "0".repeat(128)});
    fixture.emulator.fault(Fault::answer(Answer::described(other.clone())).times(2));
    let ended = fixture.put("app.tar.gz", &["--json"]).await;
    assert_eq!(ended.code, Some(7), "{ended:?}");
    let error = &parsed(&ended.stdout)["error"];
    assert_eq!((&error["exit_code"], &error["stored"]), (&json!(7), &json!("other")));
    assert_eq!(fixture.put("app.tar.gz", &["--no-verify"]).await.code, Some(0));
}

#[tokio::test]
async fn what_can_not_be_verified_is_done_with_a_warning() {
    let fixture = Fixture::start().await;
    fixture.write("app.tar.gz", &package());
    let nameless = || Fault::answer(Answer::described(json!(null)));
    for (on_get, says) in [
        (nameless().on_get(), "the API names no SHA-512 of it"),
        (Fault::answer(Answer::forbidden()).on_get(), "the API answered 403 Forbidden"),
    ] {
        fixture.emulator.fault(nameless().on_put());
        fixture.emulator.fault(on_get);
        let ended = fixture.put("app.tar.gz", &["--json"]).await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
        let warning = format!("warning: stored, but not verified: {says}");
        assert!(ended.stderr.starts_with(&warning), "{}", ended.stderr);
        assert_eq!(parsed(&ended.stdout)["verified"], false);
    }
}

#[tokio::test]
async fn what_is_no_package_is_refused_here_or_forced() {
    let fixture = Fixture::start().await;
    fixture.write("main.wasm", &b"\0asm\x01\0\0\0".repeat(100));
    fixture.write("app.tar", &[b'x'; 2000]);
    let large = std::fs::File::create(fixture.path("large.tar.gz")).unwrap();
    large.set_len(100_000_001).unwrap();
    for file in ["main.wasm", "app.tar", "large.tar.gz"] {
        assert_eq!(fixture.put(file, &[]).await.code, Some(6), "{file}");
    }
    let mut command =
        fixture.command([&["put", "--package", "-"], &TARGET[..], &["--force"]].concat());
    let piped = std::fs::read(fixture.path("main.wasm")).unwrap();
    assert_eq!(fixture.emulator.connections(), 0);
    assert_eq!(ended(&mut command, &piped).await.code, Some(3), "the API's own 400");
    for (file, status) in [("main.wasm", "400"), ("large.tar.gz", "413")] {
        let ended = fixture.put(file, &["--force"]).await;
        assert_eq!(ended.code, Some(3), "{ended:?}");
        assert!(ended.stderr.contains(status), "{}", ended.stderr);
    }
}

#[tokio::test]
async fn a_timeout_says_which_how_far_and_what_is_stored() {
    let fixture = Fixture::start().await;
    let options = fastly_package_emulator::sample::SampleOptions {
        size: Some(20_000_000),
        ..Default::default()
    };
    fixture.write("large.tar.gz", &fastly_package_emulator::sample::package(options));
    fixture.write("app.tar.gz", &package());
    fixture.emulator.fault(Fault::never_read().after_body_bytes(1_000_000));
    let ended = fixture.put("large.tar.gz", &["--timeout", "2s", "--json"]).await;
    assert_eq!(ended.code, Some(5), "{ended:?}");
    let says = &ended.stderr;
    assert!(says.contains("the call was not done within 2s, after "), "{says}");
    assert!(says.contains(" of 20000000 bytes; nothing is stored\n"), "{says}");
    assert_eq!(parsed(&ended.stdout)["error"]["stored"], "no");

    fixture.emulator.fault(Fault::never_answer().stored());
    let ended = fixture.put("app.tar.gz", &["--timeout", "2s", "--json"]).await;
    assert_eq!(ended.code, Some(5), "{ended:?}");
    assert!(ended.stderr.contains("hint: the package may be stored"), "{}", ended.stderr);
    assert_eq!(parsed(&ended.stdout)["error"]["stored"], "unknown");
}

#[tokio::test]
async fn a_token_file_that_others_can_read_is_warned_of() {
    use std::os::unix::fs::PermissionsExt;
    let fixture = Fixture::start().await;
    fixture.write("token", TOKEN.as_bytes());
    for (mode, warned) in [(0o600, false), (0o400, false), (0o644, true), (0o640, true)] {
        let permissions = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(fixture.path("token"), permissions).unwrap();
        let ended = fixture.get(&["--token-file", "token"]).await;
        assert_eq!(ended.code, Some(3), "404, not 401: {}", ended.stderr);
        let warning = "warning: others can read the token in token: chmod 600 token\n";
        assert_eq!(ended.stderr.starts_with(warning), warned, "{mode:o}: {}", ended.stderr);
    }
}
