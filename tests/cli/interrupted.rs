//! Signals during an upload.

use crate::command::{Fixture, HANG_TIMEOUT, Output, TARGET, TOKEN, described, package};
use fastly_package_emulator::{Answer, Fault, RecordedRequest, sample};
use serde_json::{Value, json};
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};

/// More than all buffers hold together.
const LARGE: u64 = 20_000_000;

const PUT: [&str; 4] = ["put", "--package", "app.tar.gz", "--json"];

/// A running upload.
struct Upload {
    child: Child,
}

impl Upload {
    fn start(command: &mut Command) -> Self {
        let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self { child: command.spawn().expect("the command starts") }
    }

    fn signal(&self, signal: &str) {
        let id = self.child.id().expect("the command runs").to_string();
        assert!(std::process::Command::new("kill").args([signal, &id]).status().unwrap().success());
    }

    /// Waits until the command exits. The exit code is the number of the signal if a signal ended the command.
    async fn output(self) -> Output {
        let waiting = tokio::time::timeout(HANG_TIMEOUT, self.child.wait_with_output());
        let output = waiting.await.expect("timed out").expect("the command exits");
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        let code = output.status.signal().or(output.status.code());
        Output { code, stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

fn error(output: &Output) -> Value {
    let printed: Value = serde_json::from_str(&output.stdout).expect("one JSON object");
    printed["error"].clone()
}

/// Sends a signal to an upload once a request satisfies `when`.
async fn interrupt(
    fixture: &Fixture,
    package: &[u8],
    signal: &str,
    when: fn(&RecordedRequest) -> bool,
) -> Output {
    fixture.write("app.tar.gz", package);
    let upload = Upload::start(&mut fixture.command([&PUT[..], &TARGET[..]].concat()));
    let is_reached = |requests: &[RecordedRequest]| requests.iter().any(when).then_some(());
    tokio::time::timeout(HANG_TIMEOUT, fixture.emulator.wait_until(is_reached))
        .await
        .expect("timed out");
    upload.signal(signal);
    let output = upload.output().await;
    tokio::time::timeout(HANG_TIMEOUT, fixture.emulator.all_closed())
        .await
        .expect("the connection is closed");
    output
}

#[tokio::test]
async fn an_upload_that_is_interrupted_before_its_end_is_not_stored() {
    let large = sample::package(sample::SampleOptions { size: Some(LARGE), ..Default::default() });
    for (signal, number) in [("-INT", 2), ("-TERM", 15)] {
        let fixture = Fixture::start().await;
        fixture.emulator.fault(Fault::never_read().after_body_bytes(1_000_000));
        let when = |request: &RecordedRequest| request.body_bytes >= 1_000_000;
        let output = interrupt(&fixture, &large, signal, when).await;
        assert_eq!(output.code, Some(number), "a shell expects the signal");
        assert!(output.stderr.ends_with(": cancelled; nothing is stored\n"), "{}", output.stderr);
        let error = error(&output);
        assert_eq!((&error["stored"], &error["exit_code"]), (&json!("no"), &json!(128 + number)));
    }
}

#[tokio::test]
async fn an_upload_that_is_interrupted_after_its_end_may_be_stored() {
    let fixture = Fixture::start().await;
    fixture.emulator.fault(Fault::never_answer().stored());
    let is_complete = |request: &RecordedRequest| request.body_complete;
    let output = interrupt(&fixture, &package(), "-INT", is_complete).await;
    assert_eq!(output.code, Some(2));
    assert!(output.stderr.contains(": cancelled\nhint: the package may be"), "{}", output.stderr);
    assert_eq!(error(&output)["stored"], "unknown");
}

#[tokio::test]
async fn an_upload_that_is_interrupted_during_its_verification_is_stored() {
    let fixture = Fixture::start().await;
    let without_hash = Fault::answer(described(Value::Null)).stored();
    fixture.emulator.fault(without_hash.on_put());
    fixture.emulator.fault(Fault::never_answer().on_get());
    let is_verifying = |request: &RecordedRequest| request.method == "GET";
    let output = interrupt(&fixture, &package(), "-INT", is_verifying).await;
    assert_eq!(output.code, Some(2));
    let warning = "warning: stored, but not verified: cancelled\n";
    assert_eq!(output.stderr, warning);
    let printed: Value = serde_json::from_str(&output.stdout).expect("one JSON object");
    assert_eq!((&printed["uploaded"], &printed["verified"]), (&json!(true), &json!(false)));
}

#[tokio::test]
async fn an_upload_that_may_be_stored_is_reported_so_if_the_retry_of_its_get_is_interrupted() {
    let fixture = Fixture::start().await;
    fixture.write("app.tar.gz", &package());
    fixture.emulator.fault(Fault::lost_answer().on_put());
    fixture.emulator.fault(Fault::answer(Answer::new(503).header("Retry-After", "25")).on_get());
    let output =
        interrupt_before_retry(&fixture, "checking what is stored: the API responded with 503")
            .await;
    assert_eq!(output.code, Some(2));
    assert!(output.stderr.contains("hint: the package may be stored"), "{}", output.stderr);
    assert_eq!(error(&output)["stored"], "unknown");
}

#[tokio::test]
async fn a_rejected_upload_is_not_stored_if_its_retry_is_interrupted() {
    let fixture = Fixture::start().await;
    fixture.write("app.tar.gz", &package());
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    fixture.emulator.fault(Fault::answer(Answer::rate_limited(now + 25)));
    let output = interrupt_before_retry(&fixture, "the API responded with 429").await;
    assert_eq!(output.code, Some(2));
    let error = error(&output);
    assert_eq!((&error["stored"], &error["status"]), (&json!("no"), &json!(429)));
}

/// Interrupts an upload once it has reported a retry with this cause.
async fn interrupt_before_retry(fixture: &Fixture, cause: &str) -> Output {
    let mut command = fixture.command([&PUT[..], &TARGET[..]].concat());
    let mut upload = Upload::start(&mut command);
    let mut stderr = BufReader::new(upload.child.stderr.take().unwrap());
    let mut line = String::new();
    stderr.read_line(&mut line).await.unwrap();
    assert!(line.contains(cause) && line.contains("; retrying in "), "{line}");
    upload.signal("-INT");
    let mut rest = String::new();
    stderr.read_to_string(&mut rest).await.unwrap();
    Output { stderr: rest, ..upload.output().await }
}

#[tokio::test]
async fn an_upload_that_is_interrupted_during_the_tls_handshake_is_not_stored() {
    let fixture = Fixture::start().await;
    fixture.write("app.tar.gz", &package());
    // Accepts connections, but never responds to a TLS handshake.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let api = format!("https://{}", listener.local_addr().unwrap());
    let mut command = fixture.command([&PUT[..], &TARGET[..], &["--api", &api]].concat());
    let upload = Upload::start(&mut command);
    let (_connection, _) = listener.accept().await.unwrap();
    upload.signal("-INT");
    let output = upload.output().await;
    assert_eq!(output.code, Some(2));
    assert!(output.stderr.ends_with(": cancelled; nothing is stored\n"), "{}", output.stderr);
    assert_eq!(error(&output)["stored"], "no");
}

#[tokio::test]
async fn a_404_is_reported_if_the_search_for_its_cause_is_interrupted() {
    let fixture = Fixture::start().await;
    fixture.emulator.fault(Fault::answer(Answer::not_found()).on_put());
    fixture.emulator.fault(Fault::never_answer().on_get());
    let is_searching = |request: &RecordedRequest| request.method == "GET";
    let output = interrupt(&fixture, &package(), "-INT", is_searching).await;
    assert_eq!(output.code, Some(2));
    let error = error(&output);
    assert_eq!((&error["stored"], &error["status"]), (&json!("no"), &json!(404)));
}

#[tokio::test]
async fn an_ignored_signal_has_no_effect() {
    let fixture = Fixture::start().await;
    fixture.write("app.tar.gz", &package());
    fixture.emulator.fault(Fault::delay(Duration::from_millis(500)).on_put());
    let binary = env!("CARGO_BIN_EXE_fastly-package");
    let script = format!("trap '' INT; exec {binary} {} {}", PUT.join(" "), TARGET.join(" "));
    let mut shell = Command::new("sh");
    shell
        .args(["-c", &script])
        .current_dir(fixture.dir.path())
        .env("FASTLY_API_TOKEN", TOKEN)
        .env("FASTLY_API_ENDPOINT", fixture.emulator.url());
    let upload = Upload::start(&mut shell);
    let is_sent = |requests: &[RecordedRequest]| requests.first()?.body_complete.then_some(());
    fixture.emulator.wait_until(is_sent).await;
    upload.signal("-INT");
    assert_eq!(upload.output().await.code, Some(0));
}

#[tokio::test]
async fn an_upload_whose_result_is_not_read_exits_at_the_second_signal() {
    let fixture = Fixture::start().await;
    fixture.write("app.tar.gz", &package());
    // Larger than the pipe's buffer, so that the command blocks.
    fixture.emulator.fault(Fault::answer(Answer::real().padded_to(900_000)));
    let mut upload = Upload::start(&mut fixture.command([&PUT[..], &TARGET[..]].concat()));
    let is_answered = |requests: &[RecordedRequest]| requests.first()?.answered.then_some(());
    fixture.emulator.wait_until(is_answered).await;
    // The first one may arrive before the command prints; the second one always ends it.
    for _ in 0..2 {
        upload.signal("-INT");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let waiting = tokio::time::timeout(HANG_TIMEOUT, upload.child.wait());
    let status = waiting.await.expect("timed out").unwrap();
    assert_eq!(status.signal(), Some(2));
}
