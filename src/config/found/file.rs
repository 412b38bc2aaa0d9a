//! The file of what was found: written by the station alone, and deleted by whoever wants it found again.

use crate::engine::FoundAt;
use crate::tag::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::path::Path;

/// The name of the file in a station folder.
pub const FOUND_FILE: &str = "found.json";
/// Things that are kept; of more, none is.
pub const MOST_FOUND: usize = 10_000;
/// Bytes of the file, and of the facts of one thing.
const MOST_BYTES: usize = 16 << 20;
const MOST_FACTS: usize = 4096;

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FoundThing {
    /// The name of its device.
    pub device: String,
    /// What kind of thing it is.
    pub kind: String,
    /// What tells it from the others of its kind and device.
    pub name: String,
    /// Everything else that is known of it.
    pub facts: serde_json::Value,
    /// When it was found first, or with other facts.
    pub since: String,
}

/// Why the file cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum FoundError {
    /// The system refuses it.
    #[error("{FOUND_FILE} cannot be read or written: {0}")]
    Io(#[from] io::Error),
    /// It is not what the station wrote.
    #[error("{FOUND_FILE} is damaged: {0}")]
    Damaged(#[from] serde_json::Error),
    /// It is larger than the station writes.
    #[error("{FOUND_FILE} is larger than {MOST_BYTES} bytes")]
    TooLarge,
}

/// Everything that was found, in the order of finding.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FoundFile {
    /// The things.
    pub found: Vec<FoundThing>,
}

/// What became of news.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Merged {
    /// Things that are new, or whose facts are.
    pub taken: usize,
    /// Things for which there was no room.
    pub refused: usize,
}

impl FoundFile {
    /// Reads it; nothing was found where there is none.
    pub fn read(folder: &Path) -> Result<Self, FoundError> {
        let file = match std::fs::File::open(folder.join(FOUND_FILE)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            file => file?,
        };
        let mut bytes = Vec::new();
        file.take(MOST_BYTES as u64 + 1).read_to_end(&mut bytes)?;
        if bytes.len() > MOST_BYTES {
            return Err(FoundError::TooLarge);
        }
        Ok(serde_json::from_slice(&bytes)?)
    }

    /// Puts it in place of the one before when it is whole.
    pub fn write(&self, folder: &Path) -> Result<(), FoundError> {
        let unfinished = folder.join(format!("{FOUND_FILE}.unfinished"));
        let mut out = std::fs::File::create(&unfinished)?;
        out.write_all(serde_json::to_string_pretty(self)?.as_bytes())?;
        out.sync_all()?;
        Ok(std::fs::rename(&unfinished, folder.join(FOUND_FILE))?)
    }

    /// Takes news in.
    pub fn merge(&mut self, news: Vec<FoundAt>, now: Timestamp) -> Merged {
        let mut merged = Merged::default();
        let key = |thing: &FoundThing| (thing.device.clone(), thing.kind.clone(), thing.name.clone());
        let mut places: HashMap<_, _> =
            self.found.iter().enumerate().map(|(place, thing)| (key(thing), place)).collect();
        let since = now.to_rfc3339();
        for FoundAt { device, found } in news {
            let (device, kind, name) = (device.to_string(), found.kind.to_string(), found.name.to_string());
            let place = places.get(&(device.clone(), kind.clone(), name.clone())).copied();
            let since = since.clone();
            let fits = found.facts.to_string().len() + found.name.len() + device.len() <= MOST_FACTS;
            let is_full = self.found.len() >= MOST_FOUND;
            match place.and_then(|place| self.found.get_mut(place)) {
                Some(before) if before.facts == found.facts => {}
                _ if !fits => merged.refused += 1,
                Some(before) => {
                    (before.facts, before.since) = (found.facts, since);
                    merged.taken += 1;
                }
                None if is_full => merged.refused += 1,
                None => {
                    let thing = FoundThing { device, kind, name, facts: found.facts, since };
                    places.insert(key(&thing), self.found.len());
                    self.found.push(thing);
                    merged.taken += 1;
                }
            }
        }
        merged
    }

    /// Forgets what fits: its name, or `device/name`; `*` stands for any text, `?` for any character. What is forgotten.
    pub fn forget(&mut self, fits: impl Fn(&str) -> bool) -> Vec<FoundThing> {
        let gone = |thing: &FoundThing| fits(&thing.name) || fits(&format!("{}/{}", thing.device, thing.name));
        let (forgotten, left) = std::mem::take(&mut self.found).into_iter().partition(gone);
        self.found = left;
        forgotten
    }
}
