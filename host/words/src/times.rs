//! Times as people read them: local, with how long ago or how far off.

use crate::report::System;
use crate::retries::asked_for;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// A time in the zone of this machine, and beside it how long ago it was, or how far off it is.
pub fn local(at: Timestamp, now: Timestamp, zone: &TimeZone) -> String {
    let text = at.to_zoned_datetime(zone.clone()).strftime("%Y-%m-%d %H:%M:%S %:z");
    let away = now.duration_since(at);
    let human = roughly(away.unsigned_abs().as_secs());
    match human {
        None => format!("{text} (now)"),
        Some(human) if away.is_negative() => format!("{text} (in {human})"),
        Some(human) => format!("{text} ({human} ago)"),
    }
}

/// A span of seconds in the largest unit of which it has a whole one. `None`: it has none of any.
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

/// What the API says of a time (RFC 3339), as people read it; as it came where it is none.
pub fn of_api(text: &str, system: System) -> String {
    match text.parse() {
        Ok(at) => local(at, (system.now)(), &(system.zone)()),
        Err(_) => text.to_owned(),
    }
}

/// When the API says to come back, by `Retry-After` or else by the reset of its limit, as people read it. `None`: it doesn't say, or not so that
/// it is a date.
pub fn of_return(retry_after: Option<&str>, reset: Option<u64>, system: System) -> Option<String> {
    let now = (system.now)();
    let wait = asked_for(retry_after, reset, now.try_into().ok()?)?;
    let at = now.checked_add(SignedDuration::try_from(wait).ok()?).ok()?;
    Some(local(at, now, &(system.zone)()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_local_and_says_how_far_off_it_is() {
        let at = "2024-05-24T20:12:52Z".parse().unwrap();
        let east = TimeZone::fixed(jiff::tz::offset(2));
        for (now, expected) in [
            ("2024-05-24T20:12:52Z", "2024-05-24 22:12:52 +02:00 (now)"),
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
        network: crate::report::Network::Own,
    };

    #[test]
    fn when_to_come_back_is_a_number_of_seconds_a_date_or_a_reset() {
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
            let at = of_return(retry_after, reset, SYSTEM);
            assert_eq!(at.as_deref(), expected, "{retry_after:?} {reset:?}");
        }
    }

    #[test]
    fn what_is_no_time_is_left_as_it_came() {
        assert_eq!(of_api("yesterday", SYSTEM), "yesterday");
    }
}
