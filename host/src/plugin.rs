//! The embedded component, loaded once and called many times.

use crate::bindings::PluginPre;
use crate::bindings::exports::fastly_package::api::package_api::{Reply, ServiceVersion};
use crate::builder::{PluginBuilder, Timeouts};
use crate::call::Call;
use crate::content::Content;
use crate::deadline::{Cancellation, Deadline, Over};
use crate::digest::{Comparison, Digest};
use crate::edge::Edges;
use crate::error::{
    ComponentError, Error, Mismatch, Result, Stored, TimeoutError, TimeoutKind, Upload,
};
use crate::listener::Listener;
use crate::retries::{OnRetry, Retries, Retry};
use crate::sandbox::{Ground, Limits, State};
use crate::turns::Turns;
use http::Method;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// Fastly's GetPackage and PutPackage, run in a sandbox.
///
/// Loaded once, cheap to clone, and safe to use from many tasks: each call runs in a fresh instance, connections are shared. Dropping a
/// call's future cancels it and closes its connection. It needs a tokio runtime with time and I/O.
///
/// ```
/// # use fastly_package::{Content, Plugin, PutOptions, ServiceVersion, Token};
/// # use fastly_package_emulator::{Emulator, sample};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let emulator = Emulator::start(Default::default()).await?;
/// # let plugin = Plugin::builder().token(Token::new("secret")?).api(emulator.url().parse()?).build()?;
/// let two = ServiceVersion::new("SU1Z0isxPaozGVKXdv0eY", 2)?;
/// let three = ServiceVersion::new("SU1Z0isxPaozGVKXdv0eY", 3)?;
/// # for target in [&two, &three] {
/// #     let package = Content::from_bytes(sample::package(Default::default()))?;
/// #     plugin.put_package(target, package, PutOptions::default()).await?;
/// # }
/// let (two, three) = tokio::try_join!(plugin.get_package(&two), plugin.get_package(&three))?;
/// assert_eq!((two.package.version, three.package.version), (2, 3));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Plugin(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) ground: &'static Ground,
    pub(crate) component: PluginPre<State>,
    pub(crate) edges: Edges,
    pub(crate) user_agent: Option<String>,
    pub(crate) timeouts: Timeouts,
    pub(crate) limits: Limits,
    pub(crate) retries: Retries,
    pub(crate) on_retry: OnRetry,
    pub(crate) on_verify: OnVerify,
    pub(crate) turns: Turns,
    pub(crate) cancellation: Cancellation,
}

/// Hears of each GET that is to show what is stored.
pub(crate) type OnVerify = Listener<dyn Fn(&ServiceVersion) + Send + Sync>;

impl From<Inner> for Plugin {
    fn from(inner: Inner) -> Self {
        Self(Arc::new(inner))
    }
}

/// How to upload.
///
/// ```
/// use fastly_package::PutOptions;
///
/// let options = PutOptions { force: true, ..PutOptions::default() };
/// assert!(options.verify);
/// ```
#[derive(Debug, Clone, Copy)]
pub struct PutOptions {
    /// Whether to ask before sending. Default: from 1 MiB on.
    pub expect: Expect,
    /// Whether to compare what the API stored with what was sent, by length and SHA-512. Default: yes. Without it nothing is hashed on
    /// the way: a file that changes between two tries is then known by its length and time of change alone.
    pub verify: bool,
    /// Whether to send what [`Content::check`] refuses. Default: no.
    pub force: bool,
}

impl Default for PutOptions {
    fn default() -> Self {
        Self { expect: Expect::Auto, verify: true, force: false }
    }
}

/// Whether an upload asks with `Expect: 100-continue` before it sends the package, so that the API can refuse from the headers alone.
///
/// The package then waits for the API's word, for one second at most.
///
/// ```
/// use fastly_package::{Expect, PutOptions};
///
/// // Behind a proxy that doesn't hand it on, each upload that asks waits for a second.
/// let options = PutOptions { expect: Expect::Never, ..PutOptions::default() };
/// assert_eq!(PutOptions::default().expect, Expect::Auto);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Expect {
    /// Asks from 1 MiB on.
    #[default]
    Auto,
    /// Asks.
    Always,
    /// Doesn't.
    Never,
}

