//! Whether the API has what was sent. `files_hash` says nothing here: it is of the files, not of the archive, and the API is known to have stored
//! wrong ones.

/// What a comparison comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// It has it.
    Same,
    /// It has something else.
    Differs,
    /// It names no hash.
    Unnamed,
}

/// The SHA-512 that the API names, in hex. Another kind of hash is none, since it can't be compared.
pub fn hashsum(named: Option<&str>) -> Option<&str> {
    named.filter(|named| named.len() == 128 && named.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// Compares by the hash alone: what tells whether an upload has landed. Length is documented as deprecated, and decides nothing against an equal
/// hash.
pub fn compare_hash(sent: &str, named: Option<&str>) -> Comparison {
    match hashsum(named) {
        None => Comparison::Unnamed,
        Some(named) if named.eq_ignore_ascii_case(sent) => Comparison::Same,
        Some(_) => Comparison::Differs,
    }
}

/// Compares length and hash, in bytes and hex, with those that the API names.
pub fn compare(sent: (u64, &str), named: (Option<u64>, Option<&str>)) -> Comparison {
    match compare_hash(sent.1, named.1) {
        _ if named.0.is_some_and(|size| size != sent.0) => Comparison::Differs,
        comparison => comparison,
    }
}
