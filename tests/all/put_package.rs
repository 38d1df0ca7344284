//! PutPackage: the reply, and the request that the API receives.

use crate::fixture::{
    ALWAYS, AUTO, Fixture, MIB, NEVER, SERVICE, hashsum, package, recorded_version, sha512,
    version, with_timeout,
};
use bytes::Bytes;
use fastly_package::{Content, ServiceVersion};
use fastly_package_emulator::{Answer, Fault};
use std::io::Write;
use std::sync::{Arc, Mutex};

#[tokio::test]
async fn the_reply_has_every_field_of_the_recorded_response() {
    let fixture = Fixture::start().await;
    let recorded = include_str!("../fixtures/put-200.json");
    let answer = Answer::new(200).content_type("application/json").body(recorded);
    fixture.emulator.fault(Fault::answer(answer.rate_limit(999, 1_716_584_400)));

    let content = Content::from_bytes(package(2000)).unwrap();
    let reply = fixture.send_to(&recorded_version(), content, AUTO).await.unwrap();

    assert_eq!(reply.body, recorded);
    let limit = reply.rate_limit.unwrap();
    assert_eq!((limit.remaining, limit.reset), (Some(999), Some(1_716_584_400)));
    assert_eq!(limit.retry_after, None);
    assert_eq!(reply.package.id, "ET9AMPS47ntJazcce7f0W7");
    let metadata = reply.package.metadata.unwrap();
    assert_eq!(metadata.size, Some(1_540_845));
    assert_eq!(metadata.cloned_from, None);
    let from_wasm: serde_json::Value =
        serde_json::from_str(&metadata.wasm_metadata.unwrap()).unwrap();
    assert_eq!(from_wasm["processed-by"]["clang"], "16.0.4");
}

#[tokio::test]
async fn a_file_a_reader_and_bytes_are_all_stored_whole() {
    let fixture = Fixture::start().await;
    let package = package(700_000);
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&package).unwrap();
    let size = package.len() as u64;
    let contents = [
        Content::open(file.path()).await.unwrap(),
        Content::from_file(file.reopen().unwrap()).unwrap(),
        Content::from_bytes(package.clone()).unwrap(),
        Content::from_reader(std::io::Cursor::new(package.clone()), size).unwrap(),
    ];
    for content in contents {
        assert_eq!(content.size(), size);
        let reply = fixture.send(content, AUTO).await.unwrap();
        assert_eq!(hashsum(&reply), sha512(&package));
    }
    let stored = fixture.emulator.package(SERVICE, 1).unwrap();
    assert_eq!((stored.uploads, stored.size()), (4, size));
}

#[tokio::test]
async fn a_file_is_sent_from_its_current_position() {
    use std::io::Seek;
    let fixture = Fixture::start().await;
    let package = package(3000);
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(b"a prefix that is not sent").unwrap();
    let start = file.stream_position().unwrap();
    file.write_all(&package).unwrap();
    file.seek(std::io::SeekFrom::Start(start)).unwrap();

    let reply = fixture.send(Content::from_file(file).unwrap(), AUTO).await.unwrap();

    assert_eq!(hashsum(&reply), sha512(&package));
}

#[tokio::test]
async fn an_upload_has_a_content_length_and_one_part() {
    let fixture = Fixture::start().await;
    let package = package(300_000);
    fixture.put(&package, NEVER).await.unwrap();

    let request = fixture.only_request().await;

    assert_eq!(request.method, "PUT");
    assert_eq!(request.path, format!("/service/{SERVICE}/version/1/package"));
    assert_eq!(request.content_length, Some(request.body_bytes));
    assert_eq!(request.header("transfer-encoding"), None);
    assert!(request.body_complete);
    assert_eq!(request.parts.len(), 1);
    let part = request.package().unwrap();
    assert_eq!(part.content_type.as_deref(), Some("application/octet-stream"));
    assert_eq!((part.size, part.sha512.clone()), (300_000, Some(sha512(&package))));
}

#[tokio::test]
async fn a_file_name_is_escaped() {
    let fixture = Fixture::start().await;
    let package = package(2000);
    for (name, escaped) in [
        ("app.tar.gz", "app.tar.gz"),
        ("", "package.tar.gz"),
        ("a\"b.tar.gz", "a%22b.tar.gz"),
        ("a\r\nX-Evil: 1.tar.gz", "a%0D%0AX-Evil: 1.tar.gz"),
        ("nul\0.tar.gz", "nul%00.tar.gz"),
        ("paquet-é-包.tar.gz", "paquet-é-包.tar.gz"),
    ] {
        let content = Content::from_bytes(package.clone()).unwrap().with_file_name(name);
        fixture.send(content, NEVER).await.unwrap();
        let requests = fixture.emulator.requests();
        let part = requests.last().unwrap().package().unwrap();
        assert_eq!(part.filename.as_deref(), Some(escaped), "{name:?}");
    }
}

#[tokio::test]
async fn the_file_name_is_sent_without_its_directory() {
    let fixture = Fixture::start().await;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("my app.tar.gz");
    std::fs::write(&path, package(2000)).unwrap();

    fixture.send(Content::open(&path).await.unwrap(), AUTO).await.unwrap();

    let request = fixture.only_request().await;
    assert_eq!(request.package().unwrap().filename.as_deref(), Some("my app.tar.gz"));
}

