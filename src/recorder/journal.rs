//! Reading the records: for the alarm journal, for the audit view, for verification.

use super::store::VERSION;
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
    /// What made it change; empty in lines of Polder before the records had version 2.
    pub occasion: String,
    /// What was known of the condition afterwards; empty like the occasion.
    pub condition: String,
    /// The message with the values of the activation, where it tells some: as the operator read it then.
    pub message: Option<String>,
}

macro_rules! image {
    () => {
        "CASE WHEN after <> 'normal' THEN image ELSE
            (SELECT image FROM (SELECT earlier.image, earlier.occurrence FROM journal AS earlier
                WHERE earlier.alarm = journal.alarm AND earlier.id < journal.id ORDER BY earlier.id DESC LIMIT 1) AS before
            WHERE before.occurrence = journal.occurrence) END"
    };
}

/// What [`line`] reads. What is kept of an alarm has its message; of one that became normal nothing is kept, but the line before it was about the
/// same activation.
pub(super) const LINE: &str =
    concat!("time, alarm, occurrence, after, value, actor, comment, occasion, condition, ", image!());
/// What is kept of the alarm that a line is about.
pub(super) const IMAGE: &str = image!();

#[derive(serde::Deserialize)]
struct Told {
    message: Option<String>,
}

/// One line of the audit record.
pub type AuditLine = Entry;

/// Opens records to read what every version has: the audit entries, and what is remembered.
pub(super) fn open_any(path: &Path) -> rusqlite::Result<Connection> {
    Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)
}

/// Opens records to read what they say of alarms: of another version only the station can, which takes them over.
pub(super) fn open(path: &Path) -> rusqlite::Result<Connection> {
    let connection = open_any(path)?;
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let words = match version {
        // Nothing was written yet.
        0 | VERSION => return Ok(connection),
        1..VERSION => "was written by an earlier Polder; start the station once, which takes it over, and try again",
        _ => "was written by a later Polder; use that one",
    };
    let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_SCHEMA);
    Err(rusqlite::Error::SqliteFailure(code, Some(format!("{} {words}", path.display()))))
}

/// The newest lines of the journal, the newest first.
pub fn read_journal(path: &Path, limit: usize) -> rusqlite::Result<Vec<JournalLine>> {
    let connection = open(path)?;
    let query = format!("SELECT {LINE} FROM journal ORDER BY id DESC LIMIT ?1");
    let mut statement = connection.prepare(&query)?;
    let rows = statement.query_map([limit as i64], line)?;
    rows.collect()
}

/// The newest lines of one alarm, the newest first.
pub fn read_journal_of(path: &Path, alarm: &str, limit: usize) -> rusqlite::Result<Vec<JournalLine>> {
    let connection = open(path)?;
    let query = format!("SELECT {LINE} FROM journal WHERE alarm = ?1 ORDER BY id DESC LIMIT ?2");
    let mut statement = connection.prepare(&query)?;
    let rows = statement.query_map(rusqlite::params![alarm, limit as i64], line)?;
    rows.collect()
}

/// The lines of the journal from `from` to `to`, the oldest first; of more than `limit`, the newest.
pub fn read_journal_between(
    path: &Path,
    from: Timestamp,
    to: Timestamp,
    limit: usize,
) -> rusqlite::Result<Vec<JournalLine>> {
    let connection = open(path)?;
    let query = format!("SELECT {LINE} FROM journal WHERE time BETWEEN ?1 AND ?2 ORDER BY time DESC, id DESC LIMIT ?3");
    let mut statement = connection.prepare(&query)?;
    let rows = statement.query_map([from.as_micros(), to.as_micros(), limit as i64], line)?;
    let mut lines: Vec<JournalLine> = rows.collect::<rusqlite::Result<_>>()?;
    lines.reverse();
    Ok(lines)
}

