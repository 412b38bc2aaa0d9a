//! The whole journal, searched piece by piece: which lines fit, then the lines that are looked at. Pieces are ranges of line numbers, so
//! that each question is short however long the journal is, and one that is given up holds nobody up.

use super::JournalRow;
use super::journal::{IMAGE, JournalLine, LINE, line, open};
use super::journal_rows::read;
use crate::tag::Timestamp;
use rusqlite::types::Value as Sql;
use rusqlite::{Connection, params_from_iter};
use std::ops::RangeInclusive;
use std::path::Path;

/// Lines that an export reads at once.
const PIECE: i64 = 50_000;

/// What is looked for; everything that is given has to fit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JournalSearch {
    /// The first moment that is wanted.
    pub from: Option<Timestamp>,
    /// The first moment that is not wanted any more.
    pub to: Option<Timestamp>,
    /// Permanent names of the alarms that are wanted; none for all.
    pub alarms: Option<Vec<String>>,
    /// A part of the name of the tag or device; capitals of plain letters do not matter.
    pub tag: String,
    /// A part of the name of the person, in the same way.
    pub actor: String,
    /// Words of which each stands in the name of the alarm, its state, the comment or its message.
    pub words: Vec<SearchWord>,
}

/// A word that is looked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SearchWord {
    /// The word.
    pub text: String,
    /// The alarms whose message in the station file has it: the journal itself has only messages that tell values.
    pub alarms: Vec<String>,
}

/// The numbers of the oldest and the newest line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JournalEnds {
    /// The oldest; 1 in an empty journal.
    pub oldest: i64,
    /// The newest; 0 in an empty journal.
    pub newest: i64,
}

/// A condition with what stands for its question marks.
#[derive(Default)]
struct Conditions {
    sql: String,
    values: Vec<Sql>,
}

impl Conditions {
    fn and(&mut self, sql: &str, values: impl IntoIterator<Item = Sql>) {
        self.sql.push_str(" AND ");
        self.sql.push_str(sql);
        self.values.extend(values);
    }
}

/// What LIKE takes for any place of a text, with its own signs meant as they are.
fn anywhere(text: &str) -> Sql {
    let escaped = text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    Sql::Text(format!("%{escaped}%"))
}

fn list(names: &[String]) -> Sql {
    Sql::Text(serde_json::Value::from(names).to_string())
}

impl JournalSearch {
    fn conditions(&self, piece: &RangeInclusive<i64>) -> Conditions {
        let mut all = Conditions {
            sql: "id BETWEEN ? AND ?".to_owned(),
            values: vec![Sql::Integer(*piece.start()), Sql::Integer(*piece.end())],
        };
        if let Some(from) = self.from {
            all.and("time >= ?", [Sql::Integer(from.as_micros())]);
        }
        if let Some(to) = self.to {
            all.and("time < ?", [Sql::Integer(to.as_micros())]);
        }
        if let Some(alarms) = &self.alarms {
            all.and("alarm IN (SELECT value FROM json_each(?))", [list(alarms)]);
        }
        if !self.tag.is_empty() {
            // The name of an alarm is that of its tag, a colon, and its condition.
            let subject = "rtrim(rtrim(alarm, replace(alarm, ':', '')), ':') LIKE ? ESCAPE '\\'";
            all.and(subject, [anywhere(&self.tag)]);
        }
        if !self.actor.is_empty() {
            all.and("actor LIKE ? ESCAPE '\\'", [anywhere(&self.actor)]);
        }
        for word in &self.words {
            // What is kept is looked through as text first: most of it has no such word anywhere.
            let fits = format!(
                "(alarm LIKE ? ESCAPE '\\' OR after LIKE ? ESCAPE '\\' OR comment LIKE ? ESCAPE '\\'
                OR alarm IN (SELECT value FROM json_each(?))
                OR EXISTS (SELECT 1 FROM (SELECT {IMAGE} AS kept) WHERE kept LIKE ? ESCAPE '\\'
                    AND iif(json_valid(kept), json_extract(kept, '$.message'), NULL) LIKE ? ESCAPE '\\'))"
            );
            let text = || anywhere(&word.text);
            let written = serde_json::Value::from(word.text.as_str()).to_string();
            let written = anywhere(written.trim_matches('"'));
            all.and(&fits, [text(), text(), text(), list(&word.alarms), written, text()]);
        }
        all
    }
}

