use crate::command::{Fixture, TARGET, ended, package, without_ages};
use fastly_package_emulator::sample::{self, SampleOptions};
use fastly_package_emulator::{Answer, Fault, RecordedRequest};
use serde_json::Value;
use std::process::Stdio;

fn put(package: &'static str, more: &[&'static str]) -> Vec<&'static str> {
    [&["put", "--package", package], &TARGET[..], more].concat()
}

#[tokio::test]
async fn an_upload_is_stored_and_shown() {
    let fixture = Fixture::start().await;
    fixture.write("app.tar.gz", &package());
    let ended = fixture.put("app.tar.gz", &[]).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(ended.stderr, format!("uploaded {} bytes, verified\n", package().len()));
    let stored = fixture.emulator.package(TARGET[1], 3).unwrap();
    assert!(ended.stdout.contains(&stored.hashsum()[..12]), "{}", ended.stdout);
    let request = &fixture.emulator.requests()[0];
    assert_eq!(request.package().unwrap().filename.as_deref(), Some("app.tar.gz"));
    let got = fixture.get(&[]).await;
    assert_eq!(without_ages(&got.stdout), without_ages(&ended.stdout));
}

#[tokio::test]
async fn quiet_says_only_the_result() {
    let fixture = Fixture::start().await;
    fixture.write("app.tar.gz", &package());
    let ended = fixture.put("app.tar.gz", &["--quiet"]).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
}

#[tokio::test]
async fn a_package_comes_from_a_pipe_a_redirection_or_a_fifo() {
    let fixture = Fixture::start().await;
    let package = package();
    fixture.write("app.tar.gz", &package);
    let size: &'static str = package.len().to_string().leak();
    for args in [put("-", &["--json"]), put("-", &["--json", "--size", size])] {
        let ended = ended(&mut fixture.command(args), &package).await;
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        let printed: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
        assert_eq!(printed["uploaded_bytes"], package.len());
    }
    let file = std::fs::File::open(fixture.path("app.tar.gz")).unwrap();
    let redirected = fixture.command(put("-", &[])).stdin(file).output().await.unwrap();
    assert_eq!(redirected.status.code(), Some(0));
    let made = std::process::Command::new("mkfifo").arg(fixture.path("fifo")).status().unwrap();
    assert!(made.success());
    let writer = fixture.path("fifo");
    let written = package.clone();
    let writing = tokio::task::spawn_blocking(move || std::fs::write(writer, written));
    assert_eq!(fixture.put("fifo", &[]).await.code, Some(0));
    writing.await.unwrap().unwrap();
    assert_eq!(fixture.uploads(), 4);
}

#[tokio::test]
async fn a_stream_of_another_size_is_aborted() {
    let fixture = Fixture::start().await;
    let package = package();
    for (size, says) in [(package.len() - 1, "longer than"), (package.len() + 1, "ended after")] {
        let size: &'static str = size.to_string().leak();
        let ended = ended(&mut fixture.command(put("-", &["--size", size])), &package).await;
        assert_eq!(ended.code, Some(6), "{}", ended.stderr);
        assert!(ended.stderr.contains(says), "{}", ended.stderr);
    }
    assert_eq!(fixture.uploads(), 0);
    fixture.emulator.all_closed().await;
    assert!(fixture.emulator.requests().iter().all(|request| !request.body_complete));
}

#[tokio::test]
async fn what_is_no_file_is_refused_here() {
    let fixture = Fixture::start().await;
    fixture.write("empty.tar.gz", b"");
    std::fs::create_dir(fixture.path("folder")).unwrap();
    for package in ["missing.tar.gz", "folder", "empty.tar.gz", "/dev/null"] {
        let ended = fixture.put(package, &[]).await;
        assert_eq!(ended.code, Some(6), "{package}: {ended:?}");
    }
    assert_eq!(ended(&mut fixture.command(put("-", &[])), b"").await.code, Some(6));
    assert_eq!(fixture.emulator.connections(), 0);
}

#[tokio::test]
async fn a_401_stops_an_upload_that_asked_before_its_first_byte() {
    let fixture = Fixture::start().await;
    let options = SampleOptions { size: Some(10 * 1024 * 1024), ..Default::default() };
    fixture.write("app.tar.gz", &sample::package(options));
    for expect in ["always", "auto"] {
        let args = put("app.tar.gz", &["--expect", expect.to_owned().leak()]);
        let ended = ended(fixture.command(args).env("FASTLY_API_TOKEN", "wrong"), b"").await;
        assert_eq!(ended.code, Some(3), "{}", ended.stderr);
        assert!(ended.stderr.contains("401"), "{}", ended.stderr);
    }
    fixture.emulator.all_closed().await;
    for request in fixture.emulator.requests() {
        assert_eq!((request.status, request.body_bytes), (Some(401), 0));
    }
}

/// The memory that an upload of this many bytes has at most, in KiB.
async fn peak_memory(size: u64) -> u64 {
    let fixture = Fixture::start().await;
    let options = SampleOptions { size: Some(size), ..SampleOptions::default() };
    let file = std::fs::File::create(fixture.path("app.tar.gz")).unwrap();
    assert_eq!(sample::write(&options, std::io::BufWriter::new(file)).unwrap(), size);
    fixture.emulator.fault(Fault::never_answer());
    let mut command = fixture.command(put("app.tar.gz", &[]));
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let whole =
        |requests: &[RecordedRequest]| requests.iter().any(|r| r.body_complete).then_some(());
    fixture.emulator.wait_until(whole).await;
    // The kernel's own high-water mark, read while the command waits for the answer.
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id().unwrap())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    peak.trim().trim_end_matches(" kB").parse().unwrap()
}

