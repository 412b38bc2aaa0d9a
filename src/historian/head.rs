//! The open head read back, at the start and by readers.

use super::calendar::{HOUR, Month, floor};
use super::codec::read_head;
use super::database::{Database, StoreError, damage};
use super::month::{self, Sealed};
use super::tail::Tail;
use rusqlite::Connection;
use std::collections::{BTreeSet, HashMap};
use std::path::Path;

/// The open head as it is on disk.
#[derive(Default)]
pub(super) struct Head {
    pub(super) tail: Tail,
    /// Tags and hours that the head still had but that are in chunks already: a seal was cut short, and their rollups may be missing.
    pub(super) sealed_already: BTreeSet<(i64, i64)>,
    /// Rows that are damaged.
    pub(super) unreadable: Vec<i64>,
}

/// Reads the open head, without what is in chunks already.
pub(super) fn load_head(main: &Database, folder: &Path) -> Result<Head, StoreError> {
    main.with(|connection| read_head_rows(connection, folder))
}

/// The same on a connection of a reader.
pub(super) fn read_head_rows(connection: &Connection, folder: &Path) -> rusqlite::Result<Head> {
    let mut head = Head::default();
    let mut known: HashMap<Month, HashMap<i64, Sealed>> = HashMap::new();
    let mut statement = connection.prepare("SELECT id, bytes FROM head ORDER BY id")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (id, mut samples) = (row.get(0)?, Vec::new());
        if read_head(row.get_ref(1)?.as_blob()?, |tag, sample| samples.push((tag, sample))).is_none() {
            head.unreadable.push(id);
            continue;
        }
        for (tag, sample) in samples {
            let time = sample.time.as_micros();
            let month = Month::of(time);
            if let std::collections::hash_map::Entry::Vacant(entry) = known.entry(month) {
                entry.insert(sealed_in(folder, month)?);
            }
            match known.get(&month).and_then(|tags| tags.get(&tag)) {
                Some(sealed) if sealed.contains(id, time) => {
                    head.sealed_already.insert((tag, floor(time, HOUR)));
                }
                _ => head.tail.push(tag, id, sample),
            }
        }
    }
    Ok(head)
}

fn sealed_in(folder: &Path, month: Month) -> rusqlite::Result<HashMap<i64, Sealed>> {
    let path = month::path(folder, month);
    if !path.exists() {
        return Ok(HashMap::new());
    }
    let read = || month::all_sealed(&Database::open_to_read(&path)?);
    // A damaged file is set aside when it is opened for writing; what the head holds is then sealed anew.
    read().or_else(|error| {
        if error.sqlite_error_code().is_some() { Ok(HashMap::new()) } else { Err(damage("a file of a month")) }
    })
}
