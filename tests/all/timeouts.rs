//! Time limits: the error has the phase and the limit that elapsed.

use crate::fixture::{ALWAYS, Fixture, MIB, NEVER, package, plugin_for, version, with_timeout};
use fastly_package::{
    Content, PluginBuilder, Reply, Result, Stored, TimeoutError, TimeoutPhase, Timeouts,
    UploadProgress,
};
use fastly_package_emulator::{Answer, Fault, Then};
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpSocket, TcpStream};

const SHORT: Duration = Duration::from_millis(300);

fn timeouts(change: impl FnOnce(&mut Timeouts)) -> impl FnOnce(PluginBuilder) -> PluginBuilder {
    let mut timeouts = Timeouts::default();
    change(&mut timeouts);
    move |plugin| plugin.timeouts(timeouts)
}

#[track_caller]
fn timeout_error(result: Result<Reply>, phase: TimeoutPhase) -> (TimeoutError, Stored) {
    let error = result.expect_err("the call times out");
    let stored = error.stored();
    assert!(error.is_retryable());
    let Some(timeout) = error.timeout().copied() else { panic!("no timeout: {error:?}") };
    assert_eq!((timeout.phase, timeout.limit), (phase, SHORT));
    (timeout, stored)
}

#[tokio::test]
async fn an_api_that_stops_reading_stalls_the_upload() {
    let fixture = Fixture::with(timeouts(|timeouts| timeouts.stall = SHORT)).await;
    let package = package(16 * MIB);
    for fault in [Fault::never_read(), Fault::never_read().after_body_bytes(2 * MIB)] {
        fixture.emulator.fault(fault);
        let result = fixture.put(&package, NEVER).await;
        let (timeout, stored) = timeout_error(result, TimeoutPhase::Stall);
        assert_eq!(stored, Stored::No);
        let UploadProgress { read, size } = timeout.upload.unwrap();
        assert!(size == 16 * MIB && (1..size).contains(&read), "{timeout:?}");
        with_timeout(fixture.emulator.all_closed()).await;
    }
    fixture.assert_nothing_stored();
    fixture.assert_works().await;
}

#[tokio::test]
async fn an_api_that_never_responds_is_a_response_timeout() {
    let fixture = Fixture::with(timeouts(|timeouts| timeouts.response = SHORT)).await;
    for options in [NEVER, ALWAYS] {
        fixture.emulator.fault(Fault::never_answer());
        let result = fixture.put(&package(MIB), options).await;
        let (timeout, stored) = timeout_error(result, TimeoutPhase::Response);
        assert_eq!(stored, Stored::Unknown);
        assert_eq!(timeout.upload, Some(UploadProgress { read: MIB, size: MIB }));
    }
    fixture.emulator.fault(Fault::never_answer());
    timeout_error(fixture.get().await, TimeoutPhase::Response);
    with_timeout(fixture.emulator.all_closed()).await;
    fixture.assert_works().await;
}

#[tokio::test]
async fn a_response_that_stops_in_the_middle_is_a_stall() {
    let fixture = Fixture::with(timeouts(|timeouts| timeouts.stall = SHORT)).await;
    for part in ["", "{", "{\"id\":\"p\","] {
        let response = format!("HTTP/1.1 200 OK\r\nContent-Length: 45\r\n\r\n{part}");
        fixture.emulator.fault(Fault::answer(Answer::raw(response)).then(Then::Stall));
        timeout_error(fixture.get().await, TimeoutPhase::Stall);
    }
    with_timeout(fixture.emulator.all_closed()).await;
    fixture.assert_works().await;
}

#[tokio::test]
async fn the_total_timeout_limits_the_whole_call() {
    let fixture = Fixture::with(timeouts(|timeouts| timeouts.total = Some(SHORT))).await;
    fixture.emulator.fault(Fault::never_answer());
    timeout_error(fixture.get().await, TimeoutPhase::Total);
    // The upload makes progress, but is too slow.
    fixture.emulator.fault(Fault::slow_read(4 * MIB));
    let result = fixture.put(&package(24 * MIB), NEVER).await;
    let (_, stored) = timeout_error(result, TimeoutPhase::Total);
    assert_eq!(stored, Stored::No);
    with_timeout(fixture.emulator.all_closed()).await;
    fixture.assert_nothing_stored();
}

#[tokio::test]
async fn a_reader_that_yields_nothing_is_a_stall() {
    let fixture = Fixture::with(timeouts(|timeouts| timeouts.stall = SHORT)).await;
    let (reader, _writer) = tokio::io::duplex(1024);
    let content = Content::from_reader(reader, MIB).unwrap();
    timeout_error(fixture.send(content, NEVER).await, TimeoutPhase::Stall);
    with_timeout(fixture.emulator.all_closed()).await;
    fixture.assert_nothing_stored();
}

#[tokio::test]
async fn a_slow_upload_that_makes_progress_does_not_time_out() {
    let fixture = Fixture::with(timeouts(|timeouts| timeouts.stall = Duration::from_secs(1))).await;
    fixture.emulator.fault(Fault::slow_read(8 * MIB));
    let start = Instant::now();
    fixture.put(&package(24 * MIB), NEVER).await.unwrap();
    assert!(start.elapsed() > Duration::from_secs(2), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_late_response_is_not_a_stall() {
    let configure = timeouts(|timeouts| {
        timeouts.stall = SHORT;
        timeouts.response = Duration::from_secs(30);
    });
    let fixture = Fixture::with(configure).await;
    // The stall timeout doesn't apply while the API processes the whole package.
    fixture.emulator.fault(Fault::delay(3 * SHORT));
    fixture.put(&package(MIB), NEVER).await.unwrap();
}

#[tokio::test]
async fn an_api_that_accepts_no_connection_is_a_connect_timeout() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    // Nothing accepts, so that no connection can be made once the backlog is full.
    let mut backlog = Vec::new();
    while let Ok(connection) = tokio::time::timeout(SHORT, TcpStream::connect(address)).await {
        backlog.push(connection.unwrap());
    }
    let plugin =
        timeouts(|timeouts| timeouts.connect = SHORT)(plugin_for(&format!("http://{address}")));

    let result = with_timeout(plugin.build().unwrap().get_package(&version(1))).await;

    let (timeout, stored) = timeout_error(result, TimeoutPhase::Connect);
    assert_eq!((timeout.upload, stored), (None, Stored::No));
}

#[tokio::test]
async fn an_api_that_does_not_answer_the_tls_handshake_is_a_tls_timeout() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let plugin = timeouts(|timeouts| timeouts.tls = SHORT)(plugin_for(&url)).build().unwrap();
    let result = with_timeout(plugin.get_package(&version(1))).await;
    let (timeout, stored) = timeout_error(result, TimeoutPhase::Tls);
    assert_eq!((timeout.upload, stored), (None, Stored::No));
}

#[tokio::test]
async fn informational_responses_do_not_extend_the_response_timeout() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut connection, _) = listener.accept().await.unwrap();
        while connection.write_all(b"HTTP/1.1 102 Processing\r\n\r\n").await.is_ok() {
            tokio::time::sleep(SHORT / 20).await;
        }
    });
    let plugin = timeouts(|timeouts| timeouts.response = SHORT)(plugin_for(&url)).build().unwrap();
    let result = with_timeout(plugin.get_package(&version(1))).await;
    timeout_error(result, TimeoutPhase::Response);
}
