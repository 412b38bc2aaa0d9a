//! How a table is written, so that the program at the other end opens it right.

use crate::tag::Value;

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

    /// Adds a value with all its digits.
    pub(super) fn put_value(&self, text: &mut String, value: &Value) {
        use std::fmt::Write;
        let start = text.len();
        // Writing to a text cannot fail.
        let _ = write!(text, "{value}");
        if self.has_decimal_comma
            && matches!(value, Value::Single(_) | Value::Double(_))
            && let Some(point) = text[start..].find('.')
        {
            text.replace_range(start + point..=start + point, ",");
        }
    }

    /// A value, with all its digits.
    pub(super) fn value(&self, value: &Value) -> String {
        let mut text = String::new();
        self.put_value(&mut text, value);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_follow_the_dialect() {
        let dutch = Dialect::dutch_excel();
        assert_eq!(dutch.value(&Value::Double(-1.5)), "-1,5");
        assert_eq!(dutch.value(&Value::Text("v1.5".into())), "v1.5", "a text is no number");
        assert_eq!(dutch.value(&Value::Unsigned(u64::MAX)), u64::MAX.to_string());
    }
}
