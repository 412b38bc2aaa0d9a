//! The states of alarms at a moment of the past, out of the journal.

use crate::alarm::{AlarmKey, OccurrenceId, Persisted, State};
use crate::tag::{Timestamp, Value};
use rusqlite::{Connection, OptionalExtension};
use std::collections::BTreeMap;

/// An alarm that was not normal, or was set aside, at that moment.
#[derive(Clone, Debug, PartialEq)]
pub struct AlarmThen {
    /// The alarm.
    pub alarm: AlarmKey,
    /// What it was.
    pub kept: Persisted,
    /// The value of its last change.
    pub value: Option<Value>,
}

/// One line of states or of the journal.
pub(super) struct Columns {
    pub(super) state: String,
    pub(super) occurrence: OccurrenceId,
    pub(super) raised: Timestamp,
    pub(super) changed: Timestamp,
    pub(super) image: Option<String>,
}

impl Columns {
    /// What was kept; none where nothing was. Lines of version 1, and those that cannot be read, have their state alone.
    pub(super) fn kept(&self) -> Option<Persisted> {
        let image = self.image.as_deref().and_then(|image| serde_json::from_str(image).ok());
        let state = State::from_word(&self.state).unwrap_or(State::Unacknowledged);
        let of_state = || Persisted::of_state(state, self.occurrence, self.raised, self.changed);
        image.or_else(|| (state != State::Normal).then(of_state))
    }
}

type States = BTreeMap<AlarmKey, (Persisted, Option<Value>)>;

/// The alarms that were not normal or set aside at `time`, by name: the states that were kept last before it, and every line of the
/// journal since then. Where the clock was put back, `time` may have been there twice: then the later one is meant.
pub fn alarms_at(connection: &Connection, time: Timestamp) -> rusqlite::Result<Vec<AlarmThen>> {
    let Some(last) = last_line(connection, time)? else { return Ok(Vec::new()) };
    let sql = "SELECT journal, states FROM checkpoint WHERE journal <= ?1 ORDER BY journal DESC LIMIT 1";
    let kept: Option<(i64, String)> =
        connection.query_row(sql, [last], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let (from, states) = match kept {
        None => (0, States::new()),
        Some((line, states)) => (line, read_states(&states)?),
    };
    let states = replay(connection, from, last, states)?;
    Ok(states.into_iter().map(|(alarm, (kept, value))| AlarmThen { alarm, kept, value }).collect())
}

/// The last line that was written when it was not later than `time`.
fn last_line(connection: &Connection, time: Timestamp) -> rusqlite::Result<Option<i64>> {
    let newest = "SELECT coalesce(max(journal), 0) FROM checkpoint";
    let newest: i64 = connection.query_row(newest, [], |row| row.get(0))?;
    if let Some(line) = last_between(connection, newest, i64::MAX, time)? {
        return Ok(Some(line));
    }
    let sql = "SELECT max(journal) FROM checkpoint WHERE earliest <= ?1";
    let end: Option<i64> = connection.query_row(sql, [time.as_micros()], |row| row.get(0))?;
    let Some(end) = end else { return Ok(None) };
    let sql = "SELECT coalesce(max(journal), 0) FROM checkpoint WHERE journal < ?1";
    let start: i64 = connection.query_row(sql, [end], |row| row.get(0))?;
    last_between(connection, start, end, time)
}

fn last_between(connection: &Connection, after: i64, end: i64, time: Timestamp) -> rusqlite::Result<Option<i64>> {
    let sql = "SELECT max(id) FROM journal WHERE id > ?1 AND id <= ?2 AND +time <= ?3";
    connection.query_row(sql, [after, end, time.as_micros()], |row| row.get(0))
}

fn read_states(text: &str) -> rusqlite::Result<States> {
    let states: Vec<(AlarmKey, Persisted, Option<Value>)> = serde_json::from_str(text)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(1, rusqlite::types::Type::Text, error.into()))?;
    Ok(states.into_iter().map(|(key, kept, value)| (key, (kept, value))).collect())
}

/// Every line of the journal behind `after`, up to `end`.
fn replay(connection: &Connection, after: i64, end: i64, mut states: States) -> rusqlite::Result<States> {
    let sql = "SELECT alarm, after, occurrence, raised, time, image, value FROM journal
        WHERE id > ?1 AND id <= ?2 AND after <> '' ORDER BY id";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([after, end])?;
    while let Some(row) = rows.next()? {
        let alarm: String = row.get(0)?;
        let columns = Columns {
            state: row.get(1)?,
            occurrence: OccurrenceId(row.get::<_, i64>(2)? as u64),
            raised: Timestamp::from_micros(row.get(3)?),
            changed: Timestamp::from_micros(row.get(4)?),
            image: row.get(5)?,
        };
        let value: Option<String> = row.get(6)?;
        let value = value.and_then(|text| serde_json::from_str(&text).ok());
        match columns.kept() {
            Some(kept) => states.insert(AlarmKey::from(alarm.as_str()), (kept, value)),
            None => states.remove(&AlarmKey::from(alarm.as_str())),
        };
    }
    Ok(states)
}
