//! A copy of a history that goes on being written, and back.
//!
//! The main file is copied first and the months after it: what is sealed in between is then in both, and a month tells what of the head it
//! contains already. The other way round it would be in neither.

use super::database::{Database, StoreError, explain, full_check};
use super::query::{QueryError, Reader};
use super::{HISTORY_FOLDER, SAMPLES_FILE, identifiers, month, rollups};
use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a copy waits for a writer that keeps a file to itself.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why there is no backup.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// A file cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The copy was made but cannot be read.
    #[error("the copy cannot be read: {0}")]
    Unreadable(#[from] QueryError),
    /// The copy was made but is not whole.
    #[error("the copy {} is damaged ({what}); the original may be: `polder repair --check` tells", file.display())]
    Damaged {
        /// The copy.
        file: PathBuf,
        /// What was found.
        what: String,
    },
    /// Another program keeps a file to itself.
    #[error("{} is locked by another program and could not be copied; try again when that has ended", .0.display())]
    Locked(PathBuf),
    /// Something is there already.
    #[error("{} is there already; nothing was changed", .0.display())]
    Exists(PathBuf),
}

/// What was copied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Copied {
    /// Files.
    pub files: usize,
    /// Bytes in them.
    pub bytes: u64,
    /// Tags in the history that was copied.
    pub tags: usize,
}

/// Copies one SQLite file, whoever writes to it meanwhile.
pub fn copy_database(from: &Path, to: &Path) -> Result<u64, BackupError> {
    copy_within(from, to, PATIENCE)
}

fn copy_within(from: &Path, to: &Path, patience: Duration) -> Result<u64, BackupError> {
    let source = Database::open_to_read(from).map_err(|source| explain(from, source))?;
    let mut target = Connection::open(to).map_err(|source| explain(to, source))?;
    // In one step: a writer is not held up in WAL mode, but would make a copy in several steps begin anew each time.
    // SQLite waits so long for a lock, and says afterwards that it did not get it.
    source.busy_timeout(patience).map_err(|source| explain(from, source))?;
    let backup = Backup::new(&source, &mut target).map_err(|source| explain(from, source))?;
    if backup.step(-1).map_err(|source| explain(from, source))? != StepResult::Done {
        return Err(BackupError::Locked(from.to_owned()));
    }
    drop(backup);
    target.close().map_err(|(_, source)| explain(to, source))?;
    std::fs::File::open(to).and_then(|file| file.sync_all()).map_err(StoreError::io(to))?;
    if let Some(what) = full_check(to)? {
        return Err(BackupError::Damaged { file: to.to_owned(), what });
    }
    std::fs::metadata(to).map(|file| file.len()).map_err(|error| StoreError::io(to)(error).into())
}

/// Copies the history of the station in `station` into the folder `to`, while the station runs or not, and checks the copy.
pub fn back_up_history(station: &Path, to: &Path) -> Result<Copied, BackupError> {
    let (from, to) = (station.join(HISTORY_FOLDER), to.join(HISTORY_FOLDER));
    if to.exists() {
        return Err(BackupError::Exists(to));
    }
    std::fs::create_dir_all(&to).map_err(StoreError::io(&to))?;
    let mut copied = Copied::default();
    if !from.join(SAMPLES_FILE).exists() {
        return Ok(copied);
    }
    let months = |folder: &Path| month::months(folder).into_iter().map(month::file_name).collect::<Vec<_>>();
    let years = |folder: &Path| rollups::years(folder).into_iter().map(rollups::file_name).collect::<Vec<_>>();
    let main = to.join(SAMPLES_FILE);
    copied.bytes += copy_database(&from.join(SAMPLES_FILE), &main)?;
    identifiers::leave_out(&main).map_err(|source| explain(&main, source))?;
    // Listed only now: a month that began meanwhile is copied too.
    for name in months(&from).into_iter().chain(years(&from)) {
        copied.bytes += copy_database(&from.join(&name), &to.join(&name))?;
        copied.files += 1;
    }
    copied.files += 1;
    copied.tags = Reader::open(&to.join(SAMPLES_FILE), None)?.tags()?.len();
    Ok(copied)
}

#[cfg(test)]
mod tests;
