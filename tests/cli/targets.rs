//! `get --targets`.

use crate::command::{Fixture, Output, TARGET, TOKEN, output, package};
use fastly_package_emulator::{Answer, Config, Fault, RecordedRequest};
use serde_json::Value;
use std::collections::BTreeSet;
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

const SERVICE: &str = TARGET[1];

/// Starts an API with one service, whose versions are 1 to 3. Only version 3 has a package.
async fn fixture() -> Fixture {
    let services = Some([(SERVICE.to_owned(), 3)].into());
    let fixture = Fixture::with(Config { services, ..Config::default() }).await;
    fixture.write("app.tar.gz", &package());
    assert_eq!(fixture.put("app.tar.gz", &[]).await.code, Some(0));
    fixture
}

fn lines(output: &Output) -> Vec<Value> {
    output.stdout.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

#[tokio::test]
async fn each_target_has_a_result_and_a_failure_does_not_end_the_command() {
    let fixture = fixture().await;
    let targets = format!(
        "# the fleet\n{SERVICE} 3\n\n  {SERVICE}\t1  # nothing yet\nnowhere 1\n{SERVICE} 9\n\
         {SERVICE} latest\n{SERVICE} 0\nonly-a-service\na b c\n{SERVICE} 3"
    );
    fixture.write("fleet", targets.as_bytes());
    let output = fixture.run(["get", "--targets", "fleet"]).await;
    assert_eq!(output.code, Some(3), "the highest exit code: {output:?}");
    assert_eq!(output.stderr, "error: 7 of 9 failed\n");
    let lines = lines(&output);
    assert_eq!(lines.len(), 9, "{lines:#?}");
    let packages = lines.iter().filter(|line| line.get("error").is_none());
    assert!(packages.clone().all(|line| line["version"] == 3 && line["raw"].is_object()));
    assert_eq!(packages.count(), 2);
    for (service, version, missing) in
        [(SERVICE, 1, "package"), (SERVICE, 9, "version"), ("nowhere", 1, "service")]
    {
        let line =
            lines.iter().find(|line| line["service_id"] == service && line["version"] == version);
        let error = &line.expect("a line for the target")["error"];
        assert_eq!((&error["missing"], &error["exit_code"]), (&missing.into(), &3.into()));
        assert!(error.get("stored").is_none());
    }
    let messages: BTreeSet<&str> =
        lines.iter().filter_map(|line| line["error"]["message"].as_str()).collect();
    for message in [
        "line 7 contains a version that is not a number",
        "line 9 is not a service and a version",
        "line 10 is not a service and a version",
    ] {
        assert!(messages.contains(message), "{messages:#?}");
    }
    assert!(messages.iter().any(|message| message.contains("not between 1 and 2147483647")));
}

#[tokio::test]
async fn if_all_targets_succeed_nothing_is_printed_to_stderr() {
    let fixture = fixture().await;
    let mut command =
        fixture.command(["get", "--service-id", SERVICE, "--targets", "-", "--jobs", "2"]);
    let output = output(&mut command, b"3\n3\n3").await;
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""));
    assert_eq!(lines(&output).len(), 3);
    let empty = fixture.run(["get", "--targets", "/dev/null"]).await;
    assert_eq!((empty.code, empty.stdout.as_str()), (Some(0), ""));
}

#[tokio::test]
async fn jobs_limits_the_number_of_concurrent_requests() {
    let fixture = fixture().await;
    fixture.emulator.fault(Fault::never_answer().times(3));
    let targets = format!("{SERVICE} 3\n").repeat(10);
    fixture.write("fleet", targets.as_bytes());
    let args = ["get", "--targets", "fleet", "--jobs", "3", "--timeout", "3s"];
    let output = fixture.run(args).await;
    let gets = fixture.emulator.requests().into_iter().filter(|it| it.method == "GET").count();
    assert_eq!(gets, 3, "requests without a response count");
    assert_eq!(output.code, Some(5), "{output:?}");
    let expected = "error: 3 of 3 failed; the remaining lines were not read in time\n";
    assert_eq!(output.stderr, expected);
    assert_eq!(lines(&output).len(), 3);
    assert!(output.stdout.contains("timed out after 3s"), "{}", output.stdout);
}

#[tokio::test]
async fn a_timeout_after_the_last_line_reports_no_unread_lines() {
    let fixture = fixture().await;
    fixture.emulator.fault(Fault::never_answer().times(2));
    fixture.write("fleet", format!("{SERVICE} 3\n{SERVICE} 3").as_bytes());
    let args = ["get", "--targets", "fleet", "--jobs", "2", "--timeout", "1s"];
    let output = fixture.run(args).await;
    assert_eq!((output.code, output.stderr.as_str()), (Some(5), "error: 2 of 2 failed\n"));
}

