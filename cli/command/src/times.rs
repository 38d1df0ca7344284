//! Times for people to read: local, with the distance to now.

use crate::system::System;
use fastly_package_core::retry;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// Formats a time in a time zone, with its distance to `now`.
fn local(at: Timestamp, now: Timestamp, zone: &TimeZone) -> String {
    let text = at.to_zoned_datetime(zone.clone()).strftime("%Y-%m-%d %H:%M:%S %:z");
    let away = now.duration_since(at);
    let human = roughly(away.unsigned_abs().as_secs());
    match human {
        None => format!("{text} (just now)"),
        Some(human) if away.is_negative() => format!("{text} (in {human})"),
        Some(human) => format!("{text} ({human} ago)"),
    }
}

/// Formats a duration in the largest unit of which it has a whole one. `None` for 0 seconds.
fn roughly(seconds: u64) -> Option<String> {
    const UNITS: [(u64, &str); 6] = [
        (365 * 86_400, "year"),
        (30 * 86_400, "month"),
        (86_400, "day"),
        (3_600, "hour"),
        (60, "minute"),
        (1, "second"),
    ];
    let (length, name) = UNITS.iter().find(|(length, _)| seconds >= *length)?;
    Some(match seconds / length {
        1 => format!("1 {name}"),
        count => format!("{count} {name}s"),
    })
}

/// Formats the API's RFC 3339 time. Any other text is returned unchanged.
pub(crate) fn api_time(text: &str, system: System) -> String {
    match text.parse() {
        Ok(at) => local(at, (system.now)(), &(system.zone)()),
        Err(_) => text.to_owned(),
    }
}

/// Formats the time at which the API asks to retry: `Retry-After`, or else the reset of its limit. `None` if there is no valid one.
pub(crate) fn retry_at(
    retry_after: Option<&str>,
    reset: Option<u64>,
    system: System,
) -> Option<String> {
    let now = (system.now)();
    let wait = retry::retry_after(retry_after, reset, now.try_into().ok()?)?;
    let at = now.checked_add(SignedDuration::try_from(wait).ok()?).ok()?;
    Some(local(at, now, &(system.zone)()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_local_and_has_its_distance_to_now() {
        let at = "2024-05-24T20:12:52Z".parse().unwrap();
        let east = TimeZone::fixed(jiff::tz::offset(2));
        for (now, expected) in [
            ("2024-05-24T20:12:52Z", "2024-05-24 22:12:52 +02:00 (just now)"),
            ("2024-05-24T20:13:22Z", "2024-05-24 22:12:52 +02:00 (30 seconds ago)"),
            ("2024-05-24T20:13:52Z", "2024-05-24 22:12:52 +02:00 (1 minute ago)"),
            ("2024-05-24T23:12:52Z", "2024-05-24 22:12:52 +02:00 (3 hours ago)"),
            ("2026-11-24T20:12:52Z", "2024-05-24 22:12:52 +02:00 (2 years ago)"),
            ("2024-05-24T19:52:52Z", "2024-05-24 22:12:52 +02:00 (in 20 minutes)"),
        ] {
            assert_eq!(local(at, now.parse().unwrap(), &east), expected);
        }
    }

    const SYSTEM: System = System {
        out: |_, _| Ok(()),
        err: |_| {},
        now: || Timestamp::UNIX_EPOCH,
        zone: || TimeZone::UTC,
        environment: crate::system::Environment::Native,
    };

    #[test]
    fn the_time_of_a_retry_is_a_number_of_seconds_a_date_or_a_reset() {
        let two_hours = Some("1970-01-01 02:00:00 +00:00 (in 2 hours)");
        let one_minute = Some("1970-01-01 00:01:00 +00:00 (in 1 minute)");
        for (retry_after, reset, expected) in [
            (Some("7200"), None, two_hours),
            (Some("7200"), Some(60), two_hours),
            (Some("Thu, 01 Jan 1970 00:01:00 GMT"), None, one_minute),
            (Some("soon"), Some(60), one_minute),
            (Some("-5"), Some(60), one_minute),
            (None, Some(60), one_minute),
            (Some("soon"), None, None),
            (Some(""), None, None),
            (Some("99999999999999999999"), None, None),
            (Some(&u64::MAX.to_string()), None, None),
            (None, Some(u64::MAX), None),
            (None, Some(i64::MAX as u64), None),
        ] {
            let at = retry_at(retry_after, reset, SYSTEM);
            assert_eq!(at.as_deref(), expected, "{retry_after:?} {reset:?}");
        }
    }

    #[test]
    fn an_invalid_time_is_unchanged() {
        assert_eq!(api_time("yesterday", SYSTEM), "yesterday");
    }
}
