//! Times as people read them: local, with how long ago or how far off.

use crate::report::System;
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

/// Epoch seconds as people read them. `None`: too far off to be a date.
pub fn of_epoch(seconds: u64, system: System) -> Option<String> {
    let at = Timestamp::from_second(i64::try_from(seconds).ok()?).ok()?;
    Some(local(at, (system.now)(), &(system.zone)()))
}

/// `Retry-After` (RFC 9110, 10.2.3), a number of seconds or a date, as people read it; as it came where it is neither.
pub fn of_retry_after(text: &str, system: System) -> String {
    let now = (system.now)();
    let at = match text.parse() {
        Ok(seconds) => now.checked_add(SignedDuration::from_secs(seconds)).ok(),
        Err(_) => jiff::fmt::rfc2822::parse(text).ok().map(|date| date.timestamp()),
    };
    at.map_or_else(|| text.to_owned(), |at| local(at, now, &(system.zone)()))
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
    fn when_to_come_back_is_a_number_of_seconds_or_a_date() {
        assert_eq!(of_retry_after("7200", SYSTEM), "1970-01-01 02:00:00 +00:00 (in 2 hours)");
        assert_eq!(
            of_retry_after("Thu, 01 Jan 1970 00:01:00 GMT", SYSTEM),
            "1970-01-01 00:01:00 +00:00 (in 1 minute)"
        );
        for odd in ["soon", "", "99999999999999999999"] {
            assert_eq!(of_retry_after(odd, SYSTEM), odd);
        }
    }

    #[test]
    fn what_is_no_time_is_left_as_it_came() {
        assert_eq!(of_api("yesterday", SYSTEM), "yesterday");
        assert_eq!(of_epoch(u64::MAX, SYSTEM), None);
        assert_eq!(of_epoch(i64::MAX as u64, SYSTEM), None);
    }
}
