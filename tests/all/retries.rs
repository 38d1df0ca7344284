//! Retries: calls are repeated after transient failures, and uploads only if they are known not to be stored.

use crate::fixture::{
    Fixture, MIB, SERVICE, described, hashsum, package, plugin_for, sha512, version,
};
use fastly_package::{
    Content, ContentError, Error, ErrorKind, Expect, PluginBuilder, Proof, PutOptions, Retries,
    Stored, TimeoutPhase, Timeouts,
};
use fastly_package_emulator::{Answer, Fault, RecordedRequest, Then};
use serde_json::json;
use std::io::{Cursor, Write};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const QUICK: Retries = Retries {
    limit: 2,
    backoff: Duration::from_millis(2),
    backoff_limit: Duration::from_millis(10),
    rate_limit_wait: Duration::from_secs(30),
};

const EXPECT_CONTINUE: PutOptions =
    PutOptions { expect: Expect::Always, verify: true, force: false };

pub(crate) fn with_retries(plugin: PluginBuilder) -> PluginBuilder {
    plugin.retries(QUICK)
}

/// Returns the methods of the requests, in order.
pub(crate) async fn methods(fixture: &Fixture) -> Vec<String> {
    fixture.emulator.idle().await;
    fixture.emulator.requests().into_iter().map(|request| request.method).collect()
}

fn uploads(fixture: &Fixture) -> u64 {
    fixture.emulator.package(SERVICE, 1).map_or(0, |package| package.uploads)
}

/// Returns the faults after which a retry may succeed.
fn transient_faults() -> Vec<Fault> {
    let mut faults = vec![
        Fault::close(),
        Fault::reset(),
        Fault::close().after_body_bytes(1000),
        Fault::reset().after_body_bytes(1000),
    ];
    for status in [408, 500, 502, 503, 504] {
        faults.push(Fault::answer(Answer::new(status)));
        faults.push(Fault::early_answer(Answer::new(status)));
    }
    faults
}

#[tokio::test]
async fn a_get_is_retried_after_transient_failures() {
    let fixture = Fixture::with(with_retries).await;
    let package = package(2000);
    fixture.upload(&package, PutOptions::default()).await.unwrap();
    let truncated = Fault::answer(Answer::real().cut_to(100));
    for fault in transient_faults().into_iter().chain([truncated]) {
        let before = methods(&fixture).await.len();
        fixture.emulator.fault(fault.clone().times(2));
        assert_eq!(hashsum(&fixture.get().await.unwrap()), sha512(&package), "{fault:?}");
        assert_eq!(methods(&fixture).await.len() - before, 3, "{fault:?}");
    }
}

#[tokio::test]
async fn an_upload_is_retried_after_transient_failures_and_stored_once() {
    for options in [PutOptions::default(), EXPECT_CONTINUE] {
        for fault in transient_faults() {
            let fixture = Fixture::with(with_retries).await;
            let package = package(300_000);
            fixture.emulator.fault(fault.clone().on_put().times(2));

            let uploaded = fixture.upload(&package, options).await.unwrap();

            assert!(matches!(uploaded.proof, Proof::Verified), "{uploaded:?}");
            assert_eq!((uploaded.attempts, uploads(&fixture)), (3, 1), "{fault:?}");
            assert_eq!(hashsum(&uploaded.reply), sha512(&package));
        }
    }
}

#[tokio::test]
async fn an_upload_that_is_stored_is_not_repeated_whatever_the_response() {
    let lost = [Fault::lost_answer(), Fault::lost_answer().then(Then::Reset)];
    let errors =
        [500, 502, 503, 504, 408].map(|status| Fault::answer(Answer::new(status)).stored());
    let unexpected = [
        Fault::answer(Answer::real().cut_to(100)),
        Fault::answer(Answer::new(200).body("<html>")).stored(),
        Fault::answer(Answer::redirect(302, "/elsewhere")).stored(),
        Fault::answer(Answer::raw("nonsense\r\n\r\n")).stored(),
    ];
    for options in [PutOptions::default(), EXPECT_CONTINUE] {
        for fault in lost.iter().chain(&errors).chain(&unexpected) {
            let fixture = Fixture::with(with_retries).await;
            let package = package(300_000);
            fixture.emulator.fault(fault.clone().on_put());

            let uploaded = fixture.upload(&package, options).await.expect("it is stored");

            assert!(matches!(uploaded.proof, Proof::Verified), "{fault:?}");
            assert_eq!((uploaded.attempts, uploads(&fixture)), (1, 1), "{fault:?}");
            assert_eq!(hashsum(&uploaded.reply), sha512(&package));
            assert_eq!(methods(&fixture).await, ["PUT", "GET"], "{fault:?}");
        }
    }
}

