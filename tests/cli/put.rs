use crate::command::{Fixture, TARGET, output, package, without_ages};
use fastly_package_emulator::sample::{self, SampleOptions};
use fastly_package_emulator::{Answer, Fault, RecordedRequest};
use serde_json::Value;
use std::process::Stdio;

fn put(package: &'static str, flags: &[&'static str]) -> Vec<&'static str> {
    [&["put", "--package", package], &TARGET[..], flags].concat()
}

#[tokio::test]
async fn an_uploaded_package_is_stored_and_printed() {
    let fixture = Fixture::start().await;
    fixture.write("app.tar.gz", &package());
    let output = fixture.put("app.tar.gz", &[]).await;
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    assert_eq!(output.stderr, format!("uploaded {} bytes, verified\n", package().len()));
    let stored = fixture.emulator.package(TARGET[1], 3).unwrap();
    assert!(output.stdout.contains(&stored.hashsum()[..12]), "{}", output.stdout);
    let request = &fixture.emulator.requests()[0];
    assert_eq!(request.package().unwrap().filename.as_deref(), Some("app.tar.gz"));
    let get = fixture.get(&[]).await;
    assert_eq!(without_ages(&get.stdout), without_ages(&output.stdout));
}

#[tokio::test]
async fn quiet_prints_only_the_result() {
    let fixture = Fixture::start().await;
    fixture.write("app.tar.gz", &package());
    let output = fixture.put("app.tar.gz", &["--quiet"]).await;
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""));
}

#[tokio::test]
async fn a_package_is_read_from_a_pipe_a_redirected_file_or_a_fifo() {
    let fixture = Fixture::start().await;
    let package = package();
    fixture.write("app.tar.gz", &package);
    let size: &'static str = package.len().to_string().leak();
    for args in [put("-", &["--json"]), put("-", &["--json", "--size", size])] {
        let output = output(&mut fixture.command(args), &package).await;
        assert_eq!(output.code, Some(0), "{}", output.stderr);
        let printed: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
        assert_eq!(printed["uploaded_bytes"], package.len());
    }
    let file = std::fs::File::open(fixture.path("app.tar.gz")).unwrap();
    let redirected = fixture.command(put("-", &[])).stdin(file).output().await.unwrap();
    assert_eq!(redirected.status.code(), Some(0));
    let mkfifo = std::process::Command::new("mkfifo").arg(fixture.path("fifo")).status().unwrap();
    assert!(mkfifo.success());
    let fifo = fixture.path("fifo");
    let content = package.clone();
    let writing = tokio::task::spawn_blocking(move || std::fs::write(fifo, content));
    assert_eq!(fixture.put("fifo", &[]).await.code, Some(0));
    writing.await.unwrap().unwrap();
    assert_eq!(fixture.uploads(), 4);
}

#[tokio::test]
async fn an_upload_of_another_size_than_announced_is_aborted() {
    let fixture = Fixture::start().await;
    let package = package();
    for (size, expected) in [(package.len() - 1, "longer than"), (package.len() + 1, "ended after")]
    {
        let size: &'static str = size.to_string().leak();
        let output = output(&mut fixture.command(put("-", &["--size", size])), &package).await;
        assert_eq!(output.code, Some(6), "{}", output.stderr);
        assert!(output.stderr.contains(expected), "{}", output.stderr);
    }
    assert_eq!(fixture.uploads(), 0);
    fixture.emulator.all_closed().await;
    assert!(fixture.emulator.requests().iter().all(|request| !request.body_complete));
}

#[tokio::test]
async fn a_package_that_is_missing_empty_or_not_a_file_exits_with_6() {
    let fixture = Fixture::start().await;
    fixture.write("empty.tar.gz", b"");
    std::fs::create_dir(fixture.path("folder")).unwrap();
    for package in ["missing.tar.gz", "folder", "empty.tar.gz", "/dev/null"] {
        let output = fixture.put(package, &[]).await;
        assert_eq!(output.code, Some(6), "{package}: {output:?}");
    }
    assert_eq!(output(&mut fixture.command(put("-", &[])), b"").await.code, Some(6));
    assert_eq!(fixture.emulator.connections(), 0);
}

#[tokio::test]
async fn a_401_ends_an_upload_with_expect_before_its_first_byte() {
    let fixture = Fixture::start().await;
    let options = SampleOptions { size: Some(10 * 1024 * 1024), ..Default::default() };
    fixture.write("app.tar.gz", &sample::package(options));
    for expect in ["always", "auto"] {
        let args = put("app.tar.gz", &["--expect", expect.to_owned().leak()]);
        let output = output(fixture.command(args).env("FASTLY_API_TOKEN", "wrong"), b"").await;
        assert_eq!(output.code, Some(3), "{}", output.stderr);
        assert!(output.stderr.contains("401"), "{}", output.stderr);
    }
    fixture.emulator.all_closed().await;
    for request in fixture.emulator.requests() {
        assert_eq!((request.status, request.body_bytes), (Some(401), 0));
    }
}

/// Returns the peak memory of an upload of this many bytes, in KiB.
async fn peak_memory(size: u64) -> u64 {
    let fixture = Fixture::start().await;
    let options = SampleOptions { size: Some(size), ..SampleOptions::default() };
    let file = std::fs::File::create(fixture.path("app.tar.gz")).unwrap();
    assert_eq!(sample::write(&options, std::io::BufWriter::new(file)).unwrap(), size);
    fixture.emulator.fault(Fault::never_answer());
    let mut command = fixture.command(put("app.tar.gz", &[]));
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let is_sent =
        |requests: &[RecordedRequest]| requests.iter().any(|r| r.body_complete).then_some(());
    fixture.emulator.wait_until(is_sent).await;
    // The kernel's high-water mark, read while the command waits for the response.
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id().unwrap())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    peak.trim().trim_end_matches(" kB").parse().unwrap()
}

