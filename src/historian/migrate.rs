//! Brings a file of version 1 up to date: it held its chunks itself, uncompressed, and knew no rollups.
//!
//! Everything is written anew in a folder beside, counted, and only then put in the place of the old file; the renaming of the main file
//! comes last. A crash at any moment leaves the old file as it was, and the next start begins again.
//!
//! A chunk or head row that cannot be read is left out and noted as a loss; then the old file stays, under a name that `polder repair` knows.

use super::SAMPLES_FILE;
use super::codec::{take, take_signed, take_unsigned};
use super::database::{StoreError, damage, explain};
use super::month;
use super::seal::Scope;
use super::store::SampleStore;
use crate::tag::{Quality, Sample, Timestamp, Value};
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The folder in which the new files are made.
const CONVERTING: &str = "converting";
/// Samples taken over at once.
const BATCH: usize = 200_000;
/// How long the new files are waited for; nobody else should have them open.
const BUSY: Duration = Duration::from_secs(1);

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
    let is_whole = convert(&old, &path, &work)?;
    drop(old);
    if !is_whole {
        settle(&path)?;
        keep(&path)?;
    }
    put_in_place(folder, &work)
}

/// What could not be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Unread {
    pub(super) chunks: u64,
    pub(super) head_rows: u64,
    /// At least so many samples were in them.
    pub(super) samples: u64,
}

impl Unread {
    pub(super) const fn rows(self) -> u64 {
        self.chunks + self.head_rows
    }
}

/// Whether a file holds its chunks as version 1 did.
pub(super) fn is_version_one(connection: &Connection) -> bool {
    connection.prepare("SELECT tag, start, through, count, bytes FROM chunk").is_ok()
}

/// Whether all could be read.
fn convert(old: &Connection, path: &Path, work: &Path) -> Result<bool, StoreError> {
    let failed = |source| explain(path, source);
    // Without it nothing is known of the last run but its samples.
    let alive = super::store::alive(old).unwrap_or_default().unwrap_or_default();
    let mut store = SampleStore::open(work, alive)?;
    let tags = super::store::tags_of(old).map_err(failed)?;
    store.take_over(&tags)?;
    let (mut waiting, mut taken) = (VecDeque::new(), 0);
    let unread = read_chunks(old, &tags, |tag, samples| {
        taken += samples.len() as u64;
        waiting.extend(samples.into_iter().map(|sample| (tag, sample)));
        if waiting.len() > BATCH { seal(&mut store, &mut waiting, alive) } else { Ok(()) }
    })?;
    seal(&mut store, &mut waiting, alive)?;
    let unread = read_head(old, &tags, unread, |tag, samples| {
        taken += samples.len() as u64;
        waiting.extend(samples.into_iter().map(|sample| (tag, sample)));
        Ok(())
    })?;
    if waiting.is_empty() {
        store.touch(alive)?;
    } else {
        store.flush(&mut waiting, alive)?;
    }
    if unread != Unread::default() {
        store.note_loss(alive, unread.samples, &words(unread, path))?;
    }
    let kept = count(&mut store, work)?;
    if kept == taken {
        return Ok(unread == Unread::default());
    }
    Err(StoreError::Damaged { file: path.to_owned(), what: format!("{taken} samples were read and {kept} written") })
}

fn words(unread: Unread, path: &Path) -> String {
    let kept = kept_as(path);
    let name = kept.file_name().unwrap_or_default().to_string_lossy();
    format!(
        "{} chunks and {} head rows of the file of version 1 cannot be read; it is kept as {name}",
        unread.chunks, unread.head_rows
    )
}

/// The name under which an old file stays that could not be read as a whole.
fn kept_as(path: &Path) -> PathBuf {
    path.with_file_name("samples.damaged-version-1.sqlite")
}

/// Gives the old file a second name before the new one takes its place.
fn keep(path: &Path) -> Result<(), StoreError> {
    let kept = kept_as(path);
    if kept.exists() {
        std::fs::remove_file(&kept).map_err(StoreError::io(&kept))?;
    }
    // Some file systems know no second names.
    let linked = std::fs::hard_link(path, &kept).or_else(|_| {
        std::fs::copy(path, &kept)?;
        std::fs::File::open(&kept)?.sync_all()
    });
    linked.map_err(StoreError::io(&kept))
}

fn seal(store: &mut SampleStore, waiting: &mut VecDeque<(i64, Sample)>, alive: Timestamp) -> Result<(), StoreError> {
    if waiting.is_empty() {
        return Ok(());
    }
    store.flush(waiting, alive)?;
    store.begin_seal(Scope::Everything);
    while store.is_sealing() {
        store.seal_step(16)?;
    }
    Ok(())
}

/// Hands over every chunk of a file of version 1 that can be read.
pub(super) fn read_chunks(
    old: &Connection,
    tags: &[(i64, String)],
    mut take: impl FnMut(i64, Vec<Sample>) -> Result<(), StoreError>,
) -> Result<Unread, StoreError> {
    let mut unread = Unread::default();
    for (tag, _) in tags {
        let (places, all) = places(old, *tag);
        unread.chunks += u64::from(!all);
        for (start, through, count) in places {
            match read_chunk(old, *tag, start, through) {
                Ok(samples) => take(*tag, samples)?,
                Err(_) => {
                    unread.chunks += 1;
                    unread.samples += u64::try_from(count).unwrap_or(0);
                }
            }
        }
    }
    Ok(unread)
}

