//! The file of samples.

use super::chunk::{decode_chunk, encode_chunk};
use super::{HISTORY_FOLDER, SAMPLES_FILE};
use crate::tag::{Quality, Reason, Sample, TagKey, Timestamp};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const VERSION: i64 = 1;

/// A head row holds the samples of one flush; `through` of a chunk is the last head row that it contains.
const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS tag(id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE);
    CREATE TABLE IF NOT EXISTS head(id INTEGER PRIMARY KEY AUTOINCREMENT, alive INTEGER NOT NULL, bytes BLOB NOT NULL);
    CREATE TABLE IF NOT EXISTS chunk(
        tag INTEGER NOT NULL, start INTEGER NOT NULL, through INTEGER NOT NULL, end INTEGER NOT NULL, count INTEGER NOT NULL,
        bytes BLOB NOT NULL, PRIMARY KEY(tag, start, through)) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS chunk_by_through ON chunk(through, tag);
    CREATE TABLE IF NOT EXISTS alive(id INTEGER PRIMARY KEY CHECK(id = 1), time INTEGER NOT NULL);
";

/// Files up to this size are checked as a whole when they are opened; larger ones by their tables only, so that a start stays quick.
const CHECKED_BYTES: u64 = 256 << 20;

/// The samples that are in no chunk yet, by the file's own number of their tag. Shared with readers.
pub type Unsealed = Arc<Mutex<HashMap<i64, Vec<Sample>>>>;

/// An opened file, and where a damaged one was put.
pub struct OpenedHistory {
    /// The file.
    pub store: SampleStore,
    /// The new name of the damaged file that stood there before.
    pub set_aside: Option<String>,
}

impl OpenedHistory {
    /// What a reader needs: the file, and what is not sealed yet.
    pub fn source(&self) -> (PathBuf, Unsealed) {
        (self.store.path.clone(), self.store.unsealed.clone())
    }
}

/// The open file of samples.
pub struct SampleStore {
    connection: Connection,
    path: PathBuf,
    ids: HashMap<TagKey, i64>,
    unsealed: Unsealed,
    unsealed_count: usize,
    newest_head: i64,
    was_alive: Option<Timestamp>,
    seen: HashSet<i64>,
    sealing: Option<Sealing>,
}

/// A seal under way.
struct Sealing {
    waiting: Vec<i64>,
    through: i64,
}

impl OpenedHistory {
    /// Opens the samples of the station in `folder`. A damaged file is set aside under a name with the time, and a new one is begun.
    pub fn open(folder: &Path, now: Timestamp) -> rusqlite::Result<Self> {
        let path = folder.join(HISTORY_FOLDER).join(SAMPLES_FILE);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)
                .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
        }
        match SampleStore::open(&path) {
            Ok(store) => Ok(Self { store, set_aside: None }),
            Err(error) if is_damage(&error) => {
                let set_aside =
                    set_aside(&path, now).map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
                Ok(Self { store: SampleStore::open(&path)?, set_aside: Some(set_aside) })
            }
            Err(error) => Err(error),
        }
    }
}

fn is_damage(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    matches!(error.sqlite_error_code(), Some(DatabaseCorrupt | NotADatabase))
}

fn damage(words: &str) -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT), Some(words.to_owned()))
}

fn set_aside(path: &Path, now: Timestamp) -> std::io::Result<String> {
    let stamp = now.to_rfc3339().replace([':', '.'], "-");
    let name = format!("samples.damaged-{stamp}.sqlite");
    for suffix in ["", "-wal", "-shm"] {
        let from = PathBuf::from(format!("{}{suffix}", path.display()));
        if from.exists() {
            std::fs::rename(&from, path.with_file_name(format!("{name}{suffix}")))?;
        }
    }
    Ok(format!("{HISTORY_FOLDER}/{name}"))
}

