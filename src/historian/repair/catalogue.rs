//! What is saved beside samples: former names, horizons, when the station last ran, and rollups of hours whose samples went long ago.

use super::{Lived, Saved, ids};
use crate::historian::calendar::{HOUR, floor};
use crate::historian::database::StoreError;
use crate::historian::left_out::HIGHEST_TAG;
use crate::historian::month;
use crate::historian::rollup::{Rollup, decode_rollups};
use crate::historian::rollups::{self, Resolution, replace_hour};
use crate::historian::store::SampleStore;
use crate::tag::Timestamp;
use rusqlite::{Connection, params};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Rows of rollups in one commit.
const ROWS: usize = 1000;

/// Rollups of a tag that lay in one row.
type Row = (i64, Vec<Rollup>);

impl Saved<'_> {
    /// Everything in a main file that is no sample.
    pub(super) fn main_file(&mut self, old: &Connection, numbers: &HashMap<i64, i64>) -> Result<(), StoreError> {
        self.catalogue.extend(numbers);
        self.former(old, numbers)?;
        self.horizons(old)?;
        // A garbled moment lies in the future, mostly.
        let alive = crate::historian::store::alive(old).ok().flatten().filter(|time| *time <= self.now);
        self.lived.saved = self.lived.saved.max(alive);
        let mut rows = Vec::new();
        for (tag, number) in numbers {
            let (found, unread) = hours(old, *tag);
            self.repaired.lost_rows += unread;
            rows.extend(found.into_iter().map(|rollups| (*number, rollups)));
        }
        self.save_rollups(Resolution::Hours, &rows)
    }

    /// Everything in a file of a year.
    pub(super) fn minutes(&mut self, old: &Connection) -> Result<(), StoreError> {
        let known = self.store.names();
        let mut numbers = ids(old, "minutes");
        let mut rows = Vec::new();
        for id in numbers.by_ref() {
            let sql = "SELECT tag, bytes FROM minutes WHERE id = ?1";
            let read = old.prepare_cached(sql).and_then(|mut statement| {
                statement.query_row([id], |row| Ok((row.get::<_, i64>(0)?, decode_rollups(row.get_ref(1)?.as_blob()?))))
            });
            let found = read.ok().and_then(|(tag, rollups)| {
                let number = self.catalogue.get(&tag).copied().unwrap_or(tag);
                known.contains_key(&number).then_some((number, rollups?))
            });
            match found {
                Some(row) => rows.push(row),
                None => self.repaired.lost_rows += 1,
            }
            if rows.len() >= ROWS {
                self.save_rollups(Resolution::Minutes, &std::mem::take(&mut rows))?;
            }
        }
        self.repaired.lost_rows += numbers.unread;
        self.save_rollups(Resolution::Minutes, &rows)
    }

    fn former(&mut self, old: &Connection, numbers: &HashMap<i64, i64>) -> Result<(), StoreError> {
        let theirs = former_names(old);
        self.store.main.change(|transaction| {
            for (tag, key, until) in &theirs {
                let Some(number) = numbers.get(tag) else { continue };
                let sql = "INSERT INTO former(tag, key, until) SELECT ?1, ?2, ?3
                           WHERE NOT EXISTS (SELECT 1 FROM former WHERE tag = ?1 AND key = ?2)";
                transaction.prepare_cached(sql)?.execute(params![number, key, until])?;
            }
            Ok(())
        })
    }

    fn horizons(&mut self, old: &Connection) -> Result<(), StoreError> {
        for what in ["raw", "minutes"] {
            let found = crate::historian::store::horizon(old, what).ok().flatten();
            // A garbled one beyond now would hide everything.
            let Some(time) = found.filter(|time| *time <= self.now.as_micros()) else { continue };
            self.store.main.change(|transaction| {
                let sql = "INSERT INTO horizon(what, time) VALUES (?1, ?2)
                           ON CONFLICT(what) DO UPDATE SET time = ?2 WHERE time < ?2";
                transaction.prepare_cached(sql)?.execute(params![what, time]).map(drop)
            })?;
        }
        Ok(())
    }

    fn save_rollups(&mut self, resolution: Resolution, rows: &[Row]) -> Result<(), StoreError> {
        for rows in rows.chunks(ROWS) {
            let mut years: BTreeMap<i64, Vec<&Row>> = BTreeMap::new();
            for row in rows {
                let year = row.1.first().map_or(0, |rollup| rollups::year_of(rollup.start));
                years.entry(year).or_default().push(row);
            }
            for (year, rows) in years {
                let file = match resolution {
                    Resolution::Minutes => self.store.year(year)?,
                    Resolution::Hours => &mut self.store.main,
                };
                file.change(|transaction| rows.iter().try_for_each(|row| add_hours(transaction, resolution, row)))?;
            }
        }
        Ok(())
    }
}

