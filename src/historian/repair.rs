//! Saves what can be read out of damaged files: every chunk and every head row that decodes goes, by the name of its tag, into the history
//! as it is now. What was saved from is kept, under another name. What is there already is not saved again, so that a repair that was cut
//! short can begin again.

use super::calendar::{HOUR, Month, floor};
use super::codec::read_head;
use super::database::{Database, StoreError, explain, full_check, set_aside};
use super::migrate;
use super::month;
use super::opening::OpenedHistory;
use super::rollups;
use super::seal::Scope;
use super::store::SampleStore;
use super::{HISTORY_FOLDER, SAMPLES_FILE};
use crate::tag::{Sample, TagKey, Timestamp, Value};
use catalogue::{former_names, is_former};
pub(super) use ids::ids;
use rusqlite::{Connection, OptionalExtension};
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const BATCH: usize = 100_000;

/// What a repair did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Repaired {
    /// Damaged files, by the name that they have now.
    pub damaged: Vec<String>,
    /// Samples saved out of them.
    pub samples: u64,
    /// Chunks and head rows that could not be read.
    pub lost_rows: u64,
    /// Hours of tags whose rollups were made again.
    pub hours: u64,
}

/// What is wrong with the files of history of a station, file by file; nothing when all is well. Every page and every chunk is looked at.
pub fn check_history(station: &Path) -> Result<Vec<String>, StoreError> {
    let folder = station.join(HISTORY_FOLDER);
    let mut wrong = Vec::new();
    for path in files(&folder) {
        let found = match full_check(&path)? {
            Some(what) => Some(what),
            None => unreadable_chunks(&path)?,
        };
        wrong.extend(found.map(|what| format!("{}: {what}", path.display())));
    }
    Ok(wrong)
}

/// All files that belong to a history now.
fn files(folder: &Path) -> Vec<PathBuf> {
    let main = folder.join(SAMPLES_FILE);
    let months = month::months(folder).into_iter().map(|month| month::path(folder, month));
    let years = rollups::years(folder).into_iter().map(|year| rollups::path(folder, year));
    main.exists().then_some(main).into_iter().chain(months).chain(years).collect()
}

fn unreadable_chunks(path: &Path) -> Result<Option<String>, StoreError> {
    if !is_month(path) {
        return Ok(None);
    }
    let connection = Database::open_to_read(path).map_err(|source| explain(path, source))?;
    let ids = ids(&connection, "chunk");
    let bad = ids.filter(|id| chunk(&connection, *id).is_err()).count();
    Ok((bad > 0).then(|| format!("{bad} chunks cannot be read")))
}

fn is_month(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("raw-"))
}

/// Repairs the history of a station that does not run.
pub fn repair_history(station: &Path, now: Timestamp) -> Result<Repaired, StoreError> {
    let folder = station.join(HISTORY_FOLDER);
    let mut repaired = Repaired::default();
    for path in files(&folder) {
        if full_check(&path)?.is_some() || unreadable_chunks(&path).map_or(true, |found| found.is_some()) {
            set_aside(&path, now)?;
        }
    }
    let mut store = OpenedHistory::open(station, now)?.store;
    let mut lived = Lived { before: store.main.with(super::store::alive)?, saved: None };
    let mut catalogue = HashMap::new();
    store.number_head_after_months()?;
    for path in damaged_files(&folder) {
        let (store, repaired) = (&mut store, &mut repaired);
        let saved =
            Saved { store, repaired, waiting: VecDeque::new(), now, lived: &mut lived, catalogue: &mut catalogue };
        saved.read(&path)?;
        let done = path.with_extension("salvaged");
        std::fs::rename(&path, &done).map_err(StoreError::io(&path))?;
        repaired.damaged.extend(done.file_name().map(|name| name.to_string_lossy().into_owned()));
    }
    if !repaired.damaged.is_empty() {
        repaired.hours = store.make_rollups_again()?;
        store.tell_alive(lived, now)?;
    }
    Ok(repaired)
}

