//! The command on a terminal, which util-linux's `script` provides.

use crate::command::{Fixture, TARGET, TOKEN, described, output, package};
use fastly_package_emulator::Fault;
use fastly_package_emulator::sample::{self, SampleOptions};
use serde_json::Value;
use std::path::Path;
use std::time::Duration;
use tokio::process::Command;

/// Longer than the interval between two updates of the progress bar.
const DELAY: Duration = Duration::from_millis(600);
/// The escape sequence that erases a line.
const ERASE_LINE: &str = "\u{1b}[2K";

/// Returns the command on a terminal. Its stdout is the terminal's output.
fn on_terminal(fixture: &Fixture, arguments: &str) -> Command {
    let binary = Path::new(env!("CARGO_BIN_EXE_fastly-package")).display();
    let mut script = Command::new("script");
    script
        .args(["-qec", &format!("{binary} {arguments}"), "/dev/null"])
        .current_dir(fixture.dir.path())
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
async fn a_progress_bar_shows_the_phase_of_an_upload_and_is_erased_at_its_end() {
    let fixture = Fixture::start().await;
    let options = SampleOptions { size: Some(3_000_000), ..SampleOptions::default() };
    fixture.write("app.tar.gz", &sample::package(options));
    let without_hash = Fault::answer(described(Value::Null)).delayed(DELAY).stored();
    fixture.emulator.fault(without_hash.on_put());
    fixture.emulator.fault(Fault::delay(DELAY).on_get());
    let arguments = format!("put --package app.tar.gz {}", TARGET.join(" "));
    let output = output(&mut on_terminal(&fixture, &arguments), b"").await;
    assert_eq!(output.code, Some(0), "{output:?}");
    let printed = &output.stdout;
    for expected in
        ["3.00 MB, waiting for the API", "3.00 MB, verifying", "\u{1b}[1m\u{1b}[32muploaded"]
    {
        assert!(printed.contains(expected), "{expected}: {printed:?}");
    }
    let after = printed.rsplit_once(ERASE_LINE).expect("an erased bar").1;
    assert!(after.contains("uploaded") && !after.contains("verifying"), "{after:?}");
}

#[tokio::test]
async fn no_color_disables_colors_on_a_terminal() {
    let fixture = Fixture::start().await;
    let arguments = format!("get {}", TARGET.join(" "));
    for (variable, colored) in [("NO_COLOR", false), ("UNRELATED", true)] {
        let mut command = on_terminal(&fixture, &arguments);
        let output = output(command.env(variable, "1"), b"").await;
        assert_eq!(output.code, Some(3));
        assert_eq!(output.stdout.contains('\u{1b}'), colored, "{variable}: {:?}", output.stdout);
    }
}

#[tokio::test]
async fn quiet_output_without_color_has_no_escape_sequences() {
    let fixture = Fixture::start().await;
    fixture.write("app.tar.gz", &package());
    fixture.emulator.fault(Fault::delay(DELAY).times(2));
    let target = TARGET.join(" ");
    for flags in ["--quiet --color never", "--quiet --json"] {
        let arguments = format!("put --package app.tar.gz {target} {flags}");
        let output = output(&mut on_terminal(&fixture, &arguments), b"").await;
        assert_eq!(output.code, Some(0), "{output:?}");
        assert!(!output.stdout.contains('\u{1b}'), "{:?}", output.stdout);
    }
}
