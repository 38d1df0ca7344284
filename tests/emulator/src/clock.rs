//! The two things the API says about time: RFC 3339 in UTC with whole seconds, and the clock hour of
//! the rate limit.

use std::time::{SystemTime, UNIX_EPOCH};

/// The length of the rate limit's window, in seconds.
const HOUR: u64 = 3600;

/// Seconds since the epoch. A clock before 1970 counts as 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs())
}

/// The epoch second at which the clock hour of `now` ends.
pub(crate) fn top_of_next_hour(now: u64) -> u64 {
    (now / HOUR + 1) * HOUR
}

/// `seconds` since the epoch as RFC 3339, such as `2024-05-24T20:12:52Z`.
pub(crate) fn rfc3339(seconds: u64) -> String {
    let (year, month, day) = civil_from_days(seconds / 86_400);
    let of_day = seconds % 86_400;
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Howard Hinnant's `civil_from_days`, for days after 1970 only. Its year starts in March, so that the
/// leap day is the last one and every month's length follows from one formula.
fn civil_from_days(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    (year, month, day)
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

    #[test]
    fn the_rate_limit_resets_at_the_top_of_the_next_hour() {
        assert_eq!(top_of_next_hour(1_716_581_572), 1_716_584_400);
        assert_eq!(top_of_next_hour(1_716_584_399), 1_716_584_400);
        assert_eq!(top_of_next_hour(1_716_584_400), 1_716_588_000);
    }
}
