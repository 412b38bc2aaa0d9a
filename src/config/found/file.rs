//! The file of what was found: written by the station alone, and deleted by whoever wants it found again.

use crate::engine::FoundAt;
use crate::tag::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::path::Path;
use std::time::Duration;

/// The name of the file in a station folder.
pub const FOUND_FILE: &str = "found.json";
/// Things that are kept; of more, none is.
pub const MOST_FOUND: usize = 10_000;
/// Bytes of the file, and of the facts of one thing.
const MOST_BYTES: usize = 16 << 20;
const MOST_FACTS: usize = 4096;
/// A thing whose facts change this often within a day is left as it is for the rest of it: two that take turns under one name would reload the
/// plant for ever.
const MOST_CHANGES: u32 = 4;
/// Bytes of the file around the things, and those of the line that says that a thing waits; rather more than less.
const FRAME: usize = 64;
const WAITS: usize = 32;
const DAY: Duration = Duration::from_secs(86_400);
/// What may change about a thing that can be commanded. Everything else about it says where the command goes, what it means and how far it
/// may go, or how it is read back.
const HARMLESS: &[&str] = &["description", "stale_after"];

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
    /// How often its facts were others on the day of `since`.
    #[serde(default, skip_serializing_if = "is_none")]
    pub changes: u32,
    /// Whether it said other things about its command since: these wait for a person.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub waits: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it so")]
const fn is_none(changes: &u32) -> bool {
    *changes == 0
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
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Merged {
    /// Things that are new.
    pub taken: usize,
    /// Things that were known with other facts.
    pub changed: usize,
    /// Things that were told again as they are known: the plant may not have been gone on with then.
    pub again: usize,
    /// Things for which there was no room.
    pub refused: usize,
    /// Things that were known with other facts, where these are not to be taken yet: the newest of each.
    pub put_off: Vec<FoundAt>,
    /// Things whose facts change all the time: they stay as they are for a day.
    pub restless: Vec<String>,
    /// Things that say something else about their command for the first time: they stay as they are.
    pub waiting: Vec<String>,
}

impl Merged {
    /// Whether the plant is another one now.
    pub const fn is_taken(&self) -> bool {
        self.taken + self.changed > 0
    }

    /// Whether the file is another one now.
    pub fn is_news(&self) -> bool {
        self.is_taken() || !self.waiting.is_empty()
    }
}

/// What is to become of a known thing with other facts.
enum Change {
    Take,
    Restless,
    Waits,
}

impl FoundThing {
    /// Its name for people and for `polder forget`.
    fn words(&self) -> String {
        format!("{}/{}", self.device, self.name)
    }

    /// Bytes in the file: each line of it stands two levels deep, with a comma at its end.
    fn bytes(&self) -> usize {
        let text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.len() + 4 * (text.lines().count() + 1) + 2
    }

    fn change(&self, facts: &serde_json::Value, now: Timestamp) -> Change {
        let can_be_commanded = |facts: &serde_json::Value| facts.get("command").is_some();
        if (can_be_commanded(&self.facts) || can_be_commanded(facts)) && bare(&self.facts) != bare(facts) {
            return Change::Waits;
        }
        if self.changes_today(now) >= MOST_CHANGES { Change::Restless } else { Change::Take }
    }

    fn changes_today(&self, now: Timestamp) -> u32 {
        let since = Timestamp::parse_rfc3339(&self.since);
        let is_today = since.is_some_and(|since| now.micros_since(since) < DAY.as_micros() as i64);
        if is_today { self.changes } else { 0 }
    }
}

/// Facts without what may change.
fn bare(facts: &serde_json::Value) -> serde_json::Value {
    let mut facts = facts.clone();
    if let Some(map) = facts.as_object_mut() {
        HARMLESS.iter().for_each(|key| drop(map.remove(*key)));
    }
    facts
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
        let text = serde_json::to_string_pretty(self)?;
        if text.len() > MOST_BYTES {
            return Err(FoundError::TooLarge);
        }
        let unfinished = folder.join(format!("{FOUND_FILE}.unfinished"));
        let mut out = std::fs::File::create(&unfinished)?;
        out.write_all(text.as_bytes())?;
        out.sync_all()?;
        Ok(std::fs::rename(&unfinished, folder.join(FOUND_FILE))?)
    }

    /// Takes news in. Other facts of things that are known are taken where `takes_changes` says so, and given back otherwise.
    pub fn merge(&mut self, news: Vec<FoundAt>, takes_changes: bool, now: Timestamp) -> Merged {
        let mut merge = Merge::new(self, takes_changes, now);
        news.into_iter().for_each(|one| merge.take(one));
        merge.merged
    }

    /// Forgets what fits: its name, or `device/name`; `*` stands for any text, `?` for any character. What is forgotten.
    pub fn forget(&mut self, fits: impl Fn(&str) -> bool) -> Vec<FoundThing> {
        let gone = |thing: &FoundThing| fits(&thing.name) || fits(&format!("{}/{}", thing.device, thing.name));
        let (forgotten, left) = std::mem::take(&mut self.found).into_iter().partition(gone);
        self.found = left;
        forgotten
    }
}

