//! The command's result for each fault of the network, a gateway or the API. `--nocapture` prints the table.

use crate::command::{Fixture, Output, TARGET, assert_golden, described, sha512};
use fastly_package_emulator::{Answer, Fault, RecordedRequest, StoredPackage, Then, sample};
use serde_json::{Value, json};
use std::fmt::Write;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Long enough for each fault that ends.
const TIMEOUT: &str = "50s";
/// For a fault that never ends.
const SHORT_TIMEOUT: &str = "8s";
const CONCURRENCY: usize = 12;
const CALLS: [&str; 3] = ["get", "put", "put, Expect"];

/// More than all buffers hold together, so that a package isn't sent whole if a fault occurs during the upload.
const LARGE: u64 = 10 * 1024 * 1024;
/// Small enough to be sent whole before a fault occurs.
const SMALL: u64 = 2000;
/// The number of body bytes after which a fault in the body occurs.
const BYTES_BEFORE_FAULT: u64 = 100_000;

struct Row {
    fault: &'static str,
    times: &'static str,
    call: &'static str,
    output: Output,
    requests: Vec<RecordedRequest>,
    /// The SHA-512 of the package.
    sent: String,
    stored: Option<StoredPackage>,
}

fn faults() -> Vec<(&'static str, Fault)> {
    let early = |status| Fault::early_answer(Answer::new(status));
    let late = |status| Fault::answer(Answer::new(status));
    let this_hash = json!({"size": SMALL, "hashsum": sha512(&package(SMALL))});
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    vec![
        ("no fault", Fault::delay(Duration::ZERO)),
        ("closed after the head", Fault::close()),
        ("reset after the head", Fault::reset()),
        ("closed in the body", Fault::close().after_body_bytes(BYTES_BEFORE_FAULT)),
        ("reset in the body", Fault::reset().after_body_bytes(BYTES_BEFORE_FAULT)),
        ("never read", Fault::never_read()),
        ("no longer read", Fault::never_read().after_body_bytes(BYTES_BEFORE_FAULT)),
        ("never responds", Fault::never_answer()),
        ("stored, never responds", Fault::never_answer().stored()),
        ("stored, response lost", Fault::lost_answer()),
        ("stored, response lost by reset", Fault::lost_answer().then(Then::Reset)),
        ("read slowly", Fault::slow_read(2000)),
        ("slow response", Fault::slow_answer(2000)),
        ("no 100 Continue", Fault::no_continue()),
        ("103 Early Hints", Fault::informational(&[103, 102])),
        ("417", Fault::expectation_failed()),
        ("early 401", early(401)),
        ("early 401, then a stall", early(401).then(Then::Stall)),
        (
            "early 401, then a reset",
            early(401).delayed(Duration::from_millis(50)).then(Then::Close),
        ),
        ("early 413", early(413)),
        ("early 503", early(503)),
        ("400", Fault::answer(Answer::bad_package())),
        ("403", Fault::answer(Answer::read_only_token())),
        ("404", Fault::answer(Answer::not_found())),
        ("408", late(408)),
        ("409", late(409)),
        ("415", late(415)),
        ("422", Fault::answer(Answer::version_locked(TARGET[1], 3))),
        ("429, resets soon", Fault::answer(Answer::rate_limited(now + 2))),
        ("429, resets late", Fault::answer(Answer::rate_limited(now + 3000))),
        ("500", Fault::answer(Answer::guru_meditation())),
        ("502", late(502)),
        ("503", late(503)),
        ("504", late(504)),
        ("503, stored", late(503).stored()),
        ("504, stored", late(504).stored()),
        ("302", Fault::answer(Answer::redirect(302, "https://elsewhere.test/"))),
        ("307, stored", Fault::answer(Answer::redirect(307, "https://elsewhere.test/")).stored()),
        ("200 of HTML", Fault::answer(Answer::new(200).body("<html>"))),
        ("200 of HTML, stored", Fault::answer(Answer::new(200).body("<html>")).stored()),
        ("200, truncated", Fault::answer(Answer::real().cut_to(40))),
        ("200, truncated chunk", Fault::answer(Answer::real().chunked_cut_to(40))),
        ("200 over 1 MiB", Fault::answer(Answer::real().padded_to(2_000_000))),
        ("not HTTP", Fault::answer(Answer::raw("SSH-2.0-OpenSSH\r\n\r\n"))),
        ("not HTTP, stored", Fault::answer(Answer::raw("SSH-2.0-OpenSSH\r\n\r\n")).stored()),
        (
            "200, invalid rate limit",
            Fault::answer(Answer::real().header("Fastly-RateLimit-Reset", "soon")),
        ),
        ("200, another version", Fault::answer(Answer::described(TARGET[1], 9, this_hash.clone()))),
        (
            "200, another version, stored",
            Fault::answer(Answer::described(TARGET[1], 9, this_hash)).stored(),
        ),
        ("200, no hash", Fault::answer(described(json!({"size": null}))).stored()),
        (
            "200, another hash",
            Fault::answer(described(json!({"hashsum": "0".repeat(128)}))).stored(),
        ),
    ]
}

fn package(size: u64) -> Vec<u8> {
    sample::package(sample::SampleOptions { size: Some(size), ..Default::default() })
}

