//! Ctrl-C in an upload.

use crate::command::{Fixture, TARGET, package};
use fastly_package_emulator::{Fault, RecordedRequest, sample};
use serde_json::Value;
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;

/// More than the two sides and the kernel hold between them.
const LARGE: u64 = 20_000_000;

/// An upload to which this happens, and then the signal, once `when` is so.
async fn interrupted(
    package: &[u8],
    fault: Fault,
    signal: &str,
    when: fn(&RecordedRequest) -> bool,
) -> (Option<i32>, String, Value) {
    let fixture = Fixture::start().await;
    fixture.write("app.tar.gz", package);
    fixture.emulator.fault(fault);
    let args = [&["put", "--package", "app.tar.gz", "--json"], &TARGET[..]].concat();
    let mut command = fixture.command(args);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let is_so = |requests: &[RecordedRequest]| requests.iter().any(when).then_some(());
    fixture.emulator.wait_until(is_so).await;
    let id = child.id().unwrap().to_string();
    assert!(std::process::Command::new("kill").args([signal, &id]).status().unwrap().success());
    let output = child.wait_with_output().await.unwrap();
    fixture.emulator.all_closed().await;
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let failure = serde_json::from_str(&text(output.stdout)).expect("one JSON object");
    (output.status.signal(), text(output.stderr), failure)
}

#[tokio::test]
async fn an_upload_that_is_interrupted_in_the_middle_stores_nothing() {
    let large = sample::package(sample::SampleOptions { size: Some(LARGE), ..Default::default() });
    for (signal, number) in [("-INT", 2), ("-TERM", 15)] {
        let fault = Fault::never_read().after_body_bytes(1_000_000);
        let when = |request: &RecordedRequest| request.body_bytes >= 1_000_000;
        let (ended_by, stderr, failure) = interrupted(&large, fault, signal, when).await;
        assert_eq!(ended_by, Some(number), "as a shell expects it");
        let [_, service, _, version] = TARGET;
        assert_eq!(
            stderr,
            format!(
                "error: can't upload to service {service} version {version}: interrupted; nothing is stored\n"
            )
        );
        let error = &failure["error"];
        assert_eq!((&error["stored"], &error["exit_code"]), (&"no".into(), &(128 + number).into()));
    }
}

#[tokio::test]
async fn an_upload_that_is_interrupted_when_it_is_sent_may_be_stored() {
    let fault = Fault::never_answer().stored();
    let whole = |request: &RecordedRequest| request.body_complete;
    let (ended_by, stderr, failure) = interrupted(&package(), fault, "-INT", whole).await;
    assert_eq!(ended_by, Some(2));
    assert!(stderr.contains("interrupted; it had been sent whole\n"), "{stderr}");
    assert!(stderr.contains("hint: the package may be stored: see with"), "{stderr}");
    assert_eq!(failure["error"]["stored"], "unknown");
}

#[tokio::test]
async fn one_that_was_refused_and_waits_for_its_next_try_stores_nothing() {
    let fault = Fault::answer(fastly_package_emulator::Answer::rate_limited(
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() + 25,
    ));
    let answered = |request: &RecordedRequest| request.answered;
    let (ended_by, stderr, failure) = interrupted(&package(), fault, "-INT", answered).await;
    assert_eq!(ended_by, Some(2));
    assert!(stderr.ends_with("interrupted; nothing is stored\n"), "{stderr}");
    assert_eq!(failure["error"]["stored"], "no");
}
