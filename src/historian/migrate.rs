//! Brings a file of version 1 up to date: it held its chunks itself, uncompressed, and knew no rollups.
//!
//! Everything is written anew in a folder beside, counted, and only then put in the place of the old file; the renaming of the main file
//! comes last. A crash at any moment leaves the old file as it was, and the next start begins again.

use super::SAMPLES_FILE;
use super::codec::{take, take_signed, take_unsigned};
use super::database::{StoreError, damage, explain};
use super::month;
use super::seal::Scope;
use super::store::SampleStore;
use crate::tag::{Quality, Sample, Timestamp, Value};
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::{HashMap, VecDeque};
use std::path::Path;

/// The folder in which the new files are made.
const CONVERTING: &str = "converting";
/// Samples taken over at once.
const BATCH: usize = 200_000;

/// Does nothing when there is nothing to do.
pub(super) fn bring_up_to_date(folder: &Path) -> Result<(), StoreError> {
    let path = folder.join(SAMPLES_FILE);
    if !path.exists() {
        return Ok(());
    }
    let failed = |source| explain(&path, source);
    let old = Connection::open(&path).map_err(failed)?;
    let version: i64 = old.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(failed)?;
    let has_chunks = "SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE name = 'chunk')";
    if version > 1 || !old.query_row(has_chunks, [], |row| row.get(0)).map_err(failed)? {
        return Ok(());
    }
    let work = folder.join(CONVERTING);
    if work.exists() {
        std::fs::remove_dir_all(&work).map_err(StoreError::io(&work))?;
    }
    std::fs::create_dir_all(&work).map_err(StoreError::io(&work))?;
    convert(&old, &path, &work)?;
    drop(old);
    put_in_place(folder, &work)
}

fn convert(old: &Connection, path: &Path, work: &Path) -> Result<(), StoreError> {
    let failed = |source| explain(path, source);
    let alive: Option<i64> =
        old.query_row("SELECT time FROM alive", [], |row| row.get(0)).optional().map_err(failed)?;
    let alive = Timestamp::from_micros(alive.unwrap_or_default());
    let mut store = SampleStore::open(work, alive)?;
    let tags = super::store::tags_of(old).map_err(failed)?;
    store.take_over(&tags)?;
    let mut taken = 0;
    for (tag, _) in &tags {
        taken += convert_chunks(old, path, *tag, &mut store, alive)?;
    }
    let mut head: VecDeque<_> = load_head(old).map_err(failed)?.into();
    taken += head.len() as u64;
    if head.is_empty() {
        store.touch(alive)?;
    } else {
        store.flush(&mut head, alive)?;
    }
    let kept = count(&mut store, work)?;
    if kept == taken {
        return Ok(());
    }
    Err(StoreError::Damaged { file: path.to_owned(), what: format!("{taken} samples were read and {kept} written") })
}

fn convert_chunks(
    old: &Connection,
    path: &Path,
    tag: i64,
    store: &mut SampleStore,
    alive: Timestamp,
) -> Result<u64, StoreError> {
    let failed = |source| explain(path, source);
    let sql = "SELECT bytes FROM chunk WHERE tag = ?1 ORDER BY through, start";
    let mut statement = old.prepare_cached(sql).map_err(failed)?;
    let mut rows = statement.query([tag]).map_err(failed)?;
    let (mut waiting, mut taken) = (VecDeque::new(), 0);
    loop {
        let row = rows.next().map_err(failed)?;
        if let Some(row) = row {
            let bytes: Vec<u8> = row.get(0).map_err(failed)?;
            let samples = decode_chunk(&bytes).ok_or_else(|| failed(damage("a chunk")))?;
            taken += samples.len() as u64;
            waiting.extend(samples.into_iter().map(|sample| (tag, sample)));
        }
        if waiting.len() > BATCH || (row.is_none() && !waiting.is_empty()) {
            store.flush(&mut waiting, alive)?;
            store.begin_seal(Scope::Everything);
            while store.is_sealing() {
                store.seal_step(16)?;
            }
        }
        if row.is_none() {
            return Ok(taken);
        }
    }
}

