//! The tables of the records, and what is written to them in one transaction.

use super::gap::Gap;
use super::past;
use crate::alarm::{AlarmKey, DelayChange, DelayKept, OccurrenceId, Persisted, Transition};
use crate::audit::{Entry, GENESIS, RequestId, Sealed, Store, StoreError};
use crate::disk::is_damage;
use crate::tag::{Timestamp, Value};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(super) const VERSION: i64 = 2;
/// After this many lines of the journal, the states of all alarms are kept beside it.
const CHECKPOINT_EVERY: i64 = 1000;

/// Entries among which requests over links are looked for at the start: what a broker keeps for longer is refused for its age.
const LAST_ENTRIES: u32 = 10_000;

const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS alarm_state(
        alarm TEXT PRIMARY KEY, state TEXT NOT NULL, occurrence INTEGER NOT NULL, raised INTEGER NOT NULL,
        changed INTEGER NOT NULL, value TEXT, image TEXT) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS journal(
        id INTEGER PRIMARY KEY, time INTEGER NOT NULL, alarm TEXT NOT NULL, occurrence INTEGER NOT NULL,
        before TEXT NOT NULL, after TEXT NOT NULL, raised INTEGER NOT NULL, value TEXT, actor TEXT, comment TEXT NOT NULL,
        occasion TEXT, condition TEXT, image TEXT);
    CREATE INDEX IF NOT EXISTS journal_by_time ON journal(time);
    CREATE INDEX IF NOT EXISTS journal_by_alarm ON journal(alarm);
    CREATE TABLE IF NOT EXISTS audit(number INTEGER PRIMARY KEY, bytes BLOB NOT NULL, hash BLOB NOT NULL);
    CREATE TABLE IF NOT EXISTS remembered(
        kind TEXT NOT NULL, subject TEXT NOT NULL, bytes BLOB NOT NULL, PRIMARY KEY(kind, subject)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS alarm_delay(
        alarm TEXT PRIMARY KEY, since INTEGER NOT NULL, towards_active INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS checkpoint(journal INTEGER PRIMARY KEY, earliest INTEGER NOT NULL, states TEXT NOT NULL);
";

/// From version 1, which knew the four states of an alarm without a latch, and nothing that is set aside.
const FROM_VERSION_1: &str = "
    ALTER TABLE alarm_state ADD COLUMN image TEXT;
    ALTER TABLE journal ADD COLUMN occasion TEXT;
    ALTER TABLE journal ADD COLUMN condition TEXT;
    ALTER TABLE journal ADD COLUMN image TEXT;
";

/// Why the records cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The database said no.
    #[error("records.sqlite: {0}")]
    Database(#[from] rusqlite::Error),
    /// It was written by a later Polder.
    #[error("records.sqlite has version {found}, and this Polder knows {VERSION}; use the newer one")]
    TooNew {
        /// The version in the file.
        found: i64,
    },
    /// The database does not keep its promise of durability.
    #[error("records.sqlite: {0} could not be set, so nothing in it would be durable")]
    NotDurable(&'static str),
    /// The file is damaged, and no new one can be begun.
    #[error("records.sqlite is damaged, and a new file cannot be begun beside it: {0}")]
    NotBegun(String),
    /// A file in the folder of the station cannot be moved or written.
    #[error("records.sqlite: {0}")]
    Io(#[from] std::io::Error),
}

/// What the last run left.
#[derive(Debug, Default)]
pub struct Restored {
    /// Alarms that were not normal, with the value that raised them.
    pub alarms: Vec<(AlarmKey, Persisted, Option<Value>)>,
    /// The highest occurrence ever given out.
    pub last_occurrence: u64,
    /// The last audit entry of each kind that outlives a start, of each subject: who was taken off scan, who was known as whom, what was refused.
    pub remembered: Vec<Entry>,
    /// The requests that came over links, of the last entries; the oldest first.
    pub over_links: Vec<RequestId>,
}

/// The open records.
pub struct RecordStore {
    pub(super) connection: Connection,
    pub(super) path: PathBuf,
    /// What SQLite said when the file turned out to be damaged.
    damage: RefCell<Option<String>>,
    transitions: Vec<Transition>,
    gap: Gap,
    delays: Vec<DelayChange>,
    /// The line of the journal behind which the states were last kept.
    checkpointed: i64,
}

impl RecordStore {
    /// Opens or creates the file, and reads back that what it promises holds.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let mut connection = Connection::open(path)?;
        connection.busy_timeout(Duration::from_secs(5))?;
        let mode: String = connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
        if !mode.eq_ignore_ascii_case("wal") {
            return Err(OpenError::NotDurable("journal_mode WAL"));
        }
        connection.pragma_update(None, "synchronous", "FULL")?;
        let level: i64 = connection.pragma_query_value(None, "synchronous", |row| row.get(0))?;
        if level != 2 {
            return Err(OpenError::NotDurable("synchronous FULL"));
        }
        let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        if version > VERSION {
            return Err(OpenError::TooNew { found: version });
        }
        // On a full disk records that are up to date can still be opened.
        if version < VERSION {
            migrate(&mut connection, version)?;
        }
        let checkpointed =
            connection.query_row("SELECT coalesce(max(journal), 0) FROM checkpoint", [], |row| row.get(0))?;
        let (path, damage) = (path.to_owned(), RefCell::default());
        Ok(Self {
            connection,
            path,
            damage,
            transitions: Vec::new(),
            gap: Gap::default(),
            delays: Vec::new(),
            checkpointed,
        })
    }

    /// Reads what the last run left.
    pub fn restore(&self) -> Result<Restored, OpenError> {
        let mut alarms = states(&self.connection)?;
        self.restore_delays(&mut alarms)?;
        let alarms = alarms.into_iter().map(|(key, (kept, value))| (key, kept, value)).collect();
        let query = "SELECT max(coalesce((SELECT max(occurrence) FROM journal), 0), coalesce((SELECT max(occurrence) FROM alarm_state), 0))";
        let last: i64 = self.connection.query_row(query, [], |row| row.get(0))?;
        let mut statement = self.connection.prepare("SELECT bytes FROM remembered ORDER BY kind, subject")?;
        let bytes: Vec<Vec<u8>> = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        let remembered = bytes.iter().filter_map(|bytes| serde_json::from_slice(bytes).ok()).collect();
        Ok(Restored { alarms, last_occurrence: last as u64, remembered, over_links: self.over_links()? })
    }

    fn over_links(&self) -> rusqlite::Result<Vec<RequestId>> {
        let sql = "SELECT bytes FROM (SELECT number, bytes FROM audit ORDER BY number DESC LIMIT ?1) ORDER BY number";
        let mut statement = self.connection.prepare(sql)?;
        let bytes: Vec<Vec<u8>> = statement.query_map([LAST_ENTRIES], |row| row.get(0))?.collect::<Result<_, _>>()?;
        let entries = bytes.iter().filter_map(|bytes| serde_json::from_slice::<Entry>(bytes).ok());
        Ok(entries.map(|entry| entry.request).filter(RequestId::is_over_link).collect())
    }

    /// Delays go on where they were. One of an alarm that was normal is all that is kept of it.
    fn restore_delays(&self, alarms: &mut BTreeMap<AlarmKey, (Persisted, Option<Value>)>) -> rusqlite::Result<()> {
        let mut statement = self.connection.prepare("SELECT alarm, since, towards_active FROM alarm_delay")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let alarm: String = row.get(0)?;
            let delay = DelayKept { since: Timestamp::from_micros(row.get(1)?), towards_active: row.get(2)? };
            alarms.entry(AlarmKey::from(alarm.as_str())).or_default().0.delay = Some(delay);
        }
        Ok(())
    }

    /// Number and hash of the last audit entry.
    pub(super) fn last_entry(&self) -> rusqlite::Result<Option<(i64, Vec<u8>)>> {
        let query = "SELECT number, hash FROM audit ORDER BY number DESC LIMIT 1";
        self.connection.query_row(query, [], |row| Ok((row.get(0)?, row.get(1)?))).optional()
    }

    fn failed(&self, error: &rusqlite::Error) -> StoreError {
        if is_damage(error) {
            *self.damage.borrow_mut() = Some(error.to_string());
        }
        StoreError(error.to_string())
    }

    /// What was wrong with the file, if it turned out to be damaged.
    pub(super) fn damage(&self) -> Option<String> {
        self.damage.borrow().clone()
    }

    /// The transitions that the next [`Store::append`] commits along.
    pub(super) fn stage(&mut self, transitions: Vec<Transition>, gap: Gap, delays: Vec<DelayChange>) {
        self.transitions = transitions;
        self.gap = gap;
        self.delays = delays;
    }

    fn write(&mut self, entries: &[Sealed]) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        write_gap(&transaction, &self.gap)?;
        for transition in &self.transitions {
            write_transition(&transaction, transition)?;
            write_state(&transaction, transition)?;
        }
        let mut statement = transaction.prepare_cached("INSERT INTO audit(number, bytes, hash) VALUES (?1, ?2, ?3)")?;
        for entry in entries {
            statement.execute(params![entry.number as i64, entry.bytes, &entry.hash[..]])?;
            remember(&transaction, entry)?;
        }
        drop(statement);
        self.delays.iter().try_for_each(|change| write_delay(&transaction, change))?;
        let last: i64 = transaction.query_row("SELECT coalesce(max(id), 0) FROM journal", [], |row| row.get(0))?;
        // What a gap left out can only be seen in the states behind it.
        let is_due = last - self.checkpointed >= CHECKPOINT_EVERY || self.gap.transitions() > 0;
        let checkpointed =
            if is_due { write_checkpoint(&transaction, self.checkpointed, last)? } else { self.checkpointed };
        transaction.commit()?;
        self.checkpointed = checkpointed;
        Ok(())
    }
}

/// Brings the tables to the present version, all or nothing.
fn migrate(connection: &mut Connection, version: i64) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if version == 1 {
        transaction.execute_batch(FROM_VERSION_1)?;
    }
    transaction.execute_batch(TABLES)?;
    let last: i64 = transaction.query_row("SELECT coalesce(max(id), 0) FROM journal", [], |row| row.get(0))?;
    if version == 1 && last > 0 {
        write_checkpoint(&transaction, 0, last)?;
    }
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()
}

