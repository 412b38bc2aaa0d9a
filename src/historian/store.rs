//! The files of samples, as their one writer has them: the catalogue of tags, the open head, and the way into the files of months and years.

use super::calendar::{HOUR, Month, floor};
use super::codec::{HeadWriter, read_head};
use super::database::{Database, Layout, StoreError, damage, explain, set_aside};
use super::left_out::LeftOut;
use super::month::{self, Sealed};
use super::seal::Sealing;
use super::tail::{Tail, Unsealed};
use super::{HISTORY_FOLDER, SAMPLES_FILE, migrate, rollups};
use crate::tag::{Quality, Reason, Sample, TagKey, Timestamp};
use rusqlite::{Connection, OptionalExtension, Transaction, params};
use std::collections::{BTreeSet, HashMap, VecDeque};
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

/// An opened history, and where damaged files of it were put.
pub struct OpenedHistory {
    /// The files.
    pub store: SampleStore,
    /// The new name of the damaged file that stood there before.
    pub set_aside: Option<String>,
}

impl OpenedHistory {
    /// What a reader needs: the main file, and what is not sealed yet.
    pub fn source(&self) -> (PathBuf, Unsealed) {
        (self.store.path().to_owned(), self.store.unsealed())
    }

    /// Opens the samples of the station in `folder`. A damaged file is set aside under a name with the time, and a new one is begun. A file of
    /// an earlier version is brought up to date first.
    pub fn open(folder: &Path, now: Timestamp) -> Result<Self, StoreError> {
        let history = folder.join(HISTORY_FOLDER);
        std::fs::create_dir_all(&history).map_err(StoreError::io(&history))?;
        // SQLite syncs the folder of its files, but not the one above. As there, a file system that cannot do it is no obstacle.
        let _ = std::fs::File::open(folder).and_then(|folder| folder.sync_all());
        let mut put_away: Vec<String> = Vec::new();
        // Each turn puts one file away; a folder in which that does not help is not usable.
        for _ in 0..4 {
            let opened = migrate::bring_up_to_date(&history).and_then(|()| SampleStore::open(&history, now));
            match opened {
                Ok(store) => {
                    let set_aside = (!put_away.is_empty()).then(|| put_away.join(", "));
                    return Ok(Self { store, set_aside });
                }
                Err(StoreError::Damaged { file, .. }) => {
                    put_away.push(format!("{HISTORY_FOLDER}/{}", set_aside(&file, now)?));
                }
                Err(error) => return Err(error),
            }
        }
        Err(StoreError::Damaged { file: history, what: format!("still, after {} were set aside", put_away.join(", ")) })
    }
}

/// The open files of samples.
pub struct SampleStore {
    pub(super) main: Database,
    pub(super) folder: PathBuf,
    keys: HashMap<TagKey, i64>,
    pub(super) unsealed: Unsealed,
    pub(super) newest_head: i64,
    was_alive: Option<Timestamp>,
    /// Tags that had a sample in this run.
    seen: Vec<bool>,
    /// Up to when each tag is sealed: what comes from before is late.
    pub(super) sealed_to: Vec<i64>,
    pub(super) late: BTreeSet<i64>,
    pub(super) sealing: Option<Sealing>,
    pub(super) months: HashMap<Month, MonthFile>,
    pub(super) years: HashMap<i64, Database>,
    /// Files that were checked in this run: once is enough.
    checked: BTreeSet<PathBuf>,
    /// What was sealed of tags when the last run ended, until their first sample of this run is durable.
    before_start: HashMap<i64, Option<Sample>>,
    /// Whether it was said that a month could not be looked into for that.
    gap_unknown: bool,
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