fn damaged_files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let is_damaged = |path: &PathBuf| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        name.contains(".damaged-") && name.ends_with(".sqlite")
    };
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).filter(is_damaged).collect();
    // Main files first: they know numbers and former names of tags.
    paths.sort_by_key(|path| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        (!name.starts_with("samples."), name)
    });
    paths
}

/// The tag and the samples of a chunk; none where there is no such row.
fn chunk(connection: &Connection, id: i64) -> rusqlite::Result<Option<(i64, Vec<Sample>)>> {
    let sql = "SELECT tag, chunk.bytes, timeline.bytes FROM chunk JOIN timeline ON timeline.id = timeline WHERE chunk.id = ?1";
    let read = |row: &rusqlite::Row<'_>| {
        let series = month::decode(row.get_ref(1)?.as_blob()?, row.get_ref(2)?.as_blob()?)?;
        Ok((row.get(0)?, series.iter().collect()))
    };
    let found = connection.prepare_cached(sql)?.query_row([id], read).optional()?;
    let is_there = || {
        let mut statement = connection.prepare_cached("SELECT 1 FROM chunk WHERE id = ?1")?;
        statement.exists([id])
    };
    // A chunk whose times are gone is lost as well.
    if found.is_none() && is_there()? { Err(super::database::damage("a chunk without times")) } else { Ok(found) }
}

/// The samples in all chunks of a tag that touch a range.
fn samples_of(connection: &Connection, tag: i64, [from, to]: [i64; 2]) -> rusqlite::Result<Vec<Sample>> {
    let sql = "SELECT id FROM chunk WHERE tag = ?1 AND last >= ?2 AND first <= ?3";
    let mut statement = connection.prepare_cached(sql)?;
    let found: Vec<i64> = statement.query_map([tag, from, to], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    let mut samples = Vec::new();
    for id in found {
        samples.extend(chunk(connection, id)?.into_iter().flat_map(|(_, samples)| samples));
    }
    Ok(samples)
}

fn contains(known: &[Sample], sample: &Sample) -> bool {
    let from = known.partition_point(|other| other.time < sample.time);
    known[from..].iter().take_while(|other| other.time == sample.time).any(|other| is_same(other, sample))
}

/// Equal in all bits: what is not a number is equal to itself.
fn is_same(first: &Sample, second: &Sample) -> bool {
    let values = match (&first.value, &second.value) {
        (Some(Value::Single(first)), Some(Value::Single(second))) => first.to_bits() == second.to_bits(),
        (Some(Value::Double(first)), Some(Value::Double(second))) => first.to_bits() == second.to_bits(),
        (first, second) => first == second,
    };
    values && first.time == second.time && first.quality == second.quality
}

/// When the station was last known to run: as the history says, and as damaged main files say.
#[derive(Clone, Copy, Default)]
struct Lived {
    before: Option<Timestamp>,
    saved: Option<Timestamp>,
}

struct Saved<'a> {
    store: &'a mut SampleStore,
    repaired: &'a mut Repaired,
    waiting: VecDeque<(i64, Sample)>,
    now: Timestamp,
    lived: &'a mut Lived,
    /// What became of the numbers of tags in damaged main files: files of years know no others.
    catalogue: &'a mut HashMap<i64, i64>,
}

