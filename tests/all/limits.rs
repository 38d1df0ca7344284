//! Components that don't return or exceed a limit: they are stopped, and other plugins still work.

use crate::fixture::{
    AUTO, Fixture, NEVER, SERVICE, assert_no_connections, package, plugin_for, version,
    with_timeout,
};
use crate::programs;
use fastly_package::{
    Content, DenialReason, ErrorKind, Limits, PluginBuilder, Reply, Result, Stored, TimeoutPhase,
    Timeouts,
};
use fastly_package_emulator::Fault;
use std::time::{Duration, Instant};

const SHORT: Duration = Duration::from_millis(300);
/// Longer than the calls take whose limit is another one.
const STALL: Duration = Duration::from_secs(3);
/// The maximum duration of a call with these limits, on a machine under load.
const MAX_DURATION: Duration = Duration::from_secs(20);

fn limited(plugin: PluginBuilder) -> PluginBuilder {
    plugin
        .limits(Limits { compute: SHORT, ..Limits::default() })
        .timeouts(Timeouts { stall: STALL, ..Timeouts::default() })
}

/// Gets a package with the program while another plugin uploads one in the same thread.
async fn get_with(program: &'static [u8]) -> (Fixture, Result<Reply>) {
    let fixture = Fixture::with(|plugin| programs::run(program, limited(plugin))).await;
    let bystander = Fixture::start().await;
    let package = package(300_000);
    let start = Instant::now();
    let (result, upload) = tokio::join!(fixture.get(), bystander.put(&package, AUTO));
    assert!(start.elapsed() < MAX_DURATION, "{:?}", start.elapsed());
    upload.expect("the other plugin still works");
    (fixture, result)
}

#[track_caller]
fn component_error(result: Result<Reply>) -> String {
    let error = result.expect_err("the component is stopped");
    assert_eq!(error.stored(), Stored::No);
    assert!(!error.is_retryable());
    assert_eq!(error.kind(), ErrorKind::Component, "{error:?}");
    error.to_string()
}

/// Asserts that the program is stopped before it sends anything, with an error that contains `reason`.
async fn assert_stopped(program: &'static [u8], reason: &str) {
    let (fixture, result) = get_with(program).await;
    let message = component_error(result);
    assert!(message.contains(reason), "{message}");
    assert_no_connections(&fixture.emulator).await;
}

#[tokio::test]
async fn a_component_that_computes_forever_is_stopped() {
    assert_stopped(programs::ENDLESS_LOOP, "computed for longer than 300ms").await;
}

#[tokio::test]
async fn a_component_that_keeps_the_host_busy_is_stopped() {
    let busy = Limits { busy: SHORT, ..Limits::default() };
    let message = "busy for longer than 300ms";
    let fixture =
        Fixture::with(|plugin| programs::run(programs::ENDLESS_HOST_CALLS, plugin.limits(busy)));
    let error = component_error(fixture.await.get().await);
    assert!(error.contains(message), "{error}");

    let fixture =
        Fixture::with(|plugin| programs::run(programs::ENDLESS_BODY, plugin.limits(busy))).await;
    fixture.emulator.fault(Fault::close().after_body_bytes(u64::MAX));
    let error = fixture.put(&package(2000), NEVER).await.unwrap_err();
    assert!(error.to_string().contains(message), "{error}");
    assert_eq!(error.stored(), Stored::Unknown, "more bytes than the package has were sent");
}

#[tokio::test]
async fn an_upload_of_much_more_than_the_package_is_denied() {
    let fixture = Fixture::with(|plugin| programs::run(programs::ENDLESS_BODY, plugin)).await;
    let content = Content::from_bytes(package(2000)).unwrap();
    let error = fixture.send_to(&version(2), content, NEVER).await.unwrap_err();
    let denial = error.denial().expect("the request is denied");
    assert_eq!(denial.reason, DenialReason::Length, "{denial}");
    assert_no_connections(&fixture.emulator).await;

    // Without a declared length, the upload is stopped.
    fixture.emulator.fault(Fault::close().after_body_bytes(u64::MAX));
    let content = Content::from_bytes(package(2000)).unwrap();
    let error = fixture.send_to(&version(3), content, NEVER).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Transport(_)), "{error:?}");
    assert!(error.to_string().contains("body size exceeds limit"), "{error}");
}