/// An upload that the API has stored.
///
/// ```
/// use fastly_package::Proof;
/// # use fastly_package::{Content, Plugin, PutOptions, ServiceVersion, Token};
/// # use fastly_package_emulator::{Emulator, sample};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let emulator = Emulator::start(Default::default()).await?;
/// # let plugin = Plugin::builder().token(Token::new("secret")?).api(emulator.url().parse()?).build()?;
/// # let target = ServiceVersion::new("SU1Z0isxPaozGVKXdv0eY", 3)?;
/// # let package = Content::from_bytes(sample::package(Default::default()))?;
/// let uploaded = plugin.put_package(&target, package, PutOptions::default()).await?;
/// assert!(matches!(uploaded.proof, Proof::Verified));
/// println!("{}, after {} tries", uploaded.reply.package.id, uploaded.attempts);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Uploaded {
    /// The API's reply: to the upload, or, where that was lost, to the GET that found the package stored.
    pub reply: Reply,
    /// Whether it was proven.
    pub proof: Proof,
    /// How many tries it took, those included that reached nobody.
    pub attempts: u32,
}

/// Whether what is stored was shown to be what was sent. If it was shown to be something else, that is an [`Error::Mismatch`].
///
/// ```
/// use fastly_package::Proof;
/// # use fastly_package::{Content, Plugin, PutOptions, ServiceVersion, Token};
/// # use fastly_package_emulator::{Answer, Emulator, Fault, sample};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let emulator = Emulator::start(Default::default()).await?;
/// # let plugin = Plugin::builder().token(Token::new("secret")?).api(emulator.url().parse()?).build()?;
/// # let target = ServiceVersion::new("SU1Z0isxPaozGVKXdv0eY", 3)?;
/// # let package = Content::from_bytes(sample::package(Default::default()))?;
/// # emulator.fault(Fault::answer(Answer::described(Default::default())).times(2));
/// let uploaded = plugin.put_package(&target, package, PutOptions::default()).await?;
/// match uploaded.proof {
///     Proof::Verified | Proof::Off => {}
///     Proof::Unnamed => eprintln!("stored, but the API doesn't say what"),
///     Proof::Failed(error) => eprintln!("stored, but it can't be shown: {error}"),
///     _ => {}
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum Proof {
    /// The API names the SHA-512 of what was sent, and its length where it names one.
    Verified,
    /// The API said that the package is stored, but named no hash, to a GET neither.
    Unnamed,
    /// The API said that the package is stored, but named no hash, and the GET that was to show one failed.
    Failed(Box<Error>),
    /// [`PutOptions::verify`] was off.
    Off,
}

impl Plugin {
    /// Starts setting one up. See [`PluginBuilder`].
    pub fn builder() -> PluginBuilder {
        PluginBuilder::default()
    }

    /// Gets the package of a service version. What fails and may go well in a moment is done again, as [`Retries`] says.
    ///
    /// # Errors
    ///
    /// Every variant but [`Error::Content`] and [`Error::Mismatch`]. A version without a package is [`Error::Api`] with status 404.
    ///
    /// ```
    /// # use fastly_package::{Plugin, ServiceVersion, Token};
    /// # use fastly_package_emulator::Emulator;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let emulator = Emulator::start(Default::default()).await?;
    /// # let plugin = Plugin::builder().token(Token::new("secret")?).api(emulator.url().parse()?).build()?;
    /// # let target = ServiceVersion::new("SU1Z0isxPaozGVKXdv0eY", 3)?;
    /// match plugin.get_package(&target).await {
    ///     Ok(reply) => println!("{:?}", reply.package.metadata),
    ///     Err(error) if error.is_not_found() => println!("it has none"),
    ///     Err(error) => return Err(error.into()),
    /// }
    /// # assert_eq!(emulator.requests().last().unwrap().status, Some(404));
    /// # Ok(())
    /// # }
    /// ```
    #[tracing::instrument(level = "debug", skip_all, fields(service = %target.service_id, version = target.version_id))]
    pub async fn get_package(&self, target: &ServiceVersion) -> Result<Reply> {
        self.0.get(target, self.0.deadline()).await
    }

    /// Ends all calls that are under way, and those that are begun later: each fails with [`Error::Cancelled`], which says what became of its
    /// upload. A call that is ended by dropping its future can't say that.
    ///
    /// A call that has failed already, and waits for its next try or asks what is stored, ends with that error. An upload that the API has
    /// confirmed, and that is being verified, is done, with [`Proof::Failed`]. Clones of a plugin are one plugin.
    ///
    /// ```
    /// use fastly_package::Error;
    /// # use fastly_package::{Plugin, ServiceVersion, Token};
    /// # use fastly_package_emulator::{Emulator, Fault};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let emulator = Emulator::start(Default::default()).await?;
    /// # let plugin = Plugin::builder().token(Token::new("secret")?).api(emulator.url().parse()?).build()?;
    /// # let target = ServiceVersion::new("SU1Z0isxPaozGVKXdv0eY", 3)?;
    /// # emulator.fault(Fault::never_answer());
    /// let (ended, ()) = tokio::join!(plugin.get_package(&target), async { plugin.cancel() });
    /// assert!(matches!(ended, Err(Error::Cancelled { .. })));
    /// # Ok(())
    /// # }
    /// ```
    pub fn cancel(&self) {
        self.0.cancellation.cancel();
    }

