//! Opening history at the start: what is damaged is put aside, what is old is brought up to date.

use super::database::{StoreError, set_aside};
use super::store::SampleStore;
use super::tail::Unsealed;
use super::{HISTORY_FOLDER, migrate};
use crate::tag::Timestamp;
use std::path::{Path, PathBuf};

/// An opened history, and where damaged files of it were put.
pub struct OpenedHistory {
    /// The files.
    pub store: SampleStore,
    /// The new name of the damaged file that stood there before.
    pub set_aside: Option<String>,
}

impl OpenedHistory {
    /// What a reader needs: the main file, and what is not sealed yet.
    pub fn source(&self) -> (PathBuf, Unsealed) {
        (self.store.path().to_owned(), self.store.unsealed())
    }

    /// Opens the samples of the station in `folder`. A damaged file is set aside under a name with the time, and a new one is begun. A file of
    /// an earlier version is brought up to date first.
    pub fn open(folder: &Path, now: Timestamp) -> Result<Self, StoreError> {
        let history = folder.join(HISTORY_FOLDER);
        std::fs::create_dir_all(&history).map_err(StoreError::io(&history))?;
        // SQLite syncs the folder of its files, but not the one above. As there, a file system that cannot do it is no obstacle.
        let _ = std::fs::File::open(folder).and_then(|folder| folder.sync_all());
        let mut put_away: Vec<String> = Vec::new();
        // Each turn puts one file away; a folder in which that does not help is not usable.
        for _ in 0..4 {
            let opened = migrate::bring_up_to_date(&history).and_then(|()| SampleStore::open(&history, now));
            match opened {
                Ok(store) => {
                    let set_aside = (!put_away.is_empty()).then(|| put_away.join(", "));
                    return Ok(Self { store, set_aside });
                }
                Err(StoreError::Damaged { file, .. }) => {
                    put_away.push(format!("{HISTORY_FOLDER}/{}", set_aside(&file, now)?));
                }
                Err(error) => return Err(error),
            }
        }
        Err(StoreError::Damaged { file: history, what: format!("still, after {} were set aside", put_away.join(", ")) })
    }
}
