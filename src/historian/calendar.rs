//! Parts of time in microseconds of UTC, for any moment that 64 bits can hold.

/// A minute in microseconds.
pub(super) const MINUTE: i64 = 60_000_000;
/// An hour in microseconds.
pub(super) const HOUR: i64 = 60 * MINUTE;
/// A day in microseconds.
pub(super) const DAY: i64 = 24 * HOUR;

/// The beginning of the part of length `unit` in which `time` lies.
pub(super) const fn floor(time: i64, unit: i64) -> i64 {
    time.div_euclid(unit).saturating_mul(unit)
}

/// The first beginning of a part at or after `time`.
pub(super) const fn ceiling(time: i64, unit: i64) -> i64 {
    let start = floor(time, unit);
    if start == time { time } else { start.saturating_add(unit) }
}

/// A calendar month of UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Month(i64);

impl Month {
    /// The month in which `time` lies.
    pub(super) const fn of(time: i64) -> Self {
        // Days to a civil date in the proleptic Gregorian calendar: eras of 400 years, years that begin in March.
        let days = time.div_euclid(DAY) + 719_468;
        let era = days.div_euclid(146_097);
        let day_of_era = days.rem_euclid(146_097);
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        Self((era * 400 + year_of_era) * 12 + month_from_march + 2)
    }

    /// Its first moment.
    pub(super) const fn start(self) -> i64 {
        let from_march = self.0 - 2;
        let (year, month) = (from_march.div_euclid(12), from_march.rem_euclid(12));
        let era = year.div_euclid(400);
        let year_of_era = year.rem_euclid(400);
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + (153 * month + 2) / 5;
        (era * 146_097 + day_of_era - 719_468).saturating_mul(DAY)
    }

    /// The first moment after it.
    pub(super) const fn end(self) -> i64 {
        Self(self.0 + 1).start()
    }

    /// The year.
    pub(super) const fn year(self) -> i64 {
        self.0.div_euclid(12)
    }

    /// As files are named: year and month.
    pub(super) fn words(self) -> String {
        format!("{:04}-{:02}", self.year(), self.0.rem_euclid(12) + 1)
    }

    /// Reads what [`Month::words`] wrote.
    pub(super) fn parse(words: &str) -> Option<Self> {
        let (year, month) = words.rsplit_once('-')?;
        let (year, month): (i64, i64) = (year.parse().ok()?, month.parse().ok()?);
        let parsed = Self(year.checked_mul(12)?.checked_add(month - 1)?);
        ((1..=12).contains(&month) && parsed.words() == words).then_some(parsed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tag::Timestamp;
    use proptest::prelude::*;

    #[test]
    fn months_are_those_of_the_calendar() {
        for (text, words) in [
            ("2026-11-30T23:59:59.999999Z", "2026-11"),
            ("2026-12-01T00:00:00Z", "2026-12"),
            ("2024-02-29T12:00:00Z", "2024-02"),
            ("1969-12-31T23:59:59Z", "1969-12"),
            ("1970-01-01T00:00:00Z", "1970-01"),
        ] {
            let time = Timestamp::parse_rfc3339(text).unwrap().as_micros();
            assert_eq!(Month::of(time).words(), words);
            assert_eq!(Month::parse(words), Some(Month::of(time)));
        }
        assert_eq!(Month::parse("2026-13"), None);
        assert_eq!(Month::parse("2026-1"), None);
        assert_eq!(floor(-1, MINUTE), -MINUTE);
        assert_eq!((ceiling(1, HOUR), ceiling(HOUR, HOUR)), (HOUR, HOUR));
    }

    proptest! {
        #[test]
        fn any_moment_lies_in_its_month(time in any::<i64>()) {
            let month = Month::of(time);
            prop_assert!(month.start() <= time && (time < month.end() || month.end() == i64::MAX));
            prop_assert_eq!(Month::parse(&month.words()), Some(month));
            prop_assert!(floor(time, HOUR) <= time || floor(time, HOUR) == i64::MIN);
        }
    }
}
