//! Components that don't come to an end, or take too much: they are stopped, and nobody else is harmed.

use crate::fixture::{AUTO, Fixture, NEVER, SERVICE, assert_untouched, in_time, package};
use crate::programs;
use fastly_package::{
    Content, Error, Limits, PluginBuilder, Reply, Result, Stored, TimeoutKind, Timeouts,
};
use fastly_package_emulator::Fault;
use std::time::{Duration, Instant};

const SHORT: Duration = Duration::from_millis(300);
/// Longer than any of this needs where it is not the stall that is meant.
const STALL: Duration = Duration::from_secs(3);
/// Within this a call is over whose limits are these, on a machine that has other things to do.
const SOON: Duration = Duration::from_secs(20);

fn limited(plugin: PluginBuilder) -> PluginBuilder {
    plugin
        .limits(Limits { compute: SHORT, ..Limits::default() })
        .timeouts(Timeouts { stall: STALL, ..Timeouts::default() })
}

/// Runs the program while a good call is made on another plugin, in the same thread.
async fn get_with(program: &'static [u8]) -> (Fixture, Result<Reply>) {
    let fixture = Fixture::with(|plugin| programs::run(program, limited(plugin))).await;
    let bystander = Fixture::start().await;
    let package = package(300_000);
    let start = Instant::now();
    let (result, good) = tokio::join!(fixture.get(), bystander.put(&package, AUTO));
    assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
    good.expect("the other plugin is unharmed");
    (fixture, result)
}

#[track_caller]
fn stopped(result: Result<Reply>) -> String {
    let error = result.expect_err("it is stopped");
    assert_eq!(error.stored(), Stored::No);
    assert!(!error.is_retryable());
    assert!(matches!(error, Error::Component(_)), "{error:?}");
    error.to_string()
}

#[tokio::test]
async fn what_computes_for_ever_is_stopped() {
    let (fixture, result) = get_with(programs::ENDLESS_LOOP).await;
    let why = stopped(result);
    assert!(why.contains("computed for longer than 300ms"), "{why}");
    assert_untouched(&fixture.emulator).await;
}

#[tokio::test]
async fn what_allocates_for_ever_is_stopped() {
    let (fixture, result) = get_with(programs::ENDLESS_MEMORY).await;
    let why = stopped(result);
    assert!(why.contains("memory"), "{why}");
    assert_untouched(&fixture.emulator).await;
}

#[tokio::test]
async fn what_waits_for_ever_is_timed_out() {
    let (fixture, result) = get_with(programs::ENDLESS_WAITING).await;
    let Err(Error::Timeout(timeout)) = result else { panic!("{result:?}") };
    assert_eq!((timeout.kind, timeout.limit, timeout.upload), (TimeoutKind::Stall, STALL, None));
    assert_untouched(&fixture.emulator).await;
}

#[tokio::test]
async fn what_holds_too_many_resources_is_stopped() {
    let (fixture, result) = get_with(programs::TEN_THOUSAND_RESOURCES).await;
    let why = stopped(result);
    assert!(why.contains("resource table"), "{why}");
    assert_untouched(&fixture.emulator).await;
}

#[tokio::test]
async fn what_fills_the_bodies_of_many_requests_is_stopped() {
    let (fixture, result) = get_with(programs::FILLS_BODIES).await;
    let why = stopped(result);
    assert!(why.contains("resource table"), "{why}");
    assert_untouched(&fixture.emulator).await;
}

#[tokio::test]
async fn what_wants_much_at_random_is_stopped() {
    let (fixture, result) = get_with(programs::MUCH_RANDOM).await;
    let why = stopped(result);
    assert!(why.contains("1000000 random bytes at once"), "{why}");
    assert_untouched(&fixture.emulator).await;
}

#[tokio::test]
async fn a_million_headers_are_too_many() {
    let (fixture, result) = get_with(programs::MILLION_HEADERS).await;
    let why = stopped(result);
    assert!(why.contains("size of fields exceeds limit"), "{why}");
    assert_untouched(&fixture.emulator).await;
}

#[tokio::test]
async fn a_result_that_would_fill_the_hosts_memory_is_not_taken() {
    let (fixture, result) = get_with(programs::HUGE_RESULT).await;
    let why = stopped(result);
    assert!(why.contains("too much data"), "{why}");
    assert_untouched(&fixture.emulator).await;
}

#[tokio::test]
async fn what_panics_is_an_error_of_the_component() {
    let (fixture, result) = get_with(programs::PANICS).await;
    let why = stopped(result);
    assert!(why.contains("unreachable"), "{why}");
    assert_untouched(&fixture.emulator).await;
}

#[tokio::test]
async fn a_call_finds_nothing_of_the_calls_before_it() {
    let fixture = Fixture::with(|plugin| programs::run(programs::REMEMBERS, plugin)).await;
    for call in 0..20 {
        match fixture.get().await {
            Err(Error::InvalidArgument(found)) => assert_eq!(found, "it knows nothing", "{call}"),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_component_of_another_operation_traps_and_that_is_all() {
    let fixture = Fixture::with(|plugin| programs::run(programs::PANICS, plugin)).await;
    stopped(fixture.put(&package(2000), NEVER).await);
    assert_untouched(&fixture.emulator).await;
}

#[tokio::test]
async fn a_body_never_ends_before_nor_goes_on_after_what_was_declared() {
    for (program, may_be_whole) in [
        (programs::WRITES_LESS, false),
        (programs::UNFINISHED_BODY, false),
        (programs::WRITES_MORE, true),
    ] {
        let fixture = Fixture::with(|plugin| programs::run(program, limited(plugin))).await;
        // The API reads all that comes and says nothing: what the program sends is no form, which the API could say at once.
        fixture.emulator.fault(Fault::close().after_body_bytes(1_000_000));
        let content = Content::from_bytes(package(2000)).unwrap();
        let start = Instant::now();

        let result = fixture.send(content, NEVER).await;

        assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
        assert!(result.is_err(), "{result:?}");
        in_time(fixture.emulator.all_closed()).await;
        for request in fixture.emulator.requests() {
            assert!(may_be_whole || !request.body_complete, "{} bytes", request.body_bytes);
            assert!(request.body_bytes <= 100_000, "{} bytes", request.body_bytes);
        }
        assert!(fixture.emulator.package(SERVICE, 1).is_none());
    }
}
