use crate::command::{
    Fixture, Output, TARGET, TOKEN, assert_golden, output, package, without_ages,
};
use fastly_package_emulator::{Answer, Fault};

const RECORDED: &str = include_str!("../fixtures/get-200.json");
const RECORDED_TARGET: [&str; 4] = ["--service-id", "OOaJq4HVv57fNDv86Qfzf5", "--version", "2"];

fn recorded() -> Fault {
    Fault::answer(Answer::new(200).body(RECORDED).content_type("application/json"))
}

/// Returns a response about the package of [`TARGET`]. The ID and the further fields are JSON.
fn package_with(id: &str, fields: &str) -> Answer {
    let body = format!(r#"{{"id":{id},"service_id":"{}","version":3,{fields}}}"#, TARGET[1]);
    Answer::new(200).body(body).content_type("application/json")
}

/// Runs `get` with these flags, and with the recorded response.
async fn get_recorded(fixture: &Fixture, flags: &[&str]) -> Output {
    fixture.emulator.fault(recorded());
    fixture.run([&["get"], &RECORDED_TARGET[..], flags].concat()).await
}

#[tokio::test]
async fn a_package_is_printed_as_a_table() {
    let fixture = Fixture::start().await;
    let output = get_recorded(&fixture, &[]).await;
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""));
    assert!(output.stdout.contains(" years ago)\n"), "{}", output.stdout);
    assert_golden("get.txt", &without_ages(&output.stdout));
}

#[tokio::test]
async fn a_hash_is_printed_in_full_with_verbose() {
    let fixture = Fixture::start().await;
    let recorded_hash = "ecc068efcd4071d36d6460152dcc50461b649f01f28589917540a69d33e9b147";
    for (flags, in_full) in [(&[][..], false), (&["-v"], true)] {
        let output = get_recorded(&fixture, flags).await;
        assert_eq!(output.stdout.contains(recorded_hash), in_full, "{}", output.stdout);
        assert!(output.stdout.contains("ecc068efcd40"), "{}", output.stdout);
    }
}

