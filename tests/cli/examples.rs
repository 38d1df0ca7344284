//! Runs the library's examples as a reader would. `cargo test` builds them first, unless it is told which targets to build.

use crate::command::{Ended, Fixture, TARGET, TOKEN, ended, package, sha512};
use fastly_package_emulator::{Answer, Fault};
use std::path::Path;
use tokio::process::Command;

/// Runs an example, with this on its standard input.
async fn example(fixture: &Fixture, name: &str, args: &[&str], stdin: &str) -> Ended {
    let folder = Path::new(env!("CARGO_BIN_EXE_fastly-package")).parent().unwrap().join("examples");
    assert!(folder.join(name).is_file(), "not built: cargo build --examples");
    let mut command = Command::new(folder.join(name));
    command
        .args(args)
        .current_dir(fixture.folder.path())
        .env_clear()
        .env("FASTLY_API_TOKEN", TOKEN)
        .env("FASTLY_API_ENDPOINT", fixture.emulator.url())
        .kill_on_drop(true);
    ended(&mut command, stdin.as_bytes()).await
}

/// An emulator with a package in version 3, which is `app.tar.gz` too.
async fn with_package() -> Fixture {
    let fixture = Fixture::start().await;
    fixture.write("app.tar.gz", &package());
    assert_eq!(fixture.put("app.tar.gz", &[]).await.code, Some(0));
    fixture
}

#[tokio::test]
async fn embed_prints_a_package() {
    let fixture = with_package().await;
    let ended = example(&fixture, "embed", &[TARGET[1], "3"], "").await;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    assert!(ended.stdout.starts_with("PackageResponse {"), "{}", ended.stdout);
    assert!(ended.stdout.contains(&sha512(&package())), "{}", ended.stdout);
}

#[tokio::test]
async fn embed_says_why_there_is_no_package() {
    let fixture = Fixture::start().await;
    let ended = example(&fixture, "embed", &[TARGET[1], "3"], "").await;
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""));
    assert!(ended.stderr.contains("404 Not Found"), "{}", ended.stderr);
}

#[tokio::test]
async fn progress_goes_to_the_end_of_an_upload() {
    let fixture = Fixture::start().await;
    fixture.write("app.tar.gz", &package());
    let ended = example(&fixture, "progress", &[TARGET[1], "3", "app.tar.gz"], "").await;
    assert_eq!((ended.code, fixture.uploads()), (Some(0), 1), "{ended:?}");
    assert_eq!(ended.stdout, format!("{} bytes are stored: Verified\n", package().len()));
    assert!(ended.stderr.ends_with("\r100 %\n"), "{:?}", ended.stderr);
}

#[tokio::test]
async fn progress_says_what_became_of_an_upload_that_failed() {
    let fixture = Fixture::start().await;
    fixture.write("app.tar.gz", &package());
    for (put, get, says) in [
        (Fault::answer(Answer::bad_package()), None, "nothing is stored"),
        (Fault::lost_answer(), Some(Fault::answer(Answer::forbidden())), "it may be stored"),
    ] {
        fixture.emulator.fault(put.on_put());
        get.into_iter().for_each(|get| fixture.emulator.fault(get.on_get()));
        let ended = example(&fixture, "progress", &[TARGET[1], "3", "app.tar.gz"], "").await;
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""));
        assert!(ended.stderr.contains(says), "{}", ended.stderr);
    }
}

#[tokio::test]
async fn many_lists_each_package_of_a_fleet() {
    let fixture = with_package().await;
    let listed: String = format!("{} 3\n", TARGET[1]).repeat(40);
    let ended = example(&fixture, "many", &[], &listed).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    let line = format!("{} 3: \"sample-package\", {} bytes\n", TARGET[1], package().len());
    assert_eq!(ended.stdout, line.repeat(40));
}

#[tokio::test]
async fn many_goes_on_after_a_failure_and_ends_in_1() {
    let fixture = with_package().await;
    let service = TARGET[1];
    let listed = format!("{service} 2\n{service}\n{service} 0\n{service} 3\n");
    let ended = example(&fixture, "many", &[], &listed).await;
    assert_eq!((ended.code, ended.stdout.lines().count()), (Some(1), 1), "{ended:?}");
    assert!(ended.stdout.starts_with(&format!("{service} 3: ")), "{}", ended.stdout);
    for says in ["404 Not Found", "not a service and a version", "not between 1"] {
        assert!(ended.stderr.contains(says), "{}", ended.stderr);
    }
    assert_eq!(ended.stderr.lines().count(), 3, "{}", ended.stderr);
}
