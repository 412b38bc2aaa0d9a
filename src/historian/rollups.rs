//! Where rollups lie: minutes in a file for each year, six hours of a tag in a row; hours in the main file, a day of a tag in a row.

use super::calendar::{DAY, HOUR, MINUTE, Month, floor};
use super::database::{Layout, damage};
use super::rollup::{Rollup, decode_rollups, encode_rollups};
use rusqlite::{Connection, OptionalExtension, params};
use std::path::{Path, PathBuf};

pub(super) const LAYOUT: Layout = Layout {
    version: 2,
    page_bytes: 16_384,
    tables: "
    CREATE TABLE IF NOT EXISTS minutes(
        id INTEGER PRIMARY KEY, tag INTEGER NOT NULL, start INTEGER NOT NULL, bytes BLOB NOT NULL);
    CREATE UNIQUE INDEX IF NOT EXISTS minutes_by_tag ON minutes(tag, start);
    CREATE INDEX IF NOT EXISTS minutes_by_start ON minutes(start);
    ",
};

/// A resolution of rollups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resolution {
    Minutes,
    Hours,
}

impl Resolution {
    /// The width of a bucket.
    pub(super) const fn width(self) -> i64 {
        match self {
            Self::Minutes => MINUTE,
            Self::Hours => HOUR,
        }
    }

    /// What lies in one row.
    pub(super) const fn row(self) -> i64 {
        match self {
            Self::Minutes => 6 * HOUR,
            Self::Hours => DAY,
        }
    }

    const fn table(self) -> &'static str {
        match self {
            Self::Minutes => "minutes",
            Self::Hours => "hours",
        }
    }
}

const PREFIX: &str = "minutes-";

pub(super) fn file_name(year: i64) -> String {
    format!("{PREFIX}{year:04}.sqlite")
}

pub(super) fn path(folder: &Path, year: i64) -> PathBuf {
    folder.join(file_name(year))
}

/// The year whose file holds the minutes of `time`.
pub(super) const fn year_of(time: i64) -> i64 {
    Month::of(floor(time, Resolution::Minutes.row())).year()
}

/// The first moment of a year.
pub(super) fn start_of(year: i64) -> i64 {
    Month::parse(&format!("{year:04}-01")).map_or(i64::MIN, Month::start)
}

/// The years of which there are files, in order.
pub(super) fn years(folder: &Path) -> Vec<i64> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut years: Vec<i64> = entries.filter_map(|entry| year_of_file(entry.ok()?.file_name().to_str()?)).collect();
    years.sort_unstable();
    years
}

/// The year whose minutes are in the file of that name; none for any other file.
pub(super) fn year_of_file(name: &str) -> Option<i64> {
    let year: i64 = name.strip_prefix(PREFIX)?.strip_suffix(".sqlite")?.parse().ok()?;
    (file_name(year) == name).then_some(year)
}

/// Puts the rollups of one hour of a tag in the place of what was known of it. True when the row was damaged: it then holds this hour alone,
/// and the others have to be made again.
pub(super) fn replace_hour(
    connection: &Connection,
    resolution: Resolution,
    tag: i64,
    hour: i64,
    fresh: &[Rollup],
) -> rusqlite::Result<bool> {
    let start = floor(hour, resolution.row());
    let table = resolution.table();
    let sql = format!("SELECT bytes FROM {table} WHERE tag = ?1 AND start = ?2");
    let before: Option<Vec<u8>> =
        connection.prepare_cached(&sql)?.query_row(params![tag, start], |row| row.get(0)).optional()?;
    let known = before.map_or_else(|| Some(Vec::new()), |bytes| decode_rollups(&bytes));
    let is_damaged = known.is_none();
    let mut rollups = known.unwrap_or_default();
    rollups.retain(|rollup| rollup.start < hour || rollup.start >= hour.saturating_add(HOUR));
    let place = rollups.partition_point(|rollup| rollup.start < hour);
    rollups.splice(place..place, fresh.iter().copied());
    let sql = format!(
        "INSERT INTO {table}(tag, start, bytes) VALUES (?1, ?2, ?3) ON CONFLICT(tag, start) DO UPDATE SET bytes = ?3"
    );
    let bytes = encode_rollups(resolution.width(), &rollups);
    connection.prepare_cached(&sql)?.execute(params![tag, start, bytes]).map(|_| is_damaged)
}

/// Hands the rollups of a tag from `from` up to `to` to `take`, in order of time, until it says false.
pub(super) fn visit(
    connection: &Connection,
    resolution: Resolution,
    tag: i64,
    [from, to]: [i64; 2],
    mut take: impl FnMut(&Rollup) -> bool,
) -> rusqlite::Result<()> {
    let sql = format!(
        "SELECT bytes FROM {} WHERE tag = ?1 AND start >= ?2 AND start < ?3 ORDER BY start",
        resolution.table()
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params![tag, floor(from, resolution.row()), to])?;
    while let Some(row) = rows.next()? {
        let rollups = decode_rollups(row.get_ref(0)?.as_blob()?).ok_or_else(|| damage("a row of rollups"))?;
        for rollup in rollups.iter().filter(|rollup| rollup.start >= from && rollup.start < to) {
            if !take(rollup) {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// The last rollup of a tag before `time`.
pub(super) fn last_before(
    connection: &Connection,
    resolution: Resolution,
    tag: i64,
    time: i64,
) -> rusqlite::Result<Option<Rollup>> {
    let sql =
        format!("SELECT bytes FROM {} WHERE tag = ?1 AND start < ?2 ORDER BY start DESC LIMIT 2", resolution.table());
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params![tag, time])?;
    while let Some(row) = rows.next()? {
        let rollups = decode_rollups(row.get_ref(0)?.as_blob()?).ok_or_else(|| damage("a row of rollups"))?;
        if let Some(rollup) = rollups.iter().rev().find(|rollup| rollup.start < time) {
            return Ok(Some(*rollup));
        }
    }
    Ok(None)
}
