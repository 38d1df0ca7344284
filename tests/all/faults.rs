//! Connections that fail: the error has the cause, and whether the package may be stored.

use crate::fixture::{
    ALWAYS, Fixture, MIB, NEVER, SERVICE, hashsum, package, plugin_for, sha512, version,
    with_timeout,
};
use fastly_package::{Content, Error, ErrorCode, Plugin, Result, Stored};
use fastly_package_emulator::{Fault, Then};
use std::net::TcpListener;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

#[track_caller]
fn transport_error<T: std::fmt::Debug>(result: Result<T>) -> (Error, Stored) {
    let error = result.expect_err("the connection failed");
    let stored = error.stored();
    assert!(error.is_retryable());
    assert_eq!(error.status(), None);
    assert!(error.error_code().is_some(), "not a transport error: {error:?}");
    (error, stored)
}

#[tokio::test]
async fn a_connection_that_closes_during_a_get_is_a_transport_error() {
    let fixture = Fixture::start().await;
    for fault in [Fault::close(), Fault::reset()] {
        fixture.emulator.fault(fault);
        let (error, _) = transport_error(fixture.get().await);
        assert!(
            matches!(
                error.error_code(),
                Some(ErrorCode::HttpResponseIncomplete | ErrorCode::ConnectionTerminated)
            ),
            "{error:?}"
        );
        fixture.assert_works().await;
    }
}

#[tokio::test]
async fn a_connection_that_closes_during_an_upload_leaves_nothing_stored() {
    let fixture = Fixture::start().await;
    let package = package(16 * MIB);
    for bytes in [0, 1, 100_000, 8 * MIB] {
        for then in [Then::Close, Then::Reset] {
            fixture.emulator.fault(Fault::close().after_body_bytes(bytes).then(then));
            let (_, stored) = transport_error(fixture.put(&package, NEVER).await);
            assert_eq!(stored, Stored::No, "{bytes} {then:?}");
            fixture.assert_nothing_stored();
        }
    }
    fixture.assert_works().await;
}

#[tokio::test]
async fn a_connection_that_closes_before_the_100_leaves_nothing_stored() {
    let fixture = Fixture::start().await;
    for fault in [Fault::close(), Fault::reset()] {
        fixture.emulator.fault(fault);
        let (_, stored) = transport_error(fixture.put(&package(2000), ALWAYS).await);
        assert_eq!(stored, Stored::No);
    }
    assert!(fixture.emulator.requests().iter().all(|request| request.body_bytes == 0));
    fixture.assert_works().await;
}

#[tokio::test]
async fn an_upload_whose_response_is_lost_may_be_stored() {
    let fixture = Fixture::start().await;
    for then in [Then::Close, Then::Reset] {
        for options in [NEVER, ALWAYS] {
            let package = package(2 * MIB);
            fixture.emulator.fault(Fault::lost_answer().then(then));

            let (_, stored) = transport_error(fixture.put(&package, options).await);

            assert_eq!(stored, Stored::Unknown);
            let reply = fixture.get().await.expect("the package is stored");
            assert_eq!(hashsum(&reply), sha512(&package));
        }
    }
    let uploads = fixture.emulator.requests().iter().filter(|r| r.method == "PUT").count();
    assert_eq!(uploads, 4, "without retries an upload is sent once");
    fixture.assert_works().await;
}

#[tokio::test]
async fn a_connection_that_the_api_closes_after_a_response_fails_no_call() {
    close_after_responses().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_connection_that_the_api_closes_after_a_response_fails_no_call_on_one_worker_thread() {
    // Spawned, so that the calls run on the worker thread.
    tokio::spawn(close_after_responses()).await.unwrap();
}

async fn close_after_responses() {
    let fixture = Fixture::start().await;
    fixture.put(&package(2000), NEVER).await.unwrap();
    for then in [Then::Close, Then::Reset].repeat(5) {
        let answer = fastly_package_emulator::Answer::real();
        fixture.emulator.fault(Fault::answer(answer).then(then));
        fixture.get().await.unwrap();
        with_timeout(fixture.emulator.all_closed()).await;
        fixture.get().await.unwrap();
    }
}

#[tokio::test]
async fn a_refused_connection_is_a_transport_error() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    for scheme in ["http", "https"] {
        let plugin = plugin_for(&format!("{scheme}://{address}")).build().unwrap();
        for error in connect_errors(&plugin).await {
            assert!(matches!(error.error_code(), Some(ErrorCode::ConnectionRefused)), "{error:?}");
            assert!(error.to_string().contains("refused"), "{error}");
        }
    }
}