#[tokio::test]
async fn an_upload_is_repeated_if_a_get_returns_the_previous_package() {
    let fixture = Fixture::with(with_retries).await;
    fixture.upload(&package(2000), PutOptions::default()).await.unwrap();
    let second = package(3000);
    fixture.emulator.fault(Fault::answer(Answer::new(503)).on_put());
    let uploaded = fixture.upload(&second, PutOptions::default()).await.unwrap();
    assert_eq!((uploaded.attempts, uploads(&fixture)), (2, 2));
    assert_eq!(hashsum(&uploaded.reply), sha512(&second));
    assert_eq!(methods(&fixture).await, ["PUT", "PUT", "GET", "PUT"]);
}

#[tokio::test]
async fn an_equal_hash_means_stored_whatever_the_size() {
    let fixture = Fixture::with(with_retries).await;
    let package = package(2000);
    let metadata = json!({"size": 0, "hashsum": sha512(&package)});
    fixture.emulator.fault(Fault::lost_answer().on_put());
    fixture.emulator.fault(Fault::answer(described(metadata)).on_get());
    let uploaded = fixture.upload(&package, PutOptions::default()).await.unwrap();
    assert_eq!((uploaded.attempts, uploads(&fixture)), (1, 1));
}

#[tokio::test]
async fn after_a_response_timeout_a_get_determines_whether_the_upload_is_stored() {
    let timeouts = Timeouts { response: Duration::from_millis(300), ..Timeouts::default() };
    let fixture = Fixture::with(|plugin| with_retries(plugin).timeouts(timeouts)).await;
    let package = package(300_000);
    fixture.emulator.fault(Fault::never_answer().stored().on_put());
    let uploaded = fixture.upload(&package, PutOptions::default()).await.unwrap();
    assert_eq!((uploaded.attempts, uploads(&fixture)), (1, 1));

    let other = self::package(300_001);
    fixture.emulator.fault(Fault::never_answer().on_put());
    let error = fixture.upload(&other, PutOptions::default()).await.unwrap_err();
    let Some(timeout) = error.timeout() else { panic!("{error:?}") };
    assert_eq!(timeout.phase, TimeoutPhase::Response);
    assert_eq!(error.stored(), Stored::Unknown, "the upload may still be stored later");
    assert_eq!(uploads(&fixture), 1);
}

#[tokio::test]
async fn if_the_deciding_get_fails_the_upload_is_not_repeated_and_its_error_is_returned() {
    let fixture = Fixture::with(with_retries).await;
    fixture.emulator.fault(Fault::answer(Answer::new(502)).on_put());
    fixture.emulator.fault(Fault::answer(Answer::new(503)).on_get().times(3));
    let error = fixture.upload(&package(2000), PutOptions::default()).await.unwrap_err();
    assert_eq!((error.status(), error.stored()), (Some(502), Stored::Unknown));
    assert_eq!(methods(&fixture).await, ["PUT", "GET", "GET", "GET"]);
}

#[tokio::test]
async fn a_deciding_get_without_a_hash_leaves_stored_unknown() {
    let fixture = Fixture::with(with_retries).await;
    fixture.emulator.fault(Fault::lost_answer().on_put());
    fixture.emulator.fault(Fault::answer(described(json!(null))).on_get());
    let error = fixture.upload(&package(2000), PutOptions::default()).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Transport(_)), "{error:?}");
    assert_eq!(error.stored(), Stored::Unknown);
    assert_eq!(uploads(&fixture), 1);
}

#[tokio::test]
async fn a_4xx_is_not_retried() {
    for status in [400, 401, 403, 404, 409, 413, 415, 422, 429] {
        let fixture = Fixture::with(with_retries).await;
        fixture.emulator.fault(Fault::answer(Answer::new(status)).every_time());
        let error = fixture.upload(&package(2000), PutOptions::default()).await.unwrap_err();
        assert_eq!((error.status(), error.stored()), (Some(status), Stored::No));
        fixture.get().await.unwrap_err();
        assert_eq!(methods(&fixture).await, ["PUT", "GET"], "{status}");
    }
}