/// What is kept of every alarm.
pub(super) fn states(connection: &Connection) -> rusqlite::Result<BTreeMap<AlarmKey, (Persisted, Option<Value>)>> {
    let mut statement =
        connection.prepare("SELECT alarm, state, occurrence, raised, changed, value, image FROM alarm_state")?;
    let rows = statement.query_map([], |row| {
        let alarm: String = row.get(0)?;
        let columns = past::Columns {
            state: row.get(1)?,
            occurrence: OccurrenceId(row.get::<_, i64>(2)? as u64),
            raised: Timestamp::from_micros(row.get(3)?),
            changed: Timestamp::from_micros(row.get(4)?),
            image: row.get(6)?,
        };
        let value: Option<String> = row.get(5)?;
        let value = value.and_then(|text| serde_json::from_str(&text).ok());
        Ok((AlarmKey::from(alarm.as_str()), (columns.kept().unwrap_or_default(), value)))
    })?;
    rows.collect()
}

/// Keeps the states of all alarms as they are behind the line `last` of the journal; `previous` is the line of the checkpoint before.
pub(super) fn write_checkpoint(transaction: &Transaction<'_>, previous: i64, last: i64) -> rusqlite::Result<i64> {
    let sql = "SELECT min(time) FROM journal WHERE id > ?1 AND id <= ?2";
    let earliest: Option<i64> = transaction.query_row(sql, [previous, last], |row| row.get(0))?;
    let Some(earliest) = earliest else { return Ok(previous) };
    let states: Vec<_> = states(transaction)?.into_iter().map(|(key, (kept, value))| (key, kept, value)).collect();
    let states =
        serde_json::to_string(&states).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    let sql = "INSERT INTO checkpoint(journal, earliest, states) VALUES (?1, ?2, ?3)";
    transaction.execute(sql, params![last, earliest, states])?;
    Ok(last)
}

