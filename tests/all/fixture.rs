//! An emulator and a plugin that talks to it.

pub(crate) use crate::drawn::sha512;
use fastly_package::{
    ApiError, Content, Error, Expect, Plugin, PluginBuilder, PutOptions, Reply, Result, Retries,
    ServiceVersion, Stored, Token, UnexpectedResponse, Uploaded,
};
use fastly_package_emulator::{Answer, Config, Emulator, Fault, RecordedRequest, sample};
use std::time::Duration;

/// The token that the plugin has and the emulator wants.
pub(crate) const TOKEN: &str = "Tk-0123456789abcdefghijklmnopqrstu";
pub(crate) const SERVICE: &str = "SU1Z0isxPaozGVKXdv0eY0";

/// One exchange, whatever is sent and whatever is said to be stored.
const PLAIN: PutOptions = PutOptions { expect: Expect::Auto, verify: false, force: true };
pub(crate) const NEVER: PutOptions = PutOptions { expect: Expect::Never, ..PLAIN };
pub(crate) const ALWAYS: PutOptions = PutOptions { expect: Expect::Always, ..PLAIN };
pub(crate) const AUTO: PutOptions = PLAIN;

/// What a failed GET and a failed PUT say of an upload that was sent whole and never refused.
pub(crate) const IF_SENT: [Stored; 2] = [Stored::No, Stored::Unknown];

pub(crate) const MIB: u64 = 1024 * 1024;

/// For what ought to end long before, but could hang.
const SAFETY_NET: Duration = Duration::from_secs(60);

pub(crate) struct Fixture {
    pub(crate) emulator: Emulator,
    pub(crate) plugin: Plugin,
}

impl Fixture {
    pub(crate) async fn start() -> Self {
        Self::with(|plugin| plugin).await
    }

    /// With a plugin that is set up further.
    pub(crate) async fn with(set_up: impl FnOnce(PluginBuilder) -> PluginBuilder) -> Self {
        Self::in_api(Config::default(), set_up).await
    }

    /// With an emulator of this configuration, but for the token.
    pub(crate) async fn in_api(
        config: Config,
        set_up: impl FnOnce(PluginBuilder) -> PluginBuilder,
    ) -> Self {
        let token = Some(TOKEN.to_owned());
        let emulator = Emulator::start(Config { token, ..config }).await.unwrap();
        let plugin = set_up(plugin_for(&emulator.url())).build().unwrap();
        Self { emulator, plugin }
    }

    pub(crate) async fn get(&self) -> Result<Reply> {
        self.get_of(&version(1)).await
    }

    pub(crate) async fn get_of(&self, target: &ServiceVersion) -> Result<Reply> {
        in_time(self.plugin.get_package(target)).await
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

    /// With all that is known of the upload.
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
        in_time(self.plugin.put_package(target, content, options)).await
    }

    /// This answer to a GET, then to a PUT. See [`IF_SENT`].
    pub(crate) async fn answered(&self, answer: Answer) -> [Result<Reply>; 2] {
        self.emulator.fault(Fault::answer(answer).times(2));
        [self.get().await, self.put(&package(2000), AUTO).await]
    }

    /// The one request that was made, when nothing more will happen to it.
    pub(crate) async fn only_request(&self) -> RecordedRequest {
        let mut requests = in_time(self.emulator.wait_for_requests(1)).await;
        assert_eq!(requests.len(), 1, "{requests:#?}");
        requests.remove(0)
    }

    pub(crate) fn assert_nothing_stored(&self) {
        assert!(self.emulator.package(SERVICE, 1).is_none(), "a package was stored");
    }

    /// The plugin is as good as new: what is uploaded is stored and can be read.
    pub(crate) async fn assert_works(&self) {
        self.emulator.clear_faults();
        let package = package(2000);
        self.put(&package, NEVER).await.expect("an upload after all that");
        let stored = self.get().await.expect("the package that was just uploaded");
        assert_eq!(hashsum(&stored), sha512(&package));
    }
}

/// A plugin with the token, for the API at this URL, that tries once; the proxies of the environment are not for it.
pub(crate) fn plugin_for(url: &str) -> PluginBuilder {
    let plugin = Plugin::builder().token(Token::new(TOKEN).unwrap()).api(url.parse().unwrap());
    plugin.no_proxy().retries(Retries::none())
}

pub(crate) fn version(number: u32) -> ServiceVersion {
    ServiceVersion::new(SERVICE, number).unwrap()
}

pub(crate) async fn in_time<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(SAFETY_NET, future).await.expect("it hangs")
}

/// A valid package of this many bytes.
pub(crate) fn package(size: u64) -> Vec<u8> {
    sample::package(sample::SampleOptions { size: Some(size), ..Default::default() })
}

pub(crate) fn hashsum(reply: &Reply) -> &str {
    reply.package.metadata.as_ref().and_then(|metadata| metadata.hashsum.as_deref()).unwrap()
}

#[track_caller]
pub(crate) fn api_error(result: Result<Reply>) -> ApiError {
    match result {
        Err(Error::Api { error, .. }) => *error,
        other => panic!("not a refusal of the API: {other:?}"),
    }
}

#[track_caller]
pub(crate) fn unexpected(result: Result<Reply>) -> UnexpectedResponse {
    match result {
        Err(Error::UnexpectedResponse { response, .. }) => *response,
        other => panic!("not an unexpected response: {other:?}"),
    }
}

/// Nobody has connected to it, or waits to.
pub(crate) async fn assert_untouched(emulator: &Emulator) {
    assert_eq!(emulator.count_connections().await.unwrap(), 0);
}
