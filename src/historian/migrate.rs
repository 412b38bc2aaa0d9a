//! Brings a file of version 1 up to date: it held its chunks itself, uncompressed, and knew no rollups.
//!
//! Everything is written anew in a folder beside, counted, and only then put in the place of the old file; the renaming of the main file
//! comes last. A crash at any moment leaves the old file as it was, and the next start begins again.
//!
//! A chunk or head row that cannot be read is left out and noted as a loss; then the old file stays, under a name that `polder repair` knows.

use super::SAMPLES_FILE;
use super::database::{StoreError, explain};
use super::month;
use super::seal::Scope;
use super::store::SampleStore;
use crate::tag::{Sample, Timestamp};
use rusqlite::{Connection, params};
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::time::Duration;

mod version_one;

pub(super) use version_one::{Unread, decode_chunk as read_old_samples, is_version_one, read_chunks, read_head};

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

#[cfg(test)]
mod tests;
