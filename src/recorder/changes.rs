//! The journal as the alarm figures want it: the changes of a period, and what stood when it began.

use super::journal::open;
use crate::alarm::figures::{Change, Opening, Period, Record};
use crate::tag::Timestamp;
use rusqlite::{Connection, Row};
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

/// Names and words occur again and again: each is kept once.
#[derive(Default)]
struct Names(HashMap<String, Arc<str>>);

impl Names {
    fn get(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.0.get(text) {
            return known.clone();
        }
        let name: Arc<str> = text.into();
        self.0.insert(text.to_owned(), name.clone());
        name
    }
}

/// The changes of a period, in order of time, and the alarms that were not normal when it began. The file may belong to a station that runs.
///
/// What stood at the beginning is told by the first change of each alarm from there on, and for those that did not change since by their
/// present state: neither needs what the journal says of earlier times.
pub fn read_record(path: &Path, period: Period) -> rusqlite::Result<Record> {
    let connection = open(path)?;
    // Changes and present states belong together.
    let transaction = connection.unchecked_transaction()?;
    let mut names = Names::default();
    let mut record = Record::default();
    let mut seen: HashMap<Arc<str>, Option<Opening>> = HashMap::new();
    read_since(&transaction, period.from, &mut names, |change| {
        if !change.before.is_empty() {
            seen.entry(change.alarm.clone()).or_insert_with(|| opening(&change));
        }
        if period.contains(change.time) {
            record.changes.push(change);
        }
    })?;
    for (alarm, standing) in present(&transaction, &mut names)? {
        seen.entry(alarm).or_insert(Some(standing).filter(|standing| standing.raised < period.from));
    }
    record.opening = seen.into_values().flatten().collect();
    record.opening.sort_by(|one, other| one.alarm.cmp(&other.alarm));
    Ok(record)
}

/// What a change tells of the time before it. A new activation says nothing of the one before but its state.
fn opening(change: &Change) -> Option<Opening> {
    let (alarm, state) = (change.alarm.clone(), change.before.clone());
    let standing = Opening { alarm, state, occurrence: change.occurrence, raised: change.raised };
    Some(standing).filter(|standing| &*standing.state != "normal")
}

fn read_since(
    connection: &Connection,
    from: Timestamp,
    names: &mut Names,
    mut take: impl FnMut(Change),
) -> rusqlite::Result<()> {
    let query =
        "SELECT time, alarm, occurrence, before, after, raised, coalesce(actor, 'station') <> 'station' FROM journal
        WHERE time >= ?1 ORDER BY time, id";
    let mut statement = connection.prepare(query)?;
    let mut rows = statement.query([from.as_micros()])?;
    while let Some(row) = rows.next()? {
        take(change(row, names)?);
    }
    Ok(())
}

fn change(row: &Row<'_>, names: &mut Names) -> rusqlite::Result<Change> {
    let mut name = |column: usize| Ok::<_, rusqlite::Error>(names.get(row.get_ref(column)?.as_str()?));
    Ok(Change {
        time: Timestamp::from_micros(row.get(0)?),
        alarm: name(1)?,
        occurrence: row.get::<_, i64>(2)? as u64,
        before: name(3)?,
        after: name(4)?,
        raised: Timestamp::from_micros(row.get(5)?),
        by_person: row.get(6)?,
    })
}

/// The alarms that are not normal now, in order of their names.
pub fn read_standing(path: &Path) -> rusqlite::Result<Vec<Opening>> {
    let mut names = Names::default();
    Ok(present(&open(path)?, &mut names)?.into_iter().map(|(_, standing)| standing).collect())
}

fn present(connection: &Connection, names: &mut Names) -> rusqlite::Result<Vec<(Arc<str>, Opening)>> {
    let mut statement =
        connection.prepare("SELECT alarm, state, occurrence, raised FROM alarm_state ORDER BY alarm")?;
    let rows = statement.query_map([], |row| {
        let alarm = names.get(row.get_ref(0)?.as_str()?);
        let standing = Opening {
            alarm: alarm.clone(),
            state: names.get(row.get_ref(1)?.as_str()?),
            occurrence: row.get::<_, i64>(2)? as u64,
            raised: Timestamp::from_micros(row.get(3)?),
        };
        Ok((alarm, standing))
    })?;
    rows.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alarm::{AlarmKey, ConditionState, Occasion, OccurrenceId, Persisted, State, Transition};
    use crate::audit::commit;
    use crate::recorder::{Gap, RecordStore};

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    /// Writes changes as (second, alarm, from, to, raised).
    fn write(path: &Path, changes: &[(i64, &str, State, State, i64)]) {
        let mut store = RecordStore::open(path).unwrap();
        let transition = |(second, alarm, from, to, raised): &(i64, &str, State, State, i64)| Transition {
            alarm: AlarmKey::from(*alarm),
            occurrence: OccurrenceId(*raised as u64),
            from: *from,
            to: *to,
            time: at(*second),
            raised: at(*raised),
            value: None,
            actor: None,
            comment: "".into(),
            occasion: Occasion::default(),
            condition: ConditionState::default(),
            kept: (*to != State::Normal)
                .then(|| Box::new(Persisted::of_state(*to, OccurrenceId(*raised as u64), at(*raised), at(*second)))),
            is_requested: false,
        };
        store.stage(changes.iter().map(transition).collect(), Gap::default(), Vec::new());
        commit(&mut store, &[]).unwrap();
    }

    #[test]
    fn what_stood_at_the_beginning_is_known_without_what_was_before() {
        use State::{Acknowledged, Normal, ReturnedUnacknowledged, Unacknowledged};
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("records.sqlite");
        write(
            &path,
            &[
                (1, "stands", Normal, Unacknowledged, 1),
                (2, "over", Normal, Unacknowledged, 2),
                (3, "over", Unacknowledged, ReturnedUnacknowledged, 2),
                (4, "over", ReturnedUnacknowledged, Normal, 2),
                (5, "ends later", Normal, Unacknowledged, 5),
                (6, "ends within", Normal, Unacknowledged, 6),
                (15, "ends within", Unacknowledged, Acknowledged, 6),
                (16, "within", Normal, Unacknowledged, 16),
                (25, "ends later", Unacknowledged, ReturnedUnacknowledged, 5),
                (26, "begins later", Normal, Unacknowledged, 26),
                (27, "stands later", Normal, Unacknowledged, 27),
            ],
        );
        let record = read_record(&path, Period { from: at(10), to: at(20) }).unwrap();
        let stood: Vec<(&str, i64)> =
            record.opening.iter().map(|one| (&*one.alarm, one.raised.as_micros() / 1_000_000)).collect();
        assert_eq!(stood, [("ends later", 5), ("ends within", 6), ("stands", 1)]);
        let changed: Vec<&str> = record.changes.iter().map(|change| &*change.alarm).collect();
        assert_eq!(changed, ["ends within", "within"]);
        assert_eq!(read_standing(&path).unwrap().len(), 6);
    }
}
