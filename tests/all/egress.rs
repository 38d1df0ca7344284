//! Components that send a request that the call doesn't allow: the request is denied, and no connection is made for it.

use crate::fixture::{
    Fixture, SERVICE, TOKEN, assert_no_connections, package, plugin_for, version, with_timeout,
};
use crate::programs;
use fastly_package::{Denial, DenialReason, Reply, Result, ServiceVersion, Stored};
use fastly_package_emulator::{Answer, Config, Emulator, Fault};

/// A program with its own API, and another plugin, whose calls must still succeed.
struct ProgramFixture {
    program: Fixture,
    bystander: Fixture,
}

impl ProgramFixture {
    async fn start(program: &'static [u8]) -> Self {
        let program = Fixture::with(|plugin| programs::run(program, plugin)).await;
        Self { program, bystander: Fixture::start().await }
    }

    /// Gets the package of this service, whose ID is the parameter of the program, while the other plugin uploads.
    async fn get(&self, service_id: &str) -> Result<Reply> {
        let target = ServiceVersion::new(service_id, 1).unwrap();
        let package = package(2000);
        let upload = self.bystander.put(&package, crate::fixture::AUTO);
        let (result, upload) = tokio::join!(self.program.get_from(&target), upload);
        upload.expect("the other plugin still works");
        result
    }

    async fn denial(&self, service_id: &str) -> Denial {
        let error = self.get(service_id).await.expect_err("the request is denied");
        assert_eq!(error.stored(), Stored::No);
        assert!(!error.is_retryable());
        error.denial().unwrap_or_else(|| panic!("{service_id}: not denied: {error:?}")).clone()
    }
}

#[tokio::test]
async fn another_host_is_never_connected_to() {
    let fixture = ProgramFixture::start(programs::ANOTHER_AUTHORITY).await;
    let listen = "127.0.0.2:0".parse().unwrap();
    let other = Emulator::start(Config { listen, ..Config::default() }).await.unwrap();
    let (api, port) = (fixture.program.emulator.addr(), fixture.program.emulator.addr().port());
    let other_addr = other.addr();
    for authority in [
        other_addr.to_string(),
        format!("127.0.0.2:{port}"),
        format!("{api}@{other_addr}"),
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
        let denial = fixture.denial(&authority).await;
        assert_eq!(denial.reason, DenialReason::Host, "{authority}: {denial}");
    }
    assert_no_connections(&other).await;
    assert_no_connections(&fixture.program.emulator).await;
}

#[tokio::test]
async fn a_host_that_resembles_the_api_is_never_connected_to() {
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
        let result = with_timeout(plugin.get_package(&target)).await;
        let error = result.expect_err("the request is denied");
        let Some(denial) = error.denial() else { panic!("{authority}: {error:?}") };
        assert_eq!(denial.reason, reason, "{authority}: {denial}");
    }
}

#[tokio::test]
async fn another_port_is_never_connected_to() {
    let fixture = ProgramFixture::start(programs::ANOTHER_AUTHORITY).await;
    let other = Emulator::start(Config::default()).await.unwrap();
    for authority in [other.addr().to_string(), "127.0.0.1".into(), "127.0.0.1:80".into()] {
        let denial = fixture.denial(&authority).await;
        assert_eq!(denial.reason, DenialReason::Port, "{authority}: {denial}");
    }
    assert_no_connections(&other).await;
    assert_no_connections(&fixture.program.emulator).await;
}

#[tokio::test]
async fn the_authority_of_the_api_is_allowed() {
    let fixture = ProgramFixture::start(programs::ANOTHER_AUTHORITY).await;
    // The authority passes: the denial is about the path, because the program doesn't percent-encode the service ID.
    let authority = fixture.program.emulator.addr().to_string();
    assert_eq!(fixture.denial(&authority).await.reason, DenialReason::Path);
}

#[tokio::test]
async fn no_connection_is_made_for_another_scheme() {
    let fixture = ProgramFixture::start(programs::ANOTHER_SCHEME).await;
    assert_eq!(fixture.denial(SERVICE).await.reason, DenialReason::Scheme);
    assert_no_connections(&fixture.program.emulator).await;
}

#[tokio::test]
async fn no_connection_is_made_for_another_method() {
    let fixture = ProgramFixture::start(programs::ANOTHER_METHOD).await;
    for method in ["PUT", "POST", "DELETE", "PURGE", "get"] {
        assert_eq!(fixture.denial(method).await.reason, DenialReason::Method, "{method}");
    }
    assert_no_connections(&fixture.program.emulator).await;
}

#[tokio::test]
async fn no_connection_is_made_for_another_path() {
    let fixture = ProgramFixture::start(programs::ANOTHER_PATH).await;
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
        assert_eq!(fixture.denial(path).await.reason, DenialReason::Path, "{path}");
    }
    assert_no_connections(&fixture.program.emulator).await;
}

#[tokio::test]
async fn no_connection_is_made_for_a_query() {
    let fixture = ProgramFixture::start(programs::QUERY).await;
    assert_eq!(fixture.denial(SERVICE).await.reason, DenialReason::Path);
    assert_no_connections(&fixture.program.emulator).await;
}

#[tokio::test]
async fn a_second_request_of_a_call_is_denied() {
    let fixture = ProgramFixture::start(programs::TWO_REQUESTS).await;
    assert_eq!(fixture.denial(SERVICE).await.reason, DenialReason::Repeated);
    assert_eq!(fixture.program.emulator.requests().len(), 1);
}

#[tokio::test]
async fn the_hosts_token_replaces_that_of_the_component() {
    let fixture = ProgramFixture::start(programs::OWN_TOKEN).await;
    fixture.program.emulator.fault(Fault::answer(Answer::new(200)));
    fixture.get(SERVICE).await.unwrap();
    let request = fixture.program.only_request().await;
    let keys: Vec<_> = request
        .headers
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case("fastly-key"))
        .map(|(_, value)| value.as_str())
        .collect();
    assert_eq!(keys, [TOKEN]);
    let names: Vec<_> = request.headers.iter().map(|(name, _)| name.to_lowercase()).collect();
    assert_eq!(names, ["host", "accept", "fastly-key"], "no other header is sent");
}

#[tokio::test]
async fn the_host_header_is_that_of_the_api() {
    let fixture = ProgramFixture::start(programs::OWN_HOST).await;
    fixture.program.emulator.fault(Fault::answer(Answer::new(200)));
    let reply = fixture.get(SERVICE).await.unwrap();
    assert_eq!(reply.body, "appended false, set false");
    let request = fixture.program.only_request().await;
    let api = fixture.program.emulator.addr().to_string();
    assert_eq!(request.header("host"), Some(api.as_str()));
    let head = String::from_utf8(request.head).unwrap();
    assert!(!head.contains("elsewhere"), "{head}");
}

#[tokio::test]
async fn denied_calls_do_not_affect_other_plugins() {
    let fixture = ProgramFixture::start(programs::ANOTHER_AUTHORITY).await;
    for _ in 0..50 {
        fixture.denial("127.0.0.2:1").await;
    }
    with_timeout(fixture.bystander.emulator.idle()).await;
    assert_eq!(fixture.bystander.get_from(&version(1)).await.unwrap().package.version, 1);
}
