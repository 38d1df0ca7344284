//! Times in seconds since the epoch.

use std::time::{SystemTime, UNIX_EPOCH};

/// Returns the current time. A clock before 1970 counts as 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs())
}

/// Formats a time as the API does, such as `2024-05-24T20:12:52Z`.
pub(crate) fn rfc3339(seconds: u64) -> String {
    jiff::Timestamp::from_second(seconds as i64).unwrap_or(jiff::Timestamp::MAX).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rfc_3339_in_utc_with_whole_seconds() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00Z");
        assert_eq!(rfc3339(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(rfc3339(1_716_581_572), "2024-05-24T20:12:52Z");
        assert_eq!(rfc3339(1_735_689_599), "2024-12-31T23:59:59Z");
        assert_eq!(rfc3339(4_107_542_400), "2100-03-01T00:00:00Z");
    }
}
