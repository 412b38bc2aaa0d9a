//! One SQLite file of history: opened so that it is durable, checked, and, when it is damaged, set aside.

use crate::disk::{self, quick_check};
use crate::tag::{TagKey, Timestamp};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(super) use crate::disk::damage;

/// How long a writer waits for another one: a backup, or a tool beside a running station.
const BUSY: Duration = Duration::from_secs(5);
/// The check at the start looks at this many pages (some 300 MB of a month), so that a large file does not hold up the plant;
/// `polder repair --check` looks at all.
const CHECKED_PAGES: i32 = 20_000;

/// Why a file of history cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// SQLite said no: the disk is full, the file cannot be written, or the like.
    #[error("{}: {source}", file.display())]
    Database {
        /// Which file.
        file: PathBuf,
        /// What it said.
        source: rusqlite::Error,
    },
    /// What is in the file cannot be right.
    #[error("{} is damaged ({what}); `polder repair` saves what can be read", file.display())]
    Damaged {
        /// Which file.
        file: PathBuf,
        /// How that was found.
        what: String,
    },
    /// A later Polder wrote it.
    #[error("{} has version {found}, and this Polder knows {known}; use the newer one", file.display())]
    TooNew {
        /// Which file.
        file: PathBuf,
        /// Its version.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// SQLite does not do what durability needs.
    #[error("{}: {pragma} is {found} and should be {wanted}; samples would not survive a power cut there", file.display())]
    NotDurable {
        /// Which file.
        file: PathBuf,
        /// The setting.
        pragma: &'static str,
        /// What it is.
        found: String,
        /// What it should be.
        wanted: &'static str,
    },
    /// A tag of the plant got no number, so its samples have no place.
    #[error("{}: the tag {key} got no number; its samples are not kept", file.display())]
    WithoutNumber {
        /// Which file.
        file: PathBuf,
        /// The tag.
        key: TagKey,
    },
    /// The folder or a file in it cannot be reached.
    #[error("{}: {source}", file.display())]
    Io {
        /// Which file or folder.
        file: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

impl StoreError {
    /// The file that is damaged, if this is about damage.
    pub(super) fn damaged(&self) -> Option<&Path> {
        match self {
            Self::Damaged { file, .. } => Some(file),
            _ => None,
        }
    }

    /// Whether a person has to act before history can be used at all; everything else may pass, as a full disk does.
    pub const fn needs_a_person(&self) -> bool {
        matches!(self, Self::TooNew { .. } | Self::NotDurable { .. })
    }

    /// Something the system said about a file.
    pub(super) fn io(file: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let file = file.to_owned();
        move |source| Self::Io { file, source }
    }
}

/// What makes a kind of file.
pub(super) struct Layout {
    pub(super) tables: &'static str,
    pub(super) version: i64,
    /// Large pages hold chunks without leaving half of each empty.
    pub(super) page_bytes: i64,
}

/// What every connection to a file of history begins with.
fn set_up(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY)?;
    // All statements stay compiled, whatever is asked with them.
    connection.set_prepared_statement_cache_capacity(64);
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map(drop)
}

/// An open file.
pub(super) struct Database {
    connection: Connection,
    path: PathBuf,
}

impl Database {
    /// Opens or creates a file for writing, reads back what durability needs, and checks it quickly.
    pub(super) fn open(path: &Path, layout: &Layout) -> Result<Self, StoreError> {
        Self::open_with(path, layout, |connection| quick_check(connection, CHECKED_PAGES).map(drop))
    }

    /// The same for a file that this process has checked before.
    pub(super) fn open_again(path: &Path, layout: &Layout) -> Result<Self, StoreError> {
        Self::open_with(path, layout, |_| Ok(()))
    }

    fn open_with(
        path: &Path,
        layout: &Layout,
        check: impl FnOnce(&mut Connection) -> rusqlite::Result<()>,
    ) -> Result<Self, StoreError> {
        let failed = |source| explain(path, source);
        let mut connection = Connection::open(path).map_err(failed)?;
        set_up(&connection).map_err(failed)?;
        check(&mut connection).map_err(failed)?;
        let mut database = Self { connection, path: path.to_owned() };
        database.prepare(layout)?;
        Ok(database)
    }

    /// Opens a file for reading only.
    pub(super) fn open_to_read(path: &Path) -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        set_up(&connection)?;
        Ok(connection)
    }

    fn prepare(&mut self, layout: &Layout) -> Result<(), StoreError> {
        let found: i64 =
            self.with(|connection| connection.pragma_query_value(None, "user_version", |row| row.get(0)))?;
        self.with(|connection| {
            // These two only take in a file without tables, and the second would write to any other all the same.
            if found == 0 {
                connection.pragma_update(None, "page_size", layout.page_bytes)?;
                connection.pragma_update(None, "auto_vacuum", 2)?;
            }
            connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
            connection.pragma_update(None, "synchronous", "FULL")?;
            connection.pragma_update_and_check(None, "journal_size_limit", 64 << 20, |_| Ok(()))
        })?;
        self.demand("journal_mode", "wal")?;
        self.demand("synchronous", "2")?;
        if found > layout.version {
            return Err(StoreError::TooNew { file: self.path.clone(), found, known: layout.version });
        }
        // On a full disk a file that is up to date can still be opened.
        if found == layout.version {
            return Ok(());
        }
        self.change(|transaction| {
            transaction.execute_batch(layout.tables)?;
            transaction.pragma_update(None, "user_version", layout.version)
        })
    }

    fn demand(&self, pragma: &'static str, wanted: &'static str) -> Result<(), StoreError> {
        let found: rusqlite::types::Value =
            self.with(|connection| connection.pragma_query_value(None, pragma, |row| row.get(0)))?;
        let found = match found {
            rusqlite::types::Value::Text(words) => words,
            rusqlite::types::Value::Integer(number) => number.to_string(),
            _ => String::new(),
        };
        if found.eq_ignore_ascii_case(wanted) {
            return Ok(());
        }
        Err(StoreError::NotDurable { file: self.path.clone(), pragma, found, wanted })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Looks something up.
    pub(super) fn with<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        work(&self.connection).map_err(|source| explain(&self.path, source))
    }

    /// Changes something, in one durable commit.
    pub(super) fn change<T>(
        &mut self,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let change = |connection: &mut Connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let done = work(&transaction)?;
            transaction.commit()?;
            Ok(done)
        };
        change(&mut self.connection).map_err(|source| explain(&self.path, source))
    }

    /// Gives freed pages back to the disk, at most so many.
    pub(super) fn give_back_pages(&self, pages: u32) -> Result<(), StoreError> {
        self.with(|connection| {
            let mut statement = connection.prepare(&format!("PRAGMA incremental_vacuum({pages})"))?;
            // One page goes with every step.
            let mut rows = statement.query([])?;
            while rows.next()?.is_some() {}
            Ok(())
        })
    }
}

