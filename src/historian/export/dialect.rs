//! How a table is written, so that the program at the other end opens it right.

use crate::tag::{Timestamp, Value};
use chrono::{FixedOffset, Offset, TimeZone, Utc};

/// What stands in a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shape {
    /// A line a sample: time, tag, value, quality, reason.
    #[default]
    Long,
    /// A line a moment, a column a tag. A cell is empty where the tag has no usable value.
    Wide,
}

/// How moments are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Moments {
    /// RFC 3339 in UTC.
    #[default]
    Utc,
    /// RFC 3339 in local time with its offset.
    Local,
    /// As spreadsheets know dates: local date and time, and the offset in a column of its own.
    Sheet,
}

/// A way to write tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dialect {
    /// What stands in a line.
    pub shape: Shape,
    /// What stands between cells.
    pub separator: u8,
    /// Whether decimals follow a comma rather than a point.
    pub has_decimal_comma: bool,
    /// How moments are written.
    pub moments: Moments,
    /// Whether the file begins with a byte order mark, by which Excel knows UTF-8.
    pub has_mark: bool,
}

impl Default for Dialect {
    /// What other programs read: comma, decimal point, UTC.
    fn default() -> Self {
        Self { shape: Shape::Long, separator: b',', has_decimal_comma: false, moments: Moments::Utc, has_mark: false }
    }
}

impl Dialect {
    /// What an Excel with English settings opens by a double click.
    pub fn english_excel() -> Self {
        Self { moments: Moments::Sheet, has_mark: true, ..Self::default() }
    }

    /// What an Excel with Dutch, German, French and many other settings opens by a double click: semicolons and decimal commas.
    pub fn dutch_excel() -> Self {
        Self { separator: b';', has_decimal_comma: true, ..Self::english_excel() }
    }

    /// The same with this shape.
    #[must_use]
    pub fn shaped(self, shape: Shape) -> Self {
        Self { shape, ..self }
    }

    /// The heads of the columns of time.
    pub(super) fn time_heads(&self) -> &'static [&'static str] {
        match self.moments {
            Moments::Utc | Moments::Local => &["time"],
            Moments::Sheet => &["time", "utc_offset"],
        }
    }

    /// A moment, in as many cells as [`Dialect::time_heads`]. `offset` says how many seconds local time is before UTC.
    pub(super) fn moment(&self, time: Timestamp, offset: &dyn Fn(Timestamp) -> i32) -> [String; 2] {
        let zone = || FixedOffset::east_opt(offset(time)).unwrap_or(Utc.fix());
        let local = || zone().timestamp_micros(time.as_micros()).single();
        let format = |pattern: &str| local().map(|time| time.format(pattern).to_string()).unwrap_or_default();
        match self.moments {
            Moments::Utc => [time.to_rfc3339(), String::new()],
            Moments::Local => [format("%Y-%m-%dT%H:%M:%S%.6f%:z"), String::new()],
            Moments::Sheet => {
                let time = format("%Y-%m-%d %H:%M:%S%.3f");
                // Fractions of a second follow the sign that fractions follow.
                let time = if self.has_decimal_comma { time.replace('.', ",") } else { time };
                [time, format("%:z")]
            }
        }
    }

    /// A value, with all its digits.
    pub(super) fn value(&self, value: &Value) -> String {
        match value {
            Value::Single(_) | Value::Double(_) => self.number(value.to_string()),
            other => other.to_string(),
        }
    }

    pub(super) fn number(&self, text: String) -> String {
        if self.has_decimal_comma { text.replace('.', ",") } else { text }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_and_numbers_follow_the_dialect() {
        let time = Timestamp::parse_rfc3339("2026-11-21T13:32:07.25Z").unwrap();
        let zone = |_| 3600;
        for (dialect, cells) in [
            (Dialect::default(), ["2026-11-21T13:32:07.250000Z", ""]),
            (Dialect { moments: Moments::Local, ..Dialect::default() }, ["2026-11-21T14:32:07.250000+01:00", ""]),
            (Dialect::english_excel(), ["2026-11-21 14:32:07.250", "+01:00"]),
            (Dialect::dutch_excel(), ["2026-11-21 14:32:07,250", "+01:00"]),
        ] {
            assert_eq!(dialect.moment(time, &zone), cells, "{dialect:?}");
        }
        let dutch = Dialect::dutch_excel();
        assert_eq!(dutch.value(&Value::Double(-1.5)), "-1,5");
        assert_eq!(dutch.value(&Value::Text("v1.5".into())), "v1.5", "a text is no number");
        assert_eq!(dutch.value(&Value::Unsigned(u64::MAX)), u64::MAX.to_string());
    }
}
