use crate::command::{Fixture, TARGET, TOKEN, assert_golden, ended, package, without_ages};
use fastly_package_emulator::{Answer, Fault};

const RECORDED: &str = include_str!("../fixtures/get-200.json");

fn recorded() -> Fault {
    Fault::answer(Answer::new(200).body(RECORDED).content_type("application/json"))
}

#[tokio::test]
async fn a_package_is_shown_as_people_read_it() {
    let fixture = Fixture::start().await;
    fixture.emulator.fault(recorded());
    let ended = fixture.get(&[]).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    assert!(ended.stdout.contains(" years ago)\n"), "{}", ended.stdout);
    assert_golden("get.txt", &without_ages(&ended.stdout));
}

#[tokio::test]
async fn a_hash_is_shown_whole_to_those_who_want_to_know_more() {
    let fixture = Fixture::start().await;
    let recorded_hash = "ecc068efcd4071d36d6460152dcc50461b649f01f28589917540a69d33e9b147";
    for (more, whole) in [(&[][..], false), (&["-v"], true)] {
        fixture.emulator.fault(recorded());
        let ended = fixture.get(more).await;
        assert_eq!(ended.stdout.contains(recorded_hash), whole, "{}", ended.stdout);
        assert!(ended.stdout.contains("ecc068efcd40"), "{}", ended.stdout);
    }
}

#[tokio::test]
async fn what_is_not_dated_or_measured_as_it_should_be_is_shown_as_it_came() {
    let fixture = Fixture::start().await;
    let body = r#"{"id":"p","service_id":"s","version":1,"created_at":"the other day",
        "updated_at":null,"metadata":{"hashsum":"é","size":999}}"#;
    let odd = Answer::new(200).body(body).content_type("application/json");
    fixture.emulator.fault(Fault::answer(odd).times(2));
    let ended = fixture.get(&[]).await;
    for says in ["created      the other day\n", "hashsum      é\n", "size         999 bytes\n"] {
        assert!(format!("{}\n", ended.stdout).contains(says), "{}", ended.stdout);
    }
    assert!(!ended.stdout.contains("updated"), "{}", ended.stdout);
    let ended = fixture.get(&["--json"]).await;
    assert_eq!(ended.stdout.lines().count(), 1, "one line, whatever the API's JSON has");
    let printed: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(printed["raw"]["created_at"], "the other day");
}

#[tokio::test]
async fn a_field_is_shown_whatever_else_is_in_the_answer() {
    let fixture = Fixture::start().await;
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    for more in ["1e999", &deep] {
        let body = format!(
            r#"{{"id":"p","service_id":"s","version":1,"metadata":{{"size":999}},"more":{more}}}"#
        );
        let odd = Answer::new(200).body(body).content_type("application/json");
        fixture.emulator.fault(Fault::answer(odd).times(2));
        for (field, value) in [("id", "p\n"), ("size", "999\n")] {
            let ended = fixture.get(&["--field", field]).await;
            assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), value), "{ended:?}");
        }
    }
}

#[tokio::test]
async fn as_json_it_is_one_object_with_the_answer_as_it_came() {
    let fixture = Fixture::start().await;
    fixture.emulator.fault(recorded());
    let ended = fixture.get(&["--json"]).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    assert_eq!(ended.stdout.lines().count(), 1);
    let printed: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    let recorded: serde_json::Value = serde_json::from_str(RECORDED).unwrap();
    assert_eq!(printed["raw"], recorded);
    assert!(ended.stdout.contains(RECORDED.trim()), "byte for byte");
    for field in ["id", "service_id", "version", "created_at", "updated_at", "deleted_at"] {
        assert_eq!(printed[field], recorded[field], "{field}");
    }
    for (field, value) in recorded["metadata"].as_object().unwrap() {
        assert_eq!(printed["metadata"][field], *value, "{field}");
    }
}

#[tokio::test]
async fn what_a_terminal_would_obey_is_made_harmless() {
    let fixture = Fixture::start().await;
    let body =
        r#"{"id":"p\u001b[31m","service_id":"s\r\n","version":1,"metadata":{"name":"\u0007"}}"#;
    fixture
        .emulator
        .fault(Fault::answer(Answer::new(200).body(body).content_type("application/json")));
    let ended = fixture.get(&[]).await;
    assert_eq!(ended.code, Some(0));
    assert!(!ended.stdout.contains(['\u{1b}', '\r', '\u{7}']), "{:?}", ended.stdout);

    // With a tab where JSON may have one.
    let body = "{\t\"id\":\"p\u{7f}q\u{9b}31m\",\"service_id\":\"s\",\"version\":1}";
    fixture
        .emulator
        .fault(Fault::answer(Answer::new(200).body(body).content_type("application/json")));
    let ended = fixture.get(&["--json"]).await;
    assert!(!ended.stdout.contains(['\u{7f}', '\u{9b}', '\u{1b}']), "{:?}", ended.stdout);
    let printed: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    for id in [&printed["id"], &printed["raw"]["id"]] {
        assert_eq!(id, "p\u{7f}q\u{9b}31m", "nothing is lost");
    }
}

