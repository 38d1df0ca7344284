//! A `put` that is killed at a random time leaves no files and no partial package.

use crate::command::{Fixture, TARGET};
use fastly_package_emulator::{Fault, sample};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncWriteExt;

const SIZE: u64 = 8_000_000;

fn files(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_killed_put_leaves_no_files_and_no_partial_package() {
    let fixture = Fixture::start().await;
    let package = sample::package(sample::SampleOptions { size: Some(SIZE), ..Default::default() });
    fixture.write("app.tar.gz", &package);
    let temporary = fixture.dir.path().join("tmp");
    std::fs::create_dir(&temporary).unwrap();
    let before = files(fixture.dir.path());
    for round in 0..30 {
        let source = if round % 2 == 0 { "app.tar.gz" } else { "-" };
        let mut command = fixture.command([&["put", "--package", source], &TARGET[..]].concat());
        command.env("TMPDIR", &temporary).stdin(Stdio::piped());
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let mut pipe = child.stdin.take().unwrap();
        let writing = async {
            let _ = pipe.write_all(&package).await;
            std::future::pending::<()>().await;
        };
        // The API reads slowly, so that most uploads are killed before their end.
        fixture.emulator.clear_faults();
        fixture.emulator.fault(Fault::slow_read(SIZE * 4));
        let delay = Duration::from_micros(fastrand::u64(..400_000));
        tokio::select! {
            () = tokio::time::sleep(delay) => {}
            () = writing => {}
        }
        child.start_kill().unwrap();
        child.wait().await.unwrap();
        let closed = fixture.emulator.all_closed();
        tokio::time::timeout(Duration::from_secs(60), closed)
            .await
            .expect("the connection is closed");
        assert_eq!(files(&temporary), Vec::<String>::new(), "{source}, killed after {delay:?}");
        assert_eq!(files(fixture.dir.path()), before, "{source}, killed after {delay:?}");
        if let Some(stored) = fixture.emulator.package(TARGET[1], 3) {
            assert_eq!(stored.size(), SIZE, "the stored package is complete");
        }
    }
    let requests = fixture.emulator.requests();
    assert!(
        requests.iter().any(|r| !r.body_complete),
        "some were killed before their end: {requests:#?}"
    );
}