#[tokio::test]
async fn peak_memory_does_not_grow_with_the_package() {
    /// What may be on its way from the file to the connection.
    const BUFFERS: u64 = 4 * 1024;
    // An unoptimized program has as much again in its code.
    const LIMIT: u64 = if cfg!(debug_assertions) { 32 * 1024 } else { 16 * 1024 };
    let (small, large) = (peak_memory(1000).await, peak_memory(99_000_000).await);
    assert!(large <= small + BUFFERS && large <= LIMIT, "{small} and {large} KiB");
}

#[tokio::test]
async fn an_upload_that_never_began_is_not_stored() {
    let fixture = Fixture::start().await;
    let mut command = fixture.command(put("app.tar.gz", &["--json"]));
    let ended = ended(command.env_remove("FASTLY_API_TOKEN"), b"").await;
    assert_eq!(ended.code, Some(1));
    let printed: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(printed["error"]["stored"], "no");
}

#[tokio::test]
async fn what_is_there_already_is_not_uploaded_again() {
    let fixture = Fixture::start().await;
    let packed = |unsorted, name: &str| {
        sample::package(SampleOptions { unsorted, name: name.into(), ..SampleOptions::default() })
    };
    fixture.write("app.tar.gz", &packed(false, "one"));
    let first = fixture.put("app.tar.gz", &["--if-changed", "--json"]).await;
    assert_eq!((first.code, fixture.uploads()), (Some(0), 1), "nothing was there: {first:?}");
    let printed: Value = serde_json::from_str(&first.stdout).unwrap();
    assert_eq!(printed["uploaded"], true);

    // Other bytes, the same files.
    fixture.write("app.tar.gz", &packed(true, "one"));
    let again = fixture.put("app.tar.gz", &["--if-changed", "--json"]).await;
    assert_eq!((again.code, fixture.uploads()), (Some(0), 1), "{again:?}");
    assert!(again.stderr.contains("unchanged"), "{}", again.stderr);
    let printed: Value = serde_json::from_str(&again.stdout).unwrap();
    assert_eq!((&printed["uploaded"], &printed["service_id"]), (&false.into(), &TARGET[1].into()));
    let text = fixture.put("app.tar.gz", &["--if-changed"]).await;
    let got = fixture.get(&[]).await;
    assert_eq!(without_ages(&text.stdout), without_ages(&got.stdout));

    fixture.write("app.tar.gz", &packed(false, "two"));
    let changed = fixture.put("app.tar.gz", &["--if-changed"]).await;
    assert_eq!((changed.code, fixture.uploads()), (Some(0), 2), "{changed:?}");
}

#[tokio::test]
async fn reading_the_files_of_a_package_takes_no_longer_than_the_timeout() {
    let fixture = Fixture::start().await;
    let gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut tar = tar::Builder::new(gzip);
    let mut header = tar::Header::new_gnu();
    // More than is unpacked and hashed in the time.
    let size = 400_000_000;
    header.set_size(size);
    tar.append_data(&mut header, "a/bin/main.wasm", std::io::Read::take(std::io::repeat(0), size))
        .unwrap();
    fixture.write("app.tar.gz", &tar.into_inner().unwrap().finish().unwrap());
    let ended = fixture.put("app.tar.gz", &["--if-changed", "--timeout", "100ms"]).await;
    assert_eq!(ended.code, Some(5), "{ended:?}");
    let says = "can't get the package of service SU1Z0isxPaozGVKXdv0eY version 3: the call was not done within 100ms";
    assert!(ended.stderr.contains(says), "{}", ended.stderr);
    assert_eq!(fixture.emulator.connections(), 0);
}

#[tokio::test]
async fn a_get_that_fails_is_not_taken_for_a_change() {
    let fixture = Fixture::start().await;
    fixture.write("app.tar.gz", &package());
    for (status, code) in [(401, 3), (403, 3), (500, 3)] {
        fixture.emulator.fault(Fault::answer(Answer::new(status)));
        let ended = fixture.put("app.tar.gz", &["--if-changed", "--retries", "0"]).await;
        assert_eq!(ended.code, Some(code), "{ended:?}");
        assert!(ended.stderr.contains("can't get the package"), "{}", ended.stderr);
        assert!(fixture.emulator.requests().iter().all(|request| request.method == "GET"));
    }
    assert_eq!(fixture.uploads(), 0);
}

#[tokio::test]
async fn a_dry_run_says_what_would_be_sent_and_writes_nothing() {
    let fixture = Fixture::start().await;
    fixture.write("app.tar.gz", &package());
    let size = package().len();
    let ended = fixture.put("app.tar.gz", &["--dry-run"]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(
        ended.stdout,
        format!("would upload {size} bytes to service {} version 3\n", TARGET[1])
    );
    assert_eq!(fixture.emulator.connections(), 0);
    let ended = fixture.put("app.tar.gz", &["--dry-run", "--if-changed", "--json"]).await;
    let printed: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(printed["dry_run"], true);
    assert_eq!(printed["size"], size);
    fixture.write("no.tar.gz", b"no package at all");
    assert_eq!(fixture.put("no.tar.gz", &["--dry-run"]).await.code, Some(6));
    assert_eq!(fixture.uploads(), 0);
    assert!(fixture.emulator.requests().iter().all(|request| request.method == "GET"));
}
