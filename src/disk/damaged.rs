//! Damaged SQLite files: told from everything else that can be wrong with a file, and put away under a name with the time.

use crate::tag::Timestamp;
use rusqlite::Connection;
use rusqlite::ffi::{SQLITE_CORRUPT, SQLITE_IOERR_CORRUPTFS, SQLITE_IOERR_READ, SQLITE_IOERR_SHORT_READ};
use std::io;
use std::path::{Path, PathBuf};

/// What SQLite keeps beside a file.
const BESIDE: [&str; 2] = ["-wal", "-shm"];

/// Damage in words of ours: for bytes in a row that cannot be right.
pub fn damage(words: &str) -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(SQLITE_CORRUPT), Some(words.to_owned()))
}

/// Whether an error says that what is in the file cannot be right, or that the disk does not give a page of it back any more. A file that
/// is locked, that may not be opened, or that has no room left is not damaged.
pub fn is_damage(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    let is_unreadable = |code| [SQLITE_IOERR_READ, SQLITE_IOERR_SHORT_READ, SQLITE_IOERR_CORRUPTFS].contains(&code);
    match error.sqlite_error() {
        Some(error) => matches!(error.code, DatabaseCorrupt | NotADatabase) || is_unreadable(error.extended_code),
        None => false,
    }
}

/// SQLite's own check, given up after so many steps; whether it came to the end.
pub fn quick_check(connection: &mut Connection, steps: i32) -> rusqlite::Result<bool> {
    connection.progress_handler(steps, Some(|| true))?;
    let verdict = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0));
    connection.progress_handler(0, None::<fn() -> bool>)?;
    match verdict {
        Ok(words) if words != "ok" => Err(damage(&words)),
        Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::OperationInterrupted) => Ok(false),
        verdict => verdict.map(|_| true),
    }
}

/// The name, free in its folder, under which a damaged file is put away at that moment.
pub fn set_aside_name(path: &Path, now: Timestamp) -> String {
    let stamp = now.to_rfc3339().replace([':', '.'], "-");
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let names = (1u32..).map(|number| match number {
        1 => format!("{stem}.damaged-{stamp}.sqlite"),
        _ => format!("{stem}.damaged-{stamp}-{number}.sqlite"),
    });
    let mut free = names.filter(|name| !path.with_file_name(name).exists());
    free.next().unwrap_or_default()
}

/// Puts a damaged file away under that name, with what belongs to it. What is gone already is no obstacle: a crash came between.
pub fn set_aside(path: &Path, name: &str) -> io::Result<()> {
    let to = path.with_file_name(name);
    for suffix in [""].into_iter().chain(BESIDE) {
        let from = beside(path, suffix);
        if from.exists() {
            std::fs::rename(&from, beside(&to, suffix))?;
        }
    }
    Ok(())
}

/// The file with this behind its name: `-wal` is what SQLite has not written into the file itself yet.
pub fn beside(path: &Path, suffix: &str) -> PathBuf {
    PathBuf::from(format!("{}{suffix}", path.display()))
}

/// Waits until the disk has a file, or the names in a folder.
pub fn sync(path: &Path) -> io::Result<()> {
    std::fs::File::open(path).and_then(|file| file.sync_all())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_locked_forbidden_or_full_is_no_damage() {
        use rusqlite::ffi;
        let error = |code| rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
        for code in [SQLITE_CORRUPT, ffi::SQLITE_NOTADB, SQLITE_IOERR_READ, SQLITE_IOERR_SHORT_READ] {
            assert!(is_damage(&error(code)), "{code}");
        }
        let others =
            [ffi::SQLITE_BUSY, ffi::SQLITE_FULL, ffi::SQLITE_CANTOPEN, ffi::SQLITE_READONLY, ffi::SQLITE_IOERR_WRITE];
        for code in others {
            assert!(!is_damage(&error(code)), "{code}");
        }
    }

    #[test]
    fn two_files_damaged_at_the_same_moment_are_both_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("records.sqlite");
        for content in ["first", "second"] {
            std::fs::write(&path, content).unwrap();
            std::fs::write(beside(&path, "-wal"), content).unwrap();
            set_aside(&path, &set_aside_name(&path, Timestamp::from_micros(0))).unwrap();
        }
        let mut names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        names.sort();
        let texts: Vec<_> = names.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
        assert_eq!(texts, ["second", "second", "first", "first"], "{names:?}");
    }
}
