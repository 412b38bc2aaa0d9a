//! Reading the records: for the alarm journal, for the audit view, for verification.

use crate::audit::{self, Broken, Entry, Sealed};
use crate::tag::Timestamp;
use rusqlite::{Connection, OpenFlags};
use std::path::Path;

/// One line of the alarm journal.
#[derive(Clone, Debug, PartialEq)]
pub struct JournalLine {
    /// When.
    pub time: Timestamp,
    /// The alarm.
    pub alarm: String,
    /// The activation.
    pub occurrence: u64,
    /// State after; empty for remarks of the station.
    pub state: String,
    /// The value, as JSON.
    pub value: Option<String>,
    /// Who.
    pub actor: Option<String>,
    /// What they said.
    pub comment: String,
}

/// One line of the audit record.
pub type AuditLine = Entry;

fn open(path: &Path) -> rusqlite::Result<Connection> {
    Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)
}

/// The newest lines of the journal, the newest first.
pub fn read_journal(path: &Path, limit: usize) -> rusqlite::Result<Vec<JournalLine>> {
    let connection = open(path)?;
    let query = "SELECT time, alarm, occurrence, after, value, actor, comment FROM journal ORDER BY id DESC LIMIT ?1";
    let mut statement = connection.prepare(query)?;
    let rows = statement.query_map([limit as i64], |row| {
        Ok(JournalLine {
            time: Timestamp::from_micros(row.get(0)?),
            alarm: row.get(1)?,
            occurrence: row.get::<_, i64>(2)? as u64,
            state: row.get(3)?,
            value: row.get(4)?,
            actor: row.get(5)?,
            comment: row.get(6)?,
        })
    })?;
    rows.collect()
}

fn sealed(row: &rusqlite::Row<'_>) -> rusqlite::Result<Sealed> {
    let hash: Vec<u8> = row.get(2)?;
    Ok(Sealed { number: row.get::<_, i64>(0)? as u64, bytes: row.get(1)?, hash: hash.try_into().unwrap_or([0; 32]) })
}

/// The newest entries of the audit record, the newest first. Entries that cannot be read are left out here; [`verify_file`] names them.
pub fn read_audit(path: &Path, limit: usize) -> rusqlite::Result<Vec<AuditLine>> {
    let connection = open(path)?;
    let mut statement = connection.prepare("SELECT number, bytes, hash FROM audit ORDER BY number DESC LIMIT ?1")?;
    let rows = statement.query_map([limit as i64], sealed)?;
    Ok(rows.collect::<Result<Vec<_>, _>>()?.iter().filter_map(|entry| entry.entry().ok()).collect())
}

/// Every entry of the audit record with this action, the oldest first.
pub fn read_actions(path: &Path, action: &str) -> rusqlite::Result<Vec<AuditLine>> {
    let connection = open(path)?;
    let mut statement = connection.prepare("SELECT number, bytes, hash FROM audit ORDER BY number")?;
    let rows = statement.query_map([], sealed)?;
    let mut found = Vec::new();
    for row in rows {
        found.extend(row?.entry().ok().filter(|entry| &*entry.action == action));
    }
    Ok(found)
}

/// Checks the whole audit record: how many entries hold, or the first that does not.
pub fn verify_file(path: &Path) -> rusqlite::Result<Result<u64, Broken>> {
    let connection = open(path)?;
    let mut statement = connection.prepare("SELECT number, bytes, hash FROM audit ORDER BY number")?;
    let mut failure = None;
    let rows = statement.query_map([], sealed)?.map_while(|row| row.map_err(|error| failure = Some(error)).ok());
    let result = audit::verify(rows);
    match failure {
        Some(error) => Err(error),
        None => Ok(result),
    }
}
