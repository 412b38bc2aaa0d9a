//! Records that cannot be read any more: the file is set aside, a new one is begun, and what can be read goes over into it.
//!
//! The new file is made whole under another name before the damaged one is moved. A crash in between leaves either the damaged file in its
//! place, and everything begins again, or the new one beside an empty place, which the next start puts there.

use super::RECORDS_FILE;
use super::former::{Former, SET_ASIDE};
use super::store::{OpenError, RecordStore, Restored, write_checkpoint};
use crate::access::Principal;
use crate::audit::{self, Draft};
use crate::disk::{beside, is_damage, quick_check, set_aside, set_aside_name, sync};
use crate::tag::Timestamp;
use rusqlite::config::DbConfig;
use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags, OptionalExtension, params, params_from_iter};
use std::path::Path;

/// The check at the start is given up after so many steps, so that a large file does not hold up the plant. What it has not seen is found
/// when it is read or written, while the station runs.
const CHECKED_STEPS: i32 = 20_000;
/// A new file in the making: this, the moment, and `.sqlite`.
const NEW: &str = "records.new-";
/// A file that was set aside: this, the moment, and `.sqlite`.
pub(super) const DAMAGED: &str = "records.damaged-";
const REMARK: &str = "station/records-set-aside:digital";

/// Opened records, and what became of those that stood there before.
pub struct OpenedRecords {
    /// The file.
    pub store: RecordStore,
    /// What the last run left.
    pub restored: Restored,
    /// The new name of the damaged file that stood there before.
    pub set_aside: Option<String>,
}

impl OpenedRecords {
    /// Opens or creates the records of the station in `folder`. A damaged file is set aside under a name with the time, and a new one is begun
    /// with what can be read of it. A file that is locked, may not be opened, or has no room, is an error as before.
    pub fn open(folder: &Path, now: Timestamp) -> Result<Self, OpenError> {
        put_begun_in_place(folder)?;
        let path = folder.join(RECORDS_FILE);
        let what = match open_whole(&path) {
            Ok((store, restored)) => return Ok(Self { store, restored, set_aside: None }),
            Err(OpenError::Database(error)) if is_damage(&error) => error.to_string(),
            Err(error) => return Err(error),
        };
        let name = begin_anew(&path, &what, now)?;
        let (store, restored) = open_whole(&path)?;
        Ok(Self { store, restored, set_aside: Some(name) })
    }
}

/// Opens the records, checks them quickly, and reads everything that a start needs.
fn open_whole(path: &Path) -> Result<(RecordStore, Restored), OpenError> {
    if let Ok(file) = std::fs::metadata(path) {
        // SQLite would take it for a new one, and numbers would begin again at one.
        if file.len() == 0 && !beside(path, "-wal").exists() {
            return Err(crate::disk::damage("the file is empty").into());
        }
        quick_check(&mut Connection::open(path)?, CHECKED_STEPS)?;
    }
    let store = RecordStore::open(path)?;
    let restored = store.restore()?;
    store.last_entry()?;
    Ok((store, restored))
}

impl RecordStore {
    /// The same while the station runs: the file turned out to be damaged. Its new name.
    pub(super) fn begin_anew(&mut self, what: &str, now: Timestamp) -> Result<String, OpenError> {
        let path = self.path.clone();
        // SQLite must neither write into what is set aside nor remove the log of the file that takes its place.
        self.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        self.connection = Connection::open_in_memory()?;
        if let Some(folder) = path.parent() {
            put_begun_in_place(folder)?;
        }
        let name = if path.exists() { Some(begin_anew(&path, what, now)?) } else { None };
        *self = Self::open(&path)?;
        Ok(name.unwrap_or_default())
    }
}

/// Makes the new file, sets the damaged one aside, and puts the new one in its place. The new name of the damaged one.
fn begin_anew(path: &Path, what: &str, now: Timestamp) -> Result<String, OpenError> {
    let name = set_aside_name(path, now);
    let fresh = path.with_file_name(name.replace(DAMAGED, NEW));
    write_fresh(&fresh, &Saved::read(path), &name, what, now)?;
    set_aside(path, &name)?;
    std::fs::rename(&fresh, path)?;
    path.parent().map_or(Ok(()), sync)?;
    Ok(name)
}

