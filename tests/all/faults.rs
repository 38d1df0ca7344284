//! Connections that break: the error says where, and whether the package may be stored.

use crate::fixture::{
    ALWAYS, Fixture, MIB, NEVER, SERVICE, hashsum, in_time, package, plugin_for, sha512, version,
};
use fastly_package::{Content, Error, ErrorCode, Plugin, Result, Stored, TransportError};
use fastly_package_emulator::{Fault, Then};
use std::net::TcpListener;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

#[track_caller]
fn lost<T: std::fmt::Debug>(result: Result<T>) -> (TransportError, Stored) {
    let error = result.expect_err("the connection broke");
    let stored = error.stored();
    assert!(error.is_retryable());
    assert_eq!(error.status(), None);
    match error {
        Error::Transport(lost) => (lost, stored),
        other => panic!("not a lost connection: {other:?}"),
    }
}

#[tokio::test]
async fn a_get_that_breaks_is_a_lost_connection() {
    let fixture = Fixture::start().await;
    for fault in [Fault::close(), Fault::reset()] {
        fixture.emulator.fault(fault);
        let (error, _) = lost(fixture.get().await);
        assert!(
            matches!(
                error.code,
                ErrorCode::HttpResponseIncomplete | ErrorCode::ConnectionTerminated
            ),
            "{error:?}"
        );
        fixture.assert_works().await;
    }
}

#[tokio::test]
async fn an_upload_that_breaks_before_its_end_is_not_stored() {
    let fixture = Fixture::start().await;
    let package = package(16 * MIB);
    for after in [0, 1, 100_000, 8 * MIB] {
        for then in [Then::Close, Then::Reset] {
            fixture.emulator.fault(Fault::close().after_body_bytes(after).then(then));
            let (_, stored) = lost(fixture.put(&package, NEVER).await);
            assert_eq!(stored, Stored::No, "{after} {then:?}");
            fixture.assert_nothing_stored();
        }
    }
    fixture.assert_works().await;
}

#[tokio::test]
async fn an_upload_that_breaks_while_it_waits_for_the_word_is_not_stored() {
    let fixture = Fixture::start().await;
    for fault in [Fault::close(), Fault::reset()] {
        fixture.emulator.fault(fault);
        let (_, stored) = lost(fixture.put(&package(2000), ALWAYS).await);
        assert_eq!(stored, Stored::No);
    }
    assert!(fixture.emulator.requests().iter().all(|request| request.body_bytes == 0));
    fixture.assert_works().await;
}

#[tokio::test]
async fn an_upload_whose_answer_is_lost_may_be_stored() {
    let fixture = Fixture::start().await;
    for then in [Then::Close, Then::Reset] {
        for options in [NEVER, ALWAYS] {
            let package = package(2 * MIB);
            fixture.emulator.fault(Fault::lost_answer().then(then));

            let (_, stored) = lost(fixture.put(&package, options).await);

            assert_eq!(stored, Stored::Unknown);
            let found = fixture.get().await.expect("the emulator has stored it");
            assert_eq!(hashsum(&found), sha512(&package));
        }
    }
    let uploads = fixture.emulator.requests().iter().filter(|r| r.method == "PUT").count();
    assert_eq!(uploads, 4, "without retries an upload is sent once");
    fixture.assert_works().await;
}

