//! Output and exit codes of uploads with retries, warnings and failures.

use crate::command::{Fixture, TARGET, TOKEN, described, output, package, sha512};
use fastly_package_emulator::{Answer, Fault};
use serde_json::{Value, json};

fn parsed(stdout: &str) -> Value {
    serde_json::from_str(stdout).unwrap_or_else(|error| panic!("{error}: {stdout}"))
}

#[tokio::test]
async fn each_retry_is_reported_except_with_quiet() {
    for (flags, lines) in [(&[][..], 3), (&["--quiet"], 0)] {
        let fixture = Fixture::start().await;
        fixture.write("app.tar.gz", &package());
        fixture.emulator.fault(Fault::early_answer(Answer::new(503)).on_put());
        fixture.emulator.fault(Fault::reset().on_put());
        let output = fixture.put("app.tar.gz", flags).await;
        assert_eq!(output.code, Some(0), "{}", output.stderr);
        assert_eq!(output.stderr.lines().count(), lines, "{}", output.stderr);
        if lines > 0 {
            let first = "warning: the API responded with 503 Service Unavailable; retrying in 0.";
            assert!(output.stderr.starts_with(first), "{}", output.stderr);
            assert!(output.stderr.contains("s (1 of 2)\n"), "{}", output.stderr);
            assert!(output.stderr.contains("s (2 of 2)\n"), "{}", output.stderr);
        }
        assert_eq!(fixture.uploads(), 1);
    }
}

#[tokio::test]
async fn the_result_contains_the_verification_and_the_number_of_attempts() {
    let fixture = Fixture::start().await;
    fixture.write("app.tar.gz", &package());
    let output = fixture.put("app.tar.gz", &["--json"]).await;
    let printed = parsed(&output.stdout);
    assert_eq!((&printed["verified"], &printed["attempts"]), (&json!(true), &json!(1)));
    assert_eq!(printed["uploaded_bytes"], package().len());

    let output = fixture.put("app.tar.gz", &["--json", "--no-verify"]).await;
    assert_eq!(parsed(&output.stdout)["verified"], false);
    assert_eq!(output.stderr, "");
}

#[tokio::test]
async fn a_mismatch_of_the_stored_package_exits_with_7() {
    let fixture = Fixture::start().await;
    fixture.write("app.tar.gz", &package());
    let other = json!({"size": 9, "hashsum": "0".repeat(128)});
    fixture.emulator.fault(Fault::answer(described(other.clone())).times(2));
    let output = fixture.put("app.tar.gz", &["--json"]).await;
    assert_eq!(output.code, Some(7), "{output:?}");
    let error = &parsed(&output.stdout)["error"];
    assert_eq!((&error["exit_code"], &error["stored"]), (&json!(7), &json!("other")));
    assert_eq!(fixture.put("app.tar.gz", &["--no-verify"]).await.code, Some(0));
}

#[tokio::test]
async fn an_upload_that_cannot_be_verified_succeeds_with_a_warning() {
    let fixture = Fixture::start().await;
    fixture.write("app.tar.gz", &package());
    let without_hash = || Fault::answer(described(json!(null)));
    for (on_get, expected) in [
        (without_hash().on_get(), "the API's response contains no SHA-512"),
        (Fault::answer(Answer::forbidden()).on_get(), "the API responded with 403 Forbidden"),
    ] {
        fixture.emulator.fault(without_hash().on_put());
        fixture.emulator.fault(on_get);
        let output = fixture.put("app.tar.gz", &["--json"]).await;
        assert_eq!(output.code, Some(0), "{output:?}");
        let warning = format!("warning: stored, but not verified: {expected}");
        assert!(output.stderr.starts_with(&warning), "{}", output.stderr);
        assert_eq!(parsed(&output.stdout)["verified"], false);
    }
}

