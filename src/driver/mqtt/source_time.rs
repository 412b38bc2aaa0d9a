//! The time that a message carries, and how far it is believed.
//!
//! - Ahead of the station's clock by up to 5 s: the time of arrival is used; clocks differ that much.
//! - Ahead by more: the time of arrival is used, and the value is uncertain "device clock is ahead".
//! - Missing, unreadable, or before the year 2000 (a clock that was never set): the time of arrival is used, and the value is uncertain.
//! - Behind: the time of the message is used. Older than the limit (`stale_after`, else a minute): uncertain "already old on arrival".
//! - Older than what the tag said last: kept in history at its time, never shown in place of the newer value.

use super::document::Document;
use super::pointer::{Pointer, plain};
use crate::tag::{Reason, Timestamp};
use serde::Deserialize;
use std::time::Duration;

/// How far a device's clock may be ahead.
const AHEAD: Duration = Duration::from_secs(5);
/// 2000-01-01T00:00:00Z: clocks that were never set count from 1970.
const NEVER_SET: Timestamp = Timestamp::from_micros(946_684_800_000_000);

/// How a message writes its time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
pub enum TimeFormat {
    /// RFC 3339 where it is text; a number is since 1970, and its magnitude tells seconds, milli-, micro- and nanoseconds apart.
    #[default]
    #[serde(rename = "auto")]
    Auto,
    /// Such as 2026-11-21T14:00:00+01:00.
    #[serde(rename = "rfc3339")]
    Rfc3339,
    /// Seconds since 1970, with or without a fraction.
    #[serde(rename = "s")]
    Seconds,
    /// Milliseconds since 1970.
    #[serde(rename = "ms")]
    Milliseconds,
    /// Microseconds since 1970.
    #[serde(rename = "us")]
    Microseconds,
}

/// Where a message says its time.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceTime {
    /// The place.
    pub pointer: Pointer,
    /// How it is written.
    pub format: TimeFormat,
}

impl SourceTime {
    /// The time that the message says; none where it says none that can be read.
    pub(super) fn read(&self, document: &Document<'_>) -> Option<Timestamp> {
        let found = document.find(&self.pointer).ok()??;
        let text = plain(found).filter(|_| !found.is_boolean())?;
        let text = text.trim();
        match self.format {
            TimeFormat::Rfc3339 => Timestamp::parse_rfc3339(text),
            TimeFormat::Auto => Timestamp::parse_rfc3339(text).or_else(|| {
                let magnitude = text.parse::<f64>().ok()?.abs();
                since_1970(text, micros_each(magnitude)?)
            }),
            TimeFormat::Seconds => since_1970(text, 1e6),
            TimeFormat::Milliseconds => since_1970(text, 1e3),
            TimeFormat::Microseconds => since_1970(text, 1.0),
        }
    }
}

impl TimeFormat {
    /// A time as a message of this form writes it.
    pub fn write(self, time: Timestamp) -> serde_json::Value {
        match self {
            Self::Auto | Self::Rfc3339 => time.to_rfc3339().into(),
            Self::Seconds => time.as_seconds().into(),
            Self::Milliseconds => (time.as_micros() / 1000).into(),
            Self::Microseconds => time.as_micros().into(),
        }
    }
}

/// Microseconds of one unit. Each unit's numbers of the years 1973 to 5138 are larger than those of the unit before.
fn micros_each(magnitude: f64) -> Option<f64> {
    match magnitude {
        seconds if seconds < 1e11 => Some(1e6),
        millis if millis < 1e14 => Some(1e3),
        micros if micros < 1e17 => Some(1.0),
        nanos if nanos < 1e20 => Some(1e-3),
        _ => None,
    }
}

fn since_1970(text: &str, micros_each: f64) -> Option<Timestamp> {
    if let (Ok(whole), true) = (text.parse::<i64>(), micros_each >= 1.0) {
        return whole.checked_mul(micros_each as i64).map(Timestamp::from_micros);
    }
    let micros = text.parse::<f64>().ok()? * micros_each;
    (micros.abs() < 9e18).then(|| Timestamp::from_micros(micros.round() as i64))
}