    /// The file's numbers of these tags, each with the name that it had before, if any: a tag that was renamed keeps its number.
    pub(super) fn ids(
        &mut self,
        wanted: &[(TagKey, Option<Arc<str>>)],
        now: Timestamp,
    ) -> Result<Vec<i64>, StoreError> {
        let mut known = self.keys.clone();
        self.main.change(|transaction| {
            for (id, old, key) in renames(wanted, &mut known) {
                rename(transaction, id, &old, &key, now)?;
            }
            for (key, _) in wanted {
                if !known.contains_key(key) {
                    let id = transaction.prepare_cached("INSERT INTO tag(key) VALUES (?1)")?.insert([key.as_str()])?;
                    known.insert(key.clone(), id);
                }
            }
            Ok(())
        })?;
        if known != self.keys {
            // A renamed tag is named anew in the files of months.
            self.months.values_mut().for_each(|month| month.named.clear());
        }
        self.keys = known;
        let id = |(key, _): &(TagKey, _)| {
            let without = || StoreError::WithoutNumber { file: self.main.path().to_owned(), key: key.clone() };
            self.keys.get(key).copied().ok_or_else(without)
        };
        wanted.iter().map(id).collect()
    }

    /// Notes that the station runs, without any sample.
    pub(super) fn touch(&mut self, now: Timestamp) -> Result<(), StoreError> {
        self.main.change(|transaction| write_alive(transaction, now))?;
        self.set_alive(now);
        Ok(())
    }

    /// Tells readers that the station runs; the file is told less often.
    pub(super) fn set_alive(&self, now: Timestamp) {
        if let Ok(mut tail) = self.unsealed.lock() {
            tail.alive = Some(now);
        }
    }

    /// Notes that samples were lost, and why.
    pub(super) fn note_loss(&mut self, now: Timestamp, samples: u64, why: &str) -> Result<(), StoreError> {
        self.main.change(|transaction| {
            let sql = "INSERT INTO loss(time, samples, why) VALUES (?1, ?2, ?3)";
            transaction.prepare_cached(sql)?.execute(params![now.as_micros(), samples as i64, why]).map(drop)
        })
    }

    /// Samples that come now say nothing about when the station ran.
    pub(super) const fn forget_gaps(&mut self) {
        self.was_alive = None;
    }

    /// Makes samples durable, in one commit, and takes them. After an error they are all still there.
    pub(super) fn flush(&mut self, rows: &mut VecDeque<(i64, Sample)>, now: Timestamp) -> Result<(), StoreError> {
        let (gaps, fresh) = self.gaps(rows);
        let mut writer = HeadWriter::new(rows.len() + gaps.len());
        gaps.iter().chain(rows.iter()).for_each(|(tag, sample)| writer.push(*tag, sample));
        let bytes = writer.finish();
        let head = self.main.change(|transaction| {
            let sql = "INSERT INTO head(alive, bytes) VALUES (?1, ?2)";
            let head = transaction.prepare_cached(sql)?.insert(params![now.as_micros(), bytes])?;
            write_alive(transaction, now).map(|()| head)
        })?;
        self.newest_head = head;
        for tag in fresh {
            *slot(&mut self.seen, tag) = true;
            self.before_start.remove(&tag);
        }
        let unsealed = Arc::clone(&self.unsealed);
        let Ok(mut tail) = unsealed.lock() else { return Ok(()) };
        tail.alive = Some(now);
        for (tag, sample) in gaps.into_iter().chain(rows.drain(..)) {
            // After a clock that jumped ahead everything lies before what is sealed; what belongs to the present hour waits for its end.
            let border = floor(now.as_micros(), HOUR);
            if sample.time.as_micros() < border.min(*slot_or(&mut self.sealed_to, tag, i64::MIN)) {
                self.late.insert(tag);
            }
            tail.push(tag, head, sample);
        }
        Ok(())
    }

    /// Where the last run ended without saying so, the first sample of this run is preceded by one that says "station was off".
    fn gaps(&mut self, rows: &VecDeque<(i64, Sample)>) -> (Vec<(i64, Sample)>, BTreeSet<i64>) {
        let fresh = rows.iter().map(|(tag, _)| *tag).filter(|tag| !*slot(&mut self.seen, *tag));
        let fresh: BTreeSet<i64> = fresh.collect();
        let Some(alive) = self.was_alive else { return (Vec::new(), fresh) };
        self.find_last_before(&fresh, alive.as_micros().saturating_add(1));
        let gaps = fresh.iter().filter_map(|tag| Some((*tag, self.gap_before(*tag, alive)?))).collect();
        (gaps, fresh)
    }

