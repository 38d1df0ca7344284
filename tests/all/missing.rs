//! What a 404 is about.

use crate::fixture::{Fixture, NEVER, SERVICE, TOKEN, api_error, package, version};
use fastly_package::{Missing, ServiceVersion, Timeouts};
use fastly_package_emulator::{Answer, Config, Fault};
use std::time::Duration;

/// An API with one service of two versions, behind a path.
async fn fixture() -> Fixture {
    let config = Config {
        services: Some([(SERVICE.to_owned(), 2)].into()),
        path_prefix: "/fastly".into(),
        ..Config::default()
    };
    Fixture::in_api(config, |plugin| plugin).await
}

#[tokio::test]
async fn each_of_the_three_is_told_apart() {
    let fixture = fixture().await;
    let other = |id: &str, number| ServiceVersion::new(id, number).unwrap();
    for (target, missing) in [
        (version(2), Missing::Package),
        (version(3), Missing::Version),
        (other("su1z0isxpaozgvkxdv0ey0", 1), Missing::Service),
        (other("a/../b?c", 1), Missing::Service),
    ] {
        let refusal = api_error(fixture.get_of(&target).await);
        assert_eq!(refusal.status, 404);
        assert_eq!(fixture.plugin.find_missing(&target).await, Some(missing), "{target:?}");
    }
    assert_eq!(fixture.emulator.connections(), 1, "they share it");
}

#[tokio::test]
async fn the_lookups_carry_the_token_and_nothing_odd() {
    let fixture = fixture().await;
    fixture.plugin.find_missing(&version(3)).await;
    let requests = fixture.emulator.requests();
    let paths =
        [format!("/fastly/service/{SERVICE}/version/3"), format!("/fastly/service/{SERVICE}")];
    assert_eq!(requests.len(), 2);
    for (request, path) in requests.iter().zip(paths) {
        assert_eq!((request.method.as_str(), &request.path), ("GET", &path));
        assert_eq!(request.header("fastly-key"), Some(TOKEN));
        assert_eq!(request.header("host"), Some(&*fixture.emulator.addr().to_string()));
        let agent = concat!("fastly-package/", env!("CARGO_PKG_VERSION"));
        assert_eq!(request.header("user-agent"), Some(agent));
        assert_eq!(request.header("expect"), None);
    }
}

#[tokio::test]
async fn what_can_not_be_told_is_not_guessed() {
    let fixture = fixture().await;
    for fault in [
        Fault::reset(),
        Fault::answer(Answer::unauthorized()),
        Fault::answer(Answer::forbidden()),
        Fault::answer(Answer::new(503)),
        Fault::answer(Answer::redirect(302, "https://elsewhere.test/")),
        Fault::answer(Answer::raw("no HTTP")),
    ] {
        fixture.emulator.fault(fault);
        assert_eq!(fixture.plugin.find_missing(&version(3)).await, None);
    }
    fixture.put(&package(2000), NEVER).await.unwrap();
}

#[tokio::test]
async fn an_api_that_has_fallen_silent_does_not_hold_it_up() {
    let fixture = Fixture::with(|plugin| {
        let timeouts = Timeouts { answer: Duration::from_millis(100), ..Timeouts::default() };
        plugin.timeouts(timeouts)
    })
    .await;
    fixture.emulator.fault(Fault::never_answer());
    assert_eq!(fixture.plugin.find_missing(&version(3)).await, None);
}
