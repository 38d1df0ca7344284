//! The platform that the commands run on.

use crate::args::{Connection, Put};
use crate::call_error::{CallError, Uploaded};
use crate::contract::{Reply, ServiceVersion, ServiceVersionInfo};
use crate::error::{CommandError, ErrorContext, Finding};
use crate::report::Report;
use crate::targets::Line;
use fastly_package_core::upload::PutOptions;
use futures::Stream;
use std::path::Path;

/// Files, the network and signals, as far as `get` and `put` need them.
#[expect(async_fn_in_trait, reason = "the commands run on one thread")]
pub trait Platform: Sized {
    /// A package to upload.
    type Content;
    /// A reader of an open package.
    type Reader;

    /// Reads the token and prepares calls of the API. `jobs` is the maximum number of concurrent calls, if there are several targets.
    fn connect(
        connection: &Connection,
        jobs: Option<u16>,
        report: Report,
    ) -> Result<Self, CommandError>;

    /// Returns where the token was read.
    fn token_source(&self) -> &str;

    /// Gets the package of a service version.
    async fn get_package(&self, target: &ServiceVersion) -> Result<Reply, CallError>;

    /// Lists the versions of a service, in a few seconds or not at all, since it only explains an error.
    async fn list_versions(&self, service_id: &str) -> Result<Vec<ServiceVersionInfo>, CallError>;

    /// Reads the lines of a file, or of stdin for `-`.
    fn lines(&self, path: &Path) -> impl Stream<Item = Line>;

    /// Opens the package to upload.
    async fn open(&self, args: &Put) -> Result<Self::Content, CallError>;

    /// Returns the length of a package, in bytes.
    fn size(content: &Self::Content) -> u64;

    /// Checks the length of a package and its first bytes.
    async fn check(&self, content: &mut Self::Content) -> Result<(), CallError>;

    /// Computes the `files_hash` of a package. `None` if it is not a valid package, or can be read only once.
    async fn files_hash(&self, content: &Self::Content) -> Result<Option<String>, CallError>;

    /// Returns the errors and warnings of the full check of a package. `None` if the platform has no full check.
    async fn findings(&self, package: Self::Reader) -> Option<Vec<Finding>>;

    /// Uploads a package. If it fails, the error contains what [`explain`](crate::put::explain) finds.
    async fn upload(
        &self,
        content: Self::Content,
        options: PutOptions,
        context: ErrorContext,
    ) -> UploadResult;
}

/// The result of an upload.
pub struct UploadResult {
    /// The upload's own result.
    pub result: Result<Uploaded, CommandError>,
    /// The number of the signal that ended the upload, or the search for the cause of its failure.
    pub signal: Option<i32>,
}