    /// Uploads a package to a service version, in place of the one that it has.
    ///
    /// The package is [checked](Content::check) first, and compared afterwards with what the API says it stored. Uploads to one service
    /// go one after the other. What fails is done again, as [`Retries`] says, if the content can be read again. An upload that may be
    /// stored though it failed is never repeated blindly: unless there are to be no retries, a GET tells first, by the SHA-512, whether
    /// it is stored, and then it is done.
    ///
    /// # Errors
    ///
    /// Every variant. [`Error::stored`] tells what became of the upload. A locked or active version is [`Error::Api`] with status 422.
    ///
    /// ```
    /// # use fastly_package::{Content, Plugin, PutOptions, ServiceVersion, Token};
    /// # use fastly_package_emulator::{Emulator, sample};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let emulator = Emulator::start(Default::default()).await?;
    /// # let plugin = Plugin::builder().token(Token::new("secret")?).api(emulator.url().parse()?).build()?;
    /// # let target = ServiceVersion::new("SU1Z0isxPaozGVKXdv0eY", 3)?;
    /// # let package = Content::from_bytes(sample::package(Default::default()))?;
    /// # emulator.lock("SU1Z0isxPaozGVKXdv0eY", 3);
    /// match plugin.put_package(&target, package, PutOptions::default()).await {
    ///     Ok(uploaded) => println!("{:?}", uploaded.proof),
    ///     Err(error) if error.is_locked() => println!("clone the version, and upload to that one"),
    ///     Err(error) => println!("{error}; stored: {:?}", error.stored()),
    /// }
    /// # assert_eq!(emulator.requests().last().unwrap().status, Some(422));
    /// # Ok(())
    /// # }
    /// ```
    #[tracing::instrument(level = "debug", skip_all, fields(service = %target.service_id, version = target.version_id, size = content.size()))]
    pub async fn put_package(
        &self,
        target: &ServiceVersion,
        mut content: Content,
        options: PutOptions,
    ) -> Result<Uploaded> {
        let plugin = &*self.0;
        let deadline = plugin.deadline();
        if !options.force {
            plugin.check(&mut content, deadline).await?;
        }
        let turn = deadline.hold(plugin.turns.take(&target.service_id)).await;
        let _turn = turn.map_err(|over| plugin.over(over, Some(content.size())))?;
        let mut attempts = 1;
        loop {
            let sent = Call::put(plugin, target, &mut content, options, deadline).await;
            let error = match sent {
                Ok(reply) => {
                    let proof = match options.verify {
                        true => plugin.prove(&reply, target, content.sent(), deadline).await?,
                        false => Proof::Off,
                    };
                    return Ok(Uploaded { reply, proof, attempts });
                }
                Err(error) => match plugin.decide(error, target, &mut content, deadline).await {
                    Ok(reply) => return Ok(Uploaded { reply, proof: Proof::Verified, attempts }),
                    Err(error) => error,
                },
            };
            if error.stored() != Stored::No || !content.is_repeatable() {
                return Err(error);
            }
            plugin.wait(error, target, Method::PUT, attempts, deadline).await?;
            attempts += 1;
        }
    }
}