#[tokio::test]
async fn a_response_about_another_service_or_version_is_neither_a_result_nor_a_proof() {
    const ESCAPED: &str = "describes version 9 of the service ANOTHER\\u{1b}[31m";
    let metadata = json!({"size": package().len(), "hashsum": sha512(&package())});
    let other = || Fault::answer(Answer::described("ANOTHER\u{1b}[31m", 9, metadata.clone()));
    let without_hash = || Fault::answer(described(json!(null))).stored().on_put();
    let put = &["put", "--package", "app.tar.gz"][..];
    for (args, faults, code, stored, message) in [
        (&["get"][..], vec![other()], 1, json!(null), ESCAPED),
        (&[put, &["--retries", "0"]].concat(), vec![other()], 1, json!("unknown"), ESCAPED),
        (put, vec![other().on_put()], 1, json!("no"), ESCAPED),
        (put, vec![other(), other()], 1, json!("unknown"), ESCAPED),
        (put, vec![Fault::lost_answer(), other()], 4, json!("unknown"), "connection closed"),
        (put, vec![without_hash(), other()], 0, json!(null), ESCAPED),
        (put, vec![other().stored()], 0, json!(null), ""),
    ] {
        let fixture = Fixture::start().await;
        fixture.write("app.tar.gz", &package());
        let is_verified = faults.len() == 1;
        for fault in faults {
            fixture.emulator.fault(fault);
        }
        let output = fixture.run([args, &TARGET, &["--json"]].concat()).await;
        assert_eq!(output.code, Some(code), "{output:?}");
        assert!(output.stderr.contains(message), "{output:?}");
        let printed = parsed(&output.stdout);
        assert_eq!(printed["error"]["stored"], stored, "{output:?}");
        if code == 0 {
            assert_eq!(printed["verified"], is_verified, "{output:?}");
            assert_eq!(output.stderr.is_empty(), is_verified, "{output:?}");
        }
    }
}

#[tokio::test]
async fn an_invalid_package_is_rejected_before_the_upload_unless_forced() {
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
    assert_eq!(output(&mut command, &piped).await.code, Some(3), "the API's own 400");
    for (file, status) in [("main.wasm", "400"), ("large.tar.gz", "413")] {
        let output = fixture.put(file, &["--force"]).await;
        assert_eq!(output.code, Some(3), "{output:?}");
        assert!(output.stderr.contains(status), "{}", output.stderr);
    }
}

#[tokio::test]
async fn a_timeout_reports_the_progress_and_the_state_of_the_upload() {
    let fixture = Fixture::start().await;
    let options = fastly_package_emulator::sample::SampleOptions {
        size: Some(20_000_000),
        ..Default::default()
    };
    fixture.write("large.tar.gz", &fastly_package_emulator::sample::package(options));
    fixture.write("app.tar.gz", &package());
    fixture.emulator.fault(Fault::never_read().after_body_bytes(1_000_000));
    let output = fixture.put("large.tar.gz", &["--timeout", "2s", "--json"]).await;
    assert_eq!(output.code, Some(5), "{output:?}");
    let stderr = &output.stderr;
    assert!(stderr.contains("timed out after 2s, at "), "{stderr}");
    assert!(stderr.contains(" of 20000000 bytes; nothing is stored\n"), "{stderr}");
    assert_eq!(parsed(&output.stdout)["error"]["stored"], "no");

    fixture.emulator.fault(Fault::never_answer().stored());
    let output = fixture.put("app.tar.gz", &["--timeout", "2s", "--json"]).await;
    assert_eq!(output.code, Some(5), "{output:?}");
    assert!(output.stderr.contains("hint: the package may be stored"), "{}", output.stderr);
    assert_eq!(parsed(&output.stdout)["error"]["stored"], "unknown");
}

#[tokio::test]
async fn a_token_file_that_others_can_read_prints_a_warning() {
    use std::os::unix::fs::PermissionsExt;
    let fixture = Fixture::start().await;
    fixture.write("token", TOKEN.as_bytes());
    for (mode, is_reported) in [(0o600, false), (0o400, false), (0o644, true), (0o640, true)] {
        let permissions = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(fixture.path("token"), permissions).unwrap();
        let output = fixture.get(&["--token-file", "token"]).await;
        assert_eq!(output.code, Some(3), "404, not 401: {}", output.stderr);
        let warning =
            "warning: the token file token is readable by other users; run `chmod 600 token`\n";
        assert_eq!(output.stderr.starts_with(warning), is_reported, "{mode:o}: {}", output.stderr);
    }
}