#[tokio::test]
async fn after_the_last_retry_the_error_tells_that_nothing_is_stored() {
    let fixture = Fixture::with(with_retries).await;
    fixture.emulator.fault(Fault::answer(Answer::new(503)).on_put().every_time());
    let error = fixture.upload(&package(2000), PutOptions::default()).await.unwrap_err();
    assert_eq!((error.status(), error.stored()), (Some(503), Stored::No));
    assert_eq!(methods(&fixture).await, ["PUT", "GET", "PUT", "GET", "PUT", "GET"]);
    fixture.assert_nothing_stored();
}

#[tokio::test]
async fn content_from_a_reader_is_sent_only_once() {
    let fixture = Fixture::with(with_retries).await;
    let reader = |size| Content::from_reader(Cursor::new(package(size)), size).unwrap();
    fixture.emulator.fault(Fault::answer(Answer::new(503)).on_put());
    let target = version(1);
    let error =
        fixture.upload_to(&target, reader(300_000), PutOptions::default()).await.unwrap_err();
    assert_eq!((error.status(), error.stored()), (Some(503), Stored::No));
    assert_eq!(methods(&fixture).await, ["PUT", "GET"]);

    fixture.emulator.fault(Fault::lost_answer().on_put());
    let uploaded = fixture.upload_to(&target, reader(300_000), PutOptions::default()).await;
    assert!(matches!(uploaded.unwrap().proof, Proof::Verified));
    assert_eq!(uploads(&fixture), 1);
}

#[tokio::test]
async fn a_rate_limit_that_resets_soon_is_waited_for() {
    let fixture = Fixture::with(with_retries).await;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    fixture.emulator.fault(Fault::answer(Answer::rate_limited(now + 3)).on_put());
    let start = std::time::Instant::now();
    fixture.upload(&package(2000), PutOptions::default()).await.unwrap();
    assert!(start.elapsed() >= Duration::from_secs(1), "{:?}", start.elapsed());
    let late = Answer::rate_limited(now + 3000);
    fixture.emulator.fault(Fault::answer(late).on_put());
    let error = fixture.upload(&package(3000), PutOptions::default()).await.unwrap_err();
    assert!(error.is_rate_limited());
    assert_eq!(methods(&fixture).await, ["PUT", "PUT", "PUT"]);
}

#[tokio::test]
async fn a_retry_that_would_exceed_the_total_timeout_is_not_made() {
    let retries = Retries { backoff: Duration::from_secs(100), ..QUICK };
    let timeouts = Timeouts { total: Some(Duration::from_secs(20)), ..Timeouts::default() };
    let fixture = Fixture::with(|plugin| {
        plugin.retries(Retries { backoff_limit: retries.backoff, ..retries }).timeouts(timeouts)
    })
    .await;
    fixture.emulator.fault(Fault::answer(Answer::new(503)).every_time());
    let error = fixture.get().await.unwrap_err();
    assert_eq!(error.status(), Some(503), "the error is returned without waiting: {error:?}");
    assert_eq!(methods(&fixture).await, ["GET"]);
}

#[tokio::test]
async fn on_retry_is_called_for_each_retry() {
    let notices = Arc::new(Mutex::new(Vec::new()));
    let recorded = notices.clone();
    let fixture = Fixture::with(|plugin| {
        with_retries(plugin).on_retry(move |retry| {
            recorded.lock().unwrap().push((retry.number, retry.limit, retry.error.status()));
        })
    })
    .await;
    fixture.emulator.fault(Fault::answer(Answer::new(503)).times(2));
    fixture.get().await.unwrap_err();
    assert_eq!(*notices.lock().unwrap(), [(1, 2, Some(503)), (2, 2, Some(503))]);
}

fn is_any_complete(requests: &[RecordedRequest]) -> Option<()> {
    requests.iter().any(|request| request.body_complete).then_some(())
}

/// Uploads a file whose first attempt fails, changes the file before the second, and returns the error.
async fn upload_with_change(
    change: impl FnOnce(&mut std::fs::File),
    options: PutOptions,
) -> (Fixture, Error) {
    let retries = Retries { backoff: Duration::from_millis(300), ..QUICK };
    let fixture = Fixture::with(|plugin| {
        plugin.retries(Retries { backoff_limit: retries.backoff, ..retries })
    })
    .await;
    let mut file = tempfile::NamedTempFile::new().unwrap();
    // More than is buffered between the file and the connection, so that the second attempt sends something before it is aborted.
    file.write_all(&package(4 * MIB)).unwrap();
    let content = Content::open(file.path()).await.unwrap();
    fixture.emulator.fault(Fault::answer(Answer::new(503)).on_put());
    let change = async {
        fixture.emulator.wait_until(is_any_complete).await;
        change(file.as_file_mut());
    };
    let target = version(1);
    let upload = fixture.upload_to(&target, content, options);
    let (result, ()) = tokio::join!(upload, change);
    (fixture, result.expect_err("the file changed"))
}

