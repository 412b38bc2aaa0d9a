//! Writes the files of a plan, so that a crash at any moment leaves each of them whole: the old one or the new one.

use super::plan::{FileChange, ImportPlan};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Why a plan was not written.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// Something is wrong with it.
    #[error("nothing was written: the plan has problems")]
    Problems,
    /// Somebody changed a file since the plan was made.
    #[error("nothing was written: {0} was changed meanwhile; import again")]
    Changed(String),
    /// A new file cannot be written beside the old one.
    #[error("nothing was written: {file} cannot be written: {source}")]
    Write {
        /// The file, relative to the station folder.
        file: String,
        /// Why.
        source: io::Error,
    },
    /// A new file cannot be put in the place of the old one.
    #[error("{file} cannot be replaced: {source}; written before it: {written}")]
    Replace {
        /// The file, relative to the station folder.
        file: String,
        /// Why.
        source: io::Error,
        /// Files that were replaced already.
        written: String,
    },
}

/// Writes what the plan says. All new files lie on the disk before the first one takes its place.
pub fn apply(folder: &Path, plan: &ImportPlan) -> Result<(), ApplyError> {
    if !plan.is_fine() {
        return Err(ApplyError::Problems);
    }
    let mut waiting: Vec<Waiting> = Vec::new();
    for file in &plan.files {
        let wrong = |source| ApplyError::Write { file: file.name.clone(), source };
        // A link stays a link: what it points to is written.
        let path = folder.join(&file.name).canonicalize().map_err(wrong)?;
        if std::fs::read_to_string(&path).map_err(wrong)? != file.old {
            return Err(ApplyError::Changed(file.name.clone()));
        }
        waiting.push(Waiting::write(path, file).map_err(wrong)?);
    }
    let mut written: Vec<&str> = Vec::new();
    for (file, waiting) in plan.files.iter().zip(&mut waiting) {
        waiting.replace().map_err(|source| ApplyError::Replace {
            file: file.name.clone(),
            source,
            written: if written.is_empty() { "none".to_owned() } else { written.join(", ") },
        })?;
        written.push(&file.name);
    }
    Ok(())
}

/// A new file beside the old one. It goes when it is not used.
struct Waiting {
    path: PathBuf,
    new: PathBuf,
}

impl Waiting {
    fn write(path: PathBuf, file: &FileChange) -> io::Result<Self> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let new = path.with_file_name(format!(".{name}.{}.new", std::process::id()));
        let mut out = OpenOptions::new().write(true).create_new(true).open(&new)?;
        let waiting = Self { path, new };
        out.write_all(file.new.as_bytes())?;
        let old = std::fs::metadata(&waiting.path)?;
        take_owner(&waiting.new, &old);
        out.set_permissions(old.permissions())?;
        out.sync_all()?;
        Ok(waiting)
    }

    fn replace(&mut self) -> io::Result<()> {
        std::fs::rename(&self.new, &self.path)?;
        sync_folder(&self.path)
    }
}

impl Drop for Waiting {
    /// After a replacement there is none to remove.
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.new);
    }
}

/// An administrator who imports leaves the file to whom it belongs; others own it anyway.
#[cfg(unix)]
fn take_owner(new: &Path, old: &std::fs::Metadata) {
    use std::os::unix::fs::MetadataExt;
    let _ = std::os::unix::fs::chown(new, Some(old.uid()), Some(old.gid()));
}

#[cfg(not(unix))]
fn take_owner(_new: &Path, _old: &std::fs::Metadata) {}

/// The new name is durable only with its folder.
#[cfg(unix)]
fn sync_folder(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

#[cfg(not(unix))]
fn sync_folder(_path: &Path) -> io::Result<()> {
    Ok(())
}