impl Saved<'_> {
    fn read(mut self, path: &Path) -> Result<(), StoreError> {
        let Ok(old) = Connection::open(path) else { return Ok(()) };
        if has_table(&old, "minutes") {
            return self.minutes(&old);
        }
        let Ok(names) = names(&old) else {
            // Not even the names of its tags can be read: it is no database any more.
            self.repaired.lost_rows += 1;
            return Ok(());
        };
        let numbers = self.numbers(&old, &names)?;
        if has_table(&old, "head") {
            self.main_file(&old, &numbers)?;
        }
        if migrate::is_version_one(&old) {
            return self.read_version_one(&old, &names, &numbers);
        }
        let mut chunks = ids(&old, "chunk");
        for id in chunks.by_ref() {
            match chunk(&old, id) {
                Ok(Some((tag, samples))) => self.take(numbers.get(&tag), samples)?,
                Ok(None) => {}
                Err(_) => self.repaired.lost_rows += 1,
            }
        }
        self.repaired.lost_rows += chunks.unread;
        for table in ["head", "unreadable"] {
            self.head(&old, table, &numbers)?;
        }
        self.seal()
    }

    fn head(&mut self, old: &Connection, table: &str, numbers: &HashMap<i64, i64>) -> Result<(), StoreError> {
        let sql = format!("SELECT bytes FROM {table} WHERE id = ?1");
        let mut rows = ids(old, table);
        for id in rows.by_ref() {
            let mut samples = Vec::new();
            let read = old.prepare_cached(&sql).and_then(|mut statement| {
                let read = |row: &rusqlite::Row<'_>| {
                    Ok(read_head(row.get_ref(0)?.as_blob()?, |tag, sample| samples.push((tag, sample))))
                };
                statement.query_row([id], read).optional()
            });
            match read {
                Ok(None) => {}
                Ok(Some(Some(()))) => {
                    for (tag, sample) in samples {
                        self.take(numbers.get(&tag), vec![sample])?;
                    }
                }
                _ => self.repaired.lost_rows += 1,
            }
        }
        self.repaired.lost_rows += rows.unread;
        Ok(())
    }

    fn read_version_one(
        mut self,
        old: &Connection,
        names: &[(i64, String)],
        numbers: &HashMap<i64, i64>,
    ) -> Result<(), StoreError> {
        let unread = migrate::read_chunks(old, names, |tag, samples| self.take(numbers.get(&tag), samples))?;
        let unread = migrate::read_head(old, names, unread, |tag, samples| self.take(numbers.get(&tag), samples))?;
        self.repaired.lost_rows += unread.rows();
        self.seal()
    }

    /// The numbers that tags of a damaged file have now. A number whose tag bears that name, or bore it once, stays.
    fn numbers(&mut self, old: &Connection, names: &[(i64, String)]) -> Result<HashMap<i64, i64>, StoreError> {
        let keys = self.store.names();
        let former = self.store.main.with(|connection| Ok(former_names(connection)))?;
        let theirs = former_names(old);
        let (stay, rest): (Vec<_>, Vec<_>) = names
            .iter()
            .partition(|(id, key)| keys.get(id).is_some_and(|now| now.as_str() == key || is_former(&former, *id, key)));
        self.store.take_over_free(&rest)?;
        let wanted: Vec<_> = rest
            .iter()
            .map(|(id, key)| {
                let before = keys.get(id).filter(|now| is_former(&theirs, *id, now.as_str()));
                (TagKey::from(key.as_str()), before.map(|before| Arc::from(before.as_str())))
            })
            .collect();
        let numbers = self.store.ids(&wanted, self.now)?;
        let moved = rest.iter().map(|(id, _)| *id).zip(numbers);
        Ok(stay.iter().map(|(id, _)| (*id, *id)).chain(moved).collect())
    }

    fn take(&mut self, tag: Option<&i64>, samples: Vec<Sample>) -> Result<(), StoreError> {
        let Some(tag) = tag else {
            self.repaired.lost_rows += 1;
            return Ok(());
        };
        self.waiting.extend(samples.into_iter().map(|sample| (*tag, sample)));
        if self.waiting.len() > BATCH { self.seal() } else { Ok(()) }
    }

    fn seal(&mut self) -> Result<(), StoreError> {
        self.repaired.samples += self.store.save_again(&mut self.waiting, self.now)?;
        self.store.begin_seal(Scope::Everything);
        while self.store.is_sealing() {
            self.store.seal_step(64)?;
        }
        Ok(())
    }
}

