//! An emulator, and a plugin that uses it as its API.

pub(crate) use crate::random_cases::sha512;
use fastly_package::{
    ApiError, Content, Expect, Plugin, PluginBuilder, PutOptions, Reply, Result, Retries,
    ServiceVersion, Stored, Token, UnexpectedResponse, Uploaded,
};
use fastly_package_emulator::{Answer, Config, Emulator, Fault, RecordedRequest, sample};
use serde_json::Value;
use std::time::Duration;

/// The token of the plugin, which the emulator requires.
pub(crate) const TOKEN: &str = "Tk-0123456789abcdefghijklmnopqrstu";
pub(crate) const SERVICE: &str = "SU1Z0isxPaozGVKXdv0eY0";

/// A single request: the package is not checked before the upload, nor verified after it.
const PLAIN: PutOptions = PutOptions { expect: Expect::Auto, verify: false, force: true };
pub(crate) const NEVER: PutOptions = PutOptions { expect: Expect::Never, ..PLAIN };
pub(crate) const ALWAYS: PutOptions = PutOptions { expect: Expect::Always, ..PLAIN };
pub(crate) const AUTO: PutOptions = PLAIN;

/// [`Error::stored`](fastly_package::Error::stored) of a failed GET, and of a failed PUT whose request was sent whole and not rejected.
pub(crate) const STORED_IF_SENT: [Stored; 2] = [Stored::No, Stored::Unknown];

pub(crate) const MIB: u64 = 1024 * 1024;

/// Far longer than any test takes, so that a test that hangs fails.
const TIMEOUT: Duration = Duration::from_secs(60);

pub(crate) struct Fixture {
    pub(crate) emulator: Emulator,
    pub(crate) plugin: Plugin,
}

impl Fixture {
    pub(crate) async fn start() -> Self {
        Self::with(|plugin| plugin).await
    }

    /// Starts an emulator, and a plugin with further configuration.
    pub(crate) async fn with(configure: impl FnOnce(PluginBuilder) -> PluginBuilder) -> Self {
        Self::with_config(Config::default(), configure).await
    }

    /// Starts an emulator with this configuration, except for its token.
    pub(crate) async fn with_config(
        config: Config,
        configure: impl FnOnce(PluginBuilder) -> PluginBuilder,
    ) -> Self {
        let token = Some(TOKEN.to_owned());
        let emulator = Emulator::start(Config { token, ..config }).await.unwrap();
        let plugin = configure(plugin_for(&emulator.url())).build().unwrap();
        Self { emulator, plugin }
    }

    pub(crate) async fn get(&self) -> Result<Reply> {
        self.get_from(&version(1)).await
    }

    pub(crate) async fn get_from(&self, target: &ServiceVersion) -> Result<Reply> {
        with_timeout(self.plugin.get_package(target)).await
    }

    pub(crate) async fn put(&self, package: &[u8], options: PutOptions) -> Result<Reply> {
        self.send(Content::from_bytes(package.to_vec()).unwrap(), options).await
    }

    pub(crate) async fn send(&self, content: Content, options: PutOptions) -> Result<Reply> {
        self.send_to(&version(1), content, options).await
    }

    pub(crate) async fn send_to(
        &self,
        target: &ServiceVersion,
        content: Content,
        options: PutOptions,
    ) -> Result<Reply> {
        self.upload_to(target, content, options).await.map(|uploaded| uploaded.reply)
    }

    /// Uploads the package, and returns more than the reply.
    pub(crate) async fn upload(&self, package: &[u8], options: PutOptions) -> Result<Uploaded> {
        let content = Content::from_bytes(package.to_vec()).unwrap();
        self.upload_to(&version(1), content, options).await
    }

    pub(crate) async fn upload_to(
        &self,
        target: &ServiceVersion,
        content: Content,
        options: PutOptions,
    ) -> Result<Uploaded> {
        with_timeout(self.plugin.put_package(target, content, options)).await
    }

    /// Returns the results of a GET and of a PUT that both get this response. See [`STORED_IF_SENT`].
    pub(crate) async fn get_and_put(&self, answer: Answer) -> [Result<Reply>; 2] {
        self.emulator.fault(Fault::answer(answer).times(2));
        [self.get().await, self.put(&package(2000), AUTO).await]
    }

    /// Waits until the first request is complete, and returns it. Panics if there are more.
    pub(crate) async fn only_request(&self) -> RecordedRequest {
        let mut requests = with_timeout(self.emulator.wait_for_requests(1)).await;
        assert_eq!(requests.len(), 1, "{requests:#?}");
        requests.remove(0)
    }

    pub(crate) fn assert_nothing_stored(&self) {
        assert!(self.emulator.package(SERVICE, 1).is_none(), "a package was stored");
    }

    /// Asserts that the plugin still works: an uploaded package is stored and can be read.
    pub(crate) async fn assert_works(&self) {
        self.emulator.clear_faults();
        let package = package(2000);
        self.put(&package, NEVER).await.expect("the upload succeeds");
        let stored = self.get().await.expect("the uploaded package is found");
        assert_eq!(hashsum(&stored), sha512(&package));
    }
}

/// Returns a builder with the token and this API URL, without retries and without the proxies of the environment.
pub(crate) fn plugin_for(url: &str) -> PluginBuilder {
    let plugin = Plugin::builder().token(Token::new(TOKEN).unwrap()).api(url.parse().unwrap());
    plugin.no_proxy().retries(Retries::none())
}

pub(crate) fn version(number: u32) -> ServiceVersion {
    ServiceVersion::new(SERVICE, number).unwrap()
}

/// Returns the service version of the recorded responses.
pub(crate) fn recorded_version() -> ServiceVersion {
    ServiceVersion::new("OOaJq4HVv57fNDv86Qfzf5", 2).unwrap()
}

/// Returns a successful response about the package of [`version`] 1, with this metadata.
pub(crate) fn described(metadata: Value) -> Answer {
    Answer::described(SERVICE, 1, metadata)
}

pub(crate) async fn with_timeout<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(TIMEOUT, future).await.expect("timed out")
}

/// Returns a valid package of this length, in bytes.
pub(crate) fn package(size: u64) -> Vec<u8> {
    sample::package(sample::SampleOptions { size: Some(size), ..Default::default() })
}

pub(crate) fn hashsum(reply: &Reply) -> &str {
    reply.package.metadata.as_ref().and_then(|metadata| metadata.hashsum.as_deref()).unwrap()
}

#[track_caller]
pub(crate) fn api_error(result: Result<Reply>) -> ApiError {
    let error = result.expect_err("the API responds with an error");
    error.api().unwrap_or_else(|| panic!("not an error response: {error:?}")).clone()
}

#[track_caller]
pub(crate) fn unexpected(result: Result<Reply>) -> UnexpectedResponse {
    let error = result.expect_err("the response is unexpected");
    let response = error.unexpected_response();
    response.unwrap_or_else(|| panic!("not an unexpected response: {error:?}")).clone()
}

/// Asserts that no connection was made, including those that wait to be accepted.
pub(crate) async fn assert_no_connections(emulator: &Emulator) {
    assert_eq!(emulator.count_connections().await.unwrap(), 0);
}
