//! One folder, one running station.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

/// The folder is taken.
#[derive(Debug, thiserror::Error)]
pub enum Held {
    /// Another program runs it.
    #[error("the station in {} is run already by {holder}; one folder has one running station", folder.display())]
    By {
        /// The folder.
        folder: PathBuf,
        /// Who.
        holder: String,
    },
    /// The lock file cannot be used.
    #[error("{}: {error}", path.display())]
    File {
        /// The lock file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
}

/// Holds the folder until it is dropped, or the process ends in whatever way.
#[derive(Debug)]
pub struct StationLock {
    _file: File,
}

impl StationLock {
    /// Takes the folder.
    pub fn take(folder: &Path) -> Result<Self, Held> {
        let path = folder.join("polder.lock");
        let wrong = |error| Held::File { path: path.clone(), error };
        let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = opened.map_err(wrong)?;
        if file.try_lock().is_err() {
            let mut holder = String::new();
            let _ = file.read_to_string(&mut holder);
            let holder = if holder.is_empty() { "another program".to_owned() } else { holder };
            return Err(Held::By { folder: folder.to_owned(), holder });
        }
        let words = format!("process {} of {}", std::process::id(), super::account_name());
        file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(words.as_bytes())).map_err(wrong)?;
        Ok(Self { _file: file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_told_who_holds_it() {
        let folder = tempfile::tempdir().unwrap();
        let first = StationLock::take(folder.path()).unwrap();
        let words = StationLock::take(folder.path()).unwrap_err().to_string();
        assert!(words.contains(&format!("process {}", std::process::id())), "{words}");
        drop(first);
        assert!(StationLock::take(folder.path()).is_ok());
    }
}