#[tokio::test]
async fn a_file_that_changes_between_two_attempts_is_not_sent_again() {
    type Change = fn(&mut std::fs::File);
    let append: Change = |file| file.write_all(b"more").unwrap();
    let shrink: Change = |file| file.set_len(200_000).unwrap();
    let touch: Change = |file| file.set_modified(UNIX_EPOCH).unwrap();
    for change in [append, shrink, touch] {
        let (fixture, error) = upload_with_change(change, PutOptions::default()).await;
        assert!(matches!(error.content(), Some(ContentError::Changed)), "{error:?}");
        assert_eq!(error.stored(), Stored::No);
        assert_eq!(methods(&fixture).await, ["PUT", "GET"]);
        fixture.assert_nothing_stored();
    }
}

#[cfg(unix)]
fn overwrite_and_reset_time(file: &mut std::fs::File) {
    let modified = file.metadata().unwrap().modified().unwrap();
    std::os::unix::fs::FileExt::write_all_at(file, b"other", 150_000).unwrap();
    file.set_modified(modified).unwrap();
}

#[cfg(unix)]
#[tokio::test]
async fn without_a_hash_a_change_that_keeps_the_modification_time_is_detected_too() {
    let options = PutOptions { verify: false, ..PutOptions::default() };
    let (fixture, error) = upload_with_change(overwrite_and_reset_time, options).await;
    assert!(matches!(error.content(), Some(ContentError::Changed)), "{error:?}");
    fixture.assert_nothing_stored();
}

#[cfg(unix)]
#[tokio::test]
async fn a_change_that_keeps_the_modification_time_is_detected_by_the_hash() {
    let (fixture, error) =
        upload_with_change(overwrite_and_reset_time, PutOptions::default()).await;
    assert!(matches!(error.content(), Some(ContentError::Changed)), "{error:?}");
    fixture.emulator.all_closed().await;
    let second = fixture.emulator.requests().pop().unwrap();
    assert!(
        second.method == "PUT" && !second.body_complete,
        "the second attempt is aborted: {second:?}"
    );
    fixture.assert_nothing_stored();
}

#[tokio::test]
async fn an_upload_is_aborted_if_its_file_is_modified() {
    let fixture = Fixture::with(with_retries).await;
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&package(16 * MIB)).unwrap();
    let content = Content::open(file.path()).await.unwrap();
    fixture.emulator.fault(Fault::slow_read(8 * MIB));
    let has_begun = |requests: &[RecordedRequest]| {
        requests.iter().any(|request| request.body_bytes > 1000).then_some(())
    };
    let change = async {
        fixture.emulator.wait_until(has_begun).await;
        file.as_file().set_modified(UNIX_EPOCH).unwrap();
    };
    let target = version(1);
    let upload = fixture.upload_to(&target, content, PutOptions::default());
    let (result, ()) = tokio::join!(upload, change);
    let error = result.expect_err("the file changed");
    assert!(matches!(error.content(), Some(ContentError::Changed)), "{error:?}");
    fixture.emulator.all_closed().await;
    assert!(fixture.emulator.requests().iter().all(|request| !request.body_complete));
    fixture.assert_nothing_stored();
}

#[tokio::test]
async fn an_api_that_starts_between_two_attempts_is_reached() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let (sender, retried) = tokio::sync::oneshot::channel();
    let sender = Mutex::new(Some(sender));
    let retries = Retries { backoff: Duration::from_millis(500), ..Retries::default() };
    let plugin = plugin_for(&format!("http://{address}")).retries(retries).on_retry(move |_| {
        sender.lock().unwrap().take().map(|sender| sender.send(()));
    });
    let plugin = plugin.build().unwrap();
    let start = async {
        retried.await.unwrap();
        let config = fastly_package_emulator::Config { listen: address, ..Default::default() };
        fastly_package_emulator::Emulator::start(config).await.unwrap()
    };
    let target = version(1);
    let (result, _emulator) = tokio::join!(plugin.get_package(&target), start);
    assert!(result.unwrap_err().is_not_found());
}
