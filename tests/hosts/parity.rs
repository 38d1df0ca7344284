//! The command component has the arguments and the output of the native command, except for the differences in `examples/wasmtime/README.md`.

use crate::command::{
    Fixture, Output, TARGET, TOKEN, assert_golden, described, output, package, sha512, without_ages,
};
use crate::host::Host;
use fastly_package_emulator::sample::{self, SampleOptions};
use fastly_package_emulator::{Answer, Fault, RecordedRequest, Then};
use serde_json::{Value, json};

/// A command line, and the API's faults during the call.
struct Case {
    args: Vec<&'static str>,
    stdin: Vec<u8>,
    /// Variables in addition to those of each case.
    environment: Vec<(&'static str, &'static str)>,
    /// The package's size, in bytes; by default, it is small.
    size: Option<u64>,
    faults: Vec<Fault>,
    /// Whether the package is stored before the call.
    stored: bool,
    /// Whether the package is modified when the API has received it.
    modified: bool,
    hint: Hint,
}

/// Whether the component's hint is that of the native command. It differs after a network error, and after the API has rejected a package, which
/// only the native command then checks.
#[derive(Clone, Copy, PartialEq)]
enum Hint {
    Same,
    Differs,
}

fn case(args: &[&'static str]) -> Case {
    Case {
        args: args.to_vec(),
        stdin: Vec::new(),
        environment: Vec::new(),
        size: None,
        faults: Vec::new(),
        stored: false,
        modified: false,
        hint: Hint::Same,
    }
}

fn get(flags: &[&'static str]) -> Case {
    case(&[&["get"], &TARGET[..], flags].concat())
}

fn put(file: &'static str, flags: &[&'static str]) -> Case {
    case(&[&["put", "--package", file], &TARGET[..], flags].concat())
}

impl Case {
    fn stored(self) -> Self {
        Self { stored: true, ..self }
    }

    fn fault(mut self, fault: Fault) -> Self {
        self.faults.push(fault);
        self
    }

    fn answer(self, answer: Answer) -> Self {
        self.fault(Fault::answer(answer))
    }

    fn stdin(self, stdin: Vec<u8>) -> Self {
        Self { stdin, ..self }
    }

    fn env(mut self, variable: &'static str, value: &'static str) -> Self {
        self.environment.push((variable, value));
        self
    }

    fn size(self, size: u64) -> Self {
        Self { size: Some(size), ..self }
    }

    fn modified(self) -> Self {
        Self { modified: true, ..self }
    }

    fn hint_differs(self) -> Self {
        Self { hint: Hint::Differs, ..self }
    }
}

fn results() -> Vec<Case> {
    let size: &'static str = package().len().to_string().leak();
    let large_package =
        sample::package(SampleOptions { size: Some(2 << 20), ..Default::default() });
    vec![
        get(&[]).stored(),
        get(&["-v"]).stored(),
        get(&["--json"]).stored(),
        get(&["--field", "hashsum"]).stored(),
        get(&["--field", "authors"]).stored(),
        get(&["--field", "version"]).answer(unknown_field()),
        get(&["--field", "name"]).answer(unknown_field()),
        get(&["--color", "always"]).stored(),
        put("app.tar.gz", &[]),
        put("app.tar.gz", &["--json"]),
        put("./app.tar.gz", &["--no-verify", "--expect", "never"]),
        put("sub/../app.tar.gz", &["--quiet"]),
        put("app.tar.gz", &["--dry-run"]),
        put("app.tar.gz", &["--dry-run", "--json"]),
        put("app.tar.gz", &["--if-changed"]).stored(),
        put("app.tar.gz", &["--if-changed", "--json"]).stored(),
        put("other.tar.gz", &["--if-changed"]).stored(),
        put("app.tar.gz", &["--if-changed"]),
        put("app.tar.gz", &["--token-file", "token"]),
        put("app.tar.gz", &["--token-file", "-"]).stdin(format!("{TOKEN}\n").into()),
        put("-", &["--size", size, "--no-verify"]).stdin(package()),
        // With `--size`, `--expect auto` sends no Expect: stdin can't be read again after a 417.
        put("-", &["--size", "2097152", "--no-verify"])
            .stdin(large_package)
            .fault(Fault::expectation_failed().every_time()),
        put("app.tar.gz", &[]).answer(described(json!(null))).answer(described(json!(null))),
        put("app.tar.gz", &[]).fault(Fault::answer(described(json!(null))).on_put()),
        // The package is stored, but the response is lost.
        put("app.tar.gz", &["--json"]).fault(Fault::lost_answer()),
        put("app.tar.gz", &["--json"]).fault(Fault::lost_answer()).modified(),
        put("app.tar.gz", &["--json"]).modified(),
        put("app.tar.gz", &["--json"]).answer(described(json!(null))).answer(another_version()),
        get(&[]).stored().answer(Answer::new(503)),
        get(&["--quiet"]).stored().answer(Answer::new(502)).fault(Fault::close()),
        // The connection stays open, because wasmtime can lose the response when it is closed.
        put("app.tar.gz", &["--json"])
            .size(20_000_000)
            .fault(Fault::early_answer(Answer::new(503)).then(Then::Stall).on_put()),
    ]
}

fn failures() -> Vec<Case> {
    let other = json!({"size": 9, "hashsum": "0".repeat(128)});
    let lines = b"1\n\n# comment\n3\nSU1Z0isxPaozGVKXdv0eY 3\nx\n99999999999\n".to_vec();
    vec![
        get(&[]),
        get(&["--json"]).answer(Answer::unauthorized()),
        get(&[]).answer(Answer::forbidden()),
        get(&[]).answer(Answer::token_expired("5Yo3XXnrQpjc20u0ybrf2g")),
        get(&[]).answer(Answer::redirect(302, "https://elsewhere.test/")),
        get(&[]).answer(Answer::new(200).body("<html>").content_type("text/html")),
        get(&["--retries", "0"]).answer(Answer::new(500)),
        get(&["--field", "cloned_from"]).stored(),
        get(&["--targets", "-", "--jobs", "1"]).stored().stdin(lines),
        get(&["--api", "http://127.0.0.1:1", "--retries", "0"]).hint_differs(),
        get(&["--api", "http://elsewhere.test"]),
        get(&["--api", "api.fastly.com"]),
        put("app.tar.gz", &["--json"]).answer(Answer::version_locked(TARGET[1], 3)),
        put("app.tar.gz", &[]).answer(Answer::rate_limited(4_102_444_800)),
        put("app.tar.gz", &[]).answer(
            Answer::rate_limited(4_102_444_800)
                .header("retry-after", "Thu, 01 Jan 2099 00:00:00 GMT"),
        ),
        put("app.tar.gz", &[]).answer(Answer::new(429)),
        put("app.tar.gz", &[]).answer(Answer::too_large()),
        put("app.tar.gz", &[]).answer(Answer::service_deleted(TARGET[1])),
        put("app.tar.gz", &["--retries", "0", "--json"]).answer(Answer::new(503)),
        put("app.tar.gz", &["--json"]).fault(described_twice(other)),
        get(&["--json"]).answer(another_version()),
        put("app.tar.gz", &["--json"]).fault(Fault::answer(another_version()).times(2)),
        put("app.tar.gz", &["--retries", "0", "--json"]).answer(another_version()),
        put("app.tar.gz", &["--json"]).answer(Answer::new(502)).answer(another_version()),
        put("app.tar.gz", &["--token-file", "token", "--json"])
            .answer(Answer::json(401, json!({"msg": format!("{TOKEN} is no token")}))),
        put("main.wasm", &["--json"]),
        put("main.wasm", &["--force"]).hint_differs(),
        put("empty", &[]),
        put("sub", &[]),
        put("sub/", &[]),
        put(".", &[]),
        put("app.tar.gz/", &[]),
        get(&["--targets", "gone"]),
        put("app.tar.gz", &["--json"]).answer(Answer::rate_limited(0).header("retry-after", TOKEN)),
        put("gone.tar.gz", &[]),
        put("gone.tar.gz", &["--api", "http://elsewhere.test"]),
        put("app.tar.gz", &["--api", "https://[1:2]"]),
        put("app.tar.gz", &["--retries", "0", "--json"])
            .size(20_000_000)
            .fault(Fault::early_answer(Answer::json(200, json!({}))).then(Then::Stall)),
        put("app.tar.gz", &[]).env("FASTLY_API_ENDPOINT", ""),
        put("app.tar.gz", &[]).env("FASTLY_API_TOKEN", "").hint_differs(),
        get(&[]).env("FASTLY_API_TOKEN", "").hint_differs(),
        case(&["put", "-p", "app.tar.gz", "-s", "..", "--version", "1", "--dry-run"]),
        put("-", &["--size", "1", "--force"]).stdin(package()),
        put("-", &["--size", "1000000", "--json"]).stdin(package()),
        put("app.tar.gz", &["--size", "1"]),
        put("-", &["--size", "1", "--if-changed"]),
        put("-", &["--size", "1", "--token-file", "-"]),
        put("app.tar.gz", &["--token-file", "gone"]),
        put("app.tar.gz", &["--token-file", "empty"]),
        put("app.tar.gz", &["--token-file", "app.tar.gz"]),
        put("app.tar.gz", &["--pakage", "x"]),
        case(&["get", "--service-id", "x"]),
        case(&["get", "--service-id", "", "--version", "1"]),
        case(&["get", "--service-id", "..", "--version", "1"]),
        case(&["get", "--service-id", "x", "--version", "0"]),
        case(&["put", "--service-id", "x", "--version", "1"]),
    ]
}

/// Returns a package with an unknown field, whose number is out of range for JSON readers.
fn unknown_field() -> Answer {
    let body = format!(
        r#"{{"id":"1","service_id":"{}","version":3,"metadata":{{"name":"n"}},"x":1e999}}"#,
        TARGET[1]
    );
    Answer::new(200).content_type("application/json").body(body)
}

/// Returns a response about the package in another version.
fn another_version() -> Answer {
    let metadata = json!({"size": package().len(), "hashsum": sha512(&package())});
    Answer::described(TARGET[1], 9, metadata)
}

fn described_twice(metadata: Value) -> Fault {
    Fault::answer(described(metadata)).times(2)
}

/// Runs a case in a host, and returns its output and the number of uploads that are stored.
async fn run(case: &Case, host: Host) -> (Output, u64) {
    run_after(case, host, ":").await
}

/// Does the same after a shell script in the fixture's directory.
async fn run_after(case: &Case, host: Host, script: &str) -> (Output, u64) {
    let fixture = Fixture::start().await;
    let mut shell = tokio::process::Command::new("sh");
    let shell = shell.args(["-ec", script]).current_dir(fixture.dir.path());
    assert_eq!(output(shell, b"").await.code, Some(0));
    fixture.write(
        "app.tar.gz",
        &sample::package(SampleOptions { size: case.size, ..Default::default() }),
    );
    let other = SampleOptions { size: Some(2000), ..Default::default() };
    fixture.write("other.tar.gz", &sample::package(other));
    fixture.write("main.wasm", &b"\0asm\x01\0\0\0".repeat(100));
    fixture.write("empty", b"");
    fixture.write("token", TOKEN.as_bytes());
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(fixture.path("token"), mode).unwrap();
    std::fs::create_dir(fixture.path("sub")).unwrap();
    if case.stored {
        let put = fixture.put("app.tar.gz", &[]).await;
        assert_eq!(put.code, Some(0), "{put:?}");
    }
    for fault in &case.faults {
        fixture.emulator.fault(fault.clone());
    }
    if case.modified {
        let path = fixture.path("app.tar.gz");
        fixture.emulator.on_request(move |_| {
            let mut file = std::fs::File::options().append(true).open(&path).unwrap();
            std::io::Write::write_all(&mut file, b"more").unwrap();
        });
    }
    let mut command = host.command(&fixture);
    command.args(&case.args).env("TZ", "UTC").envs(case.environment.iter().copied());
    (output(&mut command, &case.stdin).await, fixture.uploads())
}

/// Removes from the output what differs between runs (times, waits before retries) and between hosts (causes of connection failures).
fn normalized(text: &str) -> String {
    // The native host redacts the token in responses, the component in errors.
    let text = without_ages(text).replace(&"*".repeat(TOKEN.len()), "[token]");
    // WASI's errors have no numbers.
    let text = text.replace(" (os error 2)", "").replace(" (os error 20)", "");
    // clap's usage contains flags that come from the environment only natively.
    let text = text.replace("<FILE> --api <URL>\n", "<FILE>\n");
    // Only the native host prints traces.
    let varying = ["created ", "updated ", "DEBUG "];
    let mut result = String::new();
    let varies = |line: &str| {
        let line = line.trim_start_matches("\u{1b}[2m");
        varying.iter().any(|prefix| line.starts_with(prefix))
    };
    for line in text.lines().filter(|line| !varies(line)) {
        let line = match line.split_once("; retrying in ") {
            Some((cause, wait)) => {
                let (_, number) = wait.split_once(' ').unwrap_or_default();
                format!("{cause}; retrying {number}")
            }
            None => match line.split_once("can't connect to the API: ") {
                Some((prefix, _)) => format!("{prefix}can't connect to the API"),
                None => line.to_owned(),
            },
        };
        result.push_str(&match serde_json::from_str::<Value>(&line) {
            Ok(mut json) => {
                remove_times(&mut json);
                json.to_string()
            }
            Err(_) => line,
        });
        result.push('\n');
    }
    result
}

fn remove_times(json: &mut Value) {
    if let Value::Object(object) = json {
        object.retain(|name, _| !matches!(name.as_str(), "created_at" | "updated_at"));
        object.values_mut().for_each(remove_times);
    }
}

/// Removes the hints from the output.
fn without_hints(text: &str) -> String {
    let mut result = String::new();
    for line in text.lines().filter(|line| !is_hint(line)) {
        result.push_str(&match serde_json::from_str::<Value>(line) {
            Ok(mut json) => {
                if let Some(error) = json["error"].as_object_mut() {
                    error.remove("hint");
                    error.remove("missing");
                }
                json.to_string()
            }
            Err(_) => line.to_owned(),
        });
        result.push('\n');
    }
    result
}

fn is_hint(line: &str) -> bool {
    line.starts_with("hint: ") || line.starts_with("  in the package: ")
}

async fn assert_parity(cases: Vec<Case>, host: Host) {
    for case in cases {
        let (native, uploads) = run(&case, Host::Native).await;
        let (component, component_uploads) = run(&case, host).await;
        let code = native.code.expect("an exit code");
        let context = format!("{:?}\n{native:?}\n{component:?}", case.args);
        assert_eq!(component.code, Some(i32::from(code != 0)), "{context}");
        assert_eq!(component_uploads, uploads, "{context}");
        assert!(
            !component.stdout.contains(TOKEN) && !component.stderr.contains(TOKEN),
            "{context}"
        );
        // WASI 0.2 has no exit codes, so the component prints them.
        let suffix = format!(" [exit code {code}]\n");
        assert_eq!(component.stderr.matches(&suffix).count(), usize::from(code != 0), "{context}");
        let stderr = component.stderr.replace(&suffix, "\n");
        let both = |native: &str, component: &str| {
            let (native, component) = (normalized(native), normalized(component));
            match case.hint {
                Hint::Same => (native, component),
                Hint::Differs => (without_hints(&native), without_hints(&component)),
            }
        };
        let (native_out, out) = both(&native.stdout, &component.stdout);
        assert_eq!(out, native_out, "{context}");
        let (native_err, err) = both(&native.stderr, &stderr);
        assert_eq!(err, native_err, "{context}");
    }
}

#[tokio::test]
#[ignore = "needs Python, which tests/hosts/run installs"]
async fn results_are_printed_as_natively_in_each_host() {
    assert_parity(results(), Host::Command).await;
}

#[tokio::test]
#[ignore = "needs Python, which tests/hosts/run installs"]
async fn failures_are_printed_as_natively_in_each_host() {
    assert_parity(failures(), Host::Command).await;
}

#[tokio::test]
#[ignore = "needs wasmtime's command, which tests/wasmtime/run installs"]
async fn results_are_printed_as_natively_in_wasmtime() {
    assert_parity(results(), Host::Wasmtime).await;
}

#[tokio::test]
#[ignore = "needs wasmtime's command, which tests/wasmtime/run installs"]
async fn failures_are_printed_as_natively_in_wasmtime() {
    assert_parity(failures(), Host::Wasmtime).await;
}

#[tokio::test]
#[ignore = "needs Python, which tests/hosts/run installs"]
async fn the_help_is_that_of_the_golden_file_in_each_host() {
    let mut help = String::new();
    for args in [&["--help"][..], &["get", "--help"], &["put", "--help"]] {
        let (output, _) = run(&case(args), Host::Command).await;
        assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""));
        help.push_str(&format!("$ fastly-package {}\n{}\n", args.join(" "), output.stdout));
    }
    assert_golden("help-of-the-component.txt", &help);
}

