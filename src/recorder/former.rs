//! The record before this one: named in the first entry of a record that was begun because that one was damaged.

use super::journal::{open_any, sealed, verify_file};
use crate::audit::{Broken, Entry, verify};
use crate::tag::Timestamp;
use std::fmt;
use std::path::Path;

/// The action of the entry with which such a record begins.
pub(super) const SET_ASIDE: &str = "records-set-aside";

/// What the first entry says of the record before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Former {
    /// The name of its file, in the folder of the station.
    pub file: String,
    /// What was wrong with it.
    pub damage: String,
    /// When it was set aside.
    pub time: Timestamp,
    /// The number and the hash of the last entry of it that could be read; none where not one could.
    pub last: Option<(u64, [u8; 32])>,
}

impl Former {
    pub(super) fn new(file: &str, damage: &str, last: Option<(u64, [u8; 32])>, time: Timestamp) -> Self {
        Self { file: file.to_owned(), damage: damage.to_owned(), time, last }
    }

    /// The particulars of the entry.
    pub(super) fn detail(&self) -> String {
        let (number, hash) = (self.last.map(|last| last.0), self.last.map(|last| hexadecimal(&last.1)));
        let detail =
            serde_json::json!({"file": self.file, "damage": self.damage, "last_number": number, "last_hash": hash});
        detail.to_string()
    }

    /// Reads such an entry; none where an entry says something else.
    fn of(entry: &Entry) -> Option<Self> {
        if &*entry.action != SET_ASIDE {
            return None;
        }
        let detail: serde_json::Value = serde_json::from_str(&entry.detail).ok()?;
        let last = detail["last_number"].as_u64().zip(detail["last_hash"].as_str().and_then(bytes));
        let damage = detail["damage"].as_str().unwrap_or_default().to_owned();
        Some(Self { file: detail["file"].as_str()?.to_owned(), damage, time: entry.time, last })
    }

    /// Looks whether its file in `folder` is still what it was when it was set aside.
    pub fn check(&self, folder: &Path) -> FormerState {
        let path = folder.join(&self.file);
        if !path.exists() {
            return FormerState::Missing;
        }
        let Some((number, hash)) = self.last else { return FormerState::Nothing };
        let read = || -> rusqlite::Result<Result<bool, Broken>> {
            let connection = open_any(&path)?;
            let mut statement =
                connection.prepare("SELECT number, bytes, hash FROM audit WHERE number <= ?1 ORDER BY number")?;
            let entries = statement.query_map([number as i64], sealed)?.collect::<rusqlite::Result<Vec<_>>>()?;
            let ends_as_noted = entries.last().is_some_and(|last| last.number == number && last.hash == hash);
            Ok(verify(entries.into_iter()).map(|_| ends_as_noted))
        };
        match read() {
            Ok(Ok(true)) => FormerState::Holds(number),
            Ok(Ok(false)) => FormerState::Broken(format!("it does not end with entry {number} as it did then")),
            Ok(Err(broken)) => FormerState::Broken(broken.to_string()),
            Err(error) => FormerState::Broken(format!("it cannot be read to entry {number}: {error}")),
        }
    }
}

/// What there is of a former record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FormerState {
    /// So many entries, all that could be read when it was set aside, hold.
    Holds(u64),
    /// No entry of it could be read even then.
    Nothing,
    /// Its file is not there.
    Missing,
    /// What is wrong with it.
    Broken(String),
}

impl fmt::Display for FormerState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Holds(count) => write!(
                formatter,
                "its {count} entries hold, to the last one that could be read; whether more came after it cannot be said"
            ),
            Self::Nothing => formatter.write_str("no entry of it could be read"),
            Self::Missing => formatter
                .write_str("it is not in the folder of the station; put it back, or nothing is known of what it held"),
            Self::Broken(what) => formatter.write_str(what),
        }
    }
}

/// The record before this one, if the record in this file was begun because that one was damaged.
fn former(path: &Path) -> rusqlite::Result<Option<Former>> {
    let connection = open_any(path)?;
    let mut statement = connection.prepare("SELECT number, bytes, hash FROM audit WHERE number = 1")?;
    let mut entries = statement.query_map([], sealed)?;
    let first = entries.next().transpose()?;
    Ok(first.and_then(|first| Former::of(&first.entry().ok()?)))
}

/// The whole audit record of a station: the present file, and those before it, newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Entries of the present file, all of which hold.
    pub entries: u64,
    /// The files before it, each with what there is of it.
    pub formers: Vec<(Former, FormerState)>,
    /// Records that were set aside and that no record which can be read names.
    pub unnamed: Vec<String>,
}

impl Verified {
    /// Whether nothing is missing and nothing was changed, as far as can be known.
    pub fn is_whole(&self) -> bool {
        self.unnamed.is_empty() && self.formers.iter().all(|(_, state)| matches!(state, FormerState::Holds(_)))
    }
}

/// Checks the record in `folder` with everything that came before it.
pub fn verify_folder(folder: &Path) -> rusqlite::Result<Result<Verified, Broken>> {
    let mut path = folder.join(super::RECORDS_FILE);
    let entries = match verify_file(&path)? {
        Ok(entries) => entries,
        Err(broken) => return Ok(Err(broken)),
    };
    let mut formers: Vec<(Former, FormerState)> = Vec::new();
    // A file that cannot be read names none before it, and that it cannot be read is said already.
    while let Ok(Some(found)) = former(&path) {
        // A name in a forged record leads nowhere else, and not in a circle.
        let is_ours = Path::new(&found.file).file_name() == Some(found.file.as_ref());
        if !is_ours || formers.iter().any(|(known, _)| known.file == found.file) {
            break;
        }
        path = folder.join(&found.file);
        let state = found.check(folder);
        formers.push((found, state));
    }
    let unnamed = set_aside(folder).into_iter().filter(|name| formers.iter().all(|(former, _)| former.file != *name));
    Ok(Ok(Verified { entries, unnamed: unnamed.collect(), formers }))
}

/// The names of all records in a folder that were set aside.
fn set_aside(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut names: Vec<String> =
        names.filter(|name| name.starts_with(super::salvage::DAMAGED) && name.ends_with(".sqlite")).collect();
    names.sort();
    names
}

fn hexadecimal(hash: &[u8; 32]) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes(text: &str) -> Option<[u8; 32]> {
    let digit = |place: usize| u8::from_str_radix(text.get(2 * place..2 * place + 2)?, 16).ok();
    let bytes: Vec<u8> = (0..32).map_while(digit).collect();
    bytes.try_into().ok().filter(|_| text.len() == 64)
}