/// Rows of hours of a tag; from both ends, because a page between them may be damaged. And how many stretches could not be read.
fn hours(old: &Connection, tag: i64) -> (Vec<Vec<Rollup>>, u64) {
    let (mut found, mut unread) = (BTreeMap::new(), 0);
    let mut read = |order: &str| -> rusqlite::Result<()> {
        let sql = format!("SELECT start, bytes FROM hours WHERE tag = ?1 ORDER BY start {order}");
        let mut statement = old.prepare_cached(&sql)?;
        let mut rows = statement.query([tag])?;
        while let Some(row) = rows.next()? {
            found.insert(row.get::<_, i64>(0)?, decode_rollups(row.get_ref(1)?.as_blob()?));
        }
        Ok(())
    };
    // A file of version 1 has none.
    if super::has_table(old, "hours") && read("").is_err() {
        unread += 1;
        // What fails here failed above as well.
        drop(read("DESC"));
    }
    unread += found.values().filter(|rollups| rollups.is_none()).count() as u64;
    (found.into_values().flatten().collect(), unread)
}

/// Adds the hours of which nothing is known yet.
fn add_hours(connection: &Connection, resolution: Resolution, (tag, fresh): &Row) -> rusqlite::Result<()> {
    let (Some(first), Some(last)) = (fresh.first(), fresh.last()) else { return Ok(()) };
    let mut known = BTreeSet::new();
    let range = [floor(first.start, HOUR), last.start.saturating_add(HOUR)];
    rollups::visit(connection, resolution, *tag, range, |rollup| {
        known.insert(floor(rollup.start, HOUR));
        true
    })?;
    for part in fresh.chunk_by(|one, next| floor(one.start, HOUR) == floor(next.start, HOUR)) {
        let hour = floor(part[0].start, HOUR);
        if !known.contains(&hour) {
            replace_hour(connection, resolution, *tag, hour, part)?;
        }
    }
    Ok(())
}

/// Numbers of tags, names that they had, and until when; as far as they can be read.
pub(super) fn former_names(connection: &Connection) -> Vec<(i64, String, i64)> {
    let Ok(mut statement) = connection.prepare("SELECT tag, key, until FROM former") else { return Vec::new() };
    let Ok(rows) = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))) else {
        return Vec::new();
    };
    rows.map_while(Result::ok).collect()
}

pub(super) fn is_former(former: &[(i64, String, i64)], tag: i64, key: &str) -> bool {
    former.iter().any(|(id, name, _)| *id == tag && name == key)
}

impl SampleStore {
    /// Takes over the numbers of tags of which neither the number nor the name is taken.
    pub(super) fn take_over_free(&mut self, tags: &[&(i64, String)]) -> Result<(), StoreError> {
        self.main.change(|transaction| {
            for (id, key) in tags.iter().filter(|(id, _)| (1..HIGHEST_TAG).contains(id)) {
                let sql = "INSERT OR IGNORE INTO tag(id, key) VALUES (?1, ?2)";
                transaction.prepare_cached(sql)?.execute(params![id, key])?;
            }
            Ok(())
        })?;
        self.load_keys()
    }

    /// A month says up to which head row it has everything; a main file that was begun anew counts from one again, and its rows would pass
    /// for those.
    pub(super) fn number_head_after_months(&mut self) -> Result<(), StoreError> {
        let mut newest = self.newest_head;
        for month in month::months(&self.folder) {
            let sql = "SELECT coalesce(max(through), 0) FROM sealed";
            let through: i64 =
                self.month(month)?.database.with(|connection| connection.query_row(sql, [], |row| row.get(0)))?;
            newest = newest.max(through);
        }
        if newest == self.newest_head {
            return Ok(());
        }
        self.main.change(|transaction| {
            transaction.execute("DELETE FROM sqlite_sequence WHERE name = 'head'", [])?;
            transaction.execute("INSERT INTO sqlite_sequence(name, seq) VALUES ('head', ?1)", [newest]).map(drop)
        })?;
        self.newest_head = newest;
        Ok(())
    }

    /// Notes when the station last ran: what a main file said, or else the end of the newest chunk.
    pub(super) fn tell_alive(&mut self, lived: Lived, now: Timestamp) -> Result<(), StoreError> {
        let told = lived.before.max(lived.saved);
        match told.map_or_else(|| self.newest_chunk(now), |told| Ok(Some(told)))? {
            Some(alive) => self.touch(alive),
            None => Ok(()),
        }
    }

    fn newest_chunk(&mut self, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        for month in month::months(&self.folder).into_iter().rev() {
            let newest: Option<i64> = self.month(month)?.database.with(|connection| {
                let sql = "SELECT max(last) FROM chunk WHERE last <= ?1";
                connection.query_row(sql, [now.as_micros()], |row| row.get(0))
            })?;
            if newest.is_some() {
                return Ok(newest.map(Timestamp::from_micros));
            }
        }
        Ok(None)
    }
}
