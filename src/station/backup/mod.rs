//! Copies of a whole station, whether it runs or not: as a folder, or as one file. What bears the name that was asked for is whole and was
//! read back.

mod keeper;
mod schedule;
#[cfg(test)]
mod tests;

pub(super) use keeper::{Shared, keep};

use crate::disk::{self, ArchiveError};
use crate::historian::{self, HISTORY_FOLDER, back_up_history, copy_database};
use crate::outbox::OUTBOX_FILE;
use crate::recorder::RECORDS_FILE;
use crate::station::annunciator::SOUNDS_FOLDER;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// How the name of a backup ends that is one file.
const ARCHIVE: &str = "tar";
const LOCK: &str = "polder.lock";
/// The databases in the folder of the station, beside its history.
const DATABASES: [&str; 2] = [RECORDS_FILE, OUTBOX_FILE];
/// How the names of files end that a running station is about to write, or that belong to a database: they go while it runs, and no copy is of any
/// use without them being there whole.
const PASSING: [&str; 4] = [".unfinished", ".new", "-wal", "-shm"];
/// Permissions of a backup, and of what is being made or restored: there are passwords in it.
const OWNER_ONLY: u32 = 0o700;

/// Why there is no backup, or nothing was put back.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// Something is there already.
    #[error("{} is there already; nothing was changed. Name another place", .0.display())]
    Exists(PathBuf),
    /// The folder to restore to is not empty.
    #[error("{} is there already and not empty; nothing was changed. Name an empty folder, or move that one away", .0.display())]
    NotEmpty(PathBuf),
    /// The backup would copy itself.
    #[error(
        "{} lies inside the station folder {}; a backup there would copy itself, and be lost with it. Name a folder elsewhere",
        to.display(), station.display()
    )]
    InsideStation {
        /// Where to.
        to: PathBuf,
        /// The station.
        station: PathBuf,
    },
    /// The station would lie in its own backup.
    #[error("{} lies inside the backup {}. Name a folder elsewhere", to.display(), backup.display())]
    InsideBackup {
        /// Where to.
        to: PathBuf,
        /// The backup.
        backup: PathBuf,
    },
    /// Something that is not a backup.
    #[error("{} is no backup: it has no folder {HISTORY_FOLDER}", .0.display())]
    NoBackup(PathBuf),
    /// A database cannot be copied.
    #[error(transparent)]
    Database(#[from] historian::BackupError),
    /// The one file cannot be written or read.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The archive does not hold what went into it.
    #[error("{} was written and does not hold what went into it; the disk that it lies on is not to be trusted", .0.display())]
    NotAsWritten(PathBuf),
    /// A file or folder cannot be read or made.
    #[error("{} cannot be {what}: {source}", file.display())]
    Io {
        /// Which.
        file: PathBuf,
        /// What was wanted of it.
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

fn failed(file: &Path, what: &'static str) -> impl FnOnce(io::Error) -> BackupError {
    let file = file.to_owned();
    move |source| BackupError::Io { file, what, source }
}

/// What was copied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Copied {
    /// History.
    pub history: historian::Copied,
    /// Files beside history and records.
    pub others: usize,
}

/// Copies the station in `station` to `to`: into one file where that name ends in `.tar`, else into a folder of that name. Whoever writes
/// to the station meanwhile is not held up.
pub fn back_up(station: &Path, to: &Path) -> Result<Copied, BackupError> {
    if to.exists() {
        return Err(BackupError::Exists(to.to_owned()));
    }
    if lies_inside(to, station)? {
        return Err(BackupError::InsideStation { to: to.to_owned(), station: station.to_owned() });
    }
    let part = fresh_part(to)?;
    let made = copy_all(station, &part).and_then(|copied| {
        if to.extension() == Some(ARCHIVE.as_ref()) {
            put_together(&part, to)?;
        } else {
            // Under its own name only now: what bears it is whole.
            std::fs::rename(&part, to).map_err(failed(&part, "renamed"))?;
        }
        Ok(copied)
    });
    if part.exists() {
        // A part is of no use to anybody, and takes the room that the next try needs.
        let removed = std::fs::remove_dir_all(&part).map_err(failed(&part, "removed"));
        made.and_then(|copied| removed.map(|()| copied))
    } else {
        made
    }
}

fn copy_all(station: &Path, part: &Path) -> Result<Copied, BackupError> {
    let history = back_up_history(station, part)?;
    for name in DATABASES {
        let (database, copy) = (station.join(name), part.join(name));
        if database.exists() {
            copy_database(&database, &copy)?;
            keep_permissions(&database, &copy)?;
        }
    }
    keep_permissions(&station.join(HISTORY_FOLDER), &part.join(HISTORY_FOLDER))?;
    [part, &part.join(HISTORY_FOLDER)].into_iter().try_for_each(tidy)?;
    Ok(Copied { history, others: copy_others(station, part, true)? })
}

/// Removes what reading the copies back left beside them: every copy is whole without it.
fn tidy(folder: &Path) -> Result<(), BackupError> {
    let entries = std::fs::read_dir(folder).map_err(failed(folder, "read"))?;
    for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        let of = |end: &str| path.to_string_lossy().strip_suffix(end).map(PathBuf::from);
        let Some(database) = of(".sqlite-wal").or_else(|| of(".sqlite-shm")) else { continue };
        let log = PathBuf::from(format!("{}.sqlite-wal", database.display()));
        if std::fs::metadata(&log).map_or(0, |log| log.len()) == 0 {
            std::fs::remove_file(&path).map_err(failed(&path, "removed"))?;
        }
    }
    Ok(())
}

