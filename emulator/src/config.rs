//! The configuration of an emulator.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};

/// The configuration of an [`Emulator`](crate::Emulator).
///
/// With the default, the emulator listens on a free port of the loopback address, any token is accepted, and every version of every service
/// exists.
#[derive(Clone)]
pub struct Config {
    /// The address to listen on. Default `127.0.0.1:0`: loopback, a free port.
    pub listen: SocketAddr,
    /// The token that may read and write. Default `None`: any token is accepted unless it is empty.
    pub token: Option<String>,
    /// A token that may only read. Its writes are answered with 403. Default `None`.
    pub read_only_token: Option<String>,
    /// The services that exist, and how many versions each has. Default `None`: every version of every service exists.
    pub services: Option<BTreeMap<String, u32>>,
    /// Versions that are locked from the start, as pairs of service ID and version. Default none.
    pub locked: Vec<(String, u32)>,
    /// The largest `.tar.gz` that is accepted, in bytes. A larger one is answered with 413 (*inferred*). Default 100,000,000: the limit that the
    /// Fastly CLI enforces (fastly/cli, `pkg/commands/compute/hashfiles.go`).
    pub max_package_bytes: u64,
    /// The largest size of an unpacked archive, in bytes. A larger one is answered with 400. Default 1,000,000,000, which limits the cost of a
    /// gzip bomb.
    pub max_unpacked_bytes: u64,
    /// Number of writes per token and clock hour. More are answered with 429. Default 1,000.
    pub writes_per_hour: u32,
    /// A prefix of every path of the API, such as `/fastly`, without a trailing slash. Default empty.
    pub path_prefix: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            token: None,
            read_only_token: None,
            services: None,
            locked: Vec::new(),
            max_package_bytes: 100_000_000,
            max_unpacked_bytes: 1_000_000_000,
            writes_per_hour: 1_000,
            path_prefix: String::new(),
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let redacted = |token: &Option<String>| token.as_ref().map(|_| "[redacted]");
        f.debug_struct("Config")
            .field("listen", &self.listen)
            .field("token", &redacted(&self.token))
            .field("read_only_token", &redacted(&self.read_only_token))
            .field("services", &self.services)
            .field("locked", &self.locked)
            .field("max_package_bytes", &self.max_package_bytes)
            .field("max_unpacked_bytes", &self.max_unpacked_bytes)
            .field("writes_per_hour", &self.writes_per_hour)
            .field("path_prefix", &self.path_prefix)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_contains_no_token() {
        let config = Config {
            token: Some("hush-full".into()),
            read_only_token: Some("hush-read".into()),
            ..Config::default()
        };
        assert!(!format!("{config:?}").contains("hush"));
    }
}