fn has_table(old: &Connection, table: &str) -> bool {
    old.prepare(&format!("SELECT * FROM {table}")).is_ok()
}

/// Numbers and names of tags; row by row, because the table may be damaged.
fn names(old: &Connection) -> rusqlite::Result<Vec<(i64, String)>> {
    let mut statement = old.prepare("SELECT key FROM tag WHERE id = ?1")?;
    let name = |id: i64| Some((id, statement.query_row([id], |row| row.get(0)).ok()?));
    Ok(ids(old, "tag").filter_map(name).collect())
}

impl SampleStore {
    /// Makes samples durable that were saved: without those that are there already, and without noting that the station runs. How many.
    fn save_again(&mut self, waiting: &mut VecDeque<(i64, Sample)>, now: Timestamp) -> Result<u64, StoreError> {
        let known = self.known(waiting)?;
        waiting.retain(|(tag, sample)| !known.get(tag).is_some_and(|known| contains(known, sample)));
        let fresh = waiting.len() as u64;
        if fresh > 0 {
            let newest = || waiting.iter().map(|(_, sample)| sample.time).filter(|time| *time <= now).max();
            let alive = self.main.with(super::store::alive)?.or_else(newest).unwrap_or(now);
            self.forget_gaps();
            self.flush(waiting, alive)?;
        }
        Ok(fresh)
    }

    /// What is there already of tags, in order of time, as far as samples reach that wait.
    fn known(&mut self, waiting: &VecDeque<(i64, Sample)>) -> Result<HashMap<i64, Vec<Sample>>, StoreError> {
        let mut ranges: BTreeMap<i64, [i64; 2]> = BTreeMap::new();
        for (tag, sample) in waiting {
            let time = sample.time.as_micros();
            let [first, last] = ranges.entry(*tag).or_insert([time, time]);
            (*first, *last) = (time.min(*first), time.max(*last));
        }
        let mut known: HashMap<i64, Vec<Sample>> = HashMap::new();
        for month in month::months(&self.folder) {
            let inside = |[first, last]: &[i64; 2]| month.start() <= *last && month.end() >= *first;
            let wanted: Vec<_> = ranges.iter().filter(|(_, range)| inside(range)).collect();
            if wanted.is_empty() {
                continue;
            }
            self.month(month)?.database.with(|connection| {
                wanted.iter().try_for_each(|(tag, range)| {
                    known.entry(**tag).or_default().extend(samples_of(connection, **tag, **range)?);
                    Ok(())
                })
            })?;
        }
        if let Ok(tail) = self.unsealed.lock() {
            for tag in ranges.keys() {
                known.entry(*tag).or_default().extend(tail.of(*tag).into_iter().flat_map(|tail| tail.series.iter()));
            }
        }
        known.values_mut().for_each(|samples| samples.sort_by_key(|sample| sample.time));
        Ok(known)
    }

    /// Makes all rollups again that follow from chunks; how many hours of tags.
    fn make_rollups_again(&mut self) -> Result<u64, StoreError> {
        let mut count = 0;
        for month in month::months(&self.folder) {
            let ids: Vec<i64> =
                self.month(month)?.database.with(|connection| Ok(ids(connection, "chunk").collect()))?;
            for ids in ids.chunks(256) {
                let hours = self.hours_in(month, ids)?;
                count += hours.len() as u64;
                self.recompute(&hours)?;
            }
        }
        Ok(count)
    }

    fn hours_in(&mut self, month: Month, ids: &[i64]) -> Result<BTreeSet<(i64, i64)>, StoreError> {
        let mut hours = BTreeSet::new();
        self.month(month)?.database.with(|connection| {
            for id in ids {
                if let Some((tag, samples)) = chunk(connection, *id)? {
                    hours.extend(samples.iter().map(|sample| (tag, floor(sample.time.as_micros(), HOUR))));
                }
            }
            Ok(())
        })?;
        Ok(hours)
    }
}

mod catalogue;
mod ids;
#[cfg(test)]
mod tests;
