//! `get --targets`.

use crate::command::{Ended, Fixture, TARGET, TOKEN, ended, package};
use fastly_package_emulator::{Answer, Config, Fault, RecordedRequest};
use serde_json::Value;
use std::collections::BTreeSet;
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

const SERVICE: &str = TARGET[1];

/// An API in which this service has a package in its version 3, none in 1 and 2, and no more versions.
async fn fixture() -> Fixture {
    let services = Some([(SERVICE.to_owned(), 3)].into());
    let fixture = Fixture::with(Config { services, ..Config::default() }).await;
    fixture.write("app.tar.gz", &package());
    assert_eq!(fixture.put("app.tar.gz", &[]).await.code, Some(0));
    fixture
}

fn lines(ended: &Ended) -> Vec<Value> {
    ended.stdout.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

#[tokio::test]
async fn each_line_has_a_line_and_one_that_fails_does_not_stop_the_rest() {
    let fixture = fixture().await;
    let targets = format!(
        "# the fleet\n{SERVICE} 3\n\n  {SERVICE}\t1  # nothing yet\nnowhere 1\n{SERVICE} 9\n\
         {SERVICE} latest\n{SERVICE} 0\nonly-a-service\na b c\n{SERVICE} 3"
    );
    fixture.write("fleet", targets.as_bytes());
    let ended = fixture.run(["get", "--targets", "fleet"]).await;
    assert_eq!(ended.code, Some(3), "the highest: {ended:?}");
    assert_eq!(ended.stderr, "error: 7 of 9 failed\n");
    let lines = lines(&ended);
    assert_eq!(lines.len(), 9, "{lines:#?}");
    let found = lines.iter().filter(|line| line.get("error").is_none());
    assert!(found.clone().all(|line| line["version"] == 3 && line["raw"].is_object()));
    assert_eq!(found.count(), 2);
    for (service, version, missing) in
        [(SERVICE, 1, "package"), (SERVICE, 9, "version"), ("nowhere", 1, "service")]
    {
        let line =
            lines.iter().find(|line| line["service_id"] == service && line["version"] == version);
        let error = &line.expect("a line for it")["error"];
        assert_eq!((&error["missing"], &error["exit_code"]), (&missing.into(), &3.into()));
        assert!(error.get("stored").is_none());
    }
    let messages: BTreeSet<&str> =
        lines.iter().filter_map(|line| line["error"]["message"].as_str()).collect();
    for message in [
        "line 7 has a version that is no number",
        "line 9 isn't a service and a version",
        "line 10 isn't a service and a version",
    ] {
        assert!(messages.contains(message), "{messages:#?}");
    }
    assert!(messages.iter().any(|message| message.contains("not between 1 and 2147483647")));
}

#[tokio::test]
async fn where_all_goes_well_nothing_is_said() {
    let fixture = fixture().await;
    let mut command =
        fixture.command(["get", "--service-id", SERVICE, "--targets", "-", "--jobs", "2"]);
    let ended = ended(&mut command, b"3\n3\n3").await;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    assert_eq!(lines(&ended).len(), 3);
    let none = fixture.run(["get", "--targets", "/dev/null"]).await;
    assert_eq!((none.code, none.stdout.as_str()), (Some(0), ""));
}

#[tokio::test]
async fn no_more_are_got_at_a_time_than_was_said() {
    let fixture = fixture().await;
    fixture.emulator.fault(Fault::never_answer().times(3));
    let targets = format!("{SERVICE} 3\n").repeat(10);
    fixture.write("fleet", targets.as_bytes());
    let args = ["get", "--targets", "fleet", "--jobs", "3", "--timeout", "3s"];
    let ended = fixture.run(args).await;
    let gets = fixture.emulator.requests().into_iter().filter(|it| it.method == "GET").count();
    assert_eq!(gets, 3, "those that hang leave no room for more");
    assert_eq!(ended.code, Some(5), "{ended:?}");
    let says = "error: 3 of 3 failed; the lines that followed were not read in time\n";
    assert_eq!(ended.stderr, says);
    assert_eq!(lines(&ended).len(), 3);
    assert!(ended.stdout.contains("not done within 3s"), "{}", ended.stdout);
}

#[tokio::test]
async fn a_list_that_was_read_to_its_end_was_not_cut_off_by_the_timeout() {
    let fixture = fixture().await;
    fixture.emulator.fault(Fault::never_answer().times(2));
    fixture.write("fleet", format!("{SERVICE} 3\n{SERVICE} 3").as_bytes());
    let args = ["get", "--targets", "fleet", "--jobs", "2", "--timeout", "1s"];
    let ended = fixture.run(args).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(5), "error: 2 of 2 failed\n"));
}