/// The message in what is kept of an alarm. What cannot be read tells nothing; the rest of the line does.
pub(super) fn message_in(image: Option<&str>) -> Option<String> {
    serde_json::from_str::<Told>(image?).ok()?.message
}

pub(super) fn line(row: &rusqlite::Row<'_>) -> rusqlite::Result<JournalLine> {
    let image: Option<String> = row.get(9)?;
    Ok(JournalLine {
        time: Timestamp::from_micros(row.get(0)?),
        alarm: row.get(1)?,
        occurrence: row.get::<_, i64>(2)? as u64,
        state: row.get(3)?,
        value: row.get(4)?,
        actor: row.get(5)?,
        comment: row.get(6)?,
        occasion: row.get::<_, Option<String>>(7)?.unwrap_or_default(),
        condition: row.get::<_, Option<String>>(8)?.unwrap_or_default(),
        message: message_in(image.as_deref()),
    })
}

pub(super) fn sealed(row: &rusqlite::Row<'_>) -> rusqlite::Result<Sealed> {
    let hash: Vec<u8> = row.get(2)?;
    Ok(Sealed { number: row.get::<_, i64>(0)? as u64, bytes: row.get(1)?, hash: hash.try_into().unwrap_or([0; 32]) })
}

/// The newest entries of the audit record, the newest first. Entries that cannot be read are left out here; [`verify_file`] names them.
pub fn read_audit(path: &Path, limit: usize) -> rusqlite::Result<Vec<AuditLine>> {
    let connection = open_any(path)?;
    let mut statement = connection.prepare("SELECT number, bytes, hash FROM audit ORDER BY number DESC LIMIT ?1")?;
    let rows = statement.query_map([limit as i64], sealed)?;
    Ok(rows.collect::<Result<Vec<_>, _>>()?.iter().filter_map(|entry| entry.entry().ok()).collect())
}

/// Every entry of the audit record with this action, the oldest first.
pub fn read_actions(path: &Path, action: &str) -> rusqlite::Result<Vec<AuditLine>> {
    let connection = open_any(path)?;
    let mut statement = connection.prepare("SELECT number, bytes, hash FROM audit ORDER BY number")?;
    let rows = statement.query_map([], sealed)?;
    let mut found = Vec::new();
    for row in rows {
        found.extend(row?.entry().ok().filter(|entry| &*entry.action == action));
    }
    Ok(found)
}

/// The entries of the audit record with this action behind the entry `number`, the oldest first.
pub fn read_actions_after(path: &Path, action: &str, number: u64) -> rusqlite::Result<Vec<AuditLine>> {
    let connection = open_any(path)?;
    // Most entries are of other kinds: the database leaves them out without anybody reading them as JSON.
    let sql = "SELECT number, bytes, hash FROM audit
        WHERE number > ?1 AND instr(bytes, CAST(?2 AS BLOB)) > 0 ORDER BY number";
    let mut statement = connection.prepare(sql)?;
    let sign = format!("\"action\":{}", serde_json::Value::from(action));
    let rows = statement.query_map(rusqlite::params![number as i64, sign], sealed)?;
    let mut found = Vec::new();
    for row in rows {
        found.extend(row?.entry().ok().filter(|entry| &*entry.action == action));
    }
    Ok(found)
}

/// The entries of the audit record from `from` to `to`, the oldest first; of more than `limit`, the oldest. Entries are in order of time
/// as far as the clock was: where it was put back, some may be missing here, and [`read_audit`] has them.
pub fn read_audit_between(
    path: &Path,
    from: Timestamp,
    to: Timestamp,
    limit: usize,
) -> rusqlite::Result<Vec<AuditLine>> {
    let connection = open_any(path)?;
    let first = first_since(&connection, from)?;
    let mut statement =
        connection.prepare("SELECT number, bytes, hash FROM audit WHERE number >= ?1 ORDER BY number")?;
    let mut rows = statement.query([first])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let Ok(entry) = sealed(row)?.entry() else { continue };
        if entry.time > to || found.len() == limit {
            break;
        }
        if entry.time >= from {
            found.push(entry);
        }
    }
    Ok(found)
}