#[tokio::test]
#[ignore = "needs Python, which tests/hosts/run installs"]
async fn unsupported_arguments_are_rejected_in_each_host() {
    let script = "mkfifo fifo; ln -s /etc/passwd link";
    for (case, expected) in [
        (put("app.tar.gz", &["--timeout", "3s"]), "--timeout is not available in the component"),
        (put("app.tar.gz", &["--ca-cert", "x"]), "--ca-cert is not available in the component"),
        (put("-", &[]), "--package - requires --size BYTES in the component"),
        (put("/etc/passwd", &[]), "it is in no directory that the host grants"),
        (put("../app.tar.gz", &[]), "it is in no directory that the host grants"),
        (put("link", &[]), "it is in no directory that the host grants"),
        (put("fifo", &[]), "fifo is not a file"),
        (put("app.tar.gz", &["--token-file", "fifo"]), "fifo: it is not a file"),
    ] {
        let (output, uploads) = run_after(&case, Host::Command, script).await;
        assert_eq!((output.code, uploads), (Some(1), 0), "{output:?}");
        assert!(output.stderr.contains(expected), "{expected}: {output:?}");
    }
}

#[tokio::test]
#[ignore = "needs Python, which tests/hosts/run installs"]
async fn after_a_417_the_upload_is_repeated_without_expect_in_each_host() {
    let put = put("app.tar.gz", &["--expect", "always", "--retries", "0"]);
    let (output, uploads) = run(&put.answer(Answer::new(417)), Host::Command).await;
    assert_eq!((output.code, uploads), (Some(0), 1), "{output:?}");
}

