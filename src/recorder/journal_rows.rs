//! Every column of the journal, row by row, for exports.

use super::journal::{IMAGE, message_in, open};
use crate::alarm::AlarmDefinition;
use crate::alarm::figures::Period;
use crate::tag::Timestamp;
use rusqlite::Row;
use std::path::Path;

/// One row of the journal.
#[derive(Clone, Debug, PartialEq)]
pub struct JournalRow {
    /// When.
    pub time: Timestamp,
    /// The alarm.
    pub alarm: String,
    /// The activation.
    pub occurrence: u64,
    /// The word of the state before; empty for remarks of the station.
    pub before: String,
    /// The word of the state after; empty for remarks of the station.
    pub after: String,
    /// When the activation began.
    pub raised: Timestamp,
    /// The value, as JSON.
    pub value: Option<String>,
    /// Who.
    pub actor: Option<String>,
    /// What they said.
    pub comment: String,
    /// The message with the values of the activation, where it tells some: as the operator read it then.
    pub message: Option<String>,
}

/// The columns of the journal as a table. New ones come at the end.
pub const JOURNAL_HEAD: [&str; 12] = [
    "time",
    "alarm",
    "occurrence",
    "before",
    "after",
    "raised",
    "value",
    "actor",
    "comment",
    "priority",
    "area",
    "message",
];

impl JournalRow {
    /// The message as it was read then, or else what the station file says now.
    pub fn message_beside<'a>(&'a self, alarm: Option<&'a AlarmDefinition>) -> &'a str {
        self.message.as_deref().or(alarm.map(|alarm| &*alarm.message)).unwrap_or_default()
    }

    /// The row as a line of that table; `alarm` is what the station file says of it now.
    pub fn columns(&self, alarm: Option<&AlarmDefinition>) -> [String; 12] {
        [
            self.time.to_rfc3339(),
            self.alarm.clone(),
            self.occurrence.to_string(),
            self.before.clone(),
            self.after.clone(),
            self.raised.to_rfc3339(),
            self.value.clone().unwrap_or_default(),
            self.actor.clone().unwrap_or_default(),
            self.comment.clone(),
            alarm.map_or("", |alarm| alarm.priority.word()).to_owned(),
            alarm.and_then(|alarm| alarm.area.as_deref()).unwrap_or_default().to_owned(),
            self.message_beside(alarm).to_owned(),
        ]
    }
}

/// Hands the rows of a period to `take`, the oldest first, one at a time. The file may belong to a station that runs.
pub fn visit_journal<E: From<rusqlite::Error>>(
    path: &Path,
    period: Period,
    mut take: impl FnMut(JournalRow) -> Result<(), E>,
) -> Result<(), E> {
    let connection = open(path)?;
    let query = format!(
        "SELECT time, alarm, occurrence, before, after, raised, value, actor, comment, {IMAGE} FROM journal
        WHERE time >= ?1 AND time < ?2 ORDER BY time, id"
    );
    let mut statement = connection.prepare(&query)?;
    let mut rows = statement.query([period.from.as_micros(), period.to.as_micros()])?;
    while let Some(row) = rows.next()? {
        take(read(row)?)?;
    }
    Ok(())
}

pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<JournalRow> {
    Ok(JournalRow {
        time: Timestamp::from_micros(row.get(0)?),
        alarm: row.get(1)?,
        occurrence: row.get::<_, i64>(2)? as u64,
        before: row.get(3)?,
        after: row.get(4)?,
        raised: Timestamp::from_micros(row.get(5)?),
        value: row.get(6)?,
        actor: row.get(7)?,
        comment: row.get(8)?,
        message: message_in(row.get::<_, Option<String>>(9)?.as_deref()),
    })
}