impl SampleStore {
    fn open(path: &Path) -> rusqlite::Result<Self> {
        let connection = Connection::open(path)?;
        connection.busy_timeout(Duration::from_secs(5))?;
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get::<_, String>(0))?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        check(&connection, path)?;
        connection.execute_batch(TABLES)?;
        connection.pragma_update(None, "user_version", VERSION)?;
        let mut store = Self {
            connection,
            path: path.to_owned(),
            ids: HashMap::new(),
            unsealed: Unsealed::default(),
            unsealed_count: 0,
            newest_head: 0,
            was_alive: None,
            seen: HashSet::new(),
            sealing: None,
        };
        store.load()?;
        Ok(store)
    }

    fn load(&mut self) -> rusqlite::Result<()> {
        let mut statement = self.connection.prepare("SELECT key, id FROM tag")?;
        let rows = statement.query_map([], |row| Ok((TagKey::from(row.get::<_, String>(0)?.as_str()), row.get(1)?)))?;
        self.ids = rows.collect::<Result<_, _>>()?;
        let alive: Option<i64> =
            self.connection.query_row("SELECT time FROM alive", [], |row| row.get(0)).optional()?;
        self.was_alive = alive.map(Timestamp::from_micros);
        let unsealed = load_head(&self.connection)?;
        self.unsealed_count = unsealed.values().map(Vec::len).sum();
        self.newest_head = self.connection.query_row(
            "SELECT max(coalesce((SELECT max(id) FROM head), 0), coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'head'), 0))",
            [],
            |row| row.get(0),
        )?;
        self.unsealed = Arc::new(Mutex::new(unsealed));
        Ok(())
    }

    /// The path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The unsealed part, for readers.
    pub fn unsealed(&self) -> Unsealed {
        Arc::clone(&self.unsealed)
    }

    /// How many samples are in no chunk yet.
    pub(super) fn unsealed_count(&self) -> usize {
        self.unsealed_count
    }

    /// The file's numbers of these tags, each with the name that it had before, if any: a tag that was renamed keeps its number.
    pub(super) fn ids(&mut self, wanted: &[(TagKey, Option<Arc<str>>)]) -> rusqlite::Result<Vec<i64>> {
        let mut known = self.ids.clone();
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for (key, formerly) in wanted.iter().filter(|(key, _)| !self.ids.contains_key(key)) {
            let old = formerly.as_ref().and_then(|old| known.remove(&TagKey::new(Arc::clone(old))));
            let id = match old {
                Some(id) => {
                    let sql = "UPDATE tag SET key = ?1 WHERE id = ?2";
                    transaction.prepare_cached(sql)?.execute(params![key.as_str(), id])?;
                    id
                }
                None => transaction.prepare_cached("INSERT INTO tag(key) VALUES (?1)")?.insert([key.as_str()])?,
            };
            known.insert(key.clone(), id);
        }
        transaction.commit()?;
        self.ids = known;
        Ok(wanted.iter().filter_map(|(key, _)| self.ids.get(key).copied()).collect())
    }

    /// Notes that the station runs, without any sample.
    pub(super) fn touch(&mut self, now: Timestamp) -> rusqlite::Result<()> {
        let sql = "INSERT OR REPLACE INTO alive(id, time) VALUES (1, ?1)";
        self.connection.prepare_cached(sql)?.execute([now.as_micros()]).map(|_| ())
    }

    /// Makes samples durable, in one commit.
    pub(super) fn flush(&mut self, rows: Vec<(i64, Sample)>, now: Timestamp) -> rusqlite::Result<()> {
        let mut by_tag: BTreeMap<i64, Vec<Sample>> = BTreeMap::new();
        let mut fresh = HashSet::new();
        for (tag, sample) in rows {
            let list = by_tag.entry(tag).or_default();
            if !self.seen.contains(&tag)
                && fresh.insert(tag)
                && let Some(gap) = self.gap_before(tag)?
            {
                list.push(gap);
            }
            list.push(sample);
        }
        let bytes = encode_head(&by_tag);
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let head = insert_head(&transaction, now, &bytes)?;
        transaction.commit()?;
        // Only now: a flush that failed is tried again, with its gaps.
        self.seen.extend(fresh);
        self.newest_head = head;
        if let Ok(mut unsealed) = self.unsealed.lock() {
            for (tag, samples) in by_tag {
                self.unsealed_count += samples.len();
                unsealed.entry(tag).or_default().extend(samples);
            }
        }
        Ok(())
    }

    /// Where the last run ended without saying so, the first sample of this run is preceded by one that says "station was off".
    fn gap_before(&self, tag: i64) -> rusqlite::Result<Option<Sample>> {
        let Some(alive) = self.was_alive else { return Ok(None) };
        let last = match self.unsealed.lock().ok().and_then(|unsealed| unsealed.get(&tag)?.last().cloned()) {
            Some(sample) => Some(sample),
            None => last_sealed(&self.connection, tag)?,
        };
        let open = last.is_some_and(|last| !last.quality.is_bad() && last.time <= alive);
        let gap = Sample { time: alive, value: None, quality: Quality::bad(Reason::StationOff) };
        Ok(open.then_some(gap))
    }

    /// Begins to move everything unsealed into chunks.
    pub(super) fn begin_seal(&mut self) {
        let Ok(unsealed) = self.unsealed.lock() else { return };
        let mut waiting: Vec<i64> = unsealed.keys().copied().collect();
        waiting.sort_unstable_by(|first, second| second.cmp(first));
        drop(unsealed);
        self.sealing = Some(Sealing { waiting, through: self.newest_head });
    }

    pub(super) fn is_sealing(&self) -> bool {
        self.sealing.is_some()
    }

    /// Seals a few tags; small enough that nothing waits for it.
    pub(super) fn seal_step(&mut self, tags: usize) -> rusqlite::Result<()> {
        let Some(mut sealing) = self.sealing.take() else { return Ok(()) };
        let rest = sealing.waiting.len().saturating_sub(tags);
        let batch = sealing.waiting.split_off(rest);
        if let Err(error) = self.seal_tags(&batch, sealing.through, sealing.waiting.is_empty()) {
            sealing.waiting.extend(batch);
            self.sealing = Some(sealing);
            return Err(error);
        }
        if !sealing.waiting.is_empty() {
            self.sealing = Some(sealing);
        }
        Ok(())
    }

    fn seal_tags(&mut self, tags: &[i64], through: i64, is_last: bool) -> rusqlite::Result<()> {
        let copies: Vec<(i64, Vec<Sample>)> = match self.unsealed.lock() {
            Ok(unsealed) => tags.iter().filter_map(|tag| Some((*tag, unsealed.get(tag)?.clone()))).collect(),
            Err(_) => return Ok(()),
        };
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for (tag, samples) in &copies {
            insert_chunk(&transaction, *tag, samples, self.newest_head)?;
        }
        if is_last {
            transaction.execute("DELETE FROM head WHERE id <= ?1", [through])?;
        }
        transaction.commit()?;
        if let Ok(mut unsealed) = self.unsealed.lock() {
            for (tag, samples) in copies {
                self.unsealed_count = self.unsealed_count.saturating_sub(samples.len());
                unsealed.remove(&tag);
            }
        }
        Ok(())
    }
}

