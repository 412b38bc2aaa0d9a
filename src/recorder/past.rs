//! The states of alarms at a moment of the past, out of the journal.

use crate::alarm::{AlarmKey, OccurrenceId, Persisted, State};
use crate::tag::{Timestamp, Value};
use rusqlite::{Connection, OptionalExtension};
use std::collections::BTreeMap;
use std::path::Path;

/// An alarm that was not normal, or was set aside, at that moment.
#[derive(Clone, Debug, PartialEq)]
pub struct AlarmThen {
    /// The alarm.
    pub alarm: AlarmKey,
    /// What it was.
    pub kept: Persisted,
    /// The value that raised it; where the records of that time do not have it, the one of its last change.
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

/// The same as [`alarms_at`], of a file that may belong to a station that runs.
pub fn read_alarms_at(path: &Path, time: Timestamp) -> rusqlite::Result<Vec<AlarmThen>> {
    alarms_at(&super::journal::open(path)?, time)
}

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
    let then = |(alarm, (kept, value)): (AlarmKey, (Persisted, Option<Value>))| {
        let value = kept.value.clone().or(value);
        AlarmThen { alarm, kept, value }
    };
    Ok(states.into_iter().map(then).collect())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Principal;
    use crate::alarm::{Aside, ConditionState, DelayChange, DelayKept, Occasion, Suppression, Transition};
    use crate::audit::commit;
    use crate::recorder::Gap;
    use crate::recorder::{RECORDS_FILE, RecordStore};

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    /// The tables as Polder had them before, with an alarm of each state and its journal.
    const VERSION_1: &str = "
        CREATE TABLE alarm_state(
            alarm TEXT PRIMARY KEY, state TEXT NOT NULL, occurrence INTEGER NOT NULL, raised INTEGER NOT NULL,
            changed INTEGER NOT NULL, value TEXT) WITHOUT ROWID;
        CREATE TABLE journal(
            id INTEGER PRIMARY KEY, time INTEGER NOT NULL, alarm TEXT NOT NULL, occurrence INTEGER NOT NULL,
            before TEXT NOT NULL, after TEXT NOT NULL, raised INTEGER NOT NULL, value TEXT, actor TEXT, comment TEXT NOT NULL);
        CREATE INDEX journal_by_time ON journal(time);
        CREATE TABLE audit(number INTEGER PRIMARY KEY, bytes BLOB NOT NULL, hash BLOB NOT NULL);
        CREATE TABLE remembered(
            kind TEXT NOT NULL, subject TEXT NOT NULL, bytes BLOB NOT NULL, PRIMARY KEY(kind, subject)) WITHOUT ROWID;
        INSERT INTO alarm_state VALUES ('a:high', 'acknowledged', 2, 20000000, 30000000, '1.5'),
            ('b:high', 'returned-unacknowledged', 3, 25000000, 40000000, NULL);
        INSERT INTO journal(time, alarm, occurrence, before, after, raised, value, actor, comment) VALUES
            (10000000, 'a:high', 1, 'normal', 'unacknowledged', 10000000, NULL, NULL, ''),
            (15000000, 'a:high', 1, 'unacknowledged', 'returned-unacknowledged', 10000000, NULL, NULL, ''),
            (20000000, 'a:high', 2, 'returned-unacknowledged', 'unacknowledged', 20000000, NULL, NULL, ''),
            (25000000, 'b:high', 3, 'normal', 'unacknowledged', 25000000, NULL, NULL, ''),
            (30000000, 'a:high', 2, 'unacknowledged', 'acknowledged', 20000000, NULL, 'anna', 'seen'),
            (40000000, 'b:high', 3, 'unacknowledged', 'returned-unacknowledged', 25000000, NULL, NULL, '');
        PRAGMA user_version = 1;";

    fn told(states: &[AlarmThen]) -> Vec<(String, &'static str, u64)> {
        states.iter().map(|then| (then.alarm.to_string(), then.kept.state().word(), then.kept.occurrence.0)).collect()
    }

