//! The command on a terminal, which util-linux's `script` makes for it.

use crate::command::{Fixture, TARGET, TOKEN, ended, package};
use fastly_package_emulator::sample::{self, SampleOptions};
use fastly_package_emulator::{Answer, Fault};
use serde_json::Value;
use std::path::Path;
use std::time::Duration;
use tokio::process::Command;

/// Longer than the time from one drawing to the next.
const A_MOMENT: Duration = Duration::from_millis(600);
const ERASED: &str = "\u{1b}[2K";

/// The command on a terminal, with what it prints there on stdout.
fn on_terminal(fixture: &Fixture, arguments: &str) -> Command {
    let binary = Path::new(env!("CARGO_BIN_EXE_fastly-package")).display();
    let mut script = Command::new("script");
    script
        .args(["-qec", &format!("{binary} {arguments}"), "/dev/null"])
        .current_dir(fixture.folder.path())
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("TERM", "xterm")
        .env("TZ", "<+02>-2")
        .env("FASTLY_API_TOKEN", TOKEN)
        .env("FASTLY_API_ENDPOINT", fixture.emulator.url())
        .kill_on_drop(true);
    script
}

#[tokio::test]
async fn a_bar_says_what_an_upload_is_at_and_is_gone_when_it_is_done() {
    let fixture = Fixture::start().await;
    let options = SampleOptions { size: Some(3_000_000), ..SampleOptions::default() };
    fixture.write("app.tar.gz", &sample::package(options));
    let nameless = Fault::answer(Answer::described(Value::Null)).delayed(A_MOMENT).stored();
    fixture.emulator.fault(nameless.on_put());
    fixture.emulator.fault(Fault::delay(A_MOMENT).on_get());
    let arguments = format!("put --package app.tar.gz {}", TARGET.join(" "));
    let ended = ended(&mut on_terminal(&fixture, &arguments), b"").await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let printed = &ended.stdout;
    for says in
        ["3.00 MB, waiting for the API", "3.00 MB, verifying", "\u{1b}[1m\u{1b}[32muploaded"]
    {
        assert!(printed.contains(says), "{says}: {printed:?}");
    }
    let after = printed.rsplit_once(ERASED).expect("a bar that is taken away").1;
    assert!(after.contains("uploaded") && !after.contains("verifying"), "{after:?}");
}

#[tokio::test]
async fn no_color_is_obeyed_on_a_terminal() {
    let fixture = Fixture::start().await;
    let arguments = format!("get {}", TARGET.join(" "));
    for (variable, colored) in [("NO_COLOR", false), ("UNRELATED", true)] {
        let mut command = on_terminal(&fixture, &arguments);
        let ended = ended(command.env(variable, "1"), b"").await;
        assert_eq!(ended.code, Some(3));
        assert_eq!(ended.stdout.contains('\u{1b}'), colored, "{variable}: {:?}", ended.stdout);
    }
}

#[tokio::test]
async fn there_is_neither_bar_nor_color_for_those_who_want_none() {
    let fixture = Fixture::start().await;
    fixture.write("app.tar.gz", &package());
    fixture.emulator.fault(Fault::delay(A_MOMENT).times(2));
    let target = TARGET.join(" ");
    for more in ["--quiet --color never", "--quiet --json"] {
        let arguments = format!("put --package app.tar.gz {target} {more}");
        let ended = ended(&mut on_terminal(&fixture, &arguments), b"").await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert!(!ended.stdout.contains('\u{1b}'), "{:?}", ended.stdout);
    }
}
