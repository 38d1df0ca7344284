//! Limits on the cost of reading an archive.

/// Limits on the cost of reading an archive. Reading ends at a limit.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Size of the unpacked archive, in bytes. Default: 4 GiB.
    pub unpacked: u64,
    /// Number of entries, whose names are kept in memory. Default: 100,000. All names together are limited to 8 MiB.
    pub entries: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { unpacked: 4 << 30, entries: 100_000 }
    }
}
