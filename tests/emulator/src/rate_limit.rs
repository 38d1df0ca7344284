//! The limit on writes: by default 1,000 in a clock hour for each user; reading isn't limited.
//!
//! Source: Fastly's documentation of rate limiting, and the headers that `go-fastly` recorded.

use std::collections::HashMap;

use crate::clock::top_of_next_hour;

/// What is left of a user's writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Budget {
    /// Writes left in this hour, for `Fastly-RateLimit-Remaining`.
    pub(crate) remaining: u32,
    /// Epoch second of the next hour, for `Fastly-RateLimit-Reset`.
    pub(crate) reset: u64,
    /// Whether the write may go on.
    pub(crate) allowed: bool,
}

/// The writes of each token in the present hour.
pub(crate) struct RateLimit {
    limit: u32,
    spent: HashMap<String, Window>,
}

struct Window {
    reset: u64,
    writes: u32,
}

impl RateLimit {
    pub(crate) fn new(limit: u32) -> Self {
        Self { limit, spent: HashMap::new() }
    }

    /// Counts a write of `token` at the epoch second `now`.
    pub(crate) fn spend(&mut self, token: &str, now: u64) -> Budget {
        let reset = top_of_next_hour(now);
        let window = self.spent.entry(token.to_owned()).or_insert(Window { reset, writes: 0 });
        if window.reset != reset {
            *window = Window { reset, writes: 0 };
        }
        let allowed = window.writes < self.limit;
        if allowed {
            window.writes += 1;
        }
        Budget { remaining: self.limit - window.writes, reset, allowed }
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
    fn the_next_clock_hour_starts_afresh() {
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
}
