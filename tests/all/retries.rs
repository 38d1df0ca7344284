//! Calls that failed are made again where that may help, and an upload only when it is known that it isn't stored.

use crate::fixture::{Fixture, MIB, SERVICE, hashsum, package, plugin_for, sha512, version};
use fastly_package::{
    Content, ContentError, Error, Expect, PluginBuilder, Proof, PutOptions, Retries, Stored,
    TimeoutKind, Timeouts,
};
use fastly_package_emulator::{Answer, Fault, RecordedRequest, Then};
use std::io::{Cursor, Write};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const QUICK: Retries = Retries {
    limit: 2,
    backoff: Duration::from_millis(2),
    backoff_limit: Duration::from_millis(10),
    rate_limit_wait: Duration::from_secs(30),
};

const ASKING: PutOptions = PutOptions { expect: Expect::Always, verify: true, force: false };

fn quick(plugin: PluginBuilder) -> PluginBuilder {
    plugin.retries(QUICK)
}

/// The methods of the requests that came, in order.
async fn methods(fixture: &Fixture) -> Vec<String> {
    fixture.emulator.idle().await;
    fixture.emulator.requests().into_iter().map(|request| request.method).collect()
}

fn uploads(fixture: &Fixture) -> u64 {
    fixture.emulator.package(SERVICE, 1).map_or(0, |package| package.uploads)
}

/// What may go well in a moment.
fn passing() -> Vec<Fault> {
    let mut passing = vec![
        Fault::close(),
        Fault::reset(),
        Fault::close().after_body_bytes(1000),
        Fault::reset().after_body_bytes(1000),
    ];
    for status in [408, 500, 502, 503, 504] {
        passing.push(Fault::answer(Answer::new(status)));
        passing.push(Fault::early_answer(Answer::new(status)));
    }
    passing
}

#[tokio::test]
async fn a_get_that_failed_in_passing_is_made_again() {
    let fixture = Fixture::with(quick).await;
    let package = package(2000);
    fixture.upload(&package, PutOptions::default()).await.unwrap();
    let cut = Fault::answer(Answer::real().cut_to(100));
    for fault in passing().into_iter().chain([cut]) {
        let before = methods(&fixture).await.len();
        fixture.emulator.fault(fault.clone().times(2));
        assert_eq!(hashsum(&fixture.get().await.unwrap()), sha512(&package), "{fault:?}");
        assert_eq!(methods(&fixture).await.len() - before, 3, "{fault:?}");
    }
}