#[tokio::test]
async fn each_result_is_printed_before_the_next_line_is_read() {
    let fixture = fixture().await;
    let mut command = fixture.command(["get", "--targets", "-"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut results = BufReader::new(child.stdout.take().unwrap()).lines();
    for _ in 0..3 {
        stdin.write_all(format!("{SERVICE} 3\n").as_bytes()).await.unwrap();
        let result = results.next_line().await.unwrap().expect("a line");
        assert!(result.contains("\"raw\""), "{result}");
    }
    drop(stdin);
    assert_eq!(child.wait().await.unwrap().code(), Some(0));
    assert_eq!(fixture.emulator.connections(), 2, "one for the upload, one for all GETs");
}

#[tokio::test]
async fn waiting_for_the_next_line_ends_at_the_timeout() {
    let fixture = fixture().await;
    let mut command = fixture.command(["get", "--targets", "-", "--timeout", "1s"]);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(format!("{SERVICE} 3\n").as_bytes()).await.unwrap();
    let output = child.wait_with_output().await.unwrap();
    drop(stdin);
    assert_eq!(output.status.code(), Some(5));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(stderr, "error: 0 of 1 failed; the remaining lines were not read in time\n");
}

#[tokio::test]
async fn a_retry_is_reported_with_its_target() {
    let fixture = fixture().await;
    fixture.emulator.fault(Fault::answer(Answer::new(503)).on_get());
    let mut command = fixture.command(["get", "-s", SERVICE, "--targets", "-"]);
    let output = output(&mut command, b"3").await;
    assert_eq!(output.code, Some(0), "{output:?}");
    let warning = format!("warning: service {SERVICE} version 3: the API responded with 503");
    assert!(output.stderr.starts_with(&warning), "{}", output.stderr);
}

#[tokio::test]
async fn invalid_uses_of_targets_are_reported() {
    let fixture = fixture().await;
    for (args, expected) in [
        (&["get", "--targets", "-", "--token-file", "-"][..], "can't both be read from stdin"),
        (&["get", "--targets", "-", "--version", "1"], "cannot be used with"),
        (&["get", "--targets", "-", "--field", "id"], "cannot be used with"),
        (&["get", "--targets", "-", "--jobs", "0"], "0 is not in 1..=500"),
        (&["get", "-s", SERVICE, "--version", "1", "--jobs", "4"], "cannot be used with"),
        (&["get"], "--version"),
    ] {
        let output = fixture.run(args).await;
        assert_eq!(output.code, Some(2), "{args:?}: {output:?}");
        assert!(output.stderr.contains(expected), "{args:?}: {}", output.stderr);
    }
    for unreadable in ["missing", "."] {
        let output = fixture.run(["get", "--targets", unreadable]).await;
        assert_eq!((output.code, output.stderr.as_str()), (Some(2), "error: 1 of 1 failed\n"));
        let expected = format!("can't read --targets {unreadable}: ");
        assert!(output.stdout.contains(&expected), "{}", output.stdout);
    }
    let mut command = fixture.command(["get", "--targets", "-"]);
    let line = format!("{SERVICE} 3");
    let output = output(command.env("FASTLY_API_TOKEN", "wrong"), line.as_bytes()).await;
    assert_eq!(output.code, Some(3), "{output:?}");
    assert!(!output.stdout.contains(TOKEN));
    let is_rejected = |request: &RecordedRequest| request.status == Some(401);
    assert_eq!(fixture.emulator.requests().iter().filter(|it| is_rejected(it)).count(), 1);
}

#[tokio::test]
async fn an_invalid_line_does_not_end_the_command_and_is_not_printed() {
    let fixture = fixture().await;
    let mut targets = format!("{SERVICE} 3 # caf\u{e9}\n").into_bytes();
    targets.extend(b"# caf\xe9\nse\xe9cret 1\n");
    targets.extend("secret".repeat(100_000).bytes());
    targets.extend(format!("\nsecret\n{SERVICE} 3").bytes());
    fixture.write("fleet", &targets);
    let mut command = fixture.command(["get", "--targets", "fleet"]);
    // An empty variable is ignored.
    let output = output(command.env("FASTLY_SERVICE_ID", ""), b"").await;
    assert_eq!((output.code, output.stderr.as_str()), (Some(2), "error: 3 of 5 failed\n"));
    assert!(!output.stdout.contains("secret"), "{}", output.stdout);
    for expected in [
        "line 3 is not UTF-8",
        "line 4 is longer than 4096 bytes",
        "line 5 is not a service and a version",
    ] {
        assert!(output.stdout.contains(expected), "{expected}: {}", output.stdout);
    }
}

#[tokio::test]
async fn reading_an_endless_list_ends_at_the_timeout() {
    let fixture = fixture().await;
    let mkfifo = std::process::Command::new("mkfifo").arg(fixture.path("fifo")).status().unwrap();
    assert!(mkfifo.success());
    let blocked = fixture.run(["get", "--targets", "fifo", "--timeout", "300ms"]).await;
    assert_eq!(blocked.code, Some(5), "nothing is written to the FIFO: {blocked:?}");
    let script = format!(
        "yes '{SERVICE} 3' | {} get --targets - --timeout 500ms",
        env!("CARGO_BIN_EXE_fastly-package")
    );
    let mut command = fixture.command([""; 0]);
    let mut shell = tokio::process::Command::new("sh");
    shell
        .args(["-c", &script])
        .envs(command.as_std_mut().get_envs().filter_map(|(name, value)| Some((name, value?))));
    let endless = output(&mut shell, b"").await;
    assert_eq!(endless.code, Some(5), "{}", endless.stderr);
    assert!(endless.stderr.contains("not read in time"), "{}", endless.stderr);
}

#[tokio::test]
async fn no_more_requests_are_sent_once_stdout_is_closed() {
    let fixture = fixture().await;
    fixture.write("fleet", format!("{SERVICE} 3\n").repeat(2000).as_bytes());
    let mut command = fixture.command(["get", "--targets", "fleet", "--jobs", "4"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut results = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(results.next_line().await.unwrap().is_some());
    drop(results);
    let output = child.wait_with_output().await.unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
    assert!(fixture.emulator.requests().len() < 1000, "{}", fixture.emulator.requests().len());
}