#[tokio::test]
async fn a_component_that_waits_after_a_failed_connection_times_out() {
    let plugin = programs::run(programs::WAITS_AFTER_AN_ERROR, plugin_for("http://127.0.0.1:9"));
    let plugin = limited(plugin).build().unwrap();
    let error = with_timeout(plugin.get_package(&version(1))).await.unwrap_err();
    assert_eq!(error.timeout().expect("a timeout").phase, TimeoutPhase::Stall);
}

#[tokio::test]
async fn a_component_that_allocates_forever_is_stopped() {
    assert_stopped(programs::ENDLESS_MEMORY, "its memories exceed 67108864 bytes").await;
}

#[tokio::test]
async fn a_component_that_waits_forever_times_out() {
    let (fixture, result) = get_with(programs::ENDLESS_WAITING).await;
    let error = result.expect_err("the call times out");
    let timeout = error.timeout().expect("a timeout");
    assert_eq!((timeout.phase, timeout.limit, timeout.upload), (TimeoutPhase::Stall, STALL, None));
    assert_no_connections(&fixture.emulator).await;
}

#[tokio::test]
async fn a_component_with_too_many_resources_is_stopped() {
    assert_stopped(programs::TEN_THOUSAND_RESOURCES, "resource table").await;
}

#[tokio::test]
async fn a_component_that_fills_the_bodies_of_many_requests_is_stopped() {
    assert_stopped(programs::FILLS_BODIES, "resource table").await;
}

#[tokio::test]
async fn a_component_that_requests_too_many_random_bytes_is_stopped() {
    assert_stopped(programs::MUCH_RANDOM, "1000000 random bytes at once").await;
}

#[tokio::test]
async fn a_component_that_sets_a_million_headers_is_stopped() {
    assert_stopped(programs::MILLION_HEADERS, "size of fields exceeds limit").await;
}

#[tokio::test]
async fn a_component_that_returns_too_large_a_result_is_stopped() {
    assert_stopped(programs::HUGE_RESULT, "too much data").await;
}

#[tokio::test]
async fn a_component_that_panics_is_stopped() {
    assert_stopped(programs::PANICS, "unreachable").await;
}

#[tokio::test]
async fn a_call_sees_no_state_of_earlier_calls() {
    let fixture = Fixture::with(|plugin| programs::run(programs::REMEMBERS, plugin)).await;
    for call in 0..20 {
        let error = fixture.get().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        assert_eq!(error.to_string(), "it knows nothing", "{call}");
    }
}

#[tokio::test]
async fn a_component_that_panics_during_a_put_is_stopped() {
    let fixture = Fixture::with(|plugin| programs::run(programs::PANICS, plugin)).await;
    component_error(fixture.put(&package(2000), NEVER).await);
    assert_no_connections(&fixture.emulator).await;
}

#[tokio::test]
async fn a_body_of_another_length_than_its_content_length_is_neither_completed_nor_stored() {
    for (program, may_be_complete) in [
        (programs::WRITES_LESS, false),
        (programs::UNFINISHED_BODY, false),
        (programs::WRITES_MORE, true),
    ] {
        let fixture = Fixture::with(|plugin| programs::run(program, limited(plugin))).await;
        // Without the fault, the API would respond early, because the body is not a form.
        fixture.emulator.fault(Fault::close().after_body_bytes(1_000_000));
        let content = Content::from_bytes(package(2000)).unwrap();
        let start = Instant::now();

        let result = fixture.send(content, NEVER).await;

        assert!(start.elapsed() < MAX_DURATION, "{:?}", start.elapsed());
        assert!(result.is_err(), "{result:?}");
        with_timeout(fixture.emulator.all_closed()).await;
        for request in fixture.emulator.requests() {
            assert!(may_be_complete || !request.body_complete, "{} bytes", request.body_bytes);
            assert!(request.body_bytes <= 100_000, "{} bytes", request.body_bytes);
        }
        assert!(fixture.emulator.package(SERVICE, 1).is_none());
    }
}