/// Start, head row and count of each chunk of a tag, in the order in which they came; and whether that is all.
fn places(old: &Connection, tag: i64) -> (Vec<(i64, i64, i64)>, bool) {
    let list = |sql: &str| {
        let mut places = Vec::new();
        let mut read = || -> rusqlite::Result<()> {
            let mut statement = old.prepare_cached(sql)?;
            let mut rows = statement.query([tag])?;
            while let Some(row) = rows.next()? {
                places.push((row.get(0)?, row.get(1)?, row.get(2)?));
            }
            Ok(())
        };
        let all = read().is_ok();
        places.sort_by_key(|(start, through, _)| (*through, *start));
        (places, all)
    };
    let listed = list("SELECT start, through, count FROM chunk WHERE tag = ?1");
    if listed.1 {
        return listed;
    }
    // The index knows where chunks are even where the table does not.
    let by_index = list("SELECT start, through, 0 FROM chunk INDEXED BY chunk_by_through WHERE tag = ?1");
    if by_index.1 || by_index.0.len() > listed.0.len() { by_index } else { listed }
}

fn read_chunk(old: &Connection, tag: i64, start: i64, through: i64) -> rusqlite::Result<Vec<Sample>> {
    let sql = "SELECT count, bytes FROM chunk WHERE tag = ?1 AND start = ?2 AND through = ?3";
    old.prepare_cached(sql)?.query_row(params![tag, start, through], |row| {
        let samples = decode_chunk(row.get_ref(1)?.as_blob()?).ok_or_else(|| damage("a chunk"))?;
        let is_whole = i64::try_from(samples.len()) == Ok(row.get(0)?);
        if is_whole { Ok(samples) } else { Err(damage("a chunk with another number of samples")) }
    })
}

/// Hands over what head rows of a file of version 1 hold that is in no chunk yet.
pub(super) fn read_head(
    old: &Connection,
    tags: &[(i64, String)],
    mut unread: Unread,
    mut take: impl FnMut(i64, Vec<Sample>) -> Result<(), StoreError>,
) -> Result<Unread, StoreError> {
    let newest = |tag: i64| places(old, tag).0.into_iter().map(|(_, through, _)| through).max();
    let sealed: HashMap<i64, i64> = tags.iter().filter_map(|(tag, _)| Some((*tag, newest(*tag)?))).collect();
    let mut rows = super::repair::ids(old, "head");
    for id in rows.by_ref() {
        let row = || {
            let mut statement = old.prepare_cached("SELECT bytes FROM head WHERE id = ?1")?;
            statement.query_row([id], |row| row.get::<_, Vec<u8>>(0)).optional()
        };
        let parts = match row() {
            Ok(None) => continue,
            Ok(Some(bytes)) => decode_head(&bytes),
            Err(_) => None,
        };
        let Some(parts) = parts else {
            unread.head_rows += 1;
            unread.samples += 1;
            continue;
        };
        for (tag, samples) in parts {
            if sealed.get(&tag).is_none_or(|through| *through < id) {
                take(tag, samples)?;
            }
        }
    }
    unread.head_rows += rows.unread;
    Ok(unread)
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

/// The files of months and years first; the main file ends it. Every new file is whole in itself and on the disk before the first is moved,
/// and the old main file is what it was until the new one takes its name.
fn put_in_place(folder: &Path, work: &Path) -> Result<(), StoreError> {
    let entries = std::fs::read_dir(work).map_err(StoreError::io(work))?;
    let names: Vec<_> =
        entries.map(|entry| Ok(entry?.file_name())).collect::<Result<_, _>>().map_err(StoreError::io(work))?;
    let names: Vec<_> =
        names.into_iter().filter(|name| Path::new(name).extension() == Some("sqlite".as_ref())).collect();
    let main = std::ffi::OsString::from(SAMPLES_FILE);
    for name in &names {
        settle(&work.join(name))?;
    }
    settle(&folder.join(&main))?;
    sync(work)?;
    for name in names.iter().filter(|name| **name != main).chain([&main]) {
        let to = folder.join(name);
        for rest in ["-wal", "-shm"] {
            let beside = beside(&to, rest);
            if beside.exists() {
                std::fs::remove_file(&beside).map_err(StoreError::io(&beside))?;
            }
        }
        std::fs::rename(work.join(name), &to).map_err(StoreError::io(&to))?;
        sync(folder)?;
    }
    std::fs::remove_dir_all(work).map_err(StoreError::io(work))
}

/// Writes into a file what lies beside it, so that the file alone is everything, and waits until the disk has it.
fn settle(path: &Path) -> Result<(), StoreError> {
    let failed = |source| explain(path, source);
    let connection = Connection::open(path).map_err(failed)?;
    connection.busy_timeout(BUSY).map_err(failed)?;
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).map_err(failed)?;
    // What the pragma says of a reader that is in the way shows in the length of the file as well.
    if std::fs::metadata(beside(path, "-wal")).is_ok_and(|file| file.len() > 0) {
        let words = "what lies beside it could not be written into it; the old file is untouched, and the next start tries again";
        return Err(StoreError::io(path)(std::io::Error::other(words)));
    }
    drop(connection);
    sync(path)
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    PathBuf::from(format!("{}{suffix}", path.display()))
}

fn sync(path: &Path) -> Result<(), StoreError> {
    std::fs::File::open(path).and_then(|file| file.sync_all()).map_err(StoreError::io(path))
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

#[cfg(test)]
mod tests;
