//! How much reading an archive may cost.

/// How much reading an archive may cost. Past a limit the reading ends there.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes that it may unpack to. Default: 4 GiB.
    pub unpacked: u64,
    /// Entries that it may have: their names are kept. Default: 100,000, with names of 8 MiB together.
    pub entries: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { unpacked: 4 << 30, entries: 100_000 }
    }
}
