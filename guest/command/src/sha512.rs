//! The SHA-512 by which the API names a package.

use sha2::{Digest, Sha512};
use std::io::{self, Read};

/// What is read at a time, in bytes.
const READ: usize = 256 * 1024;

/// How long the content is, and its hash in lower-case hex.
pub(crate) fn sha512(mut content: impl Read) -> io::Result<(u64, String)> {
    let mut hash = Sha512::new();
    let mut buffer = vec![0; READ];
    let mut size = 0;
    loop {
        let length = content.read(&mut buffer)?;
        if length == 0 {
            let hex = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
            return Ok((size, hex));
        }
        hash.update(&buffer[..length]);
        size += length as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_has_a_length_and_a_hash() {
        let (size, hash) = sha512(&b"abc"[..]).unwrap();
        // FIPS 180-4's example.
        assert_eq!((size, &hash[..16], &hash[112..]), (3, "ddaf35a193617aba", "2a9ac94fa54ca49f"));
    }
}
