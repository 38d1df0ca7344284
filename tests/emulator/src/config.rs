//! What an emulator is told when it starts.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};

/// What an [`Emulator`](crate::Emulator) is told when it starts.
///
/// The default is made for a demonstration: a free port of the loopback address, any token, every
/// service and every version.
#[derive(Clone)]
pub struct Config {
    /// Where to listen. Default `127.0.0.1:0`: loopback, a free port.
    pub listen: SocketAddr,
    /// The token that may read and write. Default `None`: any `Fastly-Key` that isn't empty may.
    pub token: Option<String>,
    /// A token that may read only: its writes are answered with 403. Default `None`.
    pub read_only_token: Option<String>,
    /// The services that exist, each with the number of its versions (1 to that number). Default
    /// `None`: every service exists with every version asked for.
    pub services: Option<BTreeMap<String, u32>>,
    /// Versions that are locked from the start, as pairs of service and version. Default none.
    pub locked: Vec<(String, u32)>,
    /// The largest `.tar.gz` that is accepted, in bytes; a larger one is answered with 413. Default
    /// 100,000,000, the limit that the Fastly CLI enforces. What the API itself says to a larger one
    /// isn't recorded: *inferred*.
    pub max_package_bytes: u64,
    /// How many bytes an archive may unpack to; one that goes on is answered as "no package". Default
    /// 1,000,000,000, which bounds what a gzip bomb costs.
    pub max_unpacked_bytes: u64,
    /// Writes allowed for a token in a clock hour; past it 429. Default 1,000.
    pub writes_per_hour: u32,
    /// A path before every path of the API, such as `/fastly`, without a trailing slash. Default empty.
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
    fn debug_output_holds_no_token() {
        let config = Config {
            token: Some("hush-full".into()),
            read_only_token: Some("hush-read".into()),
            ..Config::default()
        };
        assert!(!format!("{config:?}").contains("hush"));
    }
}