#[tokio::test]
async fn a_connection_that_the_api_closes_afterwards_costs_no_call() {
    closes_afterwards().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn nor_on_a_runtime_with_one_worker() {
    // On its thread, as a server's handlers are.
    tokio::spawn(closes_afterwards()).await.unwrap();
}

async fn closes_afterwards() {
    let fixture = Fixture::start().await;
    fixture.put(&package(2000), NEVER).await.unwrap();
    for then in [Then::Close, Then::Reset].repeat(5) {
        let answer = fastly_package_emulator::Answer::real();
        fixture.emulator.fault(Fault::answer(answer).then(then));
        fixture.get().await.unwrap();
        in_time(fixture.emulator.all_closed()).await;
        fixture.get().await.unwrap();
    }
}

#[tokio::test]
async fn where_nobody_listens_the_api_is_not_reached() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    for scheme in ["http", "https"] {
        let plugin = plugin_for(&format!("{scheme}://{address}")).build().unwrap();
        for error in both(&plugin).await {
            assert!(matches!(error.code, ErrorCode::ConnectionRefused), "{error:?}");
            assert!(!error.reason.is_empty());
        }
    }
}

#[tokio::test]
async fn a_name_that_does_not_resolve_is_said_to() {
    let plugin = plugin_for("https://api.fastly.invalid").build().unwrap();
    for error in both(&plugin).await {
        assert!(matches!(error.code, ErrorCode::DnsError(_)), "{error:?}");
        assert!(error.reason.contains("api.fastly.invalid"), "{}", error.reason);
    }
}

/// The errors of a GET and a PUT that send nothing.
async fn both(plugin: &Plugin) -> [TransportError; 2] {
    let content = Content::from_bytes(package(2 * MIB)).unwrap();
    let got = in_time(plugin.get_package(&version(1))).await;
    let put = in_time(plugin.put_package(&version(1), content, NEVER)).await;
    [got, put.map(|uploaded| uploaded.reply)].map(|result| {
        let (error, stored) = lost(result);
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
        let begun = fixture.emulator.requests().len();
        fixture.emulator.fault(fault.clone());
        let has_begun = fixture.emulator.wait_until(|requests| {
            requests.get(begun).filter(|r| r.stalled || r.body_complete).map(drop)
        });
        tokio::select! {
            result = fixture.put(&package, options) => panic!("{fault:?}: {result:?}"),
            () = in_time(has_begun) => {}
        }
        in_time(fixture.emulator.all_closed()).await;
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
        () = in_time(fixture.emulator.wait_until(|requests| requests.first().map(drop))) => {}
    }
    in_time(fixture.emulator.all_closed()).await;
    fixture.assert_works().await;
}

/// A reader that never gives anything, and who else holds it.
struct Silent(#[expect(dead_code, reason = "it is only counted")] Arc<()>);

impl tokio::io::AsyncRead for Silent {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut tokio::io::ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Poll::Pending
    }
}

#[tokio::test]
async fn a_reader_that_gives_nothing_is_let_go_with_its_call() {
    let fixture = Fixture::start().await;
    let held = Arc::new(());
    let content = Content::from_reader(Silent(held.clone()), MIB).unwrap();
    let has_begun = fixture.emulator.wait_until(|requests| requests.first().map(drop));
    tokio::select! {
        result = fixture.send(content, NEVER) => panic!("{result:?}"),
        () = in_time(has_begun) => {}
    }
    in_time(async {
        while Arc::strong_count(&held) > 1 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn dropping_a_call_stops_the_reading_of_its_content() {
    let fixture = Fixture::start().await;
    let (reader, mut writer) = tokio::io::duplex(64 * 1024);
    let content = Content::from_reader(reader, 64 * MIB).unwrap();
    let feeding = tokio::spawn(async move {
        let mut buffer = &vec![b'x'; 64 * MIB as usize][..];
        tokio::io::copy(&mut buffer, &mut writer).await
    });
    fixture.emulator.fault(Fault::never_read());
    let has_begun = fixture.emulator.wait_until(|requests| requests.first().map(drop));
    tokio::select! {
        result = fixture.send(content, NEVER) => panic!("{result:?}"),
        () = in_time(has_begun) => {}
    }
    let fed = in_time(feeding).await.unwrap();
    assert_eq!(fed.unwrap_err().kind(), std::io::ErrorKind::BrokenPipe);
    assert!(fixture.emulator.package(SERVICE, 1).is_none());
}