#[tokio::test]
async fn a_host_name_that_does_not_resolve_is_a_dns_error() {
    let plugin = plugin_for("https://api.fastly.invalid").build().unwrap();
    for error in connect_errors(&plugin).await {
        assert!(matches!(error.error_code(), Some(ErrorCode::DnsError(_))), "{error:?}");
        assert!(error.to_string().contains("api.fastly.invalid"), "{error}");
    }
}

/// Returns the errors of a GET and of a PUT that can't connect.
async fn connect_errors(plugin: &Plugin) -> [Error; 2] {
    let content = Content::from_bytes(package(2 * MIB)).unwrap();
    let get = with_timeout(plugin.get_package(&version(1))).await;
    let put = with_timeout(plugin.put_package(&version(1), content, NEVER)).await;
    [get, put.map(|uploaded| uploaded.reply)].map(|result| {
        let (error, stored) = transport_error(result);
        assert_eq!(stored, Stored::No);
        error
    })
}

#[tokio::test]
async fn dropping_a_call_closes_its_connection() {
    let fixture = Fixture::start().await;
    let package = package(16 * MIB);
    for (fault, options) in [
        (Fault::never_read(), NEVER),
        (Fault::never_read().after_body_bytes(MIB), NEVER),
        (Fault::never_read(), ALWAYS),
        (Fault::never_answer(), NEVER),
        (Fault::never_answer(), ALWAYS),
    ] {
        let index = fixture.emulator.requests().len();
        fixture.emulator.fault(fault.clone());
        let has_begun = fixture.emulator.wait_until(|requests| {
            requests.get(index).filter(|r| r.stalled || r.body_complete).map(drop)
        });
        tokio::select! {
            result = fixture.put(&package, options) => panic!("{fault:?}: {result:?}"),
            () = with_timeout(has_begun) => {}
        }
        with_timeout(fixture.emulator.all_closed()).await;
    }
    fixture.assert_nothing_stored();
    fixture.assert_works().await;
}

#[tokio::test]
async fn dropping_a_get_closes_its_connection() {
    let fixture = Fixture::start().await;
    fixture.emulator.fault(Fault::never_answer());
    tokio::select! {
        result = fixture.get() => panic!("{result:?}"),
        () = with_timeout(fixture.emulator.wait_until(|requests| requests.first().map(drop))) => {}
    }
    with_timeout(fixture.emulator.all_closed()).await;
    fixture.assert_works().await;
}

/// A reader that is always pending, with a reference count that shows when it is dropped.
struct PendingReader(#[expect(dead_code, reason = "only counted")] Arc<()>);

impl tokio::io::AsyncRead for PendingReader {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut tokio::io::ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Poll::Pending
    }
}

#[tokio::test]
async fn dropping_a_call_drops_a_pending_reader() {
    let fixture = Fixture::start().await;
    let count = Arc::new(());
    let content = Content::from_reader(PendingReader(count.clone()), MIB).unwrap();
    let has_begun = fixture.emulator.wait_until(|requests| requests.first().map(drop));
    tokio::select! {
        result = fixture.send(content, NEVER) => panic!("{result:?}"),
        () = with_timeout(has_begun) => {}
    }
    with_timeout(async {
        while Arc::strong_count(&count) > 1 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn dropping_a_call_stops_reading_its_content() {
    let fixture = Fixture::start().await;
    let (reader, mut writer) = tokio::io::duplex(64 * 1024);
    let content = Content::from_reader(reader, 64 * MIB).unwrap();
    let writing = tokio::spawn(async move {
        let mut buffer = &vec![b'x'; 64 * MIB as usize][..];
        tokio::io::copy(&mut buffer, &mut writer).await
    });
    fixture.emulator.fault(Fault::never_read());
    let has_begun = fixture.emulator.wait_until(|requests| requests.first().map(drop));
    tokio::select! {
        result = fixture.send(content, NEVER) => panic!("{result:?}"),
        () = with_timeout(has_begun) => {}
    }
    let written = with_timeout(writing).await.unwrap();
    assert_eq!(written.unwrap_err().kind(), std::io::ErrorKind::BrokenPipe);
    assert!(fixture.emulator.package(SERVICE, 1).is_none());
}