impl Inner {
    fn deadline(&self) -> Deadline<'_> {
        Deadline::after(self.timeouts.total, &self.cancellation)
    }

    async fn get(&self, target: &ServiceVersion, deadline: Deadline<'_>) -> Result<Reply> {
        let mut failed = 0;
        loop {
            match Call::get(self, target, deadline).await {
                Ok(reply) => return Ok(reply),
                Err(error) => {
                    failed += 1;
                    self.wait(error, target, Method::GET, failed, deadline).await?;
                }
            }
        }
    }

    /// Gets what is stored, to compare it with what was sent.
    async fn verify(&self, target: &ServiceVersion, deadline: Deadline<'_>) -> Result<Reply> {
        if let Some(listener) = self.on_verify.get() {
            listener(target);
        }
        self.get(target, deadline).await
    }

    /// Waits before another try after the `failed`th failure. Gives the error back where there is to be none.
    async fn wait(
        &self,
        error: Error,
        target: &ServiceVersion,
        method: Method,
        failed: u32,
        deadline: Deadline<'_>,
    ) -> Result<()> {
        let wait = self.retries.wait(&error, failed, SystemTime::now());
        // An error that says what is wrong is worth more than a timeout at the end of a wait.
        let Some(wait) = wait.filter(|wait| deadline.allows(*wait)) else { return Err(error) };
        self.on_retry.tell(&Retry {
            target,
            method,
            error: &error,
            number: failed,
            limit: self.retries.limit,
            wait,
        });
        match deadline.hold(tokio::time::sleep(wait)).await {
            Ok(()) => Ok(()),
            Err(_) => Err(error),
        }
    }

    async fn check(&self, content: &mut Content, deadline: Deadline<'_>) -> Result<()> {
        let size = Some(content.size());
        let checking = tokio::time::timeout(self.timeouts.stall, content.check());
        match deadline.hold(checking).await {
            Ok(Ok(checked)) => checked,
            Ok(Err(_)) => Err(self.not_begun(TimeoutKind::Stall, size)),
            Err(over) => Err(self.over(over, size)),
        }
    }

    /// What was over before anything was sent.
    pub(crate) fn over(&self, over: Over, size: Option<u64>) -> Error {
        match over {
            Over::TimedOut => self.not_begun(TimeoutKind::Total, size),
            Over::Cancelled => Error::Cancelled { stored: Stored::No },
        }
    }

    /// What took too long before anything was sent.
    fn not_begun(&self, kind: TimeoutKind, size: Option<u64>) -> Error {
        let upload = size.map(|size| Upload { read: 0, size });
        let limit = self.timeouts.limit(kind);
        Error::Timeout(TimeoutError { kind, limit, upload, stored: Stored::No })
    }

    /// Finds out what became of an upload that failed: the API's reply where it is stored, and else the error, which says so where it is
    /// known that it isn't.
    async fn decide(
        &self,
        error: Error,
        target: &ServiceVersion,
        content: &mut Content,
        deadline: Deadline<'_>,
    ) -> Result<Reply> {
        let may_ask = self.retries.limit > 0 && deadline.allows(Duration::ZERO);
        if error.stored() != Stored::Unknown || !may_ask {
            return Err(error);
        }
        let Ok(Some(sent)) = deadline.hold(content.digest()).await else { return Err(error) };
        tracing::debug!(%error, "the upload may be stored: asking");
        // The API hasn't answered yet, so that what isn't stored now may be a moment later.
        let may_come_later = matches!(error, Error::Timeout(_));
        match self.verify(target, deadline).await {
            Ok(reply) => match sent.compare_hash(&reply.package) {
                Comparison::Same => Ok(reply),
                Comparison::Differs if !may_come_later => Err(error.not_stored()),
                Comparison::Differs | Comparison::Unnamed => Err(error),
            },
            Err(answer) if answer.is_not_found() && !may_come_later => Err(error.not_stored()),
            Err(unknown) => {
                tracing::debug!(error = %unknown, "that is not to be found out");
                Err(error)
            }
        }
    }

    /// Compares what the API says it stored with what was sent.
    async fn prove(
        &self,
        reply: &Reply,
        target: &ServiceVersion,
        sent: Option<Digest>,
        deadline: Deadline<'_>,
    ) -> Result<Proof> {
        let Some(sent) = sent else {
            let message = "it reports as stored what it hasn't read to its end".to_owned();
            return Err(Error::Component(ComponentError::new(message, Stored::Unknown)));
        };
        let mismatch = |stored| Error::Mismatch(Box::new(Mismatch { sent, stored }));
        match sent.compare(&reply.package) {
            Comparison::Same => return Ok(Proof::Verified),
            Comparison::Differs => return Err(mismatch(reply.package.clone())),
            Comparison::Unnamed => tracing::debug!("the answer names no hash: asking for it"),
        }
        match self.verify(target, deadline).await {
            Ok(reply) => match sent.compare(&reply.package) {
                Comparison::Same => Ok(Proof::Verified),
                Comparison::Differs => Err(mismatch(reply.package)),
                Comparison::Unnamed => Ok(Proof::Unnamed),
            },
            Err(error) => Ok(Proof::Failed(Box::new(error))),
        }
    }
}

impl std::fmt::Debug for Plugin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plugin").field("api", &self.0.edges.api).finish_non_exhaustive()
    }
}