/// A crash between the setting aside and the new file: what was begun is put in place, or, where the damaged file still has it, removed.
fn put_begun_in_place(folder: &Path) -> Result<(), OpenError> {
    let path = folder.join(RECORDS_FILE);
    let Ok(entries) = std::fs::read_dir(folder) else { return Ok(()) };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    for name in names.filter(|name| name.starts_with(NEW)).collect::<Vec<_>>() {
        let begun = folder.join(&name);
        if path.exists() || !name.ends_with(".sqlite") {
            std::fs::remove_file(&begun)?;
            continue;
        }
        // Its log may not have come along yet, and belongs to no other file.
        set_aside(&path, &name.replace(NEW, DAMAGED))?;
        std::fs::rename(&begun, &path)?;
        sync(folder)?;
    }
    Ok(())
}

/// Rows of a table, by the names of its columns.
struct Rows {
    table: String,
    columns: Vec<String>,
    rows: Vec<Vec<Value>>,
}

/// What could be read of a damaged file.
#[derive(Default)]
struct Saved {
    tables: Vec<Rows>,
    last_occurrence: i64,
    /// Whether no occurrence can have been missed.
    knows_occurrences: bool,
    last_entry: Option<(u64, [u8; 32])>,
}

impl Saved {
    fn read(path: &Path) -> Self {
        // Nothing may change in it: it is what is left of the record.
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let Ok(old) = Connection::open_with_flags(path, flags) else { return Self::default() };
        let occurrences = [highest_occurrence(&old, "journal", "id"), highest_occurrence(&old, "alarm_state", "alarm")];
        Self {
            tables: tables(&old).into_iter().filter_map(|table| Rows::read(&old, table)).collect(),
            last_occurrence: occurrences.iter().map(|(highest, _)| *highest).max().unwrap_or(0),
            knows_occurrences: occurrences.iter().all(|(_, is_whole)| *is_whole),
            last_entry: last_readable_entry(&old),
        }
    }

    /// The number after which occurrences go on. Where some could not be read, it is beyond what any plant can have reached: one for every
    /// second since 1970.
    fn goes_on_after(&self, now: Timestamp) -> i64 {
        let safe = if self.knows_occurrences { 0 } else { now.as_micros().div_euclid(1_000_000) };
        self.last_occurrence.max(safe)
    }
}

/// All tables but those that stay behind: the journal, what is kept beside its lines, and the entries, which prove something only in their
/// own chain.
fn tables(old: &Connection) -> Vec<String> {
    let sql = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT IN ('audit', 'journal', 'checkpoint')
               AND name NOT LIKE 'sqlite%'";
    let Ok(mut statement) = old.prepare(sql) else { return Vec::new() };
    let Ok(rows) = statement.query_map([], |row| row.get(0)) else { return Vec::new() };
    rows.map_while(Result::ok).collect()
}

fn columns(connection: &Connection, table: &str) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare("SELECT name FROM pragma_table_info(?1)")?;
    let rows = statement.query_map([table], |row| row.get(0))?;
    rows.collect()
}

impl Rows {
    /// Every row that can be read; from both ends, because a page between them may be damaged.
    fn read(old: &Connection, table: String) -> Option<Self> {
        let columns = columns(old, &table).ok().filter(|columns| !columns.is_empty())?;
        let mut rows = Vec::new();
        let list = columns.join(", ");
        let mut read = |order: &str| -> rusqlite::Result<()> {
            let mut statement = old.prepare(&format!("SELECT {list} FROM {table} ORDER BY {} {order}", columns[0]))?;
            let mut found = statement.query([])?;
            while let Some(row) = found.next()? {
                // A garbled word costs its row alone.
                rows.extend((0..columns.len()).map(|place| row.get(place)).collect::<rusqlite::Result<Vec<Value>>>());
            }
            Ok(())
        };
        if read("").is_err() {
            // What fails here failed above as well.
            drop(read("DESC"));
        }
        Some(Self { table, columns, rows })
    }