#[tokio::test]
async fn unexpected_times_and_hashes_are_printed_unchanged() {
    let fixture = Fixture::start().await;
    let fields = r#""created_at":"the other day",
        "updated_at":null,"metadata":{"hashsum":"é","size":999}"#;
    let odd = package_with(r#""p""#, fields);
    fixture.emulator.fault(Fault::answer(odd).times(2));
    let output = fixture.get(&[]).await;
    for expected in ["created      the other day\n", "hashsum      é\n", "size         999 bytes\n"]
    {
        assert!(format!("{}\n", output.stdout).contains(expected), "{}", output.stdout);
    }
    assert!(!output.stdout.contains("updated"), "{}", output.stdout);
    let output = fixture.get(&["--json"]).await;
    assert_eq!(output.stdout.lines().count(), 1, "one line, even if the API's JSON has several");
    let printed: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(printed["raw"]["created_at"], "the other day");
}

#[tokio::test]
async fn a_field_is_printed_whatever_other_fields_the_response_has() {
    let fixture = Fixture::start().await;
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    for unknown in ["1e999", &deep] {
        let fields = format!(r#""metadata":{{"size":999}},"more":{unknown}"#);
        let odd = package_with(r#""p""#, &fields);
        fixture.emulator.fault(Fault::answer(odd).times(2));
        for (field, value) in [("id", "p\n"), ("size", "999\n")] {
            let output = fixture.get(&["--field", field]).await;
            assert_eq!((output.code, output.stdout.as_str()), (Some(0), value), "{output:?}");
        }
    }
}

#[tokio::test]
async fn json_output_is_one_object_that_contains_the_response_unchanged() {
    let fixture = Fixture::start().await;
    let output = get_recorded(&fixture, &["--json"]).await;
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""));
    assert_eq!(output.stdout.lines().count(), 1);
    let printed: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
    let recorded: serde_json::Value = serde_json::from_str(RECORDED).unwrap();
    assert_eq!(printed["raw"], recorded);
    assert!(output.stdout.contains(RECORDED.trim()), "byte for byte");
    for field in ["id", "service_id", "version", "created_at", "updated_at", "deleted_at"] {
        assert_eq!(printed[field], recorded[field], "{field}");
    }
    for (field, value) in recorded["metadata"].as_object().unwrap() {
        assert_eq!(printed["metadata"][field], *value, "{field}");
    }
}

#[tokio::test]
async fn control_characters_in_a_response_are_escaped() {
    let fixture = Fixture::start().await;
    let fields = r#""metadata":{"name":"\u0007","description":"s\r\n"}"#;
    fixture.emulator.fault(Fault::answer(package_with(r#""p\u001b[31m""#, fields)));
    let output = fixture.get(&[]).await;
    assert_eq!(output.code, Some(0));
    assert!(!output.stdout.contains(['\u{1b}', '\r', '\u{7}']), "{:?}", output.stdout);

    // The tab is where JSON allows whitespace.
    let odd = package_with("\"p\u{7f}q\u{9b}31m\"", "\t\"metadata\":null");
    fixture.emulator.fault(Fault::answer(odd));
    let output = fixture.get(&["--json"]).await;
    assert!(!output.stdout.contains(['\u{7f}', '\u{9b}', '\u{1b}']), "{:?}", output.stdout);
    let printed: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
    for id in [&printed["id"], &printed["raw"]["id"]] {
        assert_eq!(id, "p\u{7f}q\u{9b}31m", "nothing is lost");
    }
}

#[tokio::test]
async fn the_token_is_read_from_a_file_or_stdin() {
    let fixture = Fixture::start().await;
    fixture.write("token", format!("{TOKEN}\n").as_bytes());
    for (source, stdin) in [("token", ""), ("-", TOKEN)] {
        let mut command = fixture.command([&["get", "--token-file", source], &TARGET[..]].concat());
        let output = output(command.env_remove("FASTLY_API_TOKEN"), stdin.as_bytes()).await;
        assert_eq!(output.code, Some(3), "404, not 401: {}", output.stderr);
        assert_eq!(fixture.emulator.requests()[0].header("fastly-key"), Some(TOKEN));
    }
}

#[tokio::test]
async fn the_service_id_is_read_from_the_environment() {
    let fixture = Fixture::start().await;
    fixture.write("app.tar.gz", &package());
    assert_eq!(fixture.put("app.tar.gz", &[]).await.code, Some(0));
    let mut command = fixture.command(["get", "--version", "3"]);
    let output = output(command.env("FASTLY_SERVICE_ID", TARGET[1]), b"").await;
    assert_eq!(output.code, Some(0), "{}", output.stderr);
}

#[tokio::test]
async fn a_missing_response_exits_with_5_after_the_timeout() {
    let fixture = Fixture::start().await;
    fixture.emulator.fault(Fault::never_answer());
    let output = fixture.get(&["--timeout", "300ms"]).await;
    assert_eq!(output.code, Some(5));
    assert!(output.stderr.contains("timed out after 300ms"), "{}", output.stderr);
}

#[tokio::test]
async fn an_unreachable_api_exits_with_4() {
    let fixture = Fixture::start().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let output = fixture.get(&["--api", &url, "--retries", "0"]).await;
    assert_eq!(output.code, Some(4));
    assert!(output.stderr.contains("can't connect to the API"), "{}", output.stderr);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_result_that_cannot_be_written_exits_with_1() {
    let fixture = Fixture::start().await;
    fixture.emulator.fault(recorded());
    let full = std::fs::File::create("/dev/full").unwrap();
    let mut command = fixture.command([&["get"], &RECORDED_TARGET[..]].concat());
    let child = command.stdout(full).stderr(std::process::Stdio::piped()).spawn().unwrap();
    let output = child.wait_with_output().await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("can't write the result"), "{stderr}");
    fixture.write("app.tar.gz", &package());
    let full = std::fs::File::create("/dev/full").unwrap();
    let mut command =
        fixture.command([&["put", "--package", "app.tar.gz", "-q"], &TARGET[..]].concat());
    let child = command.stdout(full).stderr(std::process::Stdio::piped()).spawn().unwrap();
    let output = child.wait_with_output().await.unwrap();
    assert_eq!((output.status.code(), fixture.uploads()), (Some(1), 1));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("the package is stored, but the result can't be written"), "{stderr}");
}

#[tokio::test]
async fn wasmtimes_environment_variables_are_ignored() {
    let fixture = Fixture::start().await;
    let mut command = fixture.command([&["get"], &TARGET[..]].concat());
    let output = output(command.env("WASMTIME_BACKTRACE_DETAILS", "1"), b"").await;
    assert_eq!(output.code, Some(3), "404: {}", output.stderr);
}

#[tokio::test]
async fn a_field_is_printed_without_its_name() {
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
        let output = get_recorded(&fixture, &["--field", field]).await;
        assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""), "{field}");
        assert_eq!(output.stdout, format!("{value}\n"));
    }
    let output = get_recorded(&fixture, &["--field", "deleted_at"]).await;
    assert_eq!((output.code, output.stdout.as_str()), (Some(1), ""));
    assert!(output.stderr.contains("has no deleted_at"), "{}", output.stderr);
    let misspelt = fixture.get(&["--field", "files-hash"]).await;
    assert_eq!(misspelt.code, Some(2));
    assert!(misspelt.stderr.contains("files_hash"), "the field is suggested: {}", misspelt.stderr);
}