/// Returns whether a fault occurs before a large package is sent whole.
fn is_early(fault: &str) -> bool {
    ["after the head", "in the body", "read", "early"].iter().any(|part| fault.contains(part))
        && fault != "read slowly"
}

async fn run(name: &'static str, fault: Fault, times: &'static str, call: &'static str) -> Row {
    let fixture = Fixture::start().await;
    let package = package(if is_early(name) { LARGE } else { SMALL });
    fixture.write("app.tar.gz", &package);
    let arguments: &[&str] = match call {
        "get" => {
            let before = fixture.put("app.tar.gz", &["--expect", "never"]).await;
            assert_eq!(before.code, Some(0), "{before:?}");
            &["get"]
        }
        "put" => &["put", "--package", "app.tar.gz", "--expect", "never"],
        _ => &["put", "--package", "app.tar.gz", "--expect", "always"],
    };
    let before = fixture.emulator.requests().len();
    let fault = if call == "get" { fault.on_get() } else { fault.on_put() };
    fixture.emulator.fault(if times == "always" { fault.every_time() } else { fault });
    let never_ends = ["never", "no longer"].iter().any(|part| name.contains(part));
    let timeout = if never_ends { SHORT_TIMEOUT } else { TIMEOUT };
    let output =
        fixture.run([arguments, &TARGET, &["--json", "--timeout", timeout]].concat()).await;
    let requests = fixture.emulator.requests().split_off(before);
    let stored = fixture.emulator.package(TARGET[1], 3);
    let sent = sha512(&package);
    Row { fault: name, times, call, output, requests, sent, stored }
}

impl Row {
    fn json(&self) -> Value {
        serde_json::from_str(&self.output.stdout).unwrap_or_else(|_| panic!("{:?}", self.output))
    }

    /// Returns the state of the upload that the command reports.
    fn reported(&self) -> String {
        let json = self.json();
        match &json["error"]["stored"] {
            Value::String(stored) => stored.clone(),
            _ if self.call == "get" => "-".to_owned(),
            _ if json["verified"] == true => "verified".to_owned(),
            _ => "yes".to_owned(),
        }
    }

    fn uploads(&self) -> u64 {
        self.stored.as_ref().map_or(0, |package| package.uploads)
    }

    /// Asserts that the report agrees with what the emulator has stored.
    fn assert_report_is_true(&self) {
        let Self { fault, times, call, output, .. } = self;
        let row = format!("{fault}, {times}, {call}: {output:?}");
        if *call == "get" {
            return assert_eq!(self.uploads(), 1, "{row}");
        }
        assert!(self.uploads() <= 1, "stored twice: {row}");
        match (output.code, self.reported().as_str()) {
            (Some(0), "verified" | "yes") => {
                let hashsum = self.stored.as_ref().map(|stored| stored.hashsum());
                assert_eq!(hashsum, Some(self.sent.as_str()), "{row}");
            }
            (Some(7), "other") => {}
            (Some(1..), "no") => assert_eq!(self.uploads(), 0, "{row}"),
            (Some(1..), "unknown") => {}
            _ => panic!("{row}"),
        }
        let json = self.json();
        if json.get("error").is_some() {
            assert_eq!(json["error"]["exit_code"], output.code.unwrap(), "{row}");
        }
    }

    fn line(&self) -> String {
        let requests: Vec<&str> = self.requests.iter().map(|r| r.method.as_str()).collect();
        let code = self.output.code.unwrap_or(-1);
        format!(
            "{:<31} {:<7} {:<12} {code:<5} {:<9} {:<7} {}",
            self.fault,
            self.times,
            self.call,
            self.reported(),
            if self.call == "get" { "-".to_owned() } else { self.uploads().to_string() },
            requests.join(" ")
        )
    }

    /// Returns the number of body bytes that the server read of each request, which varies between runs.
    fn bytes_read(&self) -> String {
        let bytes = self.requests.iter().map(|request| request.body_bytes.to_string());
        bytes.collect::<Vec<_>>().join(" ")
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_reported_state_of_an_upload_is_true_whatever_the_fault() {
    let semaphore = Arc::new(Semaphore::new(CONCURRENCY));
    let mut rows = JoinSet::new();
    let mut count = 0;
    for times in ["once", "always"] {
        for call in CALLS {
            for (name, fault) in faults() {
                let (semaphore, number) = (semaphore.clone(), count);
                count += 1;
                rows.spawn(async move {
                    let _permit = semaphore.acquire().await.unwrap();
                    (number, run(name, fault, times, call).await)
                });
            }
        }
    }
    let mut rows = rows.join_all().await;
    rows.sort_by_key(|(number, _)| *number);
    let header =
        "fault                           times   call         exit  stored?   uploads requests";
    let (mut table, mut printed) = (format!("{header}\n"), format!("{header} (body bytes read)\n"));
    for (_, row) in &rows {
        row.assert_report_is_true();
        writeln!(table, "{}", row.line()).unwrap();
        writeln!(printed, "{} ({})", row.line(), row.bytes_read()).unwrap();
    }
    println!("{printed}");
    assert_golden("faults.txt", &table);
}