    /// Puts the rows into a file of today's tables, as far as they have a place there.
    fn write(&self, fresh: &Connection) -> rusqlite::Result<()> {
        let known = columns(fresh, &self.table)?;
        let places: Vec<usize> =
            (0..self.columns.len()).filter(|place| known.contains(&self.columns[*place])).collect();
        if places.is_empty() {
            return Ok(());
        }
        let names = places.iter().map(|place| self.columns[*place].as_str()).collect::<Vec<_>>().join(", ");
        let signs = vec!["?"; places.len()].join(", ");
        let sql = format!("INSERT OR REPLACE INTO {}({names}) VALUES ({signs})", self.table);
        let mut statement = fresh.prepare(&sql)?;
        for row in &self.rows {
            let done = statement.execute(params_from_iter(places.iter().map(|place| &row[*place])));
            // A row that today's tables do not take is garbled; a full disk is another matter.
            match done {
                Err(error) if error.sqlite_error_code() != Some(rusqlite::ErrorCode::ConstraintViolation) => {
                    return Err(error);
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// The highest occurrence in a table that can be read, and whether all of them could.
fn highest_occurrence(old: &Connection, table: &str, key: &str) -> (i64, bool) {
    let all = old.query_row(&format!("SELECT coalesce(max(occurrence), 0) FROM {table}"), [], |row| row.get(0));
    if let Ok(highest) = all {
        return (highest, true);
    }
    let mut highest = 0;
    for order in ["", "DESC"] {
        let mut read = || -> rusqlite::Result<()> {
            let mut statement = old.prepare(&format!("SELECT occurrence FROM {table} ORDER BY {key} {order}"))?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                highest = row.get::<_, i64>(0).unwrap_or(0).max(highest);
            }
            Ok(())
        };
        drop(read());
    }
    (highest, false)
}

/// Number and hash of the last audit entry that can be read.
fn last_readable_entry(old: &Connection) -> Option<(u64, [u8; 32])> {
    let mut last = None;
    let mut take = |row: &rusqlite::Row<'_>| -> rusqlite::Result<()> {
        let (number, hash): (i64, Vec<u8>) = (row.get(0)?, row.get(1)?);
        last = Some((number as u64, <[u8; 32]>::try_from(hash).map_err(|_| crate::disk::damage("a hash"))?));
        Ok(())
    };
    let newest = "SELECT number, hash FROM audit ORDER BY number DESC LIMIT 1";
    let found = old.query_row(newest, [], |row| take(row)).optional();
    if !matches!(found, Ok(Some(()))) {
        let mut read = || -> rusqlite::Result<()> {
            let mut statement = old.prepare("SELECT number, hash FROM audit ORDER BY number")?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                take(row)?;
            }
            Ok(())
        };
        drop(read());
    }
    last
}

/// Makes a file that holds what was saved, and says where it comes from: in its first audit entry, and in a line of the journal.
fn write_fresh(fresh: &Path, saved: &Saved, name: &str, what: &str, now: Timestamp) -> Result<(), OpenError> {
    let mut store = RecordStore::open(fresh)?;
    let goes_on_after = saved.goes_on_after(now);
    let transaction = store.connection.transaction()?;
    for rows in &saved.tables {
        rows.write(&transaction)?;
    }
    let words = format!(
        "the records were damaged ({what}) and set aside as {name}; the journal before is there, and occurrences go on after {goes_on_after}"
    );
    let sql = "INSERT INTO journal(time, alarm, occurrence, before, after, raised, value, actor, comment)
               VALUES (?1, ?2, ?3, '', '', ?1, NULL, 'station', ?4)";
    transaction.execute(sql, params![now.as_micros(), REMARK, goes_on_after, words])?;
    // The lines that led to these states are in the other file.
    write_checkpoint(&transaction, 0, transaction.last_insert_rowid())?;
    transaction.commit()?;
    let former = Former::new(name, what, saved.last_entry, now);
    let draft = Draft {
        request: SET_ASIDE.into(),
        time: now,
        principal: Principal::station(),
        action: SET_ASIDE.into(),
        subject: name.into(),
        detail: former.detail().into(),
        essential: false,
    };
    audit::commit(&mut store, &[draft]).map_err(|error| OpenError::NotBegun(error.to_string()))?;
    drop(store);
    settled(fresh)
}

/// Whether a closed file alone is everything, and on the disk.
fn settled(fresh: &Path) -> Result<(), OpenError> {
    let log = beside(fresh, "-wal");
    if std::fs::metadata(&log).is_ok_and(|file| file.len() > 0) {
        return Err(OpenError::NotBegun(format!("{} could not be written into its file", log.display())));
    }
    Ok(sync(fresh)?)
}

#[cfg(test)]
mod tests;