#[tokio::test]
async fn packages_whose_sizes_are_near_those_of_buffers_are_stored_whole() {
    let fixture = Fixture::start().await;
    let sizes = [262_143, 262_144, 262_145, MIB - 1, MIB, MIB + 1, 5 * MIB, 5 * MIB + 1];
    for size in sizes {
        let package = Bytes::from(package(size));
        for options in [NEVER, ALWAYS] {
            let reader = std::io::Cursor::new(package.clone());
            for content in [
                Content::from_bytes(package.clone()).unwrap(),
                Content::from_reader(reader, size).unwrap(),
            ] {
                let reply = fixture.send(content, options).await.unwrap();
                assert_eq!(hashsum(&reply), sha512(&package), "{size} {options:?}");
            }
        }
    }
}

#[tokio::test]
async fn content_that_is_not_a_package_is_sent_whole_whatever_its_size() {
    let fixture = Fixture::start().await;
    for size in [1, 2, 4095, 4096, 4097, 65_535, 65_536, 65_537] {
        let bytes = vec![b'x'; size];
        fixture.put(&bytes, NEVER).await.unwrap_err();
        let requests = fixture.emulator.requests();
        let part = requests.last().unwrap().package().unwrap();
        assert_eq!((part.size, part.sha512.clone()), (size as u64, Some(sha512(&bytes))));
    }
}

#[tokio::test]
async fn progress_increases_up_to_the_size() {
    let fixture = Fixture::start().await;
    let package = package(20_000_000);
    let calls = Arc::new(Mutex::new(Vec::new()));
    let recorded = calls.clone();
    // A reader, because `from_bytes` yields a single chunk, of which the connection decides how much is read at a time.
    let content = Content::from_reader(std::io::Cursor::new(package), 20_000_000)
        .unwrap()
        .on_progress(move |read| recorded.lock().unwrap().push(read));

    fixture.send(content, AUTO).await.unwrap();

    let calls = calls.lock().unwrap();
    assert!(calls.len() >= 305, "{} calls for 20 MB in chunks of 64 KiB", calls.len());
    assert!(calls.is_sorted_by(|before, after| before < after), "{calls:?}");
    assert_eq!(calls.last(), Some(&20_000_000));
}

#[tokio::test]
async fn consecutive_calls_share_a_connection() {
    let fixture = Fixture::start().await;
    let package = package(2 * MIB);
    for options in [NEVER, ALWAYS, AUTO, NEVER] {
        fixture.put(&package, options).await.unwrap();
        fixture.get().await.unwrap();
    }
    assert_eq!(fixture.emulator.requests().len(), 8);
    assert_eq!(fixture.emulator.connections(), 1);
}

#[tokio::test]
async fn an_upload_replaces_the_previous_one() {
    let fixture = Fixture::start().await;
    let (first, second) = (package(2000), package(3000));
    let before = fixture.put(&first, AUTO).await.unwrap();
    let after = fixture.put(&second, AUTO).await.unwrap();

    assert_eq!(before.package.id, after.package.id);
    let stored = fixture.emulator.package(SERVICE, 1).unwrap();
    assert_eq!((stored.uploads, stored.hashsum()), (2, sha512(&second).as_str()));
}

#[tokio::test]
async fn two_versions_of_a_service_have_separate_packages() {
    let fixture = Fixture::start().await;
    for (number, size) in [(1, 2000), (2, 3000)] {
        let content = Content::from_bytes(package(size)).unwrap();
        let reply = fixture.send_to(&version(number), content, AUTO).await.unwrap();
        assert_eq!(reply.package.version, number);
    }
    assert_eq!(fixture.emulator.package(SERVICE, 1).unwrap().size(), 2000);
    assert_eq!(fixture.emulator.package(SERVICE, 2).unwrap().size(), 3000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_of_many_concurrent_calls_gets_its_own_response() {
    let fixture = Fixture::start().await;
    let service = |number: u64| ServiceVersion::new(format!("service{number}"), 1).unwrap();
    for number in 0..8 {
        let content = Content::from_bytes(package(2000 + number)).unwrap();
        fixture.send_to(&service(number), content, NEVER).await.unwrap();
    }
    let mut calls = tokio::task::JoinSet::new();
    for number in 0..40_u64 {
        let plugin = fixture.plugin.clone();
        calls.spawn(async move {
            let size = 300_000 + number;
            let (target, result) = if number < 32 {
                let target = service(number % 8);
                (target.clone(), plugin.get_package(&target).await)
            } else {
                let target = service(number + 100);
                let content = Content::from_bytes(package(size)).unwrap();
                let uploaded = plugin.put_package(&target, content, AUTO).await;
                (target, uploaded.map(|uploaded| uploaded.reply))
            };
            let package = result.unwrap().package;
            assert_eq!(package.service_id, target.service_id);
            let expected = if number < 32 { 2000 + number % 8 } else { size };
            assert_eq!(package.metadata.unwrap().size, Some(expected));
        });
    }
    with_timeout(calls.join_all()).await;
    assert_eq!(fixture.emulator.requests().len(), 48);
}
