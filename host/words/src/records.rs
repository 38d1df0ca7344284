//! What a call comes to, in plain records: those of the contract as far as they are shown.

use crate::error::{Lost, UnexpectedReason};

/// A successful answer.
#[derive(Debug, Clone, Default)]
pub struct Reply {
    /// The package.
    pub package: Package,
    /// The limit on writes, where the answer says something of it.
    pub rate_limit: Option<RateLimit>,
    /// The JSON as it came.
    pub body: String,
}

/// A package.
#[derive(Debug, Clone, Default)]
#[expect(missing_docs, reason = "the contract's, documented there")]
pub struct Package {
    pub id: String,
    pub service_id: String,
    pub version: u32,
    pub created_at: Option<String>,
    pub updated_at: Option<String>,
    pub deleted_at: Option<String>,
    pub metadata: Option<Metadata>,
}

/// What the API read from a package.
#[derive(Debug, Clone, Default)]
#[expect(missing_docs, reason = "the contract's, documented there")]
pub struct Metadata {
    pub name: Option<String>,
    pub description: Option<String>,
    pub authors: Option<Vec<String>>,
    pub language: Option<String>,
    pub size: Option<u64>,
    pub hashsum: Option<String>,
    pub files_hash: Option<String>,
    pub cloned_from: Option<String>,
    pub wasm_metadata: Option<String>,
}

/// The limit on writes.
#[derive(Debug, Clone, Default)]
#[expect(missing_docs, reason = "the contract's, documented there")]
pub struct RateLimit {
    pub remaining: Option<u64>,
    pub reset: Option<u64>,
    pub retry_after: Option<String>,
}

/// Why an operation failed.
#[derive(Debug, Clone)]
pub struct Error {
    /// Where it failed.
    pub case: Case,
    /// Why, in words.
    pub reason: String,
    /// What became of an upload.
    pub stored: Stored,
}

/// Where an operation failed.
#[derive(Debug, Clone)]
pub enum Case {
    /// On an argument.
    InvalidArgument,
    /// On the token.
    Token,
    /// On the package, here.
    Content(Content),
    /// On the way.
    Transport(Lost),
    /// On a limit of time.
    Timeout(Waited),
    /// The API said no.
    Api(Box<ApiError>),
    /// The answer isn't the API's.
    UnexpectedResponse {
        /// The HTTP status.
        status: u16,
        /// Why.
        reason: UnexpectedReason,
    },
    /// What is stored isn't what was sent.
    Mismatch,
    /// In the sandbox: the component was stopped, or asked for what it may not.
    Component,
    /// It was ended from outside.
    Cancelled,
}

/// What a limit of time is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waited {
    /// Connecting, TLS included: nothing was sent.
    ToConnect,
    /// The rest of a call.
    ForAnswer,
    /// All of it, `--timeout`.
    InAll,
}

/// What the API said no with.
#[derive(Debug, Clone)]
pub struct ApiError {
    /// The HTTP status.
    pub status: u16,
    /// The short form of the reason.
    pub title: Option<String>,
    /// Its long form.
    pub detail: Option<String>,
    /// The limit on writes.
    pub rate_limit: Option<RateLimit>,
}

/// What is wrong with a package that was refused here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// It isn't there.
    Missing,
    /// It is in no folder that the host of the command hands in.
    Outside,
    /// It can't be opened.
    Closed,
    /// It is a folder, or something else that is no file.
    NotAFile,
    /// There is nothing in it.
    Empty,
    /// It can't be read to its end.
    Unreadable,
    /// It is shorter or longer than it should be, or became so.
    Varying,
    /// It is over the API's limit.
    TooLarge,
    /// It is something else.
    NotAPackage,
}

/// What became of an upload that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    /// Nothing is stored.
    No,
    /// That isn't known.
    Unknown,
    /// Something else than was sent.
    Other,
}

/// What a 404 is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// The service.
    Service,
    /// The version: the service is there.
    Version,
    /// The package: service and version are there.
    Package,
}

/// Something that is wrong with a package.
#[derive(Debug, Clone)]
pub struct Finding {
    /// `error` or `warning`.
    pub severity: String,
    /// A name that stays.
    pub kind: &'static str,
    /// What, for people.
    pub message: String,
    /// What to do, for people.
    pub hint: &'static str,
    /// Whether the API refuses an upload for it.
    pub refuses_upload: bool,
}

/// Whether what is stored was shown to be what was sent.
#[derive(Debug, Clone)]
pub enum Proof {
    /// It was.
    Verified,
    /// It wasn't, for this reason.
    Unproven(String),
    /// It was not to be.
    Off,
}

/// An upload that was done.
#[derive(Debug, Clone)]
pub struct Uploaded {
    /// The API's reply.
    pub reply: Reply,
    /// How many bytes were sent.
    pub bytes: u64,
    /// Whether what is stored was shown to be what was sent.
    pub proof: Proof,
    /// How many tries it took.
    pub attempts: u32,
}

impl Reply {
    /// Whether the files of this `files_hash` are those that the version has.
    pub fn has_files(&self, files_hash: &str) -> bool {
        let metadata = self.package.metadata.as_ref();
        let theirs = metadata.and_then(|metadata| metadata.files_hash.as_deref());
        theirs.is_some_and(|theirs| theirs.eq_ignore_ascii_case(files_hash))
    }
}

impl Error {
    /// The status of the answer, where there was one.
    pub fn status(&self) -> Option<u16> {
        match &self.case {
            Case::Api(error) => Some(error.status),
            Case::UnexpectedResponse { status, .. } => Some(*status),
            _ => None,
        }
    }
}
