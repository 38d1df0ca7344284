//! The digest of content that is read.

use crate::bindings::exports::fastly_package::api::package_api::{PackageResponse, Reply};
pub use fastly_package_core::digest::Digest;
use fastly_package_core::digest::ReportedDigest;
use fastly_package_core::upload::HasDigest;
use sha2::{Digest as _, Sha512};

/// Returns the length and the hash that the API reports for a package.
pub(crate) fn reported_digest(package: &PackageResponse) -> ReportedDigest<'_> {
    let metadata = package.metadata.as_ref();
    ReportedDigest {
        size: metadata.and_then(|it| it.size),
        hashsum: metadata.and_then(|it| it.hashsum.as_deref()),
    }
}

impl HasDigest for Reply {
    fn reported_digest(&self) -> ReportedDigest<'_> {
        reported_digest(&self.package)
    }
}

/// Hashes content, and compares it with an earlier reading of the same content.
#[derive(Default)]
pub(crate) struct Hasher {
    sha512: Sha512,
    size: u64,
    earlier: Option<Digest>,
    differs: bool,
}

impl Hasher {
    /// `earlier` is the digest of the beginning that was read before.
    pub(crate) fn new(earlier: Option<Digest>) -> Self {
        Self { earlier, ..Self::default() }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        // The earlier digest can only be compared when exactly as much has been read.
        let until = self.earlier.map_or(0, |earlier| earlier.size.saturating_sub(self.size));
        let (before, after) = bytes.split_at(bytes.len().min(until as usize));
        self.hash(before);
        if self.earlier.is_some_and(|earlier| earlier.size == self.size) {
            self.differs |= self.earlier.take() != Some(self.digest());
        }
        self.hash(after);
    }

    fn hash(&mut self, bytes: &[u8]) {
        self.sha512.update(bytes);
        self.size += bytes.len() as u64;
    }

    /// Returns the digest of what was read so far.
    pub(crate) fn digest(&self) -> Digest {
        Digest { size: self.size, sha512: self.sha512.clone().finalize().into() }
    }

    /// Returns whether what was read so far differs from the earlier reading.
    pub(crate) fn differs(&self) -> bool {
        self.differs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(bytes: &[u8]) -> Digest {
        let mut hasher = Hasher::default();
        hasher.update(bytes);
        hasher.digest()
    }

    #[test]
    fn a_hashsum_is_written_as_the_api_writes_it() {
        let known = "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
                     2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f";
        assert_eq!(digest(b"abc").hashsum(), known);
    }

    #[test]
    fn a_second_reading_is_compared_with_as_much_as_was_read_before() {
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
                assert_eq!(hasher.digest(), digest(now.as_bytes()));
            }
        }
    }
}
