//! The limit on writes: by default 1,000 per clock hour and user. Reads aren't limited.
//!
//! Source: Fastly's documentation of rate limiting, and the headers recorded in fastly/go-fastly, `fastly/fixtures`.

use std::collections::HashMap;

/// Length of the window, in seconds.
const HOUR: u64 = 3600;

/// The remaining writes of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Budget {
    /// Number of writes left in this hour, for `Fastly-RateLimit-Remaining`.
    pub(crate) remaining: u32,
    /// Start of the next hour in seconds since the epoch, for `Fastly-RateLimit-Reset`.
    pub(crate) reset: u64,
    /// Whether the write is allowed.
    pub(crate) allowed: bool,
}

/// The writes in the current hour.
pub(crate) struct RateLimit {
    limit: u32,
    reset: u64,
    /// Number of writes by token.
    writes: HashMap<String, u32>,
}

impl RateLimit {
    pub(crate) fn new(limit: u32) -> Self {
        Self { limit, reset: 0, writes: HashMap::new() }
    }

    /// Counts a write of `token` at `now`, in seconds since the epoch.
    pub(crate) fn spend(&mut self, token: &str, now: u64) -> Budget {
        let reset = (now / HOUR + 1) * HOUR;
        if self.reset != reset {
            (self.reset, self.writes) = (reset, HashMap::new());
        }
        let writes = self.writes.entry(token.to_owned()).or_default();
        let allowed = *writes < self.limit;
        *writes += u32::from(allowed);
        Budget { remaining: self.limit - *writes, reset, allowed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_716_581_572;

    #[test]
    fn each_write_costs_one_until_none_is_left() {
        let mut limit = RateLimit::new(2);
        assert_eq!(
            limit.spend("t", NOW),
            Budget { remaining: 1, reset: 1_716_584_400, allowed: true }
        );
        assert_eq!(
            limit.spend("t", NOW),
            Budget { remaining: 0, reset: 1_716_584_400, allowed: true }
        );
        assert_eq!(
            limit.spend("t", NOW),
            Budget { remaining: 0, reset: 1_716_584_400, allowed: false }
        );
    }

    #[test]
    fn the_next_clock_hour_has_a_new_budget() {
        let mut limit = RateLimit::new(1);
        assert!(limit.spend("t", 1_716_584_399).allowed);
        assert!(!limit.spend("t", 1_716_584_399).allowed);
        assert!(limit.spend("t", 1_716_584_400).allowed);
    }

    #[test]
    fn each_token_has_a_limit_of_its_own() {
        let mut limit = RateLimit::new(1);
        assert!(limit.spend("one", NOW).allowed);
        assert!(limit.spend("other", NOW).allowed);
    }

    #[test]
    fn the_limit_resets_at_the_start_of_the_next_hour() {
        let reset = |now| RateLimit::new(1).spend("t", now).reset;
        assert_eq!(reset(1_716_581_572), 1_716_584_400);
        assert_eq!(reset(1_716_584_399), 1_716_584_400);
        assert_eq!(reset(1_716_584_400), 1_716_588_000);
    }
}