/// How many samples the new files hold.
fn count(store: &mut SampleStore, work: &Path) -> Result<u64, StoreError> {
    let mut samples = store.unsealed_count() as u64;
    for month in month::months(work) {
        let sql = "SELECT coalesce(sum(count), 0) FROM chunk";
        let database = &store.month(month)?.database;
        samples += database.with(|connection| connection.query_row(sql, [], |row| row.get::<_, i64>(0)))? as u64;
    }
    Ok(samples)
}

/// The files of months and years first; the main file ends it.
fn put_in_place(folder: &Path, work: &Path) -> Result<(), StoreError> {
    let entries = std::fs::read_dir(work).map_err(StoreError::io(work))?;
    let names: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.file_name())).collect();
    let main = std::ffi::OsString::from(SAMPLES_FILE);
    for name in names.iter().filter(|name| **name != main).chain([&main]) {
        let to = folder.join(name);
        for rest in ["-wal", "-shm"] {
            let mut beside = to.clone().into_os_string();
            beside.push(rest);
            if Path::new(&beside).exists() {
                std::fs::remove_file(&beside).map_err(StoreError::io(Path::new(&beside)))?;
            }
        }
        std::fs::rename(work.join(name), &to).map_err(StoreError::io(&to))?;
        std::fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(StoreError::io(folder))?;
    }
    std::fs::remove_dir_all(work).map_err(StoreError::io(work))
}

impl SampleStore {
    /// Takes over the numbers of tags as they are.
    pub(super) fn take_over(&mut self, tags: &[(i64, String)]) -> Result<(), StoreError> {
        self.main.change(|transaction| {
            for (id, key) in tags {
                transaction.prepare_cached("INSERT INTO tag(id, key) VALUES (?1, ?2)")?.execute(params![id, key])?;
            }
            Ok(())
        })?;
        self.load_keys()
    }
}

/// The head of version 1: samples that were in no chunk yet.
fn load_head(old: &Connection) -> rusqlite::Result<Vec<(i64, Sample)>> {
    let mut sealed: HashMap<i64, i64> = HashMap::new();
    let mut statement = old.prepare("SELECT tag, max(through) FROM chunk GROUP BY tag")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        sealed.insert(row.get(0)?, row.get(1)?);
    }
    let mut unsealed = Vec::new();
    let mut statement = old.prepare("SELECT id, bytes FROM head ORDER BY id")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (id, bytes): (i64, Vec<u8>) = (row.get(0)?, row.get(1)?);
        for (tag, samples) in decode_head(&bytes).ok_or_else(|| damage("a head row"))? {
            if sealed.get(&tag).is_none_or(|through| *through < id) {
                unsealed.extend(samples.into_iter().map(|sample| (tag, sample)));
            }
        }
    }
    Ok(unsealed)
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

fn decode_chunk(mut bytes: &[u8]) -> Option<Vec<Sample>> {
    let mut samples = Vec::new();
    let mut time = 0i64;
    while !bytes.is_empty() {
        time = time.wrapping_add(take_signed(&mut bytes)?);
        let &[status, reason] = take(&mut bytes, 2)? else { return None };
        let quality = Quality::from_code(status, reason)?;
        let value = take_value(&mut bytes)?;
        samples.push(Sample { time: Timestamp::from_micros(time), value, quality });
    }
    Some(samples)
}

/// The outer `Option` is about damage, the inner one is the value.
#[expect(clippy::option_option, reason = "a damaged value and a sample without value are two things")]
fn take_value(bytes: &mut &[u8]) -> Option<Option<Value>> {
    Some(Some(match take(bytes, 1)?[0] {
        0 => return Some(None),
        1 => Value::Bool(false),
        2 => Value::Bool(true),
        3 => Value::Signed(take_signed(bytes)?),
        4 => Value::Unsigned(take_unsigned(bytes)?),
        5 => Value::Single(f32::from_le_bytes(take(bytes, 4)?.try_into().ok()?)),
        6 => Value::Double(f64::from_le_bytes(take(bytes, 8)?.try_into().ok()?)),
        7 => {
            let length = usize::try_from(take_unsigned(bytes)?).ok()?;
            Value::Text(std::str::from_utf8(take(bytes, length)?).ok()?.into())
        }
        _ => return None,
    }))
}
