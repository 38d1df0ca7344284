//! Ctrl-C in an upload.

use crate::command::{Ended, Fixture, TARGET, TOKEN, package};
use fastly_package_emulator::{Answer, Fault, RecordedRequest, sample};
use serde_json::{Value, json};
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};

/// More than the two sides and the kernel hold between them.
const LARGE: u64 = 20_000_000;
/// For what ought to end long before, but could hang.
const SAFETY_NET: Duration = Duration::from_secs(60);

const PUT: [&str; 4] = ["put", "--package", "app.tar.gz", "--json"];

/// An upload that was interrupted.
struct Interrupted {
    child: Child,
}

impl Interrupted {
    fn start(command: &mut Command) -> Self {
        let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self { child: command.spawn().expect("the command starts") }
    }

    fn signal(&self, signal: &str) {
        let id = self.child.id().expect("it runs").to_string();
        assert!(std::process::Command::new("kill").args([signal, &id]).status().unwrap().success());
    }

    /// How it ended, with the signal in place of the exit code where one ended it.
    async fn ended(self) -> Ended {
        let waiting = tokio::time::timeout(SAFETY_NET, self.child.wait_with_output());
        let output = waiting.await.expect("it hangs").expect("the command ends");
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        let code = output.status.signal().or(output.status.code());
        Ended { code, stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

fn error(ended: &Ended) -> Value {
    let printed: Value = serde_json::from_str(&ended.stdout).expect("one JSON object");
    printed["error"].clone()
}

/// Ends an upload by SIGINT once `when` is so.
async fn interrupted(
    fixture: &Fixture,
    package: &[u8],
    signal: &str,
    when: fn(&RecordedRequest) -> bool,
) -> Ended {
    fixture.write("app.tar.gz", package);
    let upload = Interrupted::start(&mut fixture.command([&PUT[..], &TARGET[..]].concat()));
    let is_so = |requests: &[RecordedRequest]| requests.iter().any(when).then_some(());
    tokio::time::timeout(SAFETY_NET, fixture.emulator.wait_until(is_so)).await.expect("it hangs");
    upload.signal(signal);
    let ended = upload.ended().await;
    tokio::time::timeout(SAFETY_NET, fixture.emulator.all_closed()).await.expect("it is closed");
    ended
}

#[tokio::test]
async fn an_upload_that_is_interrupted_in_the_middle_stores_nothing() {
    let large = sample::package(sample::SampleOptions { size: Some(LARGE), ..Default::default() });
    for (signal, number) in [("-INT", 2), ("-TERM", 15)] {
        let fixture = Fixture::start().await;
        fixture.emulator.fault(Fault::never_read().after_body_bytes(1_000_000));
        let when = |request: &RecordedRequest| request.body_bytes >= 1_000_000;
        let ended = interrupted(&fixture, &large, signal, when).await;
        assert_eq!(ended.code, Some(number), "as a shell expects it");
        assert!(ended.stderr.ends_with(": cancelled; nothing is stored\n"), "{}", ended.stderr);
        let error = error(&ended);
        assert_eq!((&error["stored"], &error["exit_code"]), (&json!("no"), &json!(128 + number)));
    }
}

#[tokio::test]
async fn an_upload_that_is_interrupted_when_it_is_sent_may_be_stored() {
    let fixture = Fixture::start().await;
    fixture.emulator.fault(Fault::never_answer().stored());
    let whole = |request: &RecordedRequest| request.body_complete;
    let ended = interrupted(&fixture, &package(), "-INT", whole).await;
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains(": cancelled\nhint: the package may be"), "{}", ended.stderr);
    assert_eq!(error(&ended)["stored"], "unknown");
}

#[tokio::test]
async fn an_upload_that_the_api_has_confirmed_is_stored_whatever_interrupts_its_proof() {
    let fixture = Fixture::start().await;
    let nameless = Fault::answer(Answer::described(Value::Null)).stored();
    fixture.emulator.fault(nameless.on_put());
    fixture.emulator.fault(Fault::never_answer().on_get());
    let verifying = |request: &RecordedRequest| request.method == "GET";
    let ended = interrupted(&fixture, &package(), "-INT", verifying).await;
    assert_eq!(ended.code, Some(2));
    let warning = "warning: stored, but not verified: cancelled\n";
    assert_eq!(ended.stderr, warning);
    let printed: Value = serde_json::from_str(&ended.stdout).expect("one JSON object");
    assert_eq!((&printed["uploaded"], &printed["verified"]), (&json!(true), &json!(false)));
}

#[tokio::test]
async fn what_may_be_stored_stays_so_while_it_is_asked_for_again() {
    let fixture = Fixture::start().await;
    fixture.write("app.tar.gz", &package());
    fixture.emulator.fault(Fault::lost_answer().on_put());
    fixture.emulator.fault(Fault::answer(Answer::new(503).header("Retry-After", "25")).on_get());
    let ended =
        interrupted_at_its_retry(&fixture, "asking what is stored: the API answered 503").await;
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("hint: the package may be stored"), "{}", ended.stderr);
    assert_eq!(error(&ended)["stored"], "unknown");
}

#[tokio::test]
async fn what_was_refused_and_waits_for_its_next_try_is_not_stored() {
    let fixture = Fixture::start().await;
    fixture.write("app.tar.gz", &package());
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    fixture.emulator.fault(Fault::answer(Answer::rate_limited(now + 25)));
    let ended = interrupted_at_its_retry(&fixture, "the API answered 429").await;
    assert_eq!(ended.code, Some(2));
    let error = error(&ended);
    assert_eq!((&error["stored"], &error["status"]), (&json!("no"), &json!(429)));
}

/// Ends an upload by SIGINT once it has said that it tries again because of this.
async fn interrupted_at_its_retry(fixture: &Fixture, why: &str) -> Ended {
    let mut command = fixture.command([&PUT[..], &TARGET[..]].concat());
    let mut upload = Interrupted::start(&mut command);
    let mut stderr = BufReader::new(upload.child.stderr.take().unwrap());
    let mut line = String::new();
    stderr.read_line(&mut line).await.unwrap();
    assert!(line.contains(why) && line.contains("; trying again in "), "{line}");
    upload.signal("-INT");
    let mut rest = String::new();
    stderr.read_to_string(&mut rest).await.unwrap();
    Ended { stderr: rest, ..upload.ended().await }
}

#[tokio::test]
async fn what_never_reached_the_api_is_not_stored() {
    let fixture = Fixture::start().await;
    fixture.write("app.tar.gz", &package());
    // It takes connections, and says nothing to a TLS hello.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let api = format!("https://{}", silent.local_addr().unwrap());
    let mut command = fixture.command([&PUT[..], &TARGET[..], &["--api", &api]].concat());
    let upload = Interrupted::start(&mut command);
    let (_connection, _) = silent.accept().await.unwrap();
    upload.signal("-INT");
    let ended = upload.ended().await;
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.ends_with(": cancelled; nothing is stored\n"), "{}", ended.stderr);
    assert_eq!(error(&ended)["stored"], "no");
}