#[tokio::test]
async fn the_token_comes_from_a_file_or_from_stdin() {
    let fixture = Fixture::start().await;
    fixture.write("token", format!("{TOKEN}\n").as_bytes());
    for (source, stdin) in [("token", ""), ("-", TOKEN)] {
        let mut command = fixture.command([&["get", "--token-file", source], &TARGET[..]].concat());
        let ended = ended(command.env_remove("FASTLY_API_TOKEN"), stdin.as_bytes()).await;
        assert_eq!(ended.code, Some(3), "404, not 401: {}", ended.stderr);
        assert_eq!(fixture.emulator.requests()[0].header("fastly-key"), Some(TOKEN));
    }
}

#[tokio::test]
async fn the_service_comes_from_the_environment_too() {
    let fixture = Fixture::start().await;
    fixture.write("app.tar.gz", &package());
    assert_eq!(fixture.put("app.tar.gz", &[]).await.code, Some(0));
    let mut command = fixture.command(["get", "--version", "3"]);
    let ended = ended(command.env("FASTLY_SERVICE_ID", TARGET[1]), b"").await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
}

#[tokio::test]
async fn an_answer_that_does_not_come_ends_at_the_timeout() {
    let fixture = Fixture::start().await;
    fixture.emulator.fault(Fault::never_answer());
    let ended = fixture.get(&["--timeout", "300ms"]).await;
    assert_eq!(ended.code, Some(5));
    assert!(ended.stderr.contains("not done within 300ms"), "{}", ended.stderr);
}

#[tokio::test]
async fn an_api_that_is_not_there_ends_in_4() {
    let fixture = Fixture::start().await;
    let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", gone.local_addr().unwrap());
    drop(gone);
    let ended = fixture.get(&["--api", &url, "--retries", "0"]).await;
    assert_eq!(ended.code, Some(4));
    assert!(ended.stderr.contains("was not reached"), "{}", ended.stderr);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_result_that_can_not_be_written_is_no_success() {
    let fixture = Fixture::start().await;
    fixture.emulator.fault(recorded());
    let full = std::fs::File::create("/dev/full").unwrap();
    let mut command = fixture.command([&["get"], &TARGET[..]].concat());
    let running = command.stdout(full).stderr(std::process::Stdio::piped()).spawn().unwrap();
    let output = running.wait_with_output().await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    let says = String::from_utf8(output.stderr).unwrap();
    assert!(says.contains("can't write the result"), "{says}");
    fixture.write("app.tar.gz", &package());
    let full = std::fs::File::create("/dev/full").unwrap();
    let mut command =
        fixture.command([&["put", "--package", "app.tar.gz", "-q"], &TARGET[..]].concat());
    let running = command.stdout(full).stderr(std::process::Stdio::piped()).spawn().unwrap();
    let output = running.wait_with_output().await.unwrap();
    assert_eq!((output.status.code(), fixture.uploads()), (Some(1), 1));
    let says = String::from_utf8(output.stderr).unwrap();
    assert!(says.contains("the package is stored, but the result can't be written"), "{says}");
}

#[tokio::test]
async fn variables_that_are_wasmtimes_change_nothing() {
    let fixture = Fixture::start().await;
    let mut command = fixture.command([&["get"], &TARGET[..]].concat());
    let ended = ended(command.env("WASMTIME_BACKTRACE_DETAILS", "1"), b"").await;
    assert_eq!(ended.code, Some(3), "404: {}", ended.stderr);
}

#[tokio::test]
async fn one_field_is_printed_alone() {
    let fixture = Fixture::start().await;
    for (field, value) in [
        (
            "hashsum",
            "ecc068efcd4071d36d6460152dcc50461b649f01f28589917540a69d33e9b1477decb5f5a9a2f6c269d83a13827502c1fe1f2efc3bdd6beadaabd23e22eb84fd",
        ),
        ("size", "1540845"),
        ("version", "2"),
        ("id", "ET9AMPS47ntJazcce7f0W7"),
        ("authors", "<oss@fastly.com>"),
    ] {
        fixture.emulator.fault(recorded());
        let ended = fixture.get(&["--field", field]).await;
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{field}");
        assert_eq!(ended.stdout, format!("{value}\n"));
    }
    fixture.emulator.fault(recorded());
    let ended = fixture.get(&["--field", "deleted_at"]).await;
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""));
    assert!(ended.stderr.contains("names no deleted_at"), "{}", ended.stderr);
    let wrong = fixture.get(&["--field", "files-hash"]).await;
    assert_eq!(wrong.code, Some(2));
    assert!(wrong.stderr.contains("files_hash"), "it is suggested: {}", wrong.stderr);
}