/// The number of the first entry that is not older than `from`, found by halving.
fn first_since(connection: &Connection, from: Timestamp) -> rusqlite::Result<i64> {
    let sql = "SELECT coalesce(min(number), 1), coalesce(max(number), 0) + 1 FROM audit";
    let (mut low, mut high): (i64, i64) = connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let mut statement = connection.prepare("SELECT number, bytes, hash FROM audit WHERE number = ?1")?;
    while low < high {
        let middle = low + (high - low) / 2;
        // An entry that cannot be read says nothing of its time; what is before it is looked through too.
        let is_older = match statement.query_row([middle], sealed)?.entry() {
            Ok(entry) => entry.time < from,
            Err(_) => false,
        };
        if is_older {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Ok(low)
}

/// Checks the whole audit record: how many entries hold, or the first that does not.
pub fn verify_file(path: &Path) -> rusqlite::Result<Result<u64, Broken>> {
    let connection = open_any(path)?;
    let mut statement = connection.prepare("SELECT number, bytes, hash FROM audit ORDER BY number")?;
    let mut failure = None;
    let rows = statement.query_map([], sealed)?.map_while(|row| row.map_err(|error| failure = Some(error)).ok());
    let result = audit::verify(rows);
    match failure {
        Some(error) => Err(error),
        None => Ok(result),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Principal;
    use crate::alarm::{AlarmKey, ConditionState, Occasion, OccurrenceId, Persisted, State, Transition};
    use crate::audit::{Draft, RequestId, commit};
    use crate::recorder::{Gap, RecordStore};

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    /// Entries at 0, 10, ... 990 s, every seventh a note, and alarms at the same moments.
    fn records(path: &Path) {
        let mut store = RecordStore::open(path).unwrap();
        let kept = |number: i64| {
            Persisted::of_state(State::Unacknowledged, OccurrenceId(number as u64), at(number * 10), at(number * 10))
        };
        let draft = |number: i64| Draft {
            request: format!("r{number}").as_str().into(),
            // Once the clock was wrong.
            time: if number == 55 { at(3) } else { at(number * 10) },
            principal: Principal::person("anna"),
            action: if number % 7 == 0 { "note" } else { "command" }.into(),
            subject: "s".into(),
            // Words of a person are no sign of what an entry is.
            detail: "{\"words\":\"\\\"action\\\":\\\"note\\\"\"}".into(),
            essential: false,
        };
        let change = |number: i64| Transition {
            occasion: Occasion::ConditionActive,
            condition: ConditionState { active: true, unevaluated: false },
            kept: Some(kept(number).into()),
            is_requested: false,
            alarm: AlarmKey::from("a:high"),
            occurrence: OccurrenceId(number as u64),
            from: State::Normal,
            to: State::Unacknowledged,
            time: at(number * 10),
            raised: at(number * 10),
            value: None,
            actor: None,
            comment: "".into(),
        };
        store.stage((0..100).map(change).collect(), Gap::default(), Vec::new());
        commit(&mut store, &(0..100).map(draft).collect::<Vec<_>>()).unwrap();
    }

    #[test]
    fn records_are_found_by_their_time_and_by_their_action() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("records.sqlite");
        records(&path);
        for (from, to, limit, expected) in [
            (95, 130, 10, vec![10, 11, 12, 13]),
            (0, 10, 10, vec![0, 1]),
            (985, 5000, 10, vec![99]),
            (2000, 3000, 10, vec![]),
        ] {
            let audit = read_audit_between(&path, at(from), at(to), limit).unwrap();
            let times: Vec<i64> = audit.iter().map(|entry| entry.time.as_micros() / 10_000_000).collect();
            assert_eq!(times, expected, "{from} {to}");
            let journal = read_journal_between(&path, at(from), at(to), limit).unwrap();
            let numbers: Vec<i64> = journal.iter().map(|line| line.occurrence as i64).collect();
            assert_eq!(numbers, expected, "{from} {to}");
        }
        let audit = read_audit_between(&path, at(540), at(560), 10).unwrap();
        let times: Vec<i64> = audit.iter().map(|entry| entry.time.as_micros() / 10_000_000).collect();
        assert_eq!(times, [54, 56], "what a wrong clock wrote does not belong to this time");
        let newest: Vec<u64> =
            read_journal_between(&path, at(0), at(990), 2).unwrap().iter().map(|line| line.occurrence).collect();
        assert_eq!(newest, [98, 99], "of more than the limit, the newest");
        let notes = read_actions_after(&path, "note", 0).unwrap();
        assert_eq!(notes.len(), 15);
        let later = read_actions_after(&path, "note", notes[10].number).unwrap();
        assert_eq!(later, notes[11..]);
    }

    /// A line tells the message as the operator read it, also the one with which the alarm became normal, of which nothing is kept.
    #[test]
    fn requests_over_links_are_known_after_a_start() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("records.sqlite");
        records(&path);
        let draft = |request: RequestId| Draft {
            request,
            time: at(0),
            principal: Principal::link("site", "scada"),
            action: "command".into(),
            subject: "s".into(),
            detail: "{}".into(),
            essential: false,
        };
        let named = ["x7", "x8"].map(|name| RequestId::over_link("site", name));
        let drafts = [named[0].clone(), "a person's".into(), named[1].clone()].map(draft);
        commit(&mut RecordStore::open(&path).unwrap(), &drafts).unwrap();
        assert_eq!(RecordStore::open(&path).unwrap().restore().unwrap().over_links, named);
    }

    #[test]
    fn a_line_has_the_message_of_its_activation() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("records.sqlite");
        let mut store = RecordStore::open(&path).unwrap();
        let change = |alarm: &str, number: u64, to: State, message: Option<&str>| {
            let (occurrence, time) = (OccurrenceId(number), at(number as i64));
            let kept =
                Persisted { message: message.map(Into::into), ..Persisted::of_state(to, occurrence, time, time) };
            Transition {
                alarm: AlarmKey::from(alarm),
                occurrence,
                from: State::Normal,
                to,
                time,
                raised: time,
                value: None,
                actor: None,
                comment: "".into(),
                occasion: Occasion::ConditionActive,
                condition: ConditionState::default(),
                kept: (to != State::Normal).then(|| kept.into()),
                is_requested: false,
            }
        };
        let raised = |alarm, number, message| change(alarm, number, State::Unacknowledged, message);
        let over = |alarm, number| change(alarm, number, State::Normal, None);
        let all = vec![
            raised("a", 1, Some("level 3.5 m")),
            raised("b", 2, None),
            over("a", 1),
            over("b", 2),
            raised("a", 3, Some("level 4.0 m")),
            // Of another activation, as behind a gap.
            over("a", 4),
        ];
        store.stage(all, Gap::default(), Vec::new());
        commit(&mut store, &[]).unwrap();
        store.connection.execute("UPDATE journal SET image = 'damaged' WHERE id = 5", []).unwrap();
        let lines = read_journal(&path, 10).unwrap();
        let told: Vec<_> = lines.iter().rev().map(|line| line.message.as_deref()).collect();
        let first = Some("level 3.5 m");
        assert_eq!(told, [first, None, first, None, None, None]);
        let of_alarm = read_journal_of(&path, "a", 10).unwrap();
        assert_eq!(of_alarm.last().and_then(|line| line.message.as_deref()), first);
        let between = read_journal_between(&path, at(0), at(9), 10).unwrap();
        assert_eq!(between.iter().filter(|line| line.message.is_some()).count(), 2);
    }
}