#[tokio::test]
async fn a_refusal_is_still_said_when_its_cause_is_not_looked_for_to_the_end() {
    let fixture = Fixture::start().await;
    fixture.emulator.fault(Fault::answer(Answer::not_found()).on_put());
    fixture.emulator.fault(Fault::never_answer().on_get());
    let looking = |request: &RecordedRequest| request.method == "GET";
    let ended = interrupted(&fixture, &package(), "-INT", looking).await;
    assert_eq!(ended.code, Some(2));
    let error = error(&ended);
    assert_eq!((&error["stored"], &error["status"]), (&json!("no"), &json!(404)));
}

#[tokio::test]
async fn a_signal_that_is_ignored_changes_nothing() {
    let fixture = Fixture::start().await;
    fixture.write("app.tar.gz", &package());
    fixture.emulator.fault(Fault::delay(Duration::from_millis(500)).on_put());
    let binary = env!("CARGO_BIN_EXE_fastly-package");
    let typed = format!("trap '' INT; exec {binary} {} {}", PUT.join(" "), TARGET.join(" "));
    let mut shell = Command::new("sh");
    shell
        .args(["-c", &typed])
        .current_dir(fixture.folder.path())
        .env("FASTLY_API_TOKEN", TOKEN)
        .env("FASTLY_API_ENDPOINT", fixture.emulator.url());
    let upload = Interrupted::start(&mut shell);
    let whole = |requests: &[RecordedRequest]| requests.first()?.body_complete.then_some(());
    fixture.emulator.wait_until(whole).await;
    upload.signal("-INT");
    assert_eq!(upload.ended().await.code, Some(0));
}

#[tokio::test]
async fn one_whose_result_nobody_reads_ends_at_once() {
    let fixture = Fixture::start().await;
    fixture.write("app.tar.gz", &package());
    // More than a pipe holds.
    fixture.emulator.fault(Fault::answer(Answer::real().padded_to(900_000)));
    let mut upload = Interrupted::start(&mut fixture.command([&PUT[..], &TARGET[..]].concat()));
    let answered = |requests: &[RecordedRequest]| requests.first()?.answered.then_some(());
    fixture.emulator.wait_until(answered).await;
    // The first may come before it prints; whatever it does, the second is not caught.
    for _ in 0..2 {
        upload.signal("-INT");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let waiting = tokio::time::timeout(SAFETY_NET, upload.child.wait());
    let status = waiting.await.expect("it hangs").unwrap();
    assert_eq!(status.signal(), Some(2));
}