fn write_delay(transaction: &Transaction<'_>, change: &DelayChange) -> rusqlite::Result<()> {
    match change.delay {
        None => {
            transaction.prepare_cached("DELETE FROM alarm_delay WHERE alarm = ?1")?.execute([change.alarm.as_str()])?;
        }
        Some(delay) => {
            let sql = "INSERT OR REPLACE INTO alarm_delay(alarm, since, towards_active) VALUES (?1, ?2, ?3)";
            let values = params![change.alarm.as_str(), delay.since.as_micros(), delay.towards_active];
            transaction.prepare_cached(sql)?.execute(values)?;
        }
    }
    Ok(())
}

/// Which entries outlive a start: a later one of the same kind and subject takes the place of an earlier one.
fn kind(action: &str) -> Option<&'static str> {
    match action {
        "off-scan" | "on-scan" => Some("scan"),
        "identity" => Some("identity"),
        "learned" => Some("learned"),
        "enter" => Some("entered"),
        "bridge-stop" | "bridge-start" => Some("bridge"),
        _ => None,
    }
}

fn remember(transaction: &Transaction<'_>, sealed: &Sealed) -> rusqlite::Result<()> {
    let Ok(entry) = sealed.entry() else { return Ok(()) };
    if let Some(kind) = kind(&entry.action) {
        let sql = "INSERT OR REPLACE INTO remembered(kind, subject, bytes) VALUES (?1, ?2, ?3)";
        transaction.prepare_cached(sql)?.execute(params![kind, &*entry.subject, sealed.bytes])?;
    }
    Ok(())
}

