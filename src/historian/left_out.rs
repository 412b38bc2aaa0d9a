//! What the files of months know that the main file may not, and the files among them that cannot be read: one that may not be opened, or is
//! locked, keeps no history closed. It is left out, counted, and looked at again every hour.

use super::calendar::Month;
use super::database::{StoreError, explain};
use super::month;
use super::store::{SampleStore, tags_of};
use rusqlite::{Connection, OpenFlags, params};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A number above this is a garbled one: tables over all tags would fill the memory.
pub(super) const HIGHEST_TAG: i64 = 1 << 24;
/// How long a file that another program keeps to itself is waited for.
const BUSY: Duration = Duration::from_millis(200);
/// Files that are named in words; of more, only the number is told.
const NAMED: usize = 3;

/// What a file of a month says.
#[derive(Default)]
struct MonthFacts {
    /// The newest head row of which it has samples.
    through: i64,
    tags: Vec<(i64, String)>,
}

/// A damaged file says nothing: it is set aside when it is opened for writing.
fn facts(path: &Path) -> Result<MonthFacts, StoreError> {
    let read = || {
        // Not to read alone: a file that was being made when the power failed has a change to take back first.
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        connection.busy_timeout(BUSY)?;
        // Power failed before the file had its tables.
        if !connection.table_exists(None, "sealed")? {
            return Ok(MonthFacts::default());
        }
        let sql = "SELECT coalesce(max(through), 0) FROM sealed";
        let through = connection.query_row(sql, [], |row| row.get(0))?;
        Ok(MonthFacts { through, tags: tags_of(&connection)? })
    };
    match read().map_err(|source| explain(path, source)) {
        Err(StoreError::Damaged { .. }) => Ok(MonthFacts::default()),
        facts => facts,
    }
}

/// Files that cannot be read, each with why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct LeftOut(BTreeMap<PathBuf, String>);

impl LeftOut {
    pub(super) fn add(&mut self, path: &Path, error: &StoreError) {
        self.0.insert(path.to_owned(), error.to_string());
    }

    pub(super) fn count(&self) -> u64 {
        self.0.len() as u64
    }

    /// Which, and why; none where there is none.
    pub(super) fn words(&self) -> Option<String> {
        let named: Vec<&str> = self.0.values().take(NAMED).map(String::as_str).collect();
        let more = self.0.len().saturating_sub(NAMED);
        let more = if more > 0 { format!("; and {more} more files") } else { String::new() };
        (!named.is_empty()).then(|| format!("{}{more}", named.join("; ")))
    }
}

impl SampleStore {
    /// Takes over what months know: the numbers of their tags, so that no other tag gets one of them, and how far the head is sealed.
    ///
    /// A main file that is new, restored or rebuilt counts its tags and its head rows from where it was again. Then a new tag would get the
    /// number of another one in the months after that, and samples of new head rows would be taken for sealed.
    pub(super) fn learn_from_months(&mut self) -> Result<(), StoreError> {
        let (mut through, mut tags) = (self.newest_head, Vec::new());
        // The newest names hold.
        for month in month::months(&self.folder).into_iter().rev() {
            let path = month::path(&self.folder, month);
            match facts(&path) {
                Ok(facts) => {
                    through = through.max(facts.through);
                    tags.extend(facts.tags);
                }
                Err(error) => self.left_out.add(&path, &error),
            }
        }
        self.raise_tag_numbers(&tags)?;
        self.raise_head_numbers(through)
    }

    fn raise_tag_numbers(&mut self, tags: &[(i64, String)]) -> Result<(), StoreError> {
        let known = self.main.with(tags_of)?;
        let mut ids: HashMap<i64, &str> = known.iter().map(|(id, key)| (*id, key.as_str())).collect();
        let mut keys: HashSet<&str> = known.iter().map(|(_, key)| key.as_str()).collect();
        let mut free: Vec<(i64, &str)> = Vec::new();
        for (id, key) in tags.iter().filter(|(id, _)| (1..HIGHEST_TAG).contains(id)) {
            if !ids.contains_key(id) && keys.insert(key) {
                ids.insert(*id, key);
                free.push((*id, key));
            }
        }
        let highest = tags.iter().map(|(id, _)| *id).filter(|id| (1..HIGHEST_TAG).contains(id)).max().unwrap_or(0);
        let sql = "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'tag'), 0)";
        let given: i64 = self.main.with(|connection| connection.query_row(sql, [], |row| row.get(0)))?;
        // On a full disk a file that lacks nothing can still be opened.
        if free.is_empty() && highest <= given {
            return Ok(());
        }
        self.main.change(|transaction| {
            for (id, key) in &free {
                transaction.prepare_cached("INSERT INTO tag(id, key) VALUES (?1, ?2)")?.execute(params![id, key])?;
            }
            raise(transaction, "tag", highest.max(given))
        })
    }

    fn raise_head_numbers(&mut self, through: i64) -> Result<(), StoreError> {
        if through == self.newest_head {
            return Ok(());
        }
        self.main.change(|transaction| raise(transaction, "head", through))?;
        self.newest_head = through;
        Ok(())
    }

    /// Looks again which files of months cannot be read.
    pub(super) fn look_for_left_out(&mut self) {
        let mut left_out = LeftOut::default();
        for month in month::months(&self.folder) {
            let path = month::path(&self.folder, month);
            if let Err(error) = facts(&path) {
                left_out.add(&path, &error);
            }
        }
        self.left_out = left_out;
    }

    /// What stands in the way of a month, unless the file is damaged: that is another matter.
    pub(super) fn leave_out<T>(&mut self, month: Month, found: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
        match found {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.damaged().is_some() || error.needs_a_person() => Err(error),
            Err(error) => {
                self.left_out.add(&month::path(&self.folder, month), &error);
                Ok(None)
            }
        }
    }
}

/// The numbers of a table go on after this one.
fn raise(connection: &Connection, table: &str, number: i64) -> rusqlite::Result<()> {
    connection.execute("DELETE FROM sqlite_sequence WHERE name = ?1", [table])?;
    connection.execute("INSERT INTO sqlite_sequence(name, seq) VALUES (?1, ?2)", params![table, number]).map(drop)
}