#[tokio::test]
async fn a_line_is_answered_before_the_next_one_comes() {
    let fixture = fixture().await;
    let mut command = fixture.command(["get", "--targets", "-"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut answers = BufReader::new(child.stdout.take().unwrap()).lines();
    for _ in 0..3 {
        stdin.write_all(format!("{SERVICE} 3\n").as_bytes()).await.unwrap();
        let answer = answers.next_line().await.unwrap().expect("a line");
        assert!(answer.contains("\"raw\""), "{answer}");
    }
    drop(stdin);
    assert_eq!(child.wait().await.unwrap().code(), Some(0));
    assert_eq!(fixture.emulator.connections(), 2, "one for the upload, one for all of these");
}

#[tokio::test]
async fn lines_that_stop_coming_are_waited_for_until_the_timeout() {
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
    let says = String::from_utf8(output.stderr).unwrap();
    assert_eq!(says, "error: 0 of 1 failed; the lines that followed were not read in time\n");
}

#[tokio::test]
async fn a_retry_says_which_of_them_it_is_for() {
    let fixture = fixture().await;
    fixture.emulator.fault(Fault::answer(Answer::new(503)).on_get());
    let mut command = fixture.command(["get", "-s", SERVICE, "--targets", "-"]);
    let ended = ended(&mut command, b"3").await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let warning = format!("warning: service {SERVICE} version 3: the API answered 503");
    assert!(ended.stderr.starts_with(&warning), "{}", ended.stderr);
}

#[tokio::test]
async fn what_can_not_be_a_list_of_targets_is_said() {
    let fixture = fixture().await;
    for (args, says) in [
        (&["get", "--targets", "-", "--token-file", "-"][..], "can't both come from stdin"),
        (&["get", "--targets", "-", "--version", "1"], "cannot be used with"),
        (&["get", "--targets", "-", "--field", "id"], "cannot be used with"),
        (&["get", "--targets", "-", "--jobs", "0"], "0 is not in 1..=500"),
        (&["get", "-s", SERVICE, "--version", "1", "--jobs", "4"], "cannot be used with"),
        (&["get"], "--version"),
    ] {
        let ended = fixture.run(args).await;
        assert_eq!(ended.code, Some(2), "{args:?}: {ended:?}");
        assert!(ended.stderr.contains(says), "{args:?}: {}", ended.stderr);
    }
    for unreadable in ["missing", "."] {
        let ended = fixture.run(["get", "--targets", unreadable]).await;
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(2), "error: 1 of 1 failed\n"));
        let says = format!("can't read --targets {unreadable}: ");
        assert!(ended.stdout.contains(&says), "{}", ended.stdout);
    }
    let mut command = fixture.command(["get", "--targets", "-"]);
    let line = format!("{SERVICE} 3");
    let ended = ended(command.env("FASTLY_API_TOKEN", "wrong"), line.as_bytes()).await;
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert!(!ended.stdout.contains(TOKEN));
    let sent = |request: &RecordedRequest| request.status == Some(401);
    assert_eq!(fixture.emulator.requests().iter().filter(|it| sent(it)).count(), 1);
}

#[tokio::test]
async fn a_line_that_can_not_be_one_does_not_stop_the_rest_and_is_not_shown() {
    let fixture = fixture().await;
    let mut targets = format!("{SERVICE} 3 # caf\u{e9}\n").into_bytes();
    targets.extend(b"# caf\xe9\nse\xe9cret 1\n");
    targets.extend("secret".repeat(100_000).bytes());
    targets.extend(format!("\nsecret\n{SERVICE} 3").bytes());
    fixture.write("fleet", &targets);
    let mut command = fixture.command(["get", "--targets", "fleet"]);
    // As good as none.
    let ended = ended(command.env("FASTLY_SERVICE_ID", ""), b"").await;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(2), "error: 3 of 5 failed\n"));
    assert!(!ended.stdout.contains("secret"), "{}", ended.stdout);
    for says in [
        "line 3 isn't UTF-8",
        "line 4 is longer than 4096 bytes",
        "line 5 isn't a service and a version",
    ] {
        assert!(ended.stdout.contains(says), "{says}: {}", ended.stdout);
    }
}

#[tokio::test]
async fn lines_that_never_end_are_read_until_the_timeout() {
    let fixture = fixture().await;
    let made = std::process::Command::new("mkfifo").arg(fixture.path("fifo")).status().unwrap();
    assert!(made.success());
    let hangs = fixture.run(["get", "--targets", "fifo", "--timeout", "300ms"]).await;
    assert_eq!(hangs.code, Some(5), "nobody writes to it: {hangs:?}");
    let typed = format!(
        "yes '{SERVICE} 3' | {} get --targets - --timeout 500ms",
        env!("CARGO_BIN_EXE_fastly-package")
    );
    let mut command = fixture.command([""; 0]);
    let mut shell = tokio::process::Command::new("sh");
    shell
        .args(["-c", &typed])
        .envs(command.as_std_mut().get_envs().filter_map(|(name, value)| Some((name, value?))));
    let endless = ended(&mut shell, b"").await;
    assert_eq!(endless.code, Some(5), "{}", endless.stderr);
    assert!(endless.stderr.contains("not read in time"), "{}", endless.stderr);
}

#[tokio::test]
async fn when_nobody_reads_the_lines_no_more_are_asked_for() {
    let fixture = fixture().await;
    fixture.write("fleet", format!("{SERVICE} 3\n").repeat(2000).as_bytes());
    let mut command = fixture.command(["get", "--targets", "fleet", "--jobs", "4"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut answers = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(answers.next_line().await.unwrap().is_some());
    drop(answers);
    let output = child.wait_with_output().await.unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
    assert!(fixture.emulator.requests().len() < 1000, "{}", fixture.emulator.requests().len());
}
