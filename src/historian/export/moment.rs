//! Moments as text, quickly: rows of one second differ in their fractions alone.

use super::dialect::{Dialect, Moments};
use crate::tag::Timestamp;
use chrono::{FixedOffset, Offset, TimeZone, Utc};
use std::fmt::Write;

/// Writes one moment after the other as a dialect wants it, and remembers the second of the last one.
pub(super) struct MomentWriter<'a> {
    dialect: Dialect,
    /// How many seconds local time is before UTC at a moment.
    offset: &'a dyn Fn(Timestamp) -> i32,
    second: Option<i64>,
    /// Date and time up to the second.
    head: String,
    /// The offset as text.
    zone: String,
    moment: String,
}

impl<'a> MomentWriter<'a> {
    pub(super) fn new(dialect: Dialect, offset: &'a dyn Fn(Timestamp) -> i32) -> Self {
        Self { dialect, offset, second: None, head: String::new(), zone: String::new(), moment: String::new() }
    }

    /// A moment, and its offset where that stands in a cell of its own.
    pub(super) fn write(&mut self, time: Timestamp) -> [&str; 2] {
        let micros = time.as_micros();
        let second = micros.div_euclid(1_000_000);
        if self.second != Some(second) {
            self.second = self.begin(time).then_some(second);
        }
        self.moment.clear();
        if self.second.is_none() {
            // Beyond the years of the calendar: the text says so itself.
            self.moment.push_str(&time.to_rfc3339());
            return [&self.moment, ""];
        }
        self.moment.push_str(&self.head);
        let fraction = micros.rem_euclid(1_000_000) as u32;
        match self.dialect.moments {
            Moments::Utc => put(&mut self.moment, '.', fraction, 6),
            Moments::Local => put(&mut self.moment, '.', fraction, 6),
            // Fractions of a second follow the sign that fractions follow.
            Moments::Sheet if self.dialect.has_decimal_comma => put(&mut self.moment, ',', fraction / 1000, 3),
            Moments::Sheet => put(&mut self.moment, '.', fraction / 1000, 3),
        }
        if self.dialect.moments == Moments::Sheet {
            return [&self.moment, &self.zone];
        }
        self.moment.push_str(&self.zone);
        [&self.moment, ""]
    }

    /// Takes over another second; whether the calendar has it.
    fn begin(&mut self, time: Timestamp) -> bool {
        self.head.clear();
        self.zone.clear();
        let is_utc = self.dialect.moments == Moments::Utc;
        let zone = if is_utc { None } else { FixedOffset::east_opt((self.offset)(time)) };
        let Some(local) = zone.unwrap_or(Utc.fix()).timestamp_micros(time.as_micros()).single() else { return false };
        let pattern = if self.dialect.moments == Moments::Sheet { "%Y-%m-%d %H:%M:%S" } else { "%Y-%m-%dT%H:%M:%S" };
        let zone = if is_utc { "Z" } else { "%:z" };
        write!(self.head, "{}", local.format(pattern)).is_ok() && write!(self.zone, "{}", local.format(zone)).is_ok()
    }
}

/// A sign and a number with all its digits.
fn put(text: &mut String, sign: char, number: u32, digits: u32) {
    text.push(sign);
    for place in (0..digits).rev() {
        text.push(char::from(b'0' + (number / 10u32.pow(place) % 10) as u8));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;
    use proptest::prelude::*;

    #[test]
    fn moments_follow_the_dialect() {
        let time = Timestamp::parse_rfc3339("2026-11-21T13:32:07.25Z").unwrap();
        for (dialect, cells) in [
            (Dialect::default(), ["2026-11-21T13:32:07.250000Z", ""]),
            (Dialect { moments: Moments::Local, ..Dialect::default() }, ["2026-11-21T14:32:07.250000+01:00", ""]),
            (Dialect::english_excel(), ["2026-11-21 14:32:07.250", "+01:00"]),
            (Dialect::dutch_excel(), ["2026-11-21 14:32:07,250", "+01:00"]),
        ] {
            assert_eq!(MomentWriter::new(dialect, &|_| 3600).write(time), cells, "{dialect:?}");
        }
    }

    #[test]
    fn the_hour_in_which_clocks_go_back_is_told_apart() {
        let [before, after] = [0, 1_000_000].map(Timestamp::from_micros);
        let offset = |time: Timestamp| if time < after { 7200 } else { 3600 };
        let mut writer = MomentWriter::new(Dialect { moments: Moments::Local, ..Dialect::default() }, &offset);
        assert_eq!(writer.write(before)[0], "1970-01-01T02:00:00.000000+02:00");
        assert_eq!(writer.write(after)[0], "1970-01-01T01:00:01.000000+01:00");
        assert_eq!(writer.write(before)[0], "1970-01-01T02:00:00.000000+02:00");
    }

    proptest! {
        /// The same as the calendar's own way, whatever came before; beyond its years it does not fail.
        #[test]
        fn quick_is_not_another(times in proptest::collection::vec(prop_oneof![any::<i64>(), -5_000_000i64..5_000_000, 1_700_000_000_000_000i64..1_700_000_003_000_000], 1..40)) {
            let mut utc = MomentWriter::new(Dialect::default(), &|_| 0);
            let mut local = MomentWriter::new(Dialect { moments: Moments::Local, ..Dialect::default() }, &|_| -12_600);
            for micros in times {
                let time = Timestamp::from_micros(micros);
                prop_assert_eq!(utc.write(time)[0], time.to_rfc3339());
                let zone = FixedOffset::east_opt(-12_600).unwrap();
                let slow = DateTime::from_timestamp_micros(micros).map(|moment| moment.with_timezone(&zone).format("%Y-%m-%dT%H:%M:%S%.6f%:z").to_string());
                if let Some(slow) = slow {
                    prop_assert_eq!(local.write(time)[0], slow);
                }
            }
        }
    }
}
