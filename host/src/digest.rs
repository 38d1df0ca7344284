//! What a package is known by: its length and its SHA-512.

use crate::bindings::exports::fastly_package::api::package_api::PackageResponse;
use fastly_package_words::proof;
pub(crate) use fastly_package_words::proof::Comparison;
use sha2::{Digest as _, Sha512};
use std::fmt;

/// Length and SHA-512 of a package: what the API calls `size` and `hashsum`.
///
/// ```
/// use fastly_package::Digest;
/// use sha2::{Digest as _, Sha512};
///
/// let digest = Digest { size: 3, sha512: Sha512::digest("abc").into() };
/// assert!(digest.hashsum().starts_with("ddaf35a193617aba"));
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Digest {
    /// Length of the `.tar.gz`, in bytes.
    pub size: u64,
    /// SHA-512 of the `.tar.gz`.
    pub sha512: [u8; 64],
}

impl Digest {
    /// The SHA-512 in lower-case hex, as the API writes it.
    pub fn hashsum(&self) -> String {
        use fmt::Write;
        self.sha512.iter().fold(String::with_capacity(128), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })
    }

    /// Compares with what the API says of a package.
    pub(crate) fn compare(&self, package: &PackageResponse) -> Comparison {
        let size = package.metadata.as_ref().and_then(|metadata| metadata.size);
        proof::compare((self.size, &self.hashsum()), (size, named(package)))
    }

    /// Compares by the hash alone: what tells whether an upload has landed.
    pub(crate) fn compare_hash(&self, package: &PackageResponse) -> Comparison {
        proof::compare_hash(&self.hashsum(), named(package))
    }

    /// The SHA-512 that the API names.
    pub(crate) fn hashsum_of(package: &PackageResponse) -> Option<&str> {
        proof::hashsum(named(package))
    }
}

/// What the API calls the hash.
fn named(package: &PackageResponse) -> Option<&str> {
    package.metadata.as_ref()?.hashsum.as_deref()
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Digest")
            .field("size", &self.size)
            .field("sha512", &format_args!("{}", self.hashsum()))
            .finish()
    }
}

/// Hashes what is read, and compares it on the way with what an earlier reading came to.
#[derive(Default)]
pub(crate) struct Hasher {
    sha512: Sha512,
    size: u64,
    earlier: Option<Digest>,
    differs: bool,
}

impl Hasher {
    /// `earlier`: of the beginning, or the whole, as it was read before.
    pub(crate) fn new(earlier: Option<Digest>) -> Self {
        Self { earlier, ..Self::default() }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        let until = self.earlier.map_or(0, |earlier| earlier.size.saturating_sub(self.size));
        let (before, after) = bytes.split_at(bytes.len().min(until as usize));
        self.take(before);
        if self.earlier.is_some_and(|earlier| earlier.size == self.size) {
            self.differs |= self.earlier.take() != Some(self.so_far());
        }
        self.take(after);
    }

    fn take(&mut self, bytes: &[u8]) {
        self.sha512.update(bytes);
        self.size += bytes.len() as u64;
    }

    /// Of what was read until now.
    pub(crate) fn so_far(&self) -> Digest {
        Digest { size: self.size, sha512: self.sha512.clone().finalize().into() }
    }

    /// Whether what was read until now isn't what was read before.
    pub(crate) fn differs(&self) -> bool {
        self.differs
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::exports::fastly_package::api::package_api::PackageMetadata;

    fn digest(bytes: &[u8]) -> Digest {
        let mut hasher = Hasher::default();
        hasher.update(bytes);
        hasher.so_far()
    }

    fn response(size: Option<u64>, hashsum: Option<String>) -> PackageResponse {
        let metadata = PackageMetadata {
            name: None,
            description: None,
            authors: None,
            language: None,
            size,
            hashsum,
            files_hash: Some("0".repeat(128)),
            cloned_from: None,
            wasm_metadata: None,
        };
        PackageResponse {
            id: "p".into(),
            service_id: "s".into(),
            version: 1,
            created_at: None,
            updated_at: None,
            deleted_at: None,
            metadata: Some(metadata),
        }
    }

    #[test]
    fn a_hashsum_is_written_as_the_api_writes_it() {
        let known = "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
                     2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f";
        assert_eq!(digest(b"abc").hashsum(), known);
    }

    #[test]
    fn what_is_stored_is_compared_by_length_and_hash_and_by_nothing_else() {
        let sent = digest(b"abc");
        let (same, other) = (Some(sent.hashsum()), Some(digest(b"abd").hashsum()));
        let upper = same.as_ref().map(|hash| hash.to_uppercase());
        for (size, hashsum, expected) in [
            (Some(3), same.clone(), Comparison::Same),
            (None, same.clone(), Comparison::Same),
            (Some(3), upper, Comparison::Same),
            (Some(4), same, Comparison::Differs),
            (Some(3), other.clone(), Comparison::Differs),
            (None, other, Comparison::Differs),
            (Some(4), None, Comparison::Differs),
            (Some(3), None, Comparison::Unnamed),
            (None, None, Comparison::Unnamed),
            (Some(3), Some(String::new()), Comparison::Unnamed),
            (Some(3), Some("sha256:00".into()), Comparison::Unnamed),
        ] {
            let stored = response(size, hashsum);
            assert_eq!(sent.compare(&stored), expected, "{stored:?}");
        }
        let of_another_length = response(Some(4), Some(sent.hashsum()));
        assert_eq!(sent.compare_hash(&of_another_length), Comparison::Same);
        assert_eq!(sent.compare_hash(&response(Some(4), None)), Comparison::Unnamed);
        let without = PackageResponse { metadata: None, ..response(None, None) };
        assert_eq!(sent.compare(&without), Comparison::Unnamed);
    }

    #[test]
    fn a_second_reading_is_compared_with_as_much_as_the_first_came_to() {
        for (earlier, now, differs) in [
            ("abc", "abcdef", false),
            ("abcdef", "abcdef", false),
            ("abx", "abcdef", true),
            ("abcdex", "abcdef", true),
        ] {
            for piece in 1..=6 {
                let mut hasher = Hasher::new(Some(digest(earlier.as_bytes())));
                now.as_bytes().chunks(piece).for_each(|bytes| hasher.update(bytes));
                assert_eq!(hasher.differs(), differs, "{earlier} {now} {piece}");
                assert_eq!(hasher.so_far(), digest(now.as_bytes()));
            }
        }
    }
}
