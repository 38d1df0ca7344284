//! A `put` that is killed at a random moment leaves nothing behind.

use crate::command::{Fixture, TARGET};
use fastly_package_emulator::{Fault, sample};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncWriteExt;

const SIZE: u64 = 8_000_000;

fn files(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_put_that_is_killed_leaves_neither_a_file_nor_a_part_of_a_package() {
    let fixture = Fixture::start().await;
    let package = sample::package(sample::SampleOptions { size: Some(SIZE), ..Default::default() });
    fixture.write("app.tar.gz", &package);
    let temporary = fixture.folder.path().join("tmp");
    std::fs::create_dir(&temporary).unwrap();
    let before = files(fixture.folder.path());
    for round in 0..30 {
        let from = if round % 2 == 0 { "app.tar.gz" } else { "-" };
        let mut command = fixture.command([&["put", "--package", from], &TARGET[..]].concat());
        command.env("TMPDIR", &temporary).stdin(Stdio::piped());
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let mut pipe = child.stdin.take().unwrap();
        let feeding = async {
            let _ = pipe.write_all(&package).await;
            std::future::pending::<()>().await;
        };
        // The API reads slowly, so that most moments fall into the upload.
        fixture.emulator.clear_faults();
        fixture.emulator.fault(Fault::slow_read(SIZE * 4));
        let moment = Duration::from_micros(fastrand::u64(..400_000));
        tokio::select! {
            () = tokio::time::sleep(moment) => {}
            () = feeding => {}
        }
        child.start_kill().unwrap();
        child.wait().await.unwrap();
        let closed = fixture.emulator.all_closed();
        tokio::time::timeout(Duration::from_secs(60), closed).await.expect("it is closed");
        assert_eq!(files(&temporary), Vec::<String>::new(), "{from}, killed after {moment:?}");
        assert_eq!(files(fixture.folder.path()), before, "{from}, killed after {moment:?}");
        if let Some(stored) = fixture.emulator.package(TARGET[1], 3) {
            assert_eq!(stored.size(), SIZE, "what is stored is whole");
        }
    }
    let requests = fixture.emulator.requests();
    assert!(
        requests.iter().any(|r| !r.body_complete),
        "some were killed in the middle: {requests:#?}"
    );
}
