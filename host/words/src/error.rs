//! Why an operation failed, in words.

/// Why an answer can't be taken for the API's. The same as in the contract, `unexpected-reason`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnexpectedReason {
    /// A status that is neither success nor error.
    Status,
    /// A success before all was sent.
    Premature,
    /// A success with too long a body.
    TooLarge,
    /// A success with another body than a package.
    NotAPackage,
}

/// Why a request or its answer was lost: the error codes of `wasi:http`, as far as they are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// The name is no address, or wasn't in time.
    Name,
    /// There was no connection to be had, or not in time.
    Unreached,
    /// There is none to be had as things are set up.
    Configuration,
    /// The server's certificate isn't trusted.
    Untrusted,
    /// The two sides don't agree on TLS.
    Tls,
    /// The server ended TLS with an alert, which it may do at any time.
    Alert,
    /// The host doesn't let it out, or can't send it.
    Refused,
    /// It broke off in the middle of the answer.
    Incomplete,
    /// What came is no answer.
    NotHttp,
    /// Something else, at any time.
    Connection,
}

impl Lost {
    /// In words; `why` is more of the reason, or empty.
    pub fn words(self, why: &str) -> String {
        let what = match self {
            Self::Name => "the API's name can't be resolved",
            Self::Unreached | Self::Configuration | Self::Untrusted | Self::Tls | Self::Alert => {
                "the API was not reached"
            }
            Self::Incomplete => "the connection was lost before the answer was whole",
            Self::NotHttp => "what came back is not an HTTP answer",
            Self::Refused => "the request was not let out",
            Self::Connection => "the connection was lost",
        };
        match why {
            "" => what.to_owned(),
            why => format!("{what}: {why}"),
        }
    }

    /// Whether the same would only be lost again.
    pub fn is_lasting(self) -> bool {
        matches!(self, Self::Configuration | Self::Untrusted | Self::Tls | Self::Refused)
    }

    /// Whether nothing can have been sent. Of what ends TLS that isn't known: it may do so in the middle.
    pub fn is_before_sending(self) -> bool {
        matches!(
            self,
            Self::Name | Self::Unreached | Self::Configuration | Self::Untrusted | Self::Refused
        )
    }
}

/// What the API says no with: its status, its texts, and those of the further entries of its `errors`.
pub fn api_error<'a>(
    status: u16,
    texts: [Option<&'a str>; 2],
    further: impl IntoIterator<Item = [Option<&'a str>; 2]>,
) -> String {
    /// How many of the further entries are told.
    const FURTHER: usize = 5;
    let status = http_status(status);
    let mut words = status.clone();
    for text in texts.into_iter().flatten() {
        // The API's titles are often the status once more.
        if !status.to_ascii_lowercase().ends_with(&text.to_ascii_lowercase()) {
            words.push_str(": ");
            words.push_str(text);
        }
    }
    for text in further.into_iter().take(FURTHER).flatten().flatten() {
        words.push_str("; ");
        words.push_str(text);
    }
    words
}

/// Whether the API says no because the version is locked.
pub fn is_locked(status: u16, texts: [Option<&str>; 2]) -> bool {
    let says = |text: &str| text.to_ascii_lowercase().contains("locked");
    status == 422 && texts.into_iter().flatten().any(says)
}

/// An answer that isn't the API's; `detail` is more of the reason, or empty.
pub fn unexpected_response(
    status: u16,
    reason: UnexpectedReason,
    detail: &str,
    location: Option<&str>,
) -> String {
    let mut words = http_status(status);
    words.push_str(match reason {
        UnexpectedReason::Status => ", which is neither success nor error",
        UnexpectedReason::Premature => ", but before the whole package had been sent",
        UnexpectedReason::TooLarge => ", with an answer over 1 MiB",
        UnexpectedReason::NotAPackage => ", but the answer is no package",
    });
    if !detail.is_empty() {
        words.push_str(&format!(": {detail}"));
    }
    if let Some(location) = location {
        words.push_str(&format!(": a redirect to {location}, which is not followed"));
    }
    words
}

/// A token that can't be used, or can't be read.
pub fn no_token(why: &str) -> String {
    format!("no usable token: {why}")
}

/// A package that can't be opened.
pub fn cant_open(name: &str, why: &str) -> String {
    format!("can't open {name}: {why}")
}

/// A folder, or something else that is no file.
pub fn not_a_file(name: &str) -> String {
    format!("{name} is not a file")
}

/// A package without a byte.
pub const EMPTY: &str = "the package is empty";

/// A package over the limit, in bytes.
pub fn too_large(limit: u64) -> String {
    format!("the package is larger than {limit} bytes")
}

/// Something else than a package.
pub fn no_package(what: &str) -> String {
    format!("that is no package: {what}")
}

/// A package that can't be read to its end.
pub fn unreadable(why: &str) -> String {
    format!("can't read the package: {why}")
}

/// A package that was written to.
pub const CHANGED: &str = "the package changed while it was read";

/// A content that ended after `found` bytes.
pub fn too_short(expected: u64, found: u64) -> String {
    format!("the package ended after {found} bytes, where {expected} were expected")
}

/// A content that goes on.
pub fn too_long(expected: u64) -> String {
    format!("the package is longer than the expected {expected} bytes")
}

/// Of an upload that the API says is stored.
pub const UNNAMED: &str = "the API names no SHA-512 of it";

/// A package that the API stores otherwise than it was sent: lengths in bytes, SHA-512 in hex.
pub fn mismatch(sent: (u64, &str), stored: (Option<u64>, Option<&str>)) -> String {
    let stored = stored_as(stored);
    format!(
        "what the API stored is not what was sent: sent {} bytes with SHA-512 {}, stored {stored}",
        sent.0, sent.1
    )
}

/// A package that was written to while it was sent, so that only what the API stored of it is known, if that.
pub fn torn(stored: (Option<u64>, Option<&str>)) -> String {
    format!("{CHANGED}, and the API stored what came of that: {}", stored_as(stored))
}

fn stored_as(stored: (Option<u64>, Option<&str>)) -> String {
    let size = stored.0.map_or_else(|| "something".to_owned(), |size| format!("{size} bytes"));
    let hashsum =
        stored.1.map_or_else(|| "without a hash".to_owned(), |hashsum| format!("with {hashsum}"));
    format!("{size} {hashsum}")
}

fn http_status(status: u16) -> String {
    let reason = http::StatusCode::from_u16(status).ok().and_then(|s| s.canonical_reason());
    match reason {
        Some(reason) => format!("the API answered {status} {reason}"),
        None => format!("the API answered {status}"),
    }
}
