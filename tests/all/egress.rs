//! Components that ask for what they may not: it is denied, and nothing is connected to for it.

use crate::fixture::{
    Fixture, SERVICE, TOKEN, assert_untouched, in_time, package, plugin_for, version,
};
use crate::programs;
use fastly_package::{Denial, DenialReason, Error, Reply, Result, ServiceVersion, Stored};
use fastly_package_emulator::{Answer, Config, Emulator, Fault};

/// The program runs against an API of its own, while a good call is made on another plugin.
struct Trial {
    fixture: Fixture,
    bystander: Fixture,
}

impl Trial {
    async fn of(program: &'static [u8]) -> Self {
        let fixture = Fixture::with(|plugin| programs::run(program, plugin)).await;
        Self { fixture, bystander: Fixture::start().await }
    }

    /// What becomes of a GET whose service ID is what the program is told.
    async fn get(&self, told: &str) -> Result<Reply> {
        let target = ServiceVersion::new(told, 1).unwrap();
        let package = package(2000);
        let good = self.bystander.put(&package, crate::fixture::AUTO);
        let (result, good) = tokio::join!(self.fixture.get_of(&target), good);
        good.expect("the other plugin is unharmed");
        result
    }

    async fn denied(&self, told: &str) -> Denial {
        let error = self.get(told).await.expect_err("it is denied");
        assert_eq!(error.stored(), Stored::No);
        assert!(!error.is_retryable());
        let Error::Denied { denial, .. } = error else { panic!("{told}: not denied: {error:?}") };
        denial
    }
}

#[tokio::test]
async fn another_host_is_never_connected_to() {
    let trial = Trial::of(programs::ANOTHER_AUTHORITY).await;
    let listen = "127.0.0.2:0".parse().unwrap();
    let elsewhere = Emulator::start(Config { listen, ..Config::default() }).await.unwrap();
    let (api, port) = (trial.fixture.emulator.addr(), trial.fixture.emulator.addr().port());
    let other = elsewhere.addr();
    for authority in [
        other.to_string(),
        format!("127.0.0.2:{port}"),
        format!("{api}@{other}"),
        format!("user@{api}"),
        format!("localhost:{port}"),
        format!("127.0.0.1.:{port}"),
        format!("127.0.0.1.example:{port}"),
        format!("127.1:{port}"),
        format!("0x7f000001:{port}"),
        format!("2130706433:{port}"),
        format!("[::1]:{port}"),
        format!("[::ffff:127.0.0.1]:{port}"),
        format!("127.0.0.11:{port}"),
        "api.fastly.com".to_owned(),
    ] {
        let denial = trial.denied(&authority).await;
        assert_eq!(denial.reason, DenialReason::Host, "{authority}: {denial}");
    }
    assert_untouched(&elsewhere).await;
    assert_untouched(&trial.fixture.emulator).await;
}

#[tokio::test]
async fn what_only_looks_like_the_api_is_never_connected_to() {
    let plugin = plugin_for("https://api.fastly.com");
    let plugin = programs::run(programs::ANOTHER_AUTHORITY, plugin).build().unwrap();
    for (authority, reason) in [
        ("api.fastly.com.evil.test", DenialReason::Host),
        ("api.fastly.com.", DenialReason::Host),
        ("api-fastly.com", DenialReason::Host),
        ("xapi.fastly.com", DenialReason::Host),
        ("fastly.com", DenialReason::Host),
        ("rt.fastly.com", DenialReason::Host),
        ("api.fastly.com@evil.test", DenialReason::Host),
        ("evil.test@api.fastly.com", DenialReason::Host),
        ("user:pw@api.fastly.com:443", DenialReason::Host),
        ("151.101.1.57", DenialReason::Host),
        ("[2a04:4e42::313]", DenialReason::Host),
        ("api.fastly.com:80", DenialReason::Port),
        ("api.fastly.com:8443", DenialReason::Port),
        ("api.fastly.com:4430", DenialReason::Port),
    ] {
        let target = ServiceVersion::new(authority, 1).unwrap();
        let result = in_time(plugin.get_package(&target)).await;
        let Err(Error::Denied { denial, .. }) = result else { panic!("{authority}: {result:?}") };
        assert_eq!(denial.reason, reason, "{authority}: {denial}");
    }
}

