//! What takes too long: the error says which limit was passed.

use crate::fixture::{ALWAYS, Fixture, MIB, NEVER, in_time, package, plugin_for, version};
use fastly_package::{
    Content, Error, PluginBuilder, Reply, Result, Stored, TimeoutError, TimeoutKind, Timeouts,
    Upload,
};
use fastly_package_emulator::{Answer, Fault, Then};
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpSocket, TcpStream};

const SHORT: Duration = Duration::from_millis(300);

fn short(change: impl FnOnce(&mut Timeouts)) -> impl FnOnce(PluginBuilder) -> PluginBuilder {
    let mut timeouts = Timeouts::default();
    change(&mut timeouts);
    move |plugin| plugin.timeouts(timeouts)
}

#[track_caller]
fn timed_out(result: Result<Reply>, kind: TimeoutKind) -> (TimeoutError, Stored) {
    let error = result.expect_err("it takes too long");
    let stored = error.stored();
    assert!(error.is_retryable());
    let Error::Timeout(timeout) = error else { panic!("no timeout: {error:?}") };
    assert_eq!((timeout.kind, timeout.limit), (kind, SHORT));
    (timeout, stored)
}

#[tokio::test]
async fn an_api_that_stops_reading_stalls_the_upload() {
    let fixture = Fixture::with(short(|timeouts| timeouts.stall = SHORT)).await;
    let package = package(16 * MIB);
    for fault in [Fault::never_read(), Fault::never_read().after_body_bytes(2 * MIB)] {
        fixture.emulator.fault(fault);
        let result = fixture.put(&package, NEVER).await;
        let (timeout, stored) = timed_out(result, TimeoutKind::Stall);
        assert_eq!(stored, Stored::No);
        let Upload { read, size } = timeout.upload.unwrap();
        assert!(size == 16 * MIB && (1..size).contains(&read), "{timeout:?}");
        in_time(fixture.emulator.all_closed()).await;
    }
    fixture.assert_nothing_stored();
    fixture.assert_works().await;
}

#[tokio::test]
async fn an_api_that_never_answers_is_waited_for_so_long() {
    let fixture = Fixture::with(short(|timeouts| timeouts.answer = SHORT)).await;
    for options in [NEVER, ALWAYS] {
        fixture.emulator.fault(Fault::never_answer());
        let result = fixture.put(&package(MIB), options).await;
        let (timeout, stored) = timed_out(result, TimeoutKind::Answer);
        assert_eq!(stored, Stored::Unknown);
        assert_eq!(timeout.upload, Some(Upload { read: MIB, size: MIB }));
    }
    fixture.emulator.fault(Fault::never_answer());
    timed_out(fixture.get().await, TimeoutKind::Answer);
    in_time(fixture.emulator.all_closed()).await;
    fixture.assert_works().await;
}

#[tokio::test]
async fn an_answer_that_stops_in_the_middle_is_waited_for_so_long() {
    let fixture = Fixture::with(short(|timeouts| timeouts.stall = SHORT)).await;
    for part in ["", "{", "{\"id\":\"p\","] {
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: 45\r\n\r\n{part}");
        fixture.emulator.fault(Fault::answer(Answer::raw(answer)).then(Then::Stall));
        timed_out(fixture.get().await, TimeoutKind::Stall);
    }
    in_time(fixture.emulator.all_closed()).await;
    fixture.assert_works().await;
}

#[tokio::test]
async fn the_whole_call_has_a_limit_of_its_own() {
    let fixture = Fixture::with(short(|timeouts| timeouts.total = Some(SHORT))).await;
    fixture.emulator.fault(Fault::never_answer());
    timed_out(fixture.get().await, TimeoutKind::Total);
    // It progresses, but not in time.
    fixture.emulator.fault(Fault::slow_read(4 * MIB));
    let result = fixture.put(&package(24 * MIB), NEVER).await;
    let (_, stored) = timed_out(result, TimeoutKind::Total);
    assert_eq!(stored, Stored::No);
    in_time(fixture.emulator.all_closed()).await;
    fixture.assert_nothing_stored();
}

#[tokio::test]
async fn content_that_does_not_come_is_a_stall() {
    let fixture = Fixture::with(short(|timeouts| timeouts.stall = SHORT)).await;
    let (reader, _writer) = tokio::io::duplex(1024);
    let content = Content::from_reader(reader, MIB).unwrap();
    timed_out(fixture.send(content, NEVER).await, TimeoutKind::Stall);
    in_time(fixture.emulator.all_closed()).await;
    fixture.assert_nothing_stored();
}

#[tokio::test]
async fn an_upload_that_is_slow_but_moves_is_not_cut() {
    let fixture = Fixture::with(short(|timeouts| timeouts.stall = Duration::from_secs(1))).await;
    fixture.emulator.fault(Fault::slow_read(8 * MIB));
    let start = Instant::now();
    fixture.put(&package(24 * MIB), NEVER).await.unwrap();
    assert!(start.elapsed() > Duration::from_secs(2), "{:?}", start.elapsed());
}

#[tokio::test]
async fn an_answer_that_is_slow_but_comes_is_not_cut() {
    let limits = short(|timeouts| {
        timeouts.stall = SHORT;
        timeouts.answer = Duration::from_secs(30);
    });
    let fixture = Fixture::with(limits).await;
    // Work on the whole package is the API's own time, however short a stall may be.
    fixture.emulator.fault(Fault::delay(3 * SHORT));
    fixture.put(&package(MIB), NEVER).await.unwrap();
}

#[tokio::test]
async fn an_api_that_accepts_no_connection_is_waited_for_so_long() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    // Nobody accepts: once the backlog is full, no connection comes about any more.
    let mut backlog = Vec::new();
    while let Ok(connection) = tokio::time::timeout(SHORT, TcpStream::connect(address)).await {
        backlog.push(connection.unwrap());
    }
    let plugin =
        short(|timeouts| timeouts.connect = SHORT)(plugin_for(&format!("http://{address}")));

    let result = in_time(plugin.build().unwrap().get_package(&version(1))).await;

    let (timeout, stored) = timed_out(result, TimeoutKind::Connect);
    assert_eq!((timeout.upload, stored), (None, Stored::No));
}

#[tokio::test]
async fn an_api_that_says_nothing_to_a_tls_hello_is_waited_for_so_long() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let plugin = short(|timeouts| timeouts.tls = SHORT)(plugin_for(&url)).build().unwrap();
    let result = in_time(plugin.get_package(&version(1))).await;
    let (timeout, stored) = timed_out(result, TimeoutKind::Tls);
    assert_eq!((timeout.upload, stored), (None, Stored::No));
}

#[tokio::test]
async fn a_server_that_only_says_that_it_is_still_there_has_not_answered() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut connection, _) = listener.accept().await.unwrap();
        while connection.write_all(b"HTTP/1.1 102 Processing\r\n\r\n").await.is_ok() {
            tokio::time::sleep(SHORT / 20).await;
        }
    });
    let plugin = short(|timeouts| timeouts.answer = SHORT)(plugin_for(&url)).build().unwrap();
    let result = in_time(plugin.get_package(&version(1))).await;
    timed_out(result, TimeoutKind::Answer);
}