    #[test]
    fn records_of_version_1_are_taken_over_and_their_past_with_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(RECORDS_FILE);
        Connection::open(&path).unwrap().execute_batch(VERSION_1).unwrap();
        let refused = crate::recorder::read_journal(&path, 10).unwrap_err().to_string();
        assert!(refused.contains("earlier Polder; start the station once"), "{refused}");
        for _ in 0..2 {
            let restored = RecordStore::open(&path).unwrap().restore().unwrap();
            let states: Vec<_> = restored.alarms.iter().map(|(key, kept, _)| (key.as_str(), kept.state())).collect();
            assert_eq!(states, [("a:high", State::Acknowledged), ("b:high", State::ReturnedUnacknowledged)]);
            assert!(restored.alarms[0].1.active && !restored.alarms[1].1.active);
            assert_eq!(restored.last_occurrence, 3);
        }
        let connection = Connection::open(&path).unwrap();
        let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
        assert_eq!(version, 2);
        let a = |state, occurrence| ("a:high".to_owned(), state, occurrence);
        let b = |state| ("b:high".to_owned(), state, 3);
        for (time, expected) in [
            (5, vec![]),
            (10, vec![a("unacknowledged", 1)]),
            (16, vec![a("returned-unacknowledged", 1)]),
            (27, vec![a("unacknowledged", 2), b("unacknowledged")]),
            (99, vec![a("acknowledged", 2), b("returned-unacknowledged")]),
        ] {
            assert_eq!(told(&alarms_at(&connection, at(time)).unwrap()), expected, "{time}");
        }
        let lines = crate::recorder::read_journal(&path, 10).unwrap();
        assert_eq!((lines.len(), lines[1].comment.as_str(), lines[1].occasion.as_str()), (6, "seen", ""));
    }

    #[test]
    fn a_file_that_is_half_taken_over_is_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(RECORDS_FILE);
        let connection = Connection::open(&path).unwrap();
        connection.execute_batch(VERSION_1).unwrap();
        // The last step fails.
        connection
            .execute_batch("CREATE TABLE checkpoint(journal INTEGER CHECK (journal < 0), earliest, states)")
            .unwrap();
        assert!(RecordStore::open(&path).is_err());
        let columns = connection.prepare("SELECT * FROM journal").unwrap().column_count();
        let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
        assert_eq!((columns, version), (10, 1));
        connection.execute_batch("DROP TABLE checkpoint").unwrap();
        assert_eq!(RecordStore::open(&path).unwrap().restore().unwrap().alarms.len(), 2);
    }

    fn dice(seed: &mut u64, sides: u64) -> u64 {
        *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*seed >> 33) % sides
    }

    fn random_change(seed: &mut u64, number: u64, time: Timestamp) -> Transition {
        let to = State::ALL[dice(seed, 9) as usize];
        let occurrence = OccurrenceId(number + 1);
        let kept = match to {
            State::Normal => None,
            State::Shelved | State::Suppressed | State::OutOfService => {
                let held =
                    Suppression { by: Principal::station(), reason: format!("{number}").as_str().into(), since: time };
                let aside = Aside { suppression: Some(held), ..Aside::default() };
                Some(Persisted {
                    occurrence,
                    aside: Some(aside.into()),
                    active: number.is_multiple_of(2),
                    ..Persisted::default()
                })
            }
            _ => {
                let message = Some(format!("level {number}").as_str().into());
                Some(Persisted { message, ..Persisted::of_state(to, occurrence, time, time) })
            }
        };
        Transition {
            alarm: AlarmKey::from(format!("t{}:high", dice(seed, 20)).as_str()),
            occurrence,
            from: State::Normal,
            to: kept.as_ref().map_or(State::Normal, Persisted::state),
            time,
            raised: time,
            value: Some(Value::Signed(number as i64)),
            actor: None,
            comment: "".into(),
            occasion: Occasion::ConditionActive,
            condition: ConditionState::default(),
            kept: kept.map(|kept| Persisted { value: Some(Value::Signed(number as i64)), ..kept }.into()),
            is_requested: false,
        }
    }

    #[test]
    fn the_states_of_any_moment_are_those_of_a_replay_from_the_start() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(RECORDS_FILE);
        let mut store = RecordStore::open(&path).unwrap();
        let (mut seed, mut time, mut changes) = (11, 0i64, Vec::new());
        for round in 0..120u64 {
            // Twice the clock is put back by a good while.
            time -= if round == 40 || round == 90 { 700 } else { 0 };
            let many: Vec<Transition> = (0..50)
                .map(|number| {
                    time += dice(&mut seed, 3) as i64;
                    random_change(&mut seed, round * 50 + number, at(time))
                })
                .collect();
            changes.extend(many.clone());
            store.stage(many, Gap::default(), Vec::new());
            commit(&mut store, &[]).unwrap();
        }
        let connection = Connection::open(&path).unwrap();
        let count: i64 = connection.query_row("SELECT count(*) FROM checkpoint", [], |row| row.get(0)).unwrap();
        assert_eq!(count, 6);
        for _ in 0..300 {
            let moment = at(dice(&mut seed, time as u64 + 20) as i64 - 5);
            let until = changes.iter().rposition(|change| change.time <= moment).map_or(0, |place| place + 1);
            let mut expected = BTreeMap::new();
            for change in &changes[..until] {
                match &change.kept {
                    Some(kept) => expected.insert(change.alarm.clone(), ((**kept).clone(), change.value.clone())),
                    None => expected.remove(&change.alarm),
                };
            }
            let found = alarms_at(&connection, moment).unwrap();
            let found: BTreeMap<_, _> = found.into_iter().map(|then| (then.alarm, (then.kept, then.value))).collect();
            assert_eq!(found, expected, "{}", moment.to_rfc3339());
        }
    }

    #[test]
    fn behind_a_gap_the_states_are_those_that_it_led_to() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(RECORDS_FILE);
        let mut store = RecordStore::open(&path).unwrap();
        let change = |alarm: &str, to: State, seconds: i64| Transition {
            alarm: AlarmKey::from(alarm),
            to,
            kept: (to != State::Normal)
                .then(|| Persisted::of_state(to, OccurrenceId(seconds as u64), at(seconds), at(seconds)).into()),
            ..random_change(&mut 1, 0, at(seconds))
        };
        store.stage(vec![change("a", State::Unacknowledged, 10)], Gap::default(), Vec::new());
        commit(&mut store, &[]).unwrap();
        let mut gap = Gap::default();
        gap.add_transition(change("a", State::Normal, 20));
        gap.add_transition(change("b", State::Unacknowledged, 30));
        store.stage(Vec::new(), gap, Vec::new());
        commit(&mut store, &[]).unwrap();
        let connection = Connection::open(&path).unwrap();
        for (time, expected) in [(15, "a"), (35, "b")] {
            let found = alarms_at(&connection, at(time)).unwrap();
            assert_eq!(found.iter().map(|then| then.alarm.as_str()).collect::<Vec<_>>(), [expected], "{time}");
        }
    }

    #[test]
    fn delays_that_go_on_are_kept_and_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(RECORDS_FILE);
        let mut store = RecordStore::open(&path).unwrap();
        let delay = Some(DelayKept { since: at(7), towards_active: true });
        let change = |delay| DelayChange { alarm: AlarmKey::from("a:high"), delay };
        store.stage(Vec::new(), Gap::default(), vec![change(delay)]);
        commit(&mut store, &[]).unwrap();
        let restored = RecordStore::open(&path).unwrap().restore().unwrap();
        assert_eq!(restored.alarms, [(AlarmKey::from("a:high"), Persisted { delay, ..Persisted::default() }, None)]);
        store.stage(Vec::new(), Gap::default(), vec![change(None)]);
        commit(&mut store, &[]).unwrap();
        assert!(RecordStore::open(&path).unwrap().restore().unwrap().alarms.is_empty());
    }
}
