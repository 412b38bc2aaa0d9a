//! How exported tables are written, from the command line.

use crate::historian::{Dialect, Moments, Shape};
use crate::tag::Timestamp;
use chrono::{Local, TimeZone};
use clap::ValueEnum;

/// What opens the file by a double click.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Excel {
    /// Commas and decimal points.
    English,
    /// Semicolons and decimal commas, as Dutch, German and French settings want them.
    Dutch,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Layout {
    /// A line a sample.
    Long,
    /// A line a moment, a column a tag.
    Wide,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Time {
    /// RFC 3339 in UTC.
    Utc,
    /// RFC 3339 in local time with its offset.
    Local,
    /// Local date and time as spreadsheets know them, and the offset in a column of its own.
    Sheet,
}

/// How a table is written.
#[derive(Debug, clap::Args)]
pub(super) struct DialectArguments {
    /// Write what this Excel opens by a double click; the options below change single points of it.
    #[arg(long, value_enum)]
    excel: Option<Excel>,
    /// What stands in a line.
    #[arg(long, value_enum)]
    layout: Option<Layout>,
    /// What stands between cells: a comma or a semicolon.
    #[arg(long, value_parser = [",", ";"])]
    separator: Option<String>,
    /// What decimals follow: a point or a comma.
    #[arg(long, value_parser = [".", ","])]
    decimal: Option<String>,
    /// How moments are written.
    #[arg(long, value_enum)]
    time: Option<Time>,
}

impl DialectArguments {
    /// The dialect that they say.
    pub(super) fn dialect(&self) -> anyhow::Result<Dialect> {
        let mut dialect = match self.excel {
            None => Dialect::default(),
            Some(Excel::English) => Dialect::english_excel(),
            Some(Excel::Dutch) => Dialect::dutch_excel(),
        };
        if let Some(layout) = self.layout {
            dialect.shape = if matches!(layout, Layout::Wide) { Shape::Wide } else { Shape::Long };
        }
        if let Some(separator) = self.separator.as_ref().and_then(|text| text.bytes().next()) {
            dialect.separator = separator;
        }
        if let Some(decimal) = &self.decimal {
            dialect.has_decimal_comma = decimal == ",";
        }
        if let Some(time) = self.time {
            dialect.moments = match time {
                Time::Utc => Moments::Utc,
                Time::Local => Moments::Local,
                Time::Sheet => Moments::Sheet,
            };
        }
        if dialect.separator == b',' && dialect.has_decimal_comma {
            anyhow::bail!("decimal commas between separating commas are hard to read; take --separator ';'");
        }
        Ok(dialect)
    }
}

/// How many seconds the clock of this computer is before UTC.
pub(super) fn local_offset(time: Timestamp) -> i32 {
    Local.timestamp_micros(time.as_micros()).single().map_or(0, |time| time.offset().local_minus_utc())
}