/// Where the journal begins and ends.
pub fn journal_ends(path: &Path) -> rusqlite::Result<JournalEnds> {
    let sql = "SELECT coalesce(min(id), 1), coalesce(max(id), 0) FROM journal";
    open(path)?.query_row(sql, [], |row| Ok(JournalEnds { oldest: row.get(0)?, newest: row.get(1)? }))
}

/// The numbers of the lines in a piece that fit, the newest first.
pub fn search_journal(path: &Path, search: &JournalSearch, piece: RangeInclusive<i64>) -> rusqlite::Result<Vec<i64>> {
    let Conditions { sql, values } = search.conditions(&piece);
    let connection = open(path)?;
    let mut statement = connection.prepare(&format!("SELECT id FROM journal WHERE {sql} ORDER BY id DESC"))?;
    let rows = statement.query_map(params_from_iter(values), |row| row.get(0))?;
    rows.collect()
}

/// These lines, in their order. One that is gone is left out.
pub fn read_journal_lines(path: &Path, numbers: &[i64]) -> rusqlite::Result<Vec<JournalLine>> {
    let connection = open(path)?;
    let mut statement = connection.prepare(&format!("SELECT {LINE} FROM journal WHERE id = ?1"))?;
    let mut lines = Vec::with_capacity(numbers.len());
    for number in numbers {
        let mut rows = statement.query([number])?;
        if let Some(row) = rows.next()? {
            lines.push(line(row)?);
        }
    }
    Ok(lines)
}

/// Hands every row that fits to `take`, the oldest first. `is_cancelled` is asked between pieces; then the rest is left out, and the answer
/// is false.
pub fn visit_journal_found<E: From<rusqlite::Error>>(
    path: &Path,
    search: &JournalSearch,
    is_cancelled: &dyn Fn() -> bool,
    mut take: impl FnMut(JournalRow) -> Result<(), E>,
) -> Result<bool, E> {
    let ends = journal_ends(path)?;
    let connection = open(path)?;
    let mut first = ends.oldest;
    while first <= ends.newest {
        if is_cancelled() {
            return Ok(false);
        }
        visit_piece(&connection, search, first..=(first + PIECE - 1).min(ends.newest), &mut take)?;
        first += PIECE;
    }
    Ok(true)
}