    fn gap_before(&self, tag: i64, alive: Timestamp) -> Option<Sample> {
        let sealed = self.before_start.get(&tag).cloned().flatten();
        let unsealed = self
            .unsealed
            .lock()
            .ok()
            .and_then(|tail| tail.of(tag)?.filtered(|_, sample| sample.time <= alive).series.latest());
        let last = match (sealed, unsealed) {
            (Some(sealed), Some(unsealed)) => Some(if unsealed.time >= sealed.time { unsealed } else { sealed }),
            (sealed, unsealed) => unsealed.or(sealed),
        };
        let open = last.is_some_and(|last| !last.quality.is_bad());
        open.then(|| Sample { time: alive, value: None, quality: Quality::bad(Reason::StationOff) })
    }

    /// Looks once through all months for what these tags said last before `time`. A flush waits for it, so months are only read, and what
    /// cannot be read is passed over: then nothing is known there, and no gap is written.
    fn find_last_before(&mut self, tags: &BTreeSet<i64>, time: i64) {
        let mut unknown: BTreeSet<i64> =
            tags.iter().copied().filter(|tag| !self.before_start.contains_key(tag)).collect();
        self.before_start.extend(unknown.iter().map(|tag| (*tag, None)));
        let newest = Month::of(time.saturating_sub(1));
        for month in month::months(&self.folder).into_iter().rev().filter(|month| *month <= newest) {
            if unknown.is_empty() {
                return;
            }
            let path = month::path(&self.folder, month);
            match last_in(&path, &unknown, time) {
                Ok(found) => {
                    for (tag, sample) in found {
                        unknown.remove(&tag);
                        self.before_start.insert(tag, Some(sample));
                    }
                }
                // An older month would tell what is not true any more.
                Err(error) => return self.say_gap_unknown(&explain(&path, error)),
            }
        }
    }