#[tokio::test]
async fn peak_memory_does_not_grow_with_the_package() {
    /// The size of all buffers between the file and the connection.
    const BUFFERS: u64 = 4 * 1024;
    // Unoptimized code takes more memory.
    const LIMIT: u64 = if cfg!(debug_assertions) { 32 * 1024 } else { 16 * 1024 };
    let (small, large) = (peak_memory(1000).await, peak_memory(99_000_000).await);
    assert!(large <= small + BUFFERS && large <= LIMIT, "{small} and {large} KiB");
}

#[tokio::test]
async fn an_upload_without_a_token_is_not_stored() {
    let fixture = Fixture::start().await;
    let mut command = fixture.command(put("app.tar.gz", &["--json"]));
    let output = output(command.env_remove("FASTLY_API_TOKEN"), b"").await;
    assert_eq!(output.code, Some(1));
    let printed: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(printed["error"]["stored"], "no");
}

#[tokio::test]
async fn an_unchanged_package_is_not_uploaded_again() {
    let fixture = Fixture::start().await;
    let package = |unsorted, name: &str| {
        sample::package(SampleOptions { unsorted, name: name.into(), ..SampleOptions::default() })
    };
    fixture.write("app.tar.gz", &package(false, "one"));
    let first = fixture.put("app.tar.gz", &["--if-changed", "--json"]).await;
    assert_eq!((first.code, fixture.uploads()), (Some(0), 1), "no package was stored: {first:?}");
    let printed: Value = serde_json::from_str(&first.stdout).unwrap();
    assert_eq!(printed["uploaded"], true);

    // The same files in another order, hence other bytes.
    fixture.write("app.tar.gz", &package(true, "one"));
    let again = fixture.put("app.tar.gz", &["--if-changed", "--json"]).await;
    assert_eq!((again.code, fixture.uploads()), (Some(0), 1), "{again:?}");
    assert!(again.stderr.contains("unchanged"), "{}", again.stderr);
    let printed: Value = serde_json::from_str(&again.stdout).unwrap();
    assert_eq!((&printed["uploaded"], &printed["service_id"]), (&false.into(), &TARGET[1].into()));
    let text = fixture.put("app.tar.gz", &["--if-changed"]).await;
    let get = fixture.get(&[]).await;
    assert_eq!(without_ages(&text.stdout), without_ages(&get.stdout));

    fixture.write("app.tar.gz", &package(false, "two"));
    let changed = fixture.put("app.tar.gz", &["--if-changed"]).await;
    assert_eq!((changed.code, fixture.uploads()), (Some(0), 2), "{changed:?}");
}

#[tokio::test]
async fn hashing_the_files_of_a_package_ends_at_the_timeout() {
    let fixture = Fixture::start().await;
    let gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut tar = tar::Builder::new(gzip);
    let mut header = tar::Header::new_gnu();
    // More than can be decompressed and hashed before the timeout.
    let size = 400_000_000;
    header.set_size(size);
    tar.append_data(&mut header, "a/bin/main.wasm", std::io::Read::take(std::io::repeat(0), size))
        .unwrap();
    fixture.write("app.tar.gz", &tar.into_inner().unwrap().finish().unwrap());
    let output = fixture.put("app.tar.gz", &["--if-changed", "--timeout", "100ms"]).await;
    assert_eq!(output.code, Some(5), "{output:?}");
    let expected =
        "can't get the package of service SU1Z0isxPaozGVKXdv0eY version 3: timed out after 100ms";
    assert!(output.stderr.contains(expected), "{}", output.stderr);
    assert_eq!(fixture.emulator.connections(), 0);
}

#[tokio::test]
async fn a_failed_get_ends_an_upload_with_if_changed() {
    let fixture = Fixture::start().await;
    fixture.write("app.tar.gz", &package());
    for (status, code) in [(401, 3), (403, 3), (500, 3)] {
        fixture.emulator.fault(Fault::answer(Answer::new(status)));
        let output = fixture.put("app.tar.gz", &["--if-changed", "--retries", "0"]).await;
        assert_eq!(output.code, Some(code), "{output:?}");
        assert!(output.stderr.contains("can't get the package"), "{}", output.stderr);
        assert!(fixture.emulator.requests().iter().all(|request| request.method == "GET"));
    }
    assert_eq!(fixture.uploads(), 0);
}

#[tokio::test]
async fn a_dry_run_reports_the_upload_and_sends_no_put() {
    let fixture = Fixture::start().await;
    fixture.write("app.tar.gz", &package());
    let size = package().len();
    let output = fixture.put("app.tar.gz", &["--dry-run"]).await;
    assert_eq!(output.code, Some(0), "{output:?}");
    assert_eq!(
        output.stdout,
        format!("would upload {size} bytes to service {} version 3\n", TARGET[1])
    );
    assert_eq!(fixture.emulator.connections(), 0);
    let output = fixture.put("app.tar.gz", &["--dry-run", "--if-changed", "--json"]).await;
    let printed: Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(printed["dry_run"], true);
    assert_eq!(printed["size"], size);
    fixture.write("invalid.tar.gz", b"no package at all");
    assert_eq!(fixture.put("invalid.tar.gz", &["--dry-run"]).await.code, Some(6));
    assert_eq!(fixture.uploads(), 0);
    assert!(fixture.emulator.requests().iter().all(|request| request.method == "GET"));
}