/// Makes one file of a folder, reads it back, and gives it its name then.
fn put_together(part: &Path, to: &Path) -> Result<(), BackupError> {
    let whole = beside(to, ".writing")?;
    if whole.exists() {
        std::fs::remove_file(&whole).map_err(failed(&whole, "removed"))?;
    }
    let written = || {
        let packed = disk::pack(part, &whole)?;
        if disk::check_archive(&whole)? != packed {
            return Err(BackupError::NotAsWritten(to.to_owned()));
        }
        std::fs::rename(&whole, to).map_err(failed(&whole, "renamed"))?;
        to.parent().map_or(Ok(()), |folder| disk::sync(folder).map_err(failed(folder, "synced")))
    };
    written().inspect_err(|_| drop(std::fs::remove_file(&whole)))
}

/// Puts a backup, a folder or one file, where a station is to run.
pub fn restore(backup: &Path, to: &Path) -> Result<Copied, BackupError> {
    let is_free = !to.exists() || std::fs::read_dir(to).is_ok_and(|mut entries| entries.next().is_none());
    if !is_free {
        return Err(BackupError::NotEmpty(to.to_owned()));
    }
    if !backup.is_file() {
        return restore_folder(backup, to);
    }
    let unpacked = beside(to, ".unpacked")?;
    make_anew(&unpacked)?;
    let restored =
        disk::unpack(backup, &unpacked).map_err(BackupError::from).and_then(|_| restore_folder(&unpacked, to));
    let cleared = clear(&unpacked);
    restored.and_then(|copied| cleared.map(|()| copied))
}

fn restore_folder(backup: &Path, to: &Path) -> Result<Copied, BackupError> {
    if !backup.join(HISTORY_FOLDER).is_dir() {
        return Err(BackupError::NoBackup(backup.to_owned()));
    }
    if lies_inside(to, backup)? {
        return Err(BackupError::InsideBackup { to: to.to_owned(), backup: backup.to_owned() });
    }
    let part = fresh_part(to)?;
    let restored = copy_all(backup, &part).and_then(|copied| {
        if let Ok(empty) = std::fs::metadata(to) {
            std::fs::set_permissions(&part, empty.permissions()).map_err(failed(&part, "changed"))?;
        }
        // Takes the place of an empty folder; of one that was filled meanwhile it does not.
        std::fs::rename(&part, absolute(to)?).map_err(failed(&part, "renamed"))?;
        Ok(copied)
    });
    restored.inspect_err(|_| drop(std::fs::remove_dir_all(&part)))
}

fn absolute(path: &Path) -> Result<PathBuf, BackupError> {
    std::path::absolute(path).map_err(failed(path, "found"))
}

/// Whether a path, which need not be there yet, leads into a folder.
fn lies_inside(path: &Path, folder: &Path) -> Result<bool, BackupError> {
    let folder = folder.canonicalize().map_err(failed(folder, "read"))?;
    let path = absolute(path)?;
    Ok(path.ancestors().find_map(|there| there.canonicalize().ok()).is_some_and(|there| there.starts_with(folder)))
}

