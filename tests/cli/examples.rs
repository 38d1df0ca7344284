//! Runs the library's examples as processes. `cargo test` builds them first, unless it is given the targets to build.

use crate::command::{Fixture, Output, TARGET, TOKEN, output, package, sha512};
use fastly_package_emulator::{Answer, Fault};
use std::path::Path;
use tokio::process::Command;

/// Runs an example with this standard input.
async fn example(fixture: &Fixture, name: &str, args: &[&str], stdin: &str) -> Output {
    let dir = Path::new(env!("CARGO_BIN_EXE_fastly-package")).parent().unwrap().join("examples");
    assert!(dir.join(name).is_file(), "not built: cargo build --examples");
    let mut command = Command::new(dir.join(name));
    command
        .args(args)
        .current_dir(fixture.dir.path())
        .env_clear()
        .env("FASTLY_API_TOKEN", TOKEN)
        .env("FASTLY_API_ENDPOINT", fixture.emulator.url())
        .kill_on_drop(true);
    output(&mut command, stdin.as_bytes()).await
}

/// Starts an emulator and uploads `app.tar.gz` to version 3.
async fn with_package() -> Fixture {
    let fixture = Fixture::start().await;
    fixture.write("app.tar.gz", &package());
    assert_eq!(fixture.put("app.tar.gz", &[]).await.code, Some(0));
    fixture
}

#[tokio::test]
async fn embed_prints_a_package() {
    let fixture = with_package().await;
    let output = example(&fixture, "embed", &[TARGET[1], "3"], "").await;
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""));
    assert!(output.stdout.starts_with("PackageResponse {"), "{}", output.stdout);
    assert!(output.stdout.contains(&sha512(&package())), "{}", output.stdout);
}

#[tokio::test]
async fn embed_reports_why_the_call_failed() {
    let fixture = Fixture::start().await;
    let output = example(&fixture, "embed", &[TARGET[1], "3"], "").await;
    assert_eq!((output.code, output.stdout.as_str()), (Some(1), ""));
    assert!(output.stderr.contains("404 Not Found"), "{}", output.stderr);
}

#[tokio::test]
async fn progress_reaches_100_percent() {
    let fixture = Fixture::start().await;
    fixture.write("app.tar.gz", &package());
    let output = example(&fixture, "progress", &[TARGET[1], "3", "app.tar.gz"], "").await;
    assert_eq!((output.code, fixture.uploads()), (Some(0), 1), "{output:?}");
    assert_eq!(output.stdout, format!("stored {} bytes: Verified\n", package().len()));
    assert!(output.stderr.ends_with("\r100 %\n"), "{:?}", output.stderr);
}

#[tokio::test]
async fn progress_reports_whether_a_failed_upload_is_stored() {
    let fixture = Fixture::start().await;
    fixture.write("app.tar.gz", &package());
    for (put, get, expected) in [
        (Fault::answer(Answer::bad_package()), None, "nothing is stored"),
        (Fault::lost_answer(), Some(Fault::answer(Answer::forbidden())), "it may be stored"),
    ] {
        fixture.emulator.fault(put.on_put());
        get.into_iter().for_each(|get| fixture.emulator.fault(get.on_get()));
        let output = example(&fixture, "progress", &[TARGET[1], "3", "app.tar.gz"], "").await;
        assert_eq!((output.code, output.stdout.as_str()), (Some(1), ""));
        assert!(output.stderr.contains(expected), "{}", output.stderr);
    }
}

#[tokio::test]
async fn many_lists_the_package_of_each_target() {
    let fixture = with_package().await;
    let targets: String = format!("{} 3\n", TARGET[1]).repeat(40);
    let output = example(&fixture, "many", &[], &targets).await;
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""));
    let line = format!("{} 3: \"sample-package\", {} bytes\n", TARGET[1], package().len());
    assert_eq!(output.stdout, line.repeat(40));
}

#[tokio::test]
async fn many_continues_after_a_failure_and_exits_with_1() {
    let fixture = with_package().await;
    let service = TARGET[1];
    let targets = format!("{service} 2\n{service}\n{service} 0\n{service} 3\n");
    let output = example(&fixture, "many", &[], &targets).await;
    assert_eq!((output.code, output.stdout.lines().count()), (Some(1), 1), "{output:?}");
    assert!(output.stdout.starts_with(&format!("{service} 3: ")), "{}", output.stdout);
    for expected in ["404 Not Found", "not a service and a version", "not between 1"] {
        assert!(output.stderr.contains(expected), "{}", output.stderr);
    }
    assert_eq!(output.stderr.lines().count(), 3, "{}", output.stderr);
}