/// The time that a value gets, and what is doubtful about it.
pub(super) fn judge(said: Option<Timestamp>, arrival: Timestamp, limit: Duration) -> (Timestamp, Option<Reason>) {
    match said.filter(|said| *said >= NEVER_SET) {
        None => (arrival, Some(Reason::NoSourceTime)),
        Some(said) if said > arrival.plus(AHEAD) => (arrival, Some(Reason::ClockAhead)),
        Some(said) if said > arrival => (arrival, None),
        Some(said) if said < arrival.minus(limit) => (said, Some(Reason::Delayed)),
        Some(said) => (said, None),
    }
}

/// Whether a value of `time` is older than the last one, of `last`. Where that lies in the future the station's clock was put back, and says
/// nothing about order.
pub(super) fn is_past(time: Timestamp, last: Timestamp, arrival: Timestamp) -> bool {
    time < last && last <= arrival.plus(AHEAD)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).unwrap()
    }

    fn check(json: &str, format: TimeFormat, expected: Option<&str>) {
        let payload = format!("{{\"t\": {json}}}");
        let source = SourceTime { pointer: Pointer::parse("/t").unwrap(), format };
        assert_eq!(source.read(&Document::new(payload.as_bytes())), expected.map(moment), "{json} {format:?}");
    }

    #[test]
    fn every_way_to_write_a_time() {
        let expected = Some("2026-11-21T13:00:00Z");
        check("\"2026-11-21T14:00:00+01:00\"", TimeFormat::Auto, expected);
        check("\"2026-11-21T14:00:00+01:00\"", TimeFormat::Rfc3339, expected);
        for number in ["1795266000", "1795266000000", "1795266000000000", "1795266000000000000", "\"1795266000\""] {
            check(number, TimeFormat::Auto, expected);
        }
        check("1795266000.25", TimeFormat::Auto, Some("2026-11-21T13:00:00.25Z"));
        check("1795266000", TimeFormat::Seconds, expected);
        check("1795266000000", TimeFormat::Milliseconds, expected);
        check("1795266000000000", TimeFormat::Microseconds, expected);
        check("3600", TimeFormat::Milliseconds, Some("1970-01-01T00:00:03.6Z"));
        for wrong in ["\"2026-11-21T14:00:00\"", "\"noon\"", "true", "null", "[1]", "1e300", "\"NaN\"", "\"inf\"", "{}"]
        {
            check(wrong, TimeFormat::Auto, None);
        }
        check("9223372036854775807", TimeFormat::Seconds, None);
        check("1795266000", TimeFormat::Rfc3339, None);
    }

    #[test]
    fn clocks_that_are_ahead_behind_or_never_set() {
        let arrival = moment("2026-11-21T13:00:00Z");
        let limit = Duration::from_secs(60);
        for (said, time, doubt) in [
            ("2026-11-21T12:59:30Z", "2026-11-21T12:59:30Z", None),
            ("2026-11-21T13:00:05Z", "2026-11-21T13:00:00Z", None),
            ("2026-11-21T13:00:05.1Z", "2026-11-21T13:00:00Z", Some(Reason::ClockAhead)),
            ("2026-11-21T12:59:00Z", "2026-11-21T12:59:00Z", None),
            ("2026-11-21T12:58:59Z", "2026-11-21T12:58:59Z", Some(Reason::Delayed)),
            ("1999-12-31T23:59:59Z", "2026-11-21T13:00:00Z", Some(Reason::NoSourceTime)),
        ] {
            assert_eq!(judge(Some(moment(said)), arrival, limit), (moment(time), doubt), "{said}");
        }
        assert_eq!(judge(None, arrival, limit), (arrival, Some(Reason::NoSourceTime)));
    }

    #[test]
    fn order_counts_unless_the_clock_was_put_back() {
        let at = |second: i64| Timestamp::from_micros(second * 1_000_000);
        assert!(is_past(at(10), at(20), at(30)));
        assert!(!is_past(at(20), at(20), at(30)));
        assert!(!is_past(at(10), at(3600), at(30)), "what the clock said before it was put back is no order");
    }
}
