//! The digest of a package, and its comparison with what the API reports. `files_hash` is not compared: it covers the files and not the archive,
//! and the API is known to have stored wrong ones.

use std::fmt;

/// Length and SHA-512 of a package: what the API calls `size` and `hashsum`.
///
/// ```
/// # use fastly_package_core::digest::Digest;
/// let digest = Digest { size: 3, sha512: [0xdd; 64] };
/// assert!(digest.hashsum().starts_with("dddd"));
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Digest {
    /// Length of the `.tar.gz`, in bytes.
    pub size: u64,
    /// SHA-512 of the `.tar.gz`.
    pub sha512: [u8; 64],
}

/// Length and hash of a package, as the API reports them.
#[derive(Debug, Clone, Copy)]
pub struct ReportedDigest<'a> {
    /// `size`: the length, in bytes.
    pub size: Option<u64>,
    /// `hashsum`: the hash.
    pub hashsum: Option<&'a str>,
}

/// The result of comparing a digest with what the API reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// The API has the package.
    Same,
    /// The API has something else.
    Differs,
    /// The API reports no SHA-512.
    NoHash,
}

impl Digest {
    /// Returns the SHA-512 in lower-case hex, as the API writes it.
    pub fn hashsum(&self) -> String {
        use fmt::Write;
        self.sha512.iter().fold(String::with_capacity(128), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })
    }

    /// Compares with the length and the hash that the API reports.
    pub fn compare(&self, reported: ReportedDigest<'_>) -> Comparison {
        match self.compare_hash(reported) {
            _ if reported.size.is_some_and(|size| size != self.size) => Comparison::Differs,
            comparison => comparison,
        }
    }

    /// Compares with the hash that the API reports, which alone tells whether an upload is stored: `size` is documented as deprecated, and must
    /// not outweigh an equal hash.
    pub fn compare_hash(&self, reported: ReportedDigest<'_>) -> Comparison {
        match reported.sha512() {
            None => Comparison::NoHash,
            Some(hashsum) if hashsum.eq_ignore_ascii_case(&self.hashsum()) => Comparison::Same,
            Some(_) => Comparison::Differs,
        }
    }
}

impl<'a> ReportedDigest<'a> {
    /// Returns the hash if it is a SHA-512 in hex. Another kind of hash can't be compared.
    pub(crate) fn sha512(self) -> Option<&'a str> {
        let is_sha512 =
            |hash: &&str| hash.len() == 128 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
        self.hashsum.filter(is_sha512)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Digest")
            .field("size", &self.size)
            .field("sha512", &format_args!("{}", self.hashsum()))
            .finish()
    }
}

#[cfg(test)]
mod tests;