#[tokio::test]
#[ignore = "needs Python, which tests/hosts/run installs"]
async fn a_package_that_is_modified_during_the_upload_is_a_mismatch_in_each_host() {
    for flags in [&["--json"][..], &["--json", "--no-verify"]] {
        let fixture = Fixture::start().await;
        let size = Some(20_000_000);
        let mut package = sample::package(SampleOptions { size, ..Default::default() });
        // An empty gzip member at the end, whose time is modified later: the package stays valid.
        package.extend(*b"\x1f\x8b\x08\0\0\0\0\0\0\xff\x03\0\0\0\0\0\0\0\0\0");
        let time_offset = package.len() as u64 - 16;
        fixture.write("app.tar.gz", &package);
        // So slowly that the file isn't read to its end when the first bytes arrive.
        fixture.emulator.fault(Fault::slow_read(20_000_000).on_put());
        let mut command = Host::Command.command(&fixture);
        command.args(put("app.tar.gz", flags).args);
        let writing = async {
            let has_begun = |request: &RecordedRequest| (request.body_bytes > 0).then_some(());
            fixture.emulator.wait_until(|requests| requests.last().and_then(has_begun)).await;
            let mut file = std::fs::File::options().write(true).open(fixture.path("app.tar.gz"));
            let file = file.as_mut().expect("the package exists");
            std::os::unix::fs::FileExt::write_all_at(file, b"torn", time_offset)
                .expect("the package is writable");
        };
        let (output, ()) = tokio::join!(output(&mut command, b""), writing);
        assert_eq!((output.code, fixture.uploads()), (Some(1), 1), "{output:?}");
        let printed: Value = serde_json::from_str(&output.stdout).expect("one JSON object");
        let error = &printed["error"];
        assert_eq!((&error["exit_code"], &error["stored"]), (&json!(7), &json!("other")));
        let expected = "the package changed during the upload, and the API stored ";
        assert!(output.stderr.contains(expected), "{}", output.stderr);
    }
}