/// Tells damage from everything else.
pub(super) fn explain(file: &Path, source: rusqlite::Error) -> StoreError {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    let file = file.to_owned();
    match source.sqlite_error_code() {
        Some(DatabaseCorrupt | NotADatabase) => StoreError::Damaged { file, what: source.to_string() },
        _ => StoreError::Database { file, source },
    }
}

/// SQLite's whole check; what it found, nothing when all is well.
pub(super) fn full_check(path: &Path) -> Result<Option<String>, StoreError> {
    let check = || {
        let connection = Database::open_to_read(path)?;
        connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get::<_, String>(0))
    };
    match check().map_err(|source| explain(path, source)) {
        Ok(words) => Ok((words != "ok").then_some(words)),
        Err(StoreError::Damaged { what, .. }) => Ok(Some(what)),
        Err(error) => Err(error),
    }
}

/// Puts a damaged file away under a name with the time, with what belongs to it; the new name.
pub(super) fn set_aside(path: &Path, now: Timestamp) -> Result<String, StoreError> {
    let name = disk::set_aside_name(path, now);
    disk::set_aside(path, &name).map_err(StoreError::io(path))?;
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAYOUT: Layout = Layout {
        tables: "CREATE TABLE IF NOT EXISTS t(id INTEGER PRIMARY KEY, bytes BLOB)",
        version: 3,
        page_bytes: 4096,
    };

    fn filled(path: &Path) {
        let mut database = Database::open(path, &LAYOUT).unwrap();
        let insert = |transaction: &Transaction<'_>| {
            (0..1000)
                .try_for_each(|_| transaction.execute("INSERT INTO t(bytes) VALUES (zeroblob(3000))", []).map(drop))
        };
        database.change(insert).unwrap();
    }

    #[test]
    fn the_check_at_the_start_is_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.sqlite");
        filled(&path);
        let mut connection = Connection::open(&path).unwrap();
        assert_eq!(quick_check(&mut connection, 100), Ok(false), "a thousand pages are more than a hundred");
        assert_eq!(quick_check(&mut connection, CHECKED_PAGES), Ok(true));
        drop(connection);
        let mut content = std::fs::read(&path).unwrap();
        content[500 * 4096..501 * 4096].fill(0x33);
        std::fs::write(&path, content).unwrap();
        assert!(Database::open(&path, &LAYOUT).err().unwrap().damaged().is_some());
        assert!(full_check(&path).unwrap().is_some());
    }

    #[test]
    fn opening_a_file_that_is_up_to_date_writes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.sqlite");
        filled(&path);
        let mut other = Connection::open(&path).unwrap();
        let before: i64 = other.pragma_query_value(None, "data_version", |row| row.get(0)).unwrap();
        drop(Database::open(&path, &LAYOUT).unwrap());
        assert_eq!(other.pragma_query_value(None, "data_version", |row| row.get(0)), Ok(before));
        let held = other.transaction_with_behavior(TransactionBehavior::Immediate).unwrap();
        Database::open(&path, &LAYOUT).map(drop).unwrap();
        drop(held);
    }

    #[test]
    fn what_durability_needs_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.sqlite");
        filled(&path);
        let database = Database::open(&path, &LAYOUT).unwrap();
        database.with(|connection| connection.pragma_update(None, "synchronous", "NORMAL")).unwrap();
        let error = database.demand("synchronous", "2").unwrap_err().to_string();
        assert!(error.contains("synchronous is 1 and should be 2"), "{error}");
        let newer = Layout { version: 2, ..LAYOUT };
        drop(database);
        let error = Database::open(&path, &newer).err().unwrap().to_string();
        assert!(error.contains("has version 3, and this Polder knows 2"), "{error}");
    }
}
