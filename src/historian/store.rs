//! The files of samples, as their one writer has them: the catalogue of tags, the open head, and the way into the files of months and years.

use super::calendar::Month;
use super::database::{Database, Layout, StoreError, set_aside};
use super::head::load_head;
use super::left_out::LeftOut;
use super::month;
use super::seal::Sealing;
use super::tail::Unsealed;
use super::{HISTORY_FOLDER, SAMPLES_FILE, rollups};
use crate::tag::{Sample, TagKey, Timestamp};
use rusqlite::{Connection, OptionalExtension};
use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Version 1 held its chunks here and had no rollups.
pub(super) const VERSION: i64 = 2;

/// A head row holds the samples of one flush. `unreadable` keeps head rows that are damaged, for `polder repair`.
pub(super) const LAYOUT: Layout = Layout {
    version: VERSION,
    page_bytes: 4096,
    tables: "
    CREATE TABLE IF NOT EXISTS tag(id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE);
    CREATE TABLE IF NOT EXISTS former(tag INTEGER NOT NULL, key TEXT NOT NULL, until INTEGER NOT NULL);
    CREATE TABLE IF NOT EXISTS head(id INTEGER PRIMARY KEY AUTOINCREMENT, alive INTEGER NOT NULL, bytes BLOB NOT NULL);
    CREATE TABLE IF NOT EXISTS unreadable(id INTEGER PRIMARY KEY, bytes BLOB NOT NULL);
    CREATE TABLE IF NOT EXISTS alive(id INTEGER PRIMARY KEY CHECK(id = 1), time INTEGER NOT NULL);
    CREATE TABLE IF NOT EXISTS hours(
        tag INTEGER NOT NULL, start INTEGER NOT NULL, bytes BLOB NOT NULL, PRIMARY KEY(tag, start)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS loss(id INTEGER PRIMARY KEY, time INTEGER NOT NULL, samples INTEGER NOT NULL, why TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS horizon(what TEXT PRIMARY KEY, time INTEGER NOT NULL) WITHOUT ROWID;
    ",
};

/// Files of months or years that stay open; opening one costs a check of it.
const OPEN_FILES: usize = 4;

/// The open files of samples.
pub struct SampleStore {
    pub(super) main: Database,
    pub(super) folder: PathBuf,
    pub(super) keys: HashMap<TagKey, i64>,
    pub(super) unsealed: Unsealed,
    pub(super) newest_head: i64,
    pub(super) was_alive: Option<Timestamp>,
    /// Tags that had a sample in this run.
    pub(super) seen: Vec<bool>,
    /// Up to when each tag is sealed: what comes from before is late.
    pub(super) sealed_to: Vec<i64>,
    pub(super) late: BTreeSet<i64>,
    pub(super) sealing: Option<Sealing>,
    pub(super) months: HashMap<Month, MonthFile>,
    pub(super) years: HashMap<i64, Database>,
    /// Files that were checked in this run: once is enough.
    checked: BTreeSet<PathBuf>,
    /// What was sealed of tags when the last run ended, until their first sample of this run is durable.
    pub(super) before_start: HashMap<i64, Option<Sample>>,
    /// Whether it was said that a month could not be looked into for that.
    pub(super) gap_unknown: bool,
    /// Samples from before this moment are not kept any more.
    pub(super) raw_from: i64,
    /// Until when the clock is believed where something is dropped for good.
    pub(super) believed: i64,
    /// For how long the clock has been ahead of that while the station ran.
    pub(super) doubted: Duration,
    /// Samples that could not be kept and are not reported yet.
    pub(super) lost: u64,
    /// Files of months that cannot be read.
    pub(super) left_out: LeftOut,
}

/// The open file of a month.
pub(super) struct MonthFile {
    pub(super) database: Database,
    pub(super) timelines: month::Timelines,
    /// Tags whose names stand in the file.
    pub(super) named: BTreeSet<i64>,
}

impl SampleStore {
    pub(super) fn open(folder: &Path, now: Timestamp) -> Result<Self, StoreError> {
        let path = folder.join(SAMPLES_FILE);
        let main = Database::open(&path, &LAYOUT)?;
        let mut store = Self {
            main,
            folder: folder.to_owned(),
            keys: HashMap::new(),
            unsealed: Unsealed::default(),
            newest_head: 0,
            was_alive: None,
            seen: Vec::new(),
            sealed_to: Vec::new(),
            late: BTreeSet::new(),
            sealing: None,
            months: HashMap::new(),
            years: HashMap::new(),
            checked: BTreeSet::new(),
            before_start: HashMap::new(),
            gap_unknown: false,
            raw_from: i64::MIN,
            believed: i64::MIN,
            doubted: Duration::ZERO,
            lost: 0,
            left_out: LeftOut::default(),
        };
        store.load()?;
        store.lower_horizons(now.as_micros())?;
        store.load_believed(now.as_micros())?;
        // What the next samples go to is checked now, while nobody waits yet.
        let month = Month::of(now.as_micros());
        if month::path(folder, month).exists() {
            let opened = store.month(month).map(drop);
            store.leave_out(month, opened)?;
        }
        if rollups::path(folder, rollups::year_of(now.as_micros())).exists() {
            store.year(rollups::year_of(now.as_micros()))?;
        }
        Ok(store)
    }

    pub(super) fn load_keys(&mut self) -> Result<(), StoreError> {
        let tags = self.main.with(tags_of)?;
        self.keys = tags.into_iter().map(|(id, key)| (TagKey::from(key.as_str()), id)).collect();
        Ok(())
    }

    fn load(&mut self) -> Result<(), StoreError> {
        self.was_alive = self.main.with(alive)?;
        self.raw_from = self.main.with(|connection| horizon(connection, "raw"))?.unwrap_or(i64::MIN);
        self.newest_head = self.main.with(|connection| {
            connection.query_row(
                "SELECT max(coalesce((SELECT max(id) FROM head), 0), coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'head'), 0))",
                [],
                |row| row.get(0),
            )
        })?;
        self.learn_from_months()?;
        self.load_keys()?;
        let head = load_head(&self.main, &self.folder)?;
        let mut tail = head.tail;
        tail.alive = self.was_alive;
        self.unsealed = Arc::new(Mutex::new(tail));
        if !head.sealed_already.is_empty() {
            self.finish_seal(&head.sealed_already)?;
        }
        if !head.sealed_already.is_empty() || !head.unreadable.is_empty() {
            self.lost += head.unreadable.len() as u64;
            self.keep_unreadable(&head.unreadable)?;
            self.rewrite_head()?;
        }
        Ok(())
    }

    fn keep_unreadable(&mut self, rows: &[i64]) -> Result<(), StoreError> {
        self.main.change(|transaction| {
            for row in rows {
                let sql = "INSERT OR REPLACE INTO unreadable(id, bytes) SELECT id, bytes FROM head WHERE id = ?1";
                transaction.prepare_cached(sql)?.execute([row])?;
            }
            Ok(())
        })
    }

    /// The path of the main file.
    pub fn path(&self) -> &Path {
        self.main.path()
    }

    /// The unsealed part, for readers.
    pub fn unsealed(&self) -> Unsealed {
        Arc::clone(&self.unsealed)
    }

    /// Shows the unsealed part to readers that already hold another one.
    pub(super) fn show_in(&mut self, shared: Unsealed) {
        if let (Ok(mut own), Ok(mut shown)) = (self.unsealed.lock(), shared.lock()) {
            std::mem::swap(&mut *own, &mut *shown);
        }
        self.unsealed = shared;
    }

    /// How many samples are in no chunk yet.
    pub(super) fn unsealed_count(&self) -> usize {
        self.unsealed.lock().map_or(0, |tail| tail.count())
    }

    pub(super) fn names(&self) -> HashMap<i64, TagKey> {
        self.keys.iter().map(|(key, id)| (*id, key.clone())).collect()
    }

    /// The last sealed sample of a tag before `time`.
    pub(super) fn last_before(&mut self, tag: i64, time: i64) -> Result<Option<Sample>, StoreError> {
        let newest = Month::of(time.saturating_sub(1));
        for month in month::months(&self.folder).into_iter().rev().filter(|month| *month <= newest) {
            let found = self.month(month);
            let found = found.and_then(|file| file.database.with(|connection| month::before(connection, tag, time)));
            match self.leave_out(month, found)? {
                // An older month would tell what is not true any more.
                None => return Ok(None),
                Some(found) if found.is_some() => return Ok(found),
                Some(_) => {}
            }
        }
        Ok(None)
    }

    fn open_file(&mut self, path: &Path, layout: &Layout) -> Result<Database, StoreError> {
        if self.checked.contains(path) {
            return Database::open_again(path, layout);
        }
        let database = Database::open(path, layout)?;
        self.checked.insert(path.to_owned());
        Ok(database)
    }

    /// The file of a month, made when there is none. Few stay open.
    pub(super) fn month(&mut self, month: Month) -> Result<&mut MonthFile, StoreError> {
        if !self.months.contains_key(&month) {
            let database = self.open_file(&month::path(&self.folder, month), &month::LAYOUT)?;
            // A station that is killed right after it made the file has not told it yet what was known.
            let is_new = database.with(month::is_untouched)?;
            if self.months.len() >= OPEN_FILES
                && let Some(oldest) = self.months.keys().min().copied()
            {
                self.months.remove(&oldest);
            }
            let file = MonthFile { database, timelines: month::Timelines::default(), named: BTreeSet::new() };
            self.months.insert(month, file);
            if is_new {
                self.open_month(month)?;
            }
        }
        self.months
            .get_mut(&month)
            .ok_or_else(|| StoreError::Damaged { file: self.folder.clone(), what: month.words() })
    }

    /// A new month begins with what is known of every tag.
    fn open_month(&mut self, month: Month) -> Result<(), StoreError> {
        let Some(before) = month::months(&self.folder).into_iter().rev().find(|other| *other < month) else {
            return Ok(());
        };
        let known = self.month(before).and_then(|file| file.database.with(month::all_closing));
        let Some(known) = self.leave_out(before, known)? else { return Ok(()) };
        self.month(month)?.database.change(|transaction| {
            known.iter().try_for_each(|(tag, sample)| month::write_opening(transaction, *tag, sample))
        })
    }

    /// The file of the minutes of a year, made when there is none.
    pub(super) fn year(&mut self, year: i64) -> Result<&mut Database, StoreError> {
        if !self.years.contains_key(&year) {
            let database = self.open_file(&rollups::path(&self.folder, year), &rollups::LAYOUT)?;
            if self.years.len() >= OPEN_FILES {
                self.years.clear();
            }
            self.years.insert(year, database);
        }
        self.years
            .get_mut(&year)
            .ok_or_else(|| StoreError::Damaged { file: self.folder.clone(), what: year.to_string() })
    }

    /// Puts a file away that turned out to be damaged while the station runs, and begins a new one. Samples that it held already stay in it.
    pub(super) fn put_away(&mut self, file: &Path, now: Timestamp) -> Result<String, StoreError> {
        if file == self.main.path() {
            return Err(StoreError::Damaged {
                file: file.to_owned(),
                what: "the main file; it is set aside at the next start".to_owned(),
            });
        }
        self.months.retain(|_, month| month.database.path() != file);
        self.years.retain(|_, year| year.path() != file);
        self.checked.remove(file);
        Ok(format!("{HISTORY_FOLDER}/{}", set_aside(file, now)?))
    }
}

pub(super) fn slot_or<T: Clone>(table: &mut Vec<T>, tag: i64, empty: T) -> &mut T {
    let place = usize::try_from(tag).unwrap_or(0);
    if place >= table.len() {
        table.resize(place + 1, empty);
    }
    &mut table[place]
}

/// When the station was last known to run.
pub(super) fn alive(connection: &Connection) -> rusqlite::Result<Option<Timestamp>> {
    let micros: Option<i64> =
        connection.prepare_cached("SELECT time FROM alive")?.query_row([], |row| row.get(0)).optional()?;
    Ok(micros.map(Timestamp::from_micros))
}

/// Since when something is kept; none where nothing was ever dropped.
pub(super) fn horizon(connection: &Connection, what: &str) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached("SELECT time FROM horizon WHERE what = ?1")?
        .query_row([what], |row| row.get(0))
        .optional()
}

/// Numbers and names of tags, as a file of a month has them.
pub(super) fn tags_of(connection: &Connection) -> rusqlite::Result<Vec<(i64, String)>> {
    let mut statement = connection.prepare("SELECT id, key FROM tag")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.collect()
}
