//! Uploads to the same service are sent one after the other. Other calls don't wait for them.

use crate::fixture::{Fixture, NEVER, SERVICE, package, version, with_timeout};
use fastly_package::{
    Content, Plugin, Result, ServiceVersion, Stored, TimeoutPhase, Timeouts, Uploaded,
};
use fastly_package_emulator::{Fault, RecordedRequest};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

fn spawn_upload(
    plugin: &Plugin,
    target: ServiceVersion,
    size: u64,
) -> JoinHandle<Result<Uploaded>> {
    let plugin = plugin.clone();
    let content = Content::from_bytes(package(size)).unwrap();
    tokio::spawn(async move { plugin.put_package(&target, content, NEVER).await })
}

fn has_begun(count: usize) -> impl FnMut(&[RecordedRequest]) -> Option<()> {
    move |requests| (requests.len() >= count).then_some(())
}

#[tokio::test]
async fn an_upload_waits_for_an_earlier_one_to_the_same_service() {
    let fixture = Fixture::start().await;
    fixture.emulator.fault(Fault::delay(Duration::from_millis(300)));
    let first = spawn_upload(&fixture.plugin, version(1), 2000);
    with_timeout(fixture.emulator.wait_until(has_begun(1))).await;
    let others = [version(1), version(2)].map(|t| spawn_upload(&fixture.plugin, t, 3000));
    for other in others {
        with_timeout(other).await.unwrap().unwrap();
        assert!(first.is_finished(), "the first upload ends first");
    }
    first.await.unwrap().unwrap();
    assert_eq!(fixture.emulator.connections(), 1, "the uploads share a connection");
}

#[tokio::test]
async fn gets_and_uploads_to_other_services_do_not_wait() {
    let fixture = Fixture::start().await;
    fixture.emulator.fault(Fault::never_answer().on_put().on_path(SERVICE));
    let stuck = spawn_upload(&fixture.plugin, version(1), 2000);
    with_timeout(fixture.emulator.wait_until(has_begun(1))).await;
    assert!(fixture.get().await.unwrap_err().is_not_found());
    let other = ServiceVersion::new("another", 1).unwrap();
    with_timeout(spawn_upload(&fixture.plugin, other, 2000)).await.unwrap().unwrap();
    assert!(!stuck.is_finished());
    stuck.abort();
}

#[tokio::test]
async fn dropping_an_upload_unblocks_the_next_one() {
    let fixture = Fixture::start().await;
    fixture.emulator.fault(Fault::never_answer());
    let stuck = spawn_upload(&fixture.plugin, version(1), 2000);
    with_timeout(fixture.emulator.wait_until(has_begun(1))).await;
    let next = spawn_upload(&fixture.plugin, version(1), 3000);
    stuck.abort();
    with_timeout(next).await.unwrap().unwrap();
}

#[tokio::test]
async fn the_total_timeout_includes_waiting_for_another_upload() {
    let total = Duration::from_secs(6);
    let timeouts = Timeouts { total: Some(total), ..Timeouts::default() };
    let fixture = Fixture::with(|plugin| plugin.timeouts(timeouts)).await;
    fixture.emulator.fault(Fault::never_answer().times(2));
    let first = spawn_upload(&fixture.plugin, version(1), 2000);
    with_timeout(fixture.emulator.wait_until(has_begun(1))).await;
    tokio::time::sleep(total / 2).await;
    let start = Instant::now();
    for upload in [first, spawn_upload(&fixture.plugin, version(1), 2000)] {
        let error = with_timeout(upload).await.unwrap().unwrap_err();
        let Some(timeout) = error.timeout() else { panic!("{error:?}") };
        assert_eq!((timeout.phase, error.stored()), (TimeoutPhase::Total, Stored::Unknown));
    }
    // If the second timeout began when the first upload ended, this would take 1.5 times the total.
    assert!(start.elapsed() < total * 5 / 4, "{:?}", start.elapsed());
}
