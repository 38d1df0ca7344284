//! Uploads to one service go one after the other; nothing else waits for them.

use crate::fixture::{Fixture, NEVER, SERVICE, in_time, package, version};
use fastly_package::{
    Content, Error, Plugin, Result, ServiceVersion, Stored, TimeoutKind, Timeouts, Uploaded,
};
use fastly_package_emulator::{Fault, RecordedRequest};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

fn uploading(plugin: &Plugin, target: ServiceVersion, size: u64) -> JoinHandle<Result<Uploaded>> {
    let plugin = plugin.clone();
    let content = Content::from_bytes(package(size)).unwrap();
    tokio::spawn(async move { plugin.put_package(&target, content, NEVER).await })
}

fn began(count: usize) -> impl FnMut(&[RecordedRequest]) -> Option<()> {
    move |requests| (requests.len() >= count).then_some(())
}

#[tokio::test]
async fn of_two_uploads_to_a_service_the_second_waits_for_the_first() {
    let fixture = Fixture::start().await;
    fixture.emulator.fault(Fault::delay(Duration::from_millis(300)));
    let first = uploading(&fixture.plugin, version(1), 2000);
    in_time(fixture.emulator.wait_until(began(1))).await;
    // Another version of the same service waits too.
    let others = [version(1), version(2)].map(|t| uploading(&fixture.plugin, t, 3000));
    for other in others {
        in_time(other).await.unwrap().unwrap();
        assert!(first.is_finished(), "the first had its turn before");
    }
    first.await.unwrap().unwrap();
    assert_eq!(fixture.emulator.connections(), 1, "one connection was enough for all");
}

#[tokio::test]
async fn reads_and_other_services_do_not_wait() {
    let fixture = Fixture::start().await;
    fixture.emulator.fault(Fault::never_answer().on_put().on_path(SERVICE));
    let stuck = uploading(&fixture.plugin, version(1), 2000);
    in_time(fixture.emulator.wait_until(began(1))).await;
    assert!(fixture.get().await.unwrap_err().is_not_found());
    let other = ServiceVersion::new("another", 1).unwrap();
    in_time(uploading(&fixture.plugin, other, 2000)).await.unwrap().unwrap();
    assert!(!stuck.is_finished());
    stuck.abort();
}

#[tokio::test]
async fn an_upload_that_is_dropped_lets_the_next_one_begin() {
    let fixture = Fixture::start().await;
    fixture.emulator.fault(Fault::never_answer());
    let stuck = uploading(&fixture.plugin, version(1), 2000);
    in_time(fixture.emulator.wait_until(began(1))).await;
    let next = uploading(&fixture.plugin, version(1), 3000);
    stuck.abort();
    in_time(next).await.unwrap().unwrap();
}

#[tokio::test]
async fn waiting_for_a_turn_counts_for_the_deadline() {
    let total = Duration::from_secs(6);
    let timeouts = Timeouts { total: Some(total), ..Timeouts::default() };
    let fixture = Fixture::with(|plugin| plugin.timeouts(timeouts)).await;
    fixture.emulator.fault(Fault::never_answer().times(2));
    let first = uploading(&fixture.plugin, version(1), 2000);
    in_time(fixture.emulator.wait_until(began(1))).await;
    tokio::time::sleep(total / 2).await;
    let start = Instant::now();
    for upload in [first, uploading(&fixture.plugin, version(1), 2000)] {
        let error = in_time(upload).await.unwrap().unwrap_err();
        let Error::Timeout(timeout) = &error else { panic!("{error:?}") };
        assert_eq!((timeout.kind, error.stored()), (TimeoutKind::Total, Stored::Unknown));
    }
    // Had its time begun with its turn, it would be half as much again.
    assert!(start.elapsed() < total * 5 / 4, "{:?}", start.elapsed());
}