fn check(connection: &Connection, path: &Path) -> rusqlite::Result<()> {
    let size = std::fs::metadata(path).map_or(0, |file| file.len());
    let pragma = if size <= CHECKED_BYTES { "quick_check(1)" } else { "schema_version" };
    let verdict: rusqlite::types::Value = connection.query_row(&format!("PRAGMA {pragma}"), [], |row| row.get(0))?;
    match verdict {
        rusqlite::types::Value::Text(words) if words != "ok" => Err(damage(&words)),
        _ => Ok(()),
    }
}

fn encode_head(by_tag: &BTreeMap<i64, Vec<Sample>>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (tag, samples) in by_tag {
        let chunk = encode_chunk(samples);
        bytes.extend(tag.to_le_bytes());
        bytes.extend((chunk.len() as u32).to_le_bytes());
        bytes.extend(chunk);
    }
    bytes
}

fn decode_head(mut bytes: &[u8]) -> Option<Vec<(i64, Vec<Sample>)>> {
    let mut parts = Vec::new();
    while !bytes.is_empty() {
        let (tag, rest) = bytes.split_first_chunk::<8>()?;
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let (chunk, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        parts.push((i64::from_le_bytes(*tag), decode_chunk(chunk)?));
        bytes = rest;
    }
    Some(parts)
}

fn insert_head(transaction: &Transaction<'_>, now: Timestamp, bytes: &[u8]) -> rusqlite::Result<i64> {
    let sql = "INSERT INTO head(alive, bytes) VALUES (?1, ?2)";
    transaction.prepare_cached(sql)?.execute(params![now.as_micros(), bytes])?;
    let head = transaction.last_insert_rowid();
    transaction.prepare_cached("INSERT OR REPLACE INTO alive(id, time) VALUES (1, ?1)")?.execute([now.as_micros()])?;
    Ok(head)
}

fn insert_chunk(transaction: &Transaction<'_>, tag: i64, samples: &[Sample], through: i64) -> rusqlite::Result<()> {
    let times = || samples.iter().map(|sample| sample.time.as_micros());
    let (Some(start), Some(end)) = (times().min(), times().max()) else { return Ok(()) };
    let sql = "INSERT INTO chunk(tag, start, through, end, count, bytes) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let bytes = encode_chunk(samples);
    transaction.prepare_cached(sql)?.execute(params![tag, start, through, end, samples.len() as i64, bytes])?;
    Ok(())
}

/// The unsealed samples, as the head rows say.
pub(super) fn load_head(connection: &Connection) -> rusqlite::Result<HashMap<i64, Vec<Sample>>> {
    let mut sealed: HashMap<i64, i64> = HashMap::new();
    let first: i64 = connection.query_row("SELECT coalesce(min(id), 0) FROM head", [], |row| row.get(0))?;
    let mut statement = connection.prepare("SELECT tag, max(through) FROM chunk WHERE through >= ?1 GROUP BY tag")?;
    let mut rows = statement.query([first])?;
    while let Some(row) = rows.next()? {
        sealed.insert(row.get(0)?, row.get(1)?);
    }
    let mut unsealed: HashMap<i64, Vec<Sample>> = HashMap::new();
    let mut statement = connection.prepare("SELECT id, bytes FROM head ORDER BY id")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (id, bytes): (i64, Vec<u8>) = (row.get(0)?, row.get(1)?);
        for (tag, samples) in decode_head(&bytes).ok_or_else(|| damage("a head row is damaged"))? {
            if sealed.get(&tag).is_none_or(|through| *through < id) {
                unsealed.entry(tag).or_default().extend(samples);
            }
        }
    }
    Ok(unsealed)
}

/// The last sample in the newest chunk of a tag.
fn last_sealed(connection: &Connection, tag: i64) -> rusqlite::Result<Option<Sample>> {
    let sql = "SELECT bytes FROM chunk WHERE tag = ?1 ORDER BY start DESC LIMIT 1";
    let bytes: Option<Vec<u8>> = connection.prepare_cached(sql)?.query_row([tag], |row| row.get(0)).optional()?;
    Ok(bytes.and_then(|bytes| decode_chunk(&bytes)?.pop()))
}
