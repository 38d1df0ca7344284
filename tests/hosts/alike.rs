//! The command component takes what the native command takes, and says what it says, but for what `examples/wasmtime/README.md` names.

use crate::command::{Ended, Fixture, TARGET, TOKEN, assert_golden, ended, package, without_ages};
use crate::host::Host;
use fastly_package_emulator::sample::{self, SampleOptions};
use fastly_package_emulator::{Answer, Fault, RecordedRequest, Then};
use serde_json::{Value, json};

/// What is typed, and what goes wrong.
struct Case {
    typed: Vec<&'static str>,
    stdin: Vec<u8>,
    /// Variables beside those of every case.
    environment: Vec<(&'static str, &'static str)>,
    /// The package's length, in bytes; small where it doesn't matter.
    size: Option<u64>,
    faults: Vec<Fault>,
    /// Whether the version has the package already.
    stored: bool,
    /// Whether the package is written to when the API has it.
    written: bool,
    hint: Hint,
}

/// Whether the hint is the same. That of an error of the network isn't, nor that of a 404 or of a package that the API took for none, since there
/// the native command finds out why.
#[derive(Clone, Copy, PartialEq)]
enum Hint {
    Same,
    Other,
}

fn typed(typed: &[&'static str]) -> Case {
    Case {
        typed: typed.to_vec(),
        stdin: Vec::new(),
        environment: Vec::new(),
        size: None,
        faults: Vec::new(),
        stored: false,
        written: false,
        hint: Hint::Same,
    }
}

fn get(more: &[&'static str]) -> Case {
    typed(&[&["get"], &TARGET[..], more].concat())
}

fn put(file: &'static str, more: &[&'static str]) -> Case {
    typed(&[&["put", "--package", file], &TARGET[..], more].concat())
}

impl Case {
    fn stored(self) -> Self {
        Self { stored: true, ..self }
    }

    fn fault(mut self, fault: Fault) -> Self {
        self.faults.push(fault);
        self
    }

    fn answered(self, answer: Answer) -> Self {
        self.fault(Fault::answer(answer))
    }

    fn stdin(self, stdin: Vec<u8>) -> Self {
        Self { stdin, ..self }
    }

    fn with(mut self, variable: &'static str, value: &'static str) -> Self {
        self.environment.push((variable, value));
        self
    }

    fn sized(self, size: u64) -> Self {
        Self { size: Some(size), ..self }
    }

    fn written(self) -> Self {
        Self { written: true, ..self }
    }

    fn another_hint(self) -> Self {
        Self { hint: Hint::Other, ..self }
    }
}

fn results() -> Vec<Case> {
    let size: &'static str = package().len().to_string().leak();
    let large_package =
        sample::package(SampleOptions { size: Some(2 << 20), ..Default::default() });
    let described = |metadata: Value| Fault::answer(Answer::described(metadata));
    vec![
        get(&[]).stored(),
        get(&["-v"]).stored(),
        get(&["--json"]).stored(),
        get(&["--field", "hashsum"]).stored(),
        get(&["--field", "authors"]).stored(),
        get(&["--field", "version"]).answered(odd()),
        get(&["--field", "name"]).answered(odd()),
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
        put("-", &["--size", "2097152", "--no-verify"])
            .stdin(large_package)
            .fault(Fault::expectation_failed().every_time()),
        put("app.tar.gz", &[]).fault(described(json!(null))).fault(described(json!(null))),
        put("app.tar.gz", &[]).fault(described(json!(null)).on_put()),
        // Stored, though its answer was lost.
        put("app.tar.gz", &["--json"]).fault(Fault::lost_answer()),
        put("app.tar.gz", &["--json"]).fault(Fault::lost_answer()).written(),
        put("app.tar.gz", &["--json"]).written(),
        get(&[]).stored().answered(Answer::new(503)),
        get(&["--quiet"]).stored().answered(Answer::new(502)).fault(Fault::close()),
        // Its connection stays: one that goes may take the answer with it in wasmtime.
        put("app.tar.gz", &["--json"])
            .sized(20_000_000)
            .fault(Fault::early_answer(Answer::new(503)).then(Then::Stall).on_put()),
    ]
}

fn failures() -> Vec<Case> {
    let other = json!({"size": 9, "hashsum": "0".repeat(128)});
    let lines = b"1\n\n# comment\n3\nSU1Z0isxPaozGVKXdv0eY 3\nx\n99999999999\n".to_vec();
    vec![
        get(&[]).another_hint(),
        get(&["--json"]).answered(Answer::unauthorized()),
        get(&[]).answered(Answer::forbidden()),
        get(&[]).answered(Answer::token_expired("5Yo3XXnrQpjc20u0ybrf2g")),
        get(&[]).answered(Answer::redirect(302, "https://elsewhere.test/")),
        get(&[]).answered(Answer::new(200).body("<html>").content_type("text/html")),
        get(&["--retries", "0"]).answered(Answer::new(500)),
        get(&["--field", "cloned_from"]).stored(),
        get(&["--targets", "-", "--jobs", "1"]).stored().stdin(lines).another_hint(),
        get(&["--api", "http://127.0.0.1:1", "--retries", "0"]).another_hint(),
        get(&["--api", "http://elsewhere.test"]),
        get(&["--api", "api.fastly.com"]),
        put("app.tar.gz", &["--json"]).answered(Answer::version_locked(TARGET[1], 3)),
        put("app.tar.gz", &[]).answered(Answer::rate_limited(4_102_444_800)),
        put("app.tar.gz", &[]).answered(
            Answer::rate_limited(4_102_444_800)
                .header("retry-after", "Thu, 01 Jan 2099 00:00:00 GMT"),
        ),
        put("app.tar.gz", &[]).answered(Answer::new(429)),
        put("app.tar.gz", &[]).answered(Answer::too_large()),
        put("app.tar.gz", &[]).answered(Answer::service_deleted(TARGET[1])),
        put("app.tar.gz", &["--retries", "0", "--json"]).answered(Answer::new(503)),
        put("app.tar.gz", &["--json"]).fault(described_twice(other)),
        put("app.tar.gz", &["--token-file", "token", "--json"])
            .answered(Answer::json(401, json!({"msg": format!("{TOKEN} is no token")}))),
        put("main.wasm", &["--json"]),
        put("main.wasm", &["--force"]).another_hint(),
        put("empty", &[]),
        put("sub", &[]),
        put("sub/", &[]),
        put(".", &[]),
        put("app.tar.gz/", &[]),
        get(&["--targets", "gone"]),
        put("app.tar.gz", &["--json"])
            .answered(Answer::rate_limited(0).header("retry-after", TOKEN)),
        put("gone.tar.gz", &[]),
        put("gone.tar.gz", &["--api", "http://elsewhere.test"]),
        put("app.tar.gz", &["--api", "https://[1:2]"]),
        put("app.tar.gz", &["--retries", "0", "--json"])
            .sized(20_000_000)
            .fault(Fault::early_answer(Answer::json(200, json!({}))).then(Then::Stall)),
        put("app.tar.gz", &[]).with("FASTLY_API_ENDPOINT", ""),
        put("app.tar.gz", &[]).with("FASTLY_API_TOKEN", "").another_hint(),
        get(&[]).with("FASTLY_API_TOKEN", "").another_hint(),
        typed(&["put", "-p", "app.tar.gz", "-s", "..", "--version", "1", "--dry-run"]),
        put("-", &["--size", "1", "--force"]).stdin(package()),
        put("-", &["--size", "1000000", "--json"]).stdin(package()),
        put("app.tar.gz", &["--size", "1"]),
        put("-", &["--size", "1", "--if-changed"]),
        put("-", &["--size", "1", "--token-file", "-"]),
        put("app.tar.gz", &["--token-file", "gone"]),
        put("app.tar.gz", &["--token-file", "empty"]),
        put("app.tar.gz", &["--token-file", "app.tar.gz"]),
        put("app.tar.gz", &["--pakage", "x"]),
        typed(&["get", "--service-id", "x"]),
        typed(&["get", "--service-id", "", "--version", "1"]),
        typed(&["get", "--service-id", "..", "--version", "1"]),
        typed(&["get", "--service-id", "x", "--version", "0"]),
        typed(&["put", "--service-id", "x", "--version", "1"]),
    ]
}

/// A package with a field that nobody knows, and no reader of JSON can hold.
fn odd() -> Answer {
    let body = format!(
        r#"{{"id":"1","service_id":"{}","version":3,"metadata":{{"name":"n"}},"x":1e999}}"#,
        TARGET[1]
    );
    Answer::new(200).content_type("application/json").body(body)
}

fn described_twice(metadata: Value) -> Fault {
    Fault::answer(Answer::described(metadata)).times(2)
}

/// What a case comes to, and how many uploads are stored then.
async fn run(case: &Case, host: Host) -> (Ended, u64) {
    run_after(case, host, ":").await
}

/// The same after a line of shell in the folder.
async fn run_after(case: &Case, host: Host, prepare: &str) -> (Ended, u64) {
    let fixture = Fixture::start().await;
    let mut shell = tokio::process::Command::new("sh");
    let shell = shell.args(["-ec", prepare]).current_dir(fixture.folder.path());
    assert_eq!(ended(shell, b"").await.code, Some(0));
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
    if case.written {
        let path = fixture.path("app.tar.gz");
        fixture.emulator.on_request(move |_| {
            let mut file = std::fs::File::options().append(true).open(&path).unwrap();
            std::io::Write::write_all(&mut file, b"more").unwrap();
        });
    }
    let mut command = host.command(&fixture);
    command.args(&case.typed).env("TZ", "UTC").envs(case.environment.iter().copied());
    (ended(&mut command, &case.stdin).await, fixture.uploads())
}

/// What was printed, but what differs from run to run, times and how long it was waited before a retry; and from host to host, why a connection
/// failed.
fn constant(text: &str) -> String {
    // In an answer the native edge strikes the token out, where the error has a word for it.
    let text = without_ages(text).replace(&"*".repeat(TOKEN.len()), "[token]");
    // WASI has names for errors, and no numbers.
    let text = text.replace(" (os error 2)", "").replace(" (os error 20)", "");
    // clap names flags that came from the process's environment.
    let text = text.replace("<FILE> --api <URL>\n", "<FILE>\n");
    // Traces are the native host's.
    let varying = ["created ", "updated ", "DEBUG "];
    let mut constant = String::new();
    let varies = |line: &str| {
        let line = line.trim_start_matches("\u{1b}[2m");
        varying.iter().any(|word| line.starts_with(word))
    };
    for line in text.lines().filter(|line| !varies(line)) {
        let line = match line.split_once("; trying again in ") {
            Some((why, wait)) => {
                let (_, number) = wait.split_once(' ').unwrap_or_default();
                format!("{why}; trying again {number}")
            }
            None => match line.split_once("the API was not reached: ") {
                Some((what, _)) => format!("{what}the API was not reached"),
                None => line.to_owned(),
            },
        };
        constant.push_str(&match serde_json::from_str::<Value>(&line) {
            Ok(mut json) => {
                forget_times(&mut json);
                json.to_string()
            }
            Err(_) => line,
        });
        constant.push('\n');
    }
    constant
}

fn forget_times(json: &mut Value) {
    if let Value::Object(object) = json {
        object.retain(|name, _| !matches!(name.as_str(), "created_at" | "updated_at"));
        object.values_mut().for_each(forget_times);
    }
}

/// The same without the hints.
fn without_hints(text: &str) -> String {
    let mut kept = String::new();
    for line in text.lines().filter(|line| !is_hint(line)) {
        kept.push_str(&match serde_json::from_str::<Value>(line) {
            Ok(mut json) => {
                if let Some(error) = json["error"].as_object_mut() {
                    error.remove("hint");
                    error.remove("missing");
                }
                json.to_string()
            }
            Err(_) => line.to_owned(),
        });
        kept.push('\n');
    }
    kept
}

fn is_hint(line: &str) -> bool {
    line.starts_with("hint: ") || line.starts_with("  in the package: ")
}

async fn assert_alike(cases: Vec<Case>, host: Host) {
    for case in cases {
        let (native, uploads) = run(&case, Host::Native).await;
        let (component, component_uploads) = run(&case, host).await;
        let code = native.code.expect("an exit code");
        let said = format!("{:?}\n{native:?}\n{component:?}", case.typed);
        assert_eq!(component.code, Some(i32::from(code != 0)), "{said}");
        assert_eq!(component_uploads, uploads, "{said}");
        assert!(!component.stdout.contains(TOKEN) && !component.stderr.contains(TOKEN), "{said}");
        // The exit code has no other place.
        let place = format!(" [exit code {code}]\n");
        assert_eq!(component.stderr.matches(&place).count(), usize::from(code != 0), "{said}");
        let stderr = component.stderr.replace(&place, "\n");
        let both = |native: &str, component: &str| {
            let (native, component) = (constant(native), constant(component));
            match case.hint {
                Hint::Same => (native, component),
                Hint::Other => (without_hints(&native), without_hints(&component)),
            }
        };
        let (native_out, out) = both(&native.stdout, &component.stdout);
        assert_eq!(out, native_out, "{said}");
        let (native_err, err) = both(&native.stderr, &stderr);
        assert_eq!(err, native_err, "{said}");
    }
}

#[tokio::test]
#[ignore = "needs Python, which tests/hosts/run prepares"]
async fn what_goes_well_is_said_as_natively_in_each_host() {
    assert_alike(results(), Host::Command).await;
}

#[tokio::test]
#[ignore = "needs Python, which tests/hosts/run prepares"]
async fn what_fails_is_said_as_natively_in_each_host() {
    assert_alike(failures(), Host::Command).await;
}

#[tokio::test]
#[ignore = "needs wasmtime's command, which tests/wasmtime/run prepares"]
async fn what_goes_well_is_said_as_natively_in_wasmtime() {
    assert_alike(results(), Host::Wasmtime).await;
}

#[tokio::test]
#[ignore = "needs wasmtime's command, which tests/wasmtime/run prepares"]
async fn what_fails_is_said_as_natively_in_wasmtime() {
    assert_alike(failures(), Host::Wasmtime).await;
}

#[tokio::test]
#[ignore = "needs Python, which tests/hosts/run prepares"]
async fn the_help_says_what_can_be_typed_in_each_host() {
    let mut help = String::new();
    for typed in [&["--help"][..], &["get", "--help"], &["put", "--help"]] {
        let (ended, _) = run(&self::typed(typed), Host::Command).await;
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
        help.push_str(&format!("$ fastly-package {}\n{}\n", typed.join(" "), ended.stdout));
    }
    assert_golden("help-of-the-component.txt", &help);
}

#[tokio::test]
#[ignore = "needs Python, which tests/hosts/run prepares"]
async fn what_the_component_can_not_heed_is_refused_in_each_host() {
    let prepare = "mkfifo fifo; ln -s /etc/passwd link";
    for (typed, says) in [
        (put("app.tar.gz", &["--timeout", "3s"]), "--timeout isn't for the component"),
        (put("app.tar.gz", &["--ca-cert", "x"]), "--ca-cert isn't for the component"),
        (put("-", &[]), "--package - needs --size BYTES here"),
        (put("/etc/passwd", &[]), "it is in no folder that the host hands in"),
        (put("../app.tar.gz", &[]), "it is in no folder that the host hands in"),
        (put("link", &[]), "it is in no folder that the host hands in"),
        (put("fifo", &[]), "fifo is not a file"),
        (put("app.tar.gz", &["--token-file", "fifo"]), "fifo: it is not a file"),
    ] {
        let (ended, uploads) = run_after(&typed, Host::Command, prepare).await;
        assert_eq!((ended.code, uploads), (Some(1), 0), "{ended:?}");
        assert!(ended.stderr.contains(says), "{says}: {ended:?}");
    }
}

#[tokio::test]
#[ignore = "needs Python, which tests/hosts/run prepares"]
async fn where_the_question_is_not_taken_it_is_sent_without_in_each_host() {
    let asking = put("app.tar.gz", &["--expect", "always", "--retries", "0"]);
    let (ended, uploads) = run(&asking.answered(Answer::new(417)), Host::Command).await;
    assert_eq!((ended.code, uploads), (Some(0), 1), "{ended:?}");
}

#[tokio::test]
#[ignore = "needs Python, which tests/hosts/run prepares"]
async fn a_package_that_is_written_to_while_it_is_sent_is_no_success_in_each_host() {
    for flags in [&["--json"][..], &["--json", "--no-verify"]] {
        let fixture = Fixture::start().await;
        let size = Some(20_000_000);
        let mut package = sample::package(SampleOptions { size, ..Default::default() });
        // An empty member at the end, of which the time is then another: a package all the same.
        package.extend(*b"\x1f\x8b\x08\0\0\0\0\0\0\xff\x03\0\0\0\0\0\0\0\0\0");
        let time = package.len() as u64 - 16;
        fixture.write("app.tar.gz", &package);
        // So slowly that its end isn't read yet when its beginning is here.
        fixture.emulator.fault(Fault::slow_read(20_000_000).on_put());
        let mut command = Host::Command.command(&fixture);
        command.args(put("app.tar.gz", flags).typed);
        let writing = async {
            let begun = |request: &RecordedRequest| (request.body_bytes > 0).then_some(());
            fixture.emulator.wait_until(|requests| requests.last().and_then(begun)).await;
            let mut file = std::fs::File::options().write(true).open(fixture.path("app.tar.gz"));
            let file = file.as_mut().expect("the package is there");
            std::os::unix::fs::FileExt::write_all_at(file, b"torn", time)
                .expect("it can be written to");
        };
        let (ended, ()) = tokio::join!(ended(&mut command, b""), writing);
        assert_eq!((ended.code, fixture.uploads()), (Some(1), 1), "{ended:?}");
        let printed: Value = serde_json::from_str(&ended.stdout).expect("one JSON object");
        let error = &printed["error"];
        assert_eq!((&error["exit_code"], &error["stored"]), (&json!(7), &json!("other")));
        let says = "the package changed while it was read, and the API stored what came of that: ";
        assert!(ended.stderr.contains(says), "{}", ended.stderr);
    }
}

/// What `examples/wasmtime/README.md` says is enough, in bytes.
const MEMORY: &str = "max-memory-size=33554432";

#[tokio::test]
#[ignore = "needs wasmtime's command, which tests/wasmtime/run prepares"]
async fn the_longest_answer_and_the_most_files_need_no_more_memory_than_is_said_in_wasmtime() {
    const MEBIBYTE: usize = 1024 * 1024;
    let fixture = Fixture::start().await;
    // As many files as a check counts, in a package with the longest names that fit in their limit.
    let many = "mkdir -p n/bin && cd n && seq -f 'a-file-with-a-name-of-fifty-characters-or-more-%07.0f' 1 99000 | xargs touch && cd .. && \
        printf '\\0asm\\1\\0\\0\\0' >n/bin/main.wasm && printf 'manifest_version = 3\\nname = \"n\"\\n' >n/fastly.toml && tar -czf app.tar.gz n";
    let mut shell = tokio::process::Command::new("sh");
    let shell = shell.args(["-ec", many]).current_dir(fixture.folder.path());
    assert_eq!(ended(shell, b"").await.code, Some(0));
    let long = || Fault::answer(Answer::real().padded_to(MEBIBYTE));
    let cases = [
        (put("app.tar.gz", &["--json", "--if-changed"]), long().on_put()),
        (get(&["--json"]), long().on_get()),
    ];
    for (case, long) in cases {
        fixture.emulator.fault(long);
        let command = Host::Wasmtime.command(&fixture);
        // Its own flags stand before the component.
        let words: Vec<_> = command.as_std().get_args().map(ToOwned::to_owned).collect();
        let mut limited = tokio::process::Command::new(command.as_std().get_program());
        limited.arg("run").args(["-W", MEMORY]).args(&words[1..]).args(&case.typed);
        let ended = ended(
            limited
                .current_dir(fixture.folder.path())
                .env("FASTLY_API_TOKEN", TOKEN)
                .env("FASTLY_API_ENDPOINT", fixture.emulator.url()),
            b"",
        )
        .await;
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        assert!(ended.stdout.len() > MEBIBYTE, "{}", ended.stdout.len());
    }
}