/// What is kept of the alarm, as text. Numbers, words and flags always have a JSON form.
fn image(change: &Transition) -> Option<String> {
    change.kept.as_ref().and_then(|kept| serde_json::to_string(kept).ok())
}

fn json(value: &Option<Value>) -> Option<String> {
    value.as_ref().and_then(|value| serde_json::to_string(value).ok())
}

fn write_transition(transaction: &Transaction<'_>, change: &Transition) -> rusqlite::Result<()> {
    let sql = "INSERT INTO journal(
            time, alarm, occurrence, before, after, raised, value, actor, comment, occasion, condition, image)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
    transaction.prepare_cached(sql)?.execute(params![
        change.time.as_micros(),
        change.alarm.as_str(),
        change.occurrence.0 as i64,
        change.from.word(),
        change.to.word(),
        change.raised.as_micros(),
        json(&change.value),
        change.actor.as_ref().map(ToString::to_string),
        &*change.comment,
        change.occasion.word(),
        change.condition.words(),
        image(change),
    ])?;
    Ok(())
}

fn write_state(transaction: &Transaction<'_>, change: &Transition) -> rusqlite::Result<()> {
    let Some(kept) = &change.kept else {
        transaction.prepare_cached("DELETE FROM alarm_state WHERE alarm = ?1")?.execute([change.alarm.as_str()])?;
        return Ok(());
    };
    let sql = "INSERT OR REPLACE INTO alarm_state(alarm, state, occurrence, raised, changed, value, image)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    transaction.prepare_cached(sql)?.execute(params![
        change.alarm.as_str(),
        change.to.word(),
        change.occurrence.0 as i64,
        change.raised.as_micros(),
        kept.changed.as_micros(),
        json(&kept.value),
        image(change),
    ])?;
    Ok(())
}

/// One row says that transitions are missing; the states that they led to are put right.
fn write_gap(transaction: &Transaction<'_>, gap: &Gap) -> rusqlite::Result<()> {
    let Some((words, time)) = gap.line() else { return Ok(()) };
    let sql = "INSERT INTO journal(time, alarm, occurrence, before, after, raised, value, actor, comment)
               VALUES (?1, 'station/records-writable:gap', 0, '', '', ?1, NULL, 'station', ?2)";
    transaction.execute(sql, params![time.as_micros(), words])?;
    gap.latest().into_iter().try_for_each(|change| write_state(transaction, change))
}

impl Store for RecordStore {
    fn last(&self) -> Result<(u64, [u8; 32]), StoreError> {
        match self.last_entry().map_err(|error| self.failed(&error))? {
            None => Ok((0, GENESIS)),
            Some((number, hash)) => match hash.try_into() {
                Ok(hash) => Ok((number as u64, hash)),
                Err(_) => Err(StoreError(format!("the hash of audit entry {number} is damaged"))),
            },
        }
    }

    fn append(&mut self, entries: &[Sealed]) -> Result<(), StoreError> {
        self.write(entries).map_err(|error| self.failed(&error))
    }
}
