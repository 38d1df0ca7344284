//! The result of an upload.

use crate::contract::Reply;
use fastly_package_core::upload::{self, Proof};
use std::fmt::Display;

/// A package that the API has stored.
#[derive(Debug, Clone)]
pub struct Uploaded {
    /// The API's reply.
    pub reply: Reply,
    /// The length of the package, in bytes.
    pub size: u64,
    /// Whether the stored package was shown to be the one that was sent.
    pub verification: Verification,
    /// The number of attempts.
    pub attempts: u32,
}

/// Whether a stored package was shown to be the one that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verification {
    /// It was.
    Verified,
    /// It could not be, for this reason.
    Unverified(String),
    /// Verification was not requested.
    Off,
}

impl Uploaded {
    /// Takes the result of the upload procedure. `size` is in bytes.
    pub fn new<E: Display>(uploaded: upload::Uploaded<Reply, E>, size: u64) -> Self {
        let verification = match uploaded.proof {
            Proof::Verified => Verification::Verified,
            Proof::Off => Verification::Off,
            Proof::Failed(error) => Verification::Unverified(error.to_string()),
            Proof::NotHashed => {
                Verification::Unverified("the package can't be read a second time".into())
            }
            _ => Verification::Unverified(fastly_package_core::error::NO_HASH.into()),
        };
        Self { reply: uploaded.reply, size, verification, attempts: uploaded.attempts }
    }
}