/// The path with this behind its name.
fn beside(to: &Path, suffix: &str) -> Result<PathBuf, BackupError> {
    let to = absolute(to)?;
    let mut name = to.file_name().unwrap_or_default().to_owned();
    name.push(suffix);
    Ok(to.with_file_name(name))
}

fn clear(folder: &Path) -> Result<(), BackupError> {
    if folder.exists() {
        std::fs::remove_dir_all(folder).map_err(failed(folder, "removed"))?;
    }
    Ok(())
}

/// An empty folder beside `to`, in which something is made that is to bear that name when it is whole.
fn fresh_part(to: &Path) -> Result<PathBuf, BackupError> {
    let part = beside(to, ".part")?;
    make_anew(&part)?;
    Ok(part)
}

/// An empty folder for nobody else, whatever was there.
fn make_anew(folder: &Path) -> Result<(), BackupError> {
    clear(folder)?;
    // The folders above it are nothing of ours.
    folder.parent().map_or(Ok(()), std::fs::create_dir_all).map_err(failed(folder, "made"))?;
    std::fs::DirBuilder::new().mode(OWNER_ONLY).create(folder).map_err(failed(folder, "made"))
}

/// Gives a copy the permissions of what it was made from.
fn keep_permissions(from: &Path, copy: &Path) -> Result<(), BackupError> {
    let permissions = std::fs::metadata(from).map_err(failed(from, "read"))?.permissions();
    std::fs::set_permissions(copy, permissions).map_err(failed(copy, "changed"))
}

/// The files and folders beside history and databases, with their permissions: station file, secrets, certificates. Links stay links. Only at the top are
/// there files of ours that are copied otherwise.
fn copy_others(from: &Path, to: &Path, is_top: bool) -> Result<usize, BackupError> {
    let mut count = 0;
    for entry in std::fs::read_dir(from).map_err(failed(from, "read"))? {
        let entry = entry.map_err(failed(from, "read"))?;
        let (path, name) = (entry.path(), entry.file_name());
        if is_top && is_left_out(&name.to_string_lossy()) {
            continue;
        }
        let copy = to.join(&name);
        let Some(kind) = unless_gone(entry.file_type()).map_err(failed(&path, "read"))? else { continue };
        if kind.is_dir() {
            std::fs::create_dir_all(&copy).map_err(failed(&copy, "made"))?;
            count += copy_others(&path, &copy, false)?;
            // Last: the folder may be one into which nothing can be written.
            keep_permissions(&path, &copy)?;
        } else if kind.is_symlink() {
            let Some(target) = unless_gone(std::fs::read_link(&path)).map_err(failed(&path, "read"))? else { continue };
            std::os::unix::fs::symlink(target, &copy).map_err(failed(&path, "copied"))?;
            count += 1;
        } else if kind.is_file() {
            count += usize::from(copy_file(&path, &copy)?);
        }
    }
    Ok(count)
}

/// Whether a file at the top of the station is copied otherwise, or not at all.
fn is_left_out(name: &str) -> bool {
    name.starts_with(RECORDS_FILE)
        || [LOCK, HISTORY_FOLDER, SOUNDS_FOLDER, OUTBOX_FILE].contains(&name)
        || PASSING.iter().any(|end| name.ends_with(end))
}

/// Copies a file; false where it is there no more: then the station has no use for it.
fn copy_file(from: &Path, to: &Path) -> Result<bool, BackupError> {
    let Some(mut file) = unless_gone(std::fs::File::open(from)).map_err(failed(from, "read"))? else {
        return Ok(false);
    };
    let copied = std::fs::File::create(to).and_then(|mut copy| io::copy(&mut file, &mut copy));
    copied.map_err(failed(from, "copied"))?;
    let permissions = file.metadata().map_err(failed(from, "read"))?.permissions();
    std::fs::set_permissions(to, permissions).map_err(failed(to, "changed"))?;
    Ok(true)
}

/// None where a file has gone since it was listed.
fn unless_gone<T>(done: io::Result<T>) -> io::Result<Option<T>> {
    match done {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        done => done.map(Some),
    }
}