fn visit_piece<E: From<rusqlite::Error>>(
    connection: &Connection,
    search: &JournalSearch,
    piece: RangeInclusive<i64>,
    take: &mut impl FnMut(JournalRow) -> Result<(), E>,
) -> Result<(), E> {
    let Conditions { sql, values } = search.conditions(&piece);
    let query = format!(
        "SELECT time, alarm, occurrence, before, after, raised, value, actor, comment, {IMAGE} FROM journal WHERE {sql} ORDER BY id"
    );
    let mut statement = connection.prepare(&query)?;
    let mut rows = statement.query(params_from_iter(values))?;
    while let Some(row) = rows.next()? {
        take(read(row)?)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Principal;
    use crate::alarm::{AlarmKey, ConditionState, Occasion, OccurrenceId, Persisted, State, Transition};
    use crate::recorder::{Order, RECORDS_FILE, RecordStore, Recorder};
    use std::path::PathBuf;

    /// The message of the second one tells a value.
    const MESSAGE: &str = "level 3.31 m, \"weir\" shut";

    /// Lines 1 to 6: alarm, second, who, what they said.
    const LINES: [(&str, i64, &str, &str); 6] = [
        ("north/level:high", 10, "", ""),
        ("north/level:high", 20, "anna", "weir 50% open"),
        ("south/level:low", 30, "", ""),
        ("south/level:low", 40, "Bob", "weir shut"),
        ("high/pump:lost", 50, "", ""),
        ("north/level:high", 60, "rule night", "50 of 100"),
    ];

    fn journal() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(RECORDS_FILE);
        let at = |seconds: i64| Timestamp::from_micros(seconds * 1_000_000);
        let transition = |(alarm, second, actor, comment): (&str, i64, &str, &str)| Transition {
            alarm: AlarmKey::from(alarm),
            occurrence: OccurrenceId(1),
            from: State::Normal,
            to: if actor.is_empty() { State::Unacknowledged } else { State::Acknowledged },
            time: at(second),
            raised: at(second),
            value: None,
            actor: (!actor.is_empty()).then(|| Principal::person(actor)),
            comment: comment.into(),
            occasion: Occasion::default(),
            condition: ConditionState::default(),
            kept: (actor == "anna").then(|| {
                let (number, state) = (OccurrenceId(1), State::Acknowledged);
                let message = Some(MESSAGE.into());
                Persisted { message, ..Persisted::of_state(state, number, at(second), at(second)) }.into()
            }),
            is_requested: false,
        };
        let transitions: Vec<Transition> = LINES.into_iter().map(transition).collect();
        let recorder = Recorder::start(RecordStore::open(&path).unwrap(), |_| {}).unwrap();
        recorder.order(Order { transitions, drafts: Vec::new(), ..Order::default() }).unwrap();
        recorder.stop();
        (folder, path)
    }

    fn word(text: &str, alarms: &[&str]) -> SearchWord {
        SearchWord { text: text.into(), alarms: alarms.iter().map(|name| (*name).to_owned()).collect() }
    }

    #[test]
    fn what_is_looked_for_is_found_and_nothing_else() {
        let (_folder, path) = journal();
        let second = |second: i64| Some(Timestamp::from_micros(second * 1_000_000));
        let all = JournalSearch::default;
        for (search, expected) in [
            (all(), vec![6, 5, 4, 3, 2, 1]),
            (JournalSearch { from: second(20), to: second(50), ..all() }, vec![4, 3, 2]),
            (JournalSearch { tag: "NORTH".into(), ..all() }, vec![6, 2, 1]),
            // The condition is no part of the tag.
            (JournalSearch { tag: "high".into(), ..all() }, vec![5]),
            (JournalSearch { actor: "bob".into(), ..all() }, vec![4]),
            (JournalSearch { alarms: Some(vec!["south/level:low".into()]), ..all() }, vec![4, 3]),
            (JournalSearch { alarms: Some(Vec::new()), ..all() }, vec![]),
            (JournalSearch { words: vec![word("weir", &[])], ..all() }, vec![4, 2]),
            // Signs that mean something to the database mean themselves.
            (JournalSearch { words: vec![word("50%", &[])], ..all() }, vec![2]),
            (JournalSearch { words: vec![word("_", &[])], ..all() }, vec![]),
            (JournalSearch { words: vec![word("weir", &[]), word("north", &[])], ..all() }, vec![2]),
            // A message that told values is found as it was read.
            (JournalSearch { words: vec![word("3.31", &[])], ..all() }, vec![2]),
            (JournalSearch { words: vec![word("\"weir\"", &[])], ..all() }, vec![2]),
            // What else is kept of an alarm is no message.
            (JournalSearch { words: vec![word("message", &[])], ..all() }, vec![]),
            (JournalSearch { words: vec![word("process", &[])], ..all() }, vec![]),
            // Others stand in the station file alone.
            (JournalSearch { words: vec![word("pump failed", &["high/pump:lost"])], ..all() }, vec![5]),
            (JournalSearch { words: vec![word("unacknowledged", &[])], ..all() }, vec![5, 3, 1]),
        ] {
            assert_eq!(search_journal(&path, &search, 1..=6).unwrap(), expected, "{search:?}");
        }
        assert_eq!(journal_ends(&path).unwrap(), JournalEnds { oldest: 1, newest: 6 });
        assert_eq!(search_journal(&path, &JournalSearch::default(), 2..=3).unwrap(), [3, 2]);
    }

    #[test]
    fn lines_come_in_the_order_in_which_they_are_named() {
        let (_folder, path) = journal();
        let lines = read_journal_lines(&path, &[6, 99, 2]).unwrap();
        assert_eq!(lines.iter().map(|line| line.comment.as_str()).collect::<Vec<_>>(), ["50 of 100", "weir 50% open"]);
    }

    #[test]
    fn an_export_has_what_is_found_the_oldest_first_and_stops_when_it_is_given_up() {
        let (_folder, path) = journal();
        let search = JournalSearch { words: vec![word("weir", &[])], ..JournalSearch::default() };
        let mut found = Vec::new();
        let mut take = |row: JournalRow| {
            found.push(row.comment);
            Ok::<(), rusqlite::Error>(())
        };
        assert!(visit_journal_found(&path, &search, &|| false, &mut take).unwrap());
        assert!(!visit_journal_found(&path, &search, &|| true, &mut take).unwrap());
        assert_eq!(found, ["weir 50% open", "weir shut"]);
    }
}