#[tokio::test]
async fn another_port_is_never_connected_to() {
    let trial = Trial::of(programs::ANOTHER_AUTHORITY).await;
    let elsewhere = Emulator::start(Config::default()).await.unwrap();
    for authority in [elsewhere.addr().to_string(), "127.0.0.1".into(), "127.0.0.1:80".into()] {
        let denial = trial.denied(&authority).await;
        assert_eq!(denial.reason, DenialReason::Port, "{authority}: {denial}");
    }
    assert_untouched(&elsewhere).await;
    assert_untouched(&trial.fixture.emulator).await;
}

#[tokio::test]
async fn the_apis_own_authority_is_let_through_as_often_as_it_is_written_alike() {
    let trial = Trial::of(programs::ANOTHER_AUTHORITY).await;
    // The path is the call's own only where it is the percent-encoded one, which this program doesn't write.
    let authority = trial.fixture.emulator.addr().to_string();
    assert_eq!(trial.denied(&authority).await.reason, DenialReason::Path);
}

#[tokio::test]
async fn another_scheme_is_never_connected_to() {
    let trial = Trial::of(programs::ANOTHER_SCHEME).await;
    assert_eq!(trial.denied(SERVICE).await.reason, DenialReason::Scheme);
    assert_untouched(&trial.fixture.emulator).await;
}

#[tokio::test]
async fn another_method_is_never_connected_for() {
    let trial = Trial::of(programs::ANOTHER_METHOD).await;
    for method in ["PUT", "POST", "DELETE", "PURGE", "get"] {
        assert_eq!(trial.denied(method).await.reason, DenialReason::Method, "{method}");
    }
    assert_untouched(&trial.fixture.emulator).await;
}

#[tokio::test]
async fn another_path_is_never_connected_for() {
    let trial = Trial::of(programs::ANOTHER_PATH).await;
    for path in [
        "/",
        "/tokens/self",
        "/service/another/version/1/package",
        "/service/s/version/2/package",
        "/service/s/version/1/package?bypass",
        "/service/s/version/1/package/",
        "/service/s/version/1/package/../../../../tokens",
        "//service/s/version/1/package",
        "/Service/s/version/1/package",
        "/service/s/version/1/package;x",
        "/service/%73/version/1/package",
    ] {
        assert_eq!(trial.denied(path).await.reason, DenialReason::Path, "{path}");
    }
    assert_untouched(&trial.fixture.emulator).await;
}

#[tokio::test]
async fn a_query_is_never_let_out() {
    // What the program is told is a service ID of the shape that makes the call's own path, and a query after it.
    let trial = Trial::of(programs::QUERY).await;
    assert_eq!(trial.denied(SERVICE).await.reason, DenialReason::Path);
    assert_untouched(&trial.fixture.emulator).await;
}

#[tokio::test]
async fn a_call_has_one_request() {
    let trial = Trial::of(programs::TWO_REQUESTS).await;
    assert_eq!(trial.denied(SERVICE).await.reason, DenialReason::Repeated);
    assert_eq!(trial.fixture.emulator.requests().len(), 1);
}

#[tokio::test]
async fn the_hosts_token_takes_the_place_of_the_components() {
    let trial = Trial::of(programs::OWN_TOKEN).await;
    trial.fixture.emulator.fault(Fault::answer(Answer::new(200)));
    trial.get(SERVICE).await.unwrap();
    let request = trial.fixture.only_request().await;
    let keys: Vec<_> = request
        .headers
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case("fastly-key"))
        .map(|(_, value)| value.as_str())
        .collect();
    assert_eq!(keys, [TOKEN]);
    let names: Vec<_> = request.headers.iter().map(|(name, _)| name.to_lowercase()).collect();
    assert_eq!(names, ["host", "accept", "fastly-key"], "nothing else that a server may obey");
}

#[tokio::test]
async fn the_host_header_is_the_apis() {
    let trial = Trial::of(programs::OWN_HOST).await;
    trial.fixture.emulator.fault(Fault::answer(Answer::new(200)));
    let reply = trial.get(SERVICE).await.unwrap();
    assert_eq!(reply.body, "appended false, set false");
    let request = trial.fixture.only_request().await;
    let api = trial.fixture.emulator.addr().to_string();
    assert_eq!(request.header("host"), Some(api.as_str()));
    let head = String::from_utf8(request.head).unwrap();
    assert!(!head.contains("elsewhere"), "{head}");
}

#[tokio::test]
async fn a_denied_call_leaves_the_plugin_as_it_was() {
    let trial = Trial::of(programs::ANOTHER_AUTHORITY).await;
    for _ in 0..50 {
        trial.denied("127.0.0.2:1").await;
    }
    in_time(trial.bystander.emulator.idle()).await;
    assert_eq!(trial.bystander.get_of(&version(1)).await.unwrap().package.version, 1);
}