/// wasmtime's flag for the memory that `examples/wasmtime/README.md` documents as enough.
const MEMORY: &str = "max-memory-size=33554432";

#[tokio::test]
#[ignore = "needs wasmtime's command, which tests/wasmtime/run installs"]
async fn the_largest_response_and_package_need_no_more_memory_than_documented_in_wasmtime() {
    const MEBIBYTE: usize = 1024 * 1024;
    let fixture = Fixture::start().await;
    // As many files as a check accepts, with the longest names that fit in the limit on names.
    let script = "mkdir -p n/bin && cd n && seq -f 'a-file-with-a-name-of-fifty-characters-or-more-%07.0f' 1 99000 | xargs touch && cd .. && \
        printf '\\0asm\\1\\0\\0\\0' >n/bin/main.wasm && printf 'manifest_version = 3\\nname = \"n\"\\n' >n/fastly.toml && tar -czf app.tar.gz n";
    let mut shell = tokio::process::Command::new("sh");
    let shell = shell.args(["-ec", script]).current_dir(fixture.dir.path());
    assert_eq!(output(shell, b"").await.code, Some(0));
    let largest = || Fault::answer(Answer::real().padded_to(MEBIBYTE));
    let cases = [
        (put("app.tar.gz", &["--json", "--if-changed"]), largest().on_put()),
        (get(&["--json"]), largest().on_get()),
    ];
    for (case, fault) in cases {
        fixture.emulator.fault(fault);
        let command = Host::Wasmtime.command(&fixture);
        // wasmtime's flags precede the component.
        let args: Vec<_> = command.as_std().get_args().map(ToOwned::to_owned).collect();
        let mut limited = tokio::process::Command::new(command.as_std().get_program());
        limited.arg("run").args(["-W", MEMORY]).args(&args[1..]).args(&case.args);
        let output = output(
            limited
                .current_dir(fixture.dir.path())
                .env("FASTLY_API_TOKEN", TOKEN)
                .env("FASTLY_API_ENDPOINT", fixture.emulator.url()),
            b"",
        )
        .await;
        assert_eq!(output.code, Some(0), "{}", output.stderr);
        assert!(output.stdout.len() > MEBIBYTE, "{}", output.stdout.len());
    }
}