    fn say_gap_unknown(&mut self, error: &StoreError) {
        if !std::mem::replace(&mut self.gap_unknown, true) {
            tracing::warn!("where a tag ended in the last run cannot be read, so that its gap is not marked: {error}");
        }
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

    /// Gives up the oldest unsealed samples where there are more than `most`, down to half of that, in memory and in the head.
    pub(super) fn bound_unsealed(&mut self, most: usize) -> Result<(), StoreError> {
        if self.unsealed_count() <= most {
            return Ok(());
        }
        self.lost += self.unsealed.lock().map_or(0, |mut tail| tail.drop_oldest(most / 2));
        self.rewrite_head()
    }

    /// Writes everything unsealed as one head row, in the place of all that there are.
    pub(super) fn rewrite_head(&mut self) -> Result<(), StoreError> {
        let unsealed = Arc::clone(&self.unsealed);
        let Ok(tail) = unsealed.lock() else { return Ok(()) };
        let mut writer = HeadWriter::new(tail.count());
        for (tag, samples) in tail.tags() {
            samples.series.iter().for_each(|sample| writer.push(tag, &sample));
        }
        let (bytes, alive, empty) = (writer.finish(), tail.alive.unwrap_or_default(), tail.count() == 0);
        drop(tail);
        let newest = self.newest_head;
        self.newest_head = self.main.change(|transaction| {
            let fresh = if empty {
                newest
            } else {
                let sql = "INSERT INTO head(alive, bytes) VALUES (?1, ?2)";
                transaction.prepare_cached(sql)?.insert(params![alive.as_micros(), bytes])?
            };
            transaction.prepare_cached("DELETE FROM head WHERE id <= ?1")?.execute([newest])?;
            Ok(fresh)
        })?;
        Ok(())
    }
}

/// The place of a tag in a dense table.
fn slot(table: &mut Vec<bool>, tag: i64) -> &mut bool {
    slot_or(table, tag, false)
}

pub(super) fn slot_or<T: Clone>(table: &mut Vec<T>, tag: i64, empty: T) -> &mut T {
    let place = usize::try_from(tag).unwrap_or(0);
    if place >= table.len() {
        table.resize(place + 1, empty);
    }
    &mut table[place]
}

/// Finds which numbers get another name: number, old name, new name, in the order in which this can be done. A name that one tag gives up
/// may be the new one of the next, so this goes on until nothing changes; no number moves twice.
fn renames(wanted: &[(TagKey, Option<Arc<str>>)], known: &mut HashMap<TagKey, i64>) -> Vec<(i64, TagKey, TagKey)> {
    let mut renames: Vec<(i64, TagKey, TagKey)> = Vec::new();
    loop {
        let before = renames.len();
        for (key, formerly) in wanted.iter().filter_map(|(key, formerly)| Some((key, formerly.as_ref()?))) {
            let old = TagKey::new(Arc::clone(formerly));
            let Some(id) = known.get(&old).copied() else { continue };
            if !known.contains_key(key) && !renames.iter().any(|(moved, ..)| *moved == id) {
                known.remove(&old);
                known.insert(key.clone(), id);
                renames.push((id, old, key.clone()));
            }
        }
        if renames.len() == before {
            return renames;
        }
    }
}

fn rename(transaction: &Transaction<'_>, id: i64, old: &TagKey, key: &TagKey, now: Timestamp) -> rusqlite::Result<()> {
    let sql = "INSERT INTO former(tag, key, until) VALUES (?1, ?2, ?3)";
    transaction.prepare_cached(sql)?.execute(params![id, old.as_str(), now.as_micros()])?;
    transaction.prepare_cached("UPDATE tag SET key = ?1 WHERE id = ?2")?.execute(params![key.as_str(), id]).map(drop)
}

fn write_alive(transaction: &Transaction<'_>, now: Timestamp) -> rusqlite::Result<()> {
    let sql = "INSERT OR REPLACE INTO alive(id, time) VALUES (1, ?1)";
    transaction.prepare_cached(sql)?.execute([now.as_micros()]).map(drop)
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

/// The open head as it is on disk.
#[derive(Default)]
pub(super) struct Head {
    pub(super) tail: Tail,
    /// Tags and hours that the head still had but that are in chunks already: a seal was cut short, and their rollups may be missing.
    pub(super) sealed_already: BTreeSet<(i64, i64)>,
    /// Rows that are damaged.
    pub(super) unreadable: Vec<i64>,
}

/// Reads the open head, without what is in chunks already.
pub(super) fn load_head(main: &Database, folder: &Path) -> Result<Head, StoreError> {
    main.with(|connection| read_head_rows(connection, folder))
}

/// The same on a connection of a reader.
pub(super) fn read_head_rows(connection: &Connection, folder: &Path) -> rusqlite::Result<Head> {
    let mut head = Head::default();
    let mut known: HashMap<Month, HashMap<i64, Sealed>> = HashMap::new();
    let mut statement = connection.prepare("SELECT id, bytes FROM head ORDER BY id")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (id, mut samples) = (row.get(0)?, Vec::new());
        if read_head(row.get_ref(1)?.as_blob()?, |tag, sample| samples.push((tag, sample))).is_none() {
            head.unreadable.push(id);
            continue;
        }
        for (tag, sample) in samples {
            let time = sample.time.as_micros();
            let month = Month::of(time);
            if let std::collections::hash_map::Entry::Vacant(entry) = known.entry(month) {
                entry.insert(sealed_in(folder, month)?);
            }
            match known.get(&month).and_then(|tags| tags.get(&tag)) {
                Some(sealed) if sealed.contains(id, time) => {
                    head.sealed_already.insert((tag, floor(time, HOUR)));
                }
                _ => head.tail.push(tag, id, sample),
            }
        }
    }
    Ok(head)
}

/// What tags said last before `time`, as far as a file of a month knows.
fn last_in(path: &Path, tags: &BTreeSet<i64>, time: i64) -> rusqlite::Result<Vec<(i64, Sample)>> {
    let connection = Database::open_to_read(path)?;
    let last = |tag: &i64| Ok(month::before(&connection, *tag, time)?.map(|sample| (*tag, sample)));
    tags.iter().filter_map(|tag| last(tag).transpose()).collect()
}

fn sealed_in(folder: &Path, month: Month) -> rusqlite::Result<HashMap<i64, Sealed>> {
    let path = month::path(folder, month);
    if !path.exists() {
        return Ok(HashMap::new());
    }
    let read = || month::all_sealed(&Database::open_to_read(&path)?);
    // A damaged file is set aside when it is opened for writing; what the head holds is then sealed anew.
    read().or_else(|error| {
        if error.sqlite_error_code().is_some() { Ok(HashMap::new()) } else { Err(damage("a file of a month")) }
    })
}