type Key = (String, String, String);

fn key(thing: &FoundThing) -> Key {
    (thing.device.clone(), thing.kind.clone(), thing.name.clone())
}

/// News on their way into the file.
struct Merge<'file> {
    file: &'file mut FoundFile,
    places: HashMap<Key, usize>,
    /// What the file takes on the disk.
    bytes: usize,
    takes_changes: bool,
    now: Timestamp,
    merged: Merged,
    put_off: HashMap<Key, usize>,
}

impl<'file> Merge<'file> {
    fn new(file: &'file mut FoundFile, takes_changes: bool, now: Timestamp) -> Self {
        let places = file.found.iter().enumerate().map(|(place, thing)| (key(thing), place)).collect();
        let bytes = FRAME + file.found.iter().map(FoundThing::bytes).sum::<usize>();
        Self { file, places, bytes, takes_changes, now, merged: Merged::default(), put_off: HashMap::new() }
    }

    fn take(&mut self, one: FoundAt) {
        let FoundAt { device, found } = &one;
        let (device, kind, name) = (device.to_string(), found.kind.to_string(), found.name.to_string());
        let fits = found.facts.to_string().len() + name.len() + device.len() <= MOST_FACTS;
        let facts = found.facts.clone();
        let thing = FoundThing { device, kind, name, facts, since: self.now.to_rfc3339(), changes: 0, waits: false };
        match self.places.get(&key(&thing)).copied() {
            Some(place) if self.file.found[place].facts == thing.facts => self.merged.again += 1,
            _ if !fits => self.merged.refused += 1,
            Some(place) => self.change(place, thing, one),
            None => self.add(thing),
        }
    }

    fn add(&mut self, thing: FoundThing) {
        let bytes = self.bytes + thing.bytes();
        if self.file.found.len() >= MOST_FOUND || bytes > MOST_BYTES {
            self.merged.refused += 1;
            return;
        }
        self.bytes = bytes;
        self.places.insert(key(&thing), self.file.found.len());
        self.file.found.push(thing);
        self.merged.taken += 1;
    }

    fn change(&mut self, place: usize, thing: FoundThing, one: FoundAt) {
        let before = &mut self.file.found[place];
        match before.change(&thing.facts, self.now) {
            Change::Waits if before.waits => {}
            Change::Waits => {
                (before.waits, self.bytes) = (true, self.bytes + WAITS);
                self.merged.waiting.push(before.words());
            }
            Change::Restless => self.merged.restless.push(before.words()),
            Change::Take if !self.takes_changes => self.put_off(key(&thing), one),
            Change::Take => {
                let next = FoundThing { changes: before.changes_today(self.now) + 1, waits: before.waits, ..thing };
                let bytes = self.bytes - before.bytes() + next.bytes();
                if bytes > MOST_BYTES {
                    self.merged.refused += 1;
                    return;
                }
                (*before, self.bytes) = (next, bytes);
                self.merged.changed += 1;
            }
        }
    }

    /// The newest of each is enough.
    fn put_off(&mut self, key: Key, one: FoundAt) {
        match self.put_off.get(&key) {
            Some(&place) => self.merged.put_off[place] = one,
            None => {
                self.put_off.insert(key, self.merged.put_off.len());
                self.merged.put_off.push(one);
            }
        }
    }
}