#[tokio::test]
async fn an_upload_that_failed_in_passing_is_made_again_and_stored_once() {
    for options in [PutOptions::default(), ASKING] {
        for fault in passing() {
            let fixture = Fixture::with(quick).await;
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
async fn an_upload_that_is_stored_is_not_repeated_whatever_was_said() {
    let lost = [Fault::lost_answer(), Fault::lost_answer().then(Then::Reset)];
    let wrong = [500, 502, 503, 504, 408].map(|status| Fault::answer(Answer::new(status)).stored());
    let unreadable = [
        Fault::answer(Answer::real().cut_to(100)),
        Fault::answer(Answer::new(200).body("<html>")).stored(),
        Fault::answer(Answer::redirect(302, "/elsewhere")).stored(),
        Fault::answer(Answer::raw("nonsense\r\n\r\n")).stored(),
    ];
    for options in [PutOptions::default(), ASKING] {
        for fault in lost.iter().chain(&wrong).chain(&unreadable) {
            let fixture = Fixture::with(quick).await;
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
async fn where_a_get_shows_the_package_from_before_the_upload_is_repeated() {
    let fixture = Fixture::with(quick).await;
    fixture.upload(&package(2000), PutOptions::default()).await.unwrap();
    let second = package(3000);
    fixture.emulator.fault(Fault::answer(Answer::new(503)).on_put());
    let uploaded = fixture.upload(&second, PutOptions::default()).await.unwrap();
    assert_eq!((uploaded.attempts, uploads(&fixture)), (2, 2));
    assert_eq!(hashsum(&uploaded.reply), sha512(&second));
    assert_eq!(methods(&fixture).await, ["PUT", "PUT", "GET", "PUT"]);
}

#[tokio::test]
async fn an_equal_hash_decides_whatever_the_length() {
    let fixture = Fixture::with(quick).await;
    let package = package(2000);
    let odd = serde_json::json!({"size": 0, "hashsum": sha512(&package)});
    fixture.emulator.fault(Fault::lost_answer().on_put());
    fixture.emulator.fault(Fault::answer(Answer::described(odd)).on_get());
    let uploaded = fixture.upload(&package, PutOptions::default()).await.unwrap();
    assert_eq!((uploaded.attempts, uploads(&fixture)), (1, 1));
}

#[tokio::test]
async fn an_answer_that_never_comes_is_asked_for_by_a_get() {
    let impatient = Timeouts { answer: Duration::from_millis(300), ..Timeouts::default() };
    let fixture = Fixture::with(|plugin| quick(plugin).timeouts(impatient)).await;
    let package = package(300_000);
    fixture.emulator.fault(Fault::never_answer().stored().on_put());
    let uploaded = fixture.upload(&package, PutOptions::default()).await.unwrap();
    assert_eq!((uploaded.attempts, uploads(&fixture)), (1, 1));

    let other = self::package(300_001);
    fixture.emulator.fault(Fault::never_answer().on_put());
    let error = fixture.upload(&other, PutOptions::default()).await.unwrap_err();
    let Error::Timeout(timeout) = &error else { panic!("{error:?}") };
    assert_eq!(timeout.kind, TimeoutKind::Answer);
    assert_eq!(error.stored(), Stored::Unknown, "what isn't stored yet may be a moment later");
    assert_eq!(uploads(&fixture), 1);
}

#[tokio::test]
async fn without_a_deciding_get_an_upload_is_not_repeated_and_the_first_error_is_told() {
    let fixture = Fixture::with(quick).await;
    fixture.emulator.fault(Fault::answer(Answer::new(502)).on_put());
    fixture.emulator.fault(Fault::answer(Answer::new(503)).on_get().times(3));
    let error = fixture.upload(&package(2000), PutOptions::default()).await.unwrap_err();
    assert_eq!((error.status(), error.stored()), (Some(502), Stored::Unknown));
    assert_eq!(methods(&fixture).await, ["PUT", "GET", "GET", "GET"]);
}

#[tokio::test]
async fn a_get_that_names_no_hash_decides_nothing() {
    let fixture = Fixture::with(quick).await;
    let nameless = r#"{"id":"p","service_id":"s","version":1,"metadata":null}"#;
    fixture.emulator.fault(Fault::lost_answer().on_put());
    fixture.emulator.fault(Fault::answer(Answer::new(200).body(nameless)).on_get());
    let error = fixture.upload(&package(2000), PutOptions::default()).await.unwrap_err();
    assert!(matches!(error, Error::Transport(_)), "{error:?}");
    assert_eq!(error.stored(), Stored::Unknown);
    assert_eq!(uploads(&fixture), 1);
}

#[tokio::test]
async fn refusals_are_final() {
    for status in [400, 401, 403, 404, 409, 413, 415, 422, 429] {
        let fixture = Fixture::with(quick).await;
        fixture.emulator.fault(Fault::answer(Answer::new(status)).every_time());
        let error = fixture.upload(&package(2000), PutOptions::default()).await.unwrap_err();
        assert_eq!((error.status(), error.stored()), (Some(status), Stored::No));
        fixture.get().await.unwrap_err();
        assert_eq!(methods(&fixture).await, ["PUT", "GET"], "{status}");
    }
}

#[tokio::test]
async fn retries_come_to_an_end_and_say_that_nothing_is_stored() {
    let fixture = Fixture::with(quick).await;
    fixture.emulator.fault(Fault::answer(Answer::new(503)).on_put().every_time());
    let error = fixture.upload(&package(2000), PutOptions::default()).await.unwrap_err();
    assert_eq!((error.status(), error.stored()), (Some(503), Stored::No));
    assert_eq!(methods(&fixture).await, ["PUT", "GET", "PUT", "GET", "PUT", "GET"]);
    fixture.assert_nothing_stored();
}

#[tokio::test]
async fn what_can_be_read_only_once_is_sent_once() {
    let fixture = Fixture::with(quick).await;
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
async fn a_limit_that_resets_soon_is_waited_for() {
    let fixture = Fixture::with(quick).await;
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
async fn no_retry_goes_past_the_deadline() {
    let patient = Retries { backoff: Duration::from_secs(100), ..QUICK };
    let timeouts = Timeouts { total: Some(Duration::from_secs(20)), ..Timeouts::default() };
    let fixture = Fixture::with(|plugin| {
        plugin.retries(Retries { backoff_limit: patient.backoff, ..patient }).timeouts(timeouts)
    })
    .await;
    fixture.emulator.fault(Fault::answer(Answer::new(503)).every_time());
    let error = fixture.get().await.unwrap_err();
    assert_eq!(error.status(), Some(503), "the error is told at once: {error:?}");
    assert_eq!(methods(&fixture).await, ["GET"]);
}

#[tokio::test]
async fn each_retry_is_told() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let log = told.clone();
    let fixture = Fixture::with(|plugin| {
        quick(plugin).on_retry(move |retry| {
            log.lock().unwrap().push((retry.number, retry.limit, retry.error.status()));
        })
    })
    .await;
    fixture.emulator.fault(Fault::answer(Answer::new(503)).times(2));
    fixture.get().await.unwrap_err();
    assert_eq!(*told.lock().unwrap(), [(1, 2, Some(503)), (2, 2, Some(503))]);
}

fn whole(requests: &[RecordedRequest]) -> Option<()> {
    requests.iter().any(|request| request.body_complete).then_some(())
}

/// Uploads a file whose first try fails after it was sent whole, and changes it meanwhile.
async fn changed(change: impl FnOnce(&mut std::fs::File)) -> (Fixture, Error) {
    let patient = Retries { backoff: Duration::from_millis(300), ..QUICK };
    let fixture = Fixture::with(|plugin| {
        plugin.retries(Retries { backoff_limit: patient.backoff, ..patient })
    })
    .await;
    let mut file = tempfile::NamedTempFile::new().unwrap();
    // More than may be on its way to the connection: what is aborted has begun to be sent.
    file.write_all(&package(4 * MIB)).unwrap();
    let content = Content::open(file.path()).await.unwrap();
    fixture.emulator.fault(Fault::answer(Answer::new(503)).on_put());
    let changing = async {
        fixture.emulator.wait_until(whole).await;
        change(file.as_file_mut());
    };
    let target = version(1);
    let uploading = fixture.upload_to(&target, content, PutOptions::default());
    let (result, ()) = tokio::join!(uploading, changing);
    (fixture, result.expect_err("the file changed"))
}

#[tokio::test]
async fn a_file_that_changes_between_two_tries_is_not_sent_again() {
    type Change = fn(&mut std::fs::File);
    let append: Change = |file| file.write_all(b"more").unwrap();
    let shrink: Change = |file| file.set_len(200_000).unwrap();
    let touch: Change = |file| file.set_modified(UNIX_EPOCH).unwrap();
    for change in [append, shrink, touch] {
        let (fixture, error) = changed(change).await;
        assert!(matches!(error, Error::Content(ContentError::Changed)), "{error:?}");
        assert_eq!(error.stored(), Stored::No);
        assert_eq!(methods(&fixture).await, ["PUT", "GET"]);
        fixture.assert_nothing_stored();
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_that_changes_behind_its_times_back_is_found_by_its_hash() {
    let (fixture, error) = changed(|file| {
        let modified = file.metadata().unwrap().modified().unwrap();
        std::os::unix::fs::FileExt::write_all_at(file, b"other", 150_000).unwrap();
        file.set_modified(modified).unwrap();
    })
    .await;
    assert!(matches!(error, Error::Content(ContentError::Changed)), "{error:?}");
    fixture.emulator.all_closed().await;
    let second = fixture.emulator.requests().pop().unwrap();
    assert!(second.method == "PUT" && !second.body_complete, "it was aborted: {second:?}");
    fixture.assert_nothing_stored();
}

#[tokio::test]
async fn a_file_that_is_written_to_while_it_is_sent_is_aborted() {
    let fixture = Fixture::with(quick).await;
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&package(16 * MIB)).unwrap();
    let content = Content::open(file.path()).await.unwrap();
    fixture.emulator.fault(Fault::slow_read(8 * MIB));
    let begun = |requests: &[RecordedRequest]| {
        requests.iter().any(|request| request.body_bytes > 1000).then_some(())
    };
    let changing = async {
        fixture.emulator.wait_until(begun).await;
        file.as_file().set_modified(UNIX_EPOCH).unwrap();
    };
    let target = version(1);
    let uploading = fixture.upload_to(&target, content, PutOptions::default());
    let (result, ()) = tokio::join!(uploading, changing);
    assert!(matches!(result, Err(Error::Content(ContentError::Changed))), "{result:?}");
    fixture.emulator.all_closed().await;
    assert!(fixture.emulator.requests().iter().all(|request| !request.body_complete));
    fixture.assert_nothing_stored();
}

#[tokio::test]
async fn an_api_that_comes_up_in_time_is_reached() {
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = gone.local_addr().unwrap();
    drop(gone);
    let (heard, hears) = tokio::sync::oneshot::channel();
    let heard = Mutex::new(Some(heard));
    let patient = Retries { backoff: Duration::from_millis(500), ..Retries::default() };
    let plugin = plugin_for(&format!("http://{address}")).retries(patient).on_retry(move |_| {
        heard.lock().unwrap().take().map(|heard| heard.send(()));
    });
    let plugin = plugin.build().unwrap();
    let starting = async {
        hears.await.unwrap();
        let config = fastly_package_emulator::Config { listen: address, ..Default::default() };
        fastly_package_emulator::Emulator::start(config).await.unwrap()
    };
    let target = version(1);
    let (result, _emulator) = tokio::join!(plugin.get_package(&target), starting);
    assert!(result.unwrap_err().is_not_found());
}
