//! Which messages of QoS 2 the samples are of that are in the file, as long as their broker may send them again. They stand in the main file, so
//! that samples and identifiers are written in one commit. A file that never held any has no table for them.

use super::database::StoreError;
use super::store::SampleStore;
use crate::tag::{Identifiers, KnownMessage};
use rusqlite::{Connection, Row, Transaction};
use std::path::Path;
use std::sync::Arc;

const TABLE: &str = "CREATE TABLE IF NOT EXISTS message(session TEXT NOT NULL, id INTEGER NOT NULL, checksum INTEGER NOT NULL, PRIMARY KEY(session, id)) WITHOUT ROWID";

impl SampleStore {
    /// The messages that are known of a session.
    pub(super) fn known_messages(&self, session: &str) -> Result<Arc<[KnownMessage]>, StoreError> {
        let read = |connection: &Connection| {
            if !has_table(connection)? {
                return Ok(Vec::new());
            }
            let sql = "SELECT id, checksum FROM message WHERE session = ?1 ORDER BY id";
            let mut statement = connection.prepare_cached(sql)?;
            let known = |row: &Row<'_>| Ok(KnownMessage { id: row.get(0)?, checksum: row.get(1)? });
            statement.query_map([session], known)?.collect::<rusqlite::Result<Vec<_>>>()
        };
        self.main.with(read).map(Into::into)
    }
}

/// Writes what marks say, in their order.
pub(super) fn write(transaction: &Transaction<'_>, changes: &[&Identifiers]) -> rusqlite::Result<()> {
    if changes.iter().any(|change| !change.taken_in.is_empty()) {
        transaction.execute_batch(TABLE)?;
    } else if changes.is_empty() || !has_table(transaction)? {
        return Ok(());
    }
    for Identifiers { session, forgets, taken_in, released, .. } in changes {
        if *forgets {
            transaction.prepare_cached("DELETE FROM message WHERE session = ?1")?.execute([session])?;
        }
        for KnownMessage { id, checksum } in taken_in {
            let sql = "INSERT OR REPLACE INTO message(session, id, checksum) VALUES (?1, ?2, ?3)";
            transaction.prepare_cached(sql)?.execute((session, id, checksum))?;
        }
        for id in released {
            let sql = "DELETE FROM message WHERE session = ?1 AND id = ?2";
            transaction.prepare_cached(sql)?.execute((session, id))?;
        }
    }
    Ok(())
}

/// Takes all of them out of a copy: until the copy is used, brokers will have given the identifiers to other messages, and these would be
/// taken for known ones.
pub(super) fn leave_out(copy: &Path) -> rusqlite::Result<()> {
    let connection = Connection::open(copy)?;
    if has_table(&connection)? {
        connection.execute_batch("DROP TABLE message")?;
    }
    connection.close().map_err(|(_, error)| error)
}

fn has_table(connection: &Connection) -> rusqlite::Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'message')";
    connection.prepare_cached(sql)?.query_row([], |row| row.get(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::historian::OpenedHistory;
    use crate::tag::{Quality, Sample, Timestamp, Value};
    use std::collections::VecDeque;

    fn known(id: u16) -> KnownMessage {
        KnownMessage { id, checksum: u32::MAX - u32::from(id) }
    }

    fn taken_in(ids: &[u16]) -> Identifiers {
        let taken_in = ids.iter().copied().map(known).collect();
        Identifiers { session: "a".into(), taken_in, ..Identifiers::default() }
    }

    fn open(folder: &Path) -> SampleStore {
        OpenedHistory::open(folder, Timestamp::default()).unwrap().store
    }

    fn check(changes: &[Identifiers], expected: &[u16]) {
        let expected: Vec<_> = expected.iter().copied().map(known).collect();
        let folder = tempfile::tempdir().unwrap();
        let mut store = open(folder.path());
        for change in changes {
            store.flush_with(&mut VecDeque::new(), &[change], Timestamp::default()).unwrap();
        }
        assert_eq!(*store.known_messages("a").unwrap(), *expected);
        drop(store);
        assert_eq!(*open(folder.path()).known_messages("a").unwrap(), *expected, "after a restart");
    }

    #[test]
    fn identifiers_are_there_until_they_are_released_or_their_session_is_forgotten() {
        let released = Identifiers { session: "a".into(), released: vec![1, 9], ..Identifiers::default() };
        let forgets = Identifiers { session: "a".into(), forgets: true, ..taken_in(&[4]) };
        let other = Identifiers { session: "b".into(), forgets: true, ..taken_in(&[5]) };
        check(&[], &[]);
        check(std::slice::from_ref(&released), &[]);
        check(&[taken_in(&[1, 2, u16::MAX]), taken_in(&[2])], &[1, 2, u16::MAX]);
        check(&[taken_in(&[1, 2]), released], &[2]);
        check(&[taken_in(&[1, 2]), forgets], &[4]);
        check(&[taken_in(&[1, 2]), other], &[1, 2]);
        // Another message under the same identifier takes the place of the one before.
        let before = KnownMessage { id: 1, checksum: 0 };
        check(&[Identifiers { taken_in: vec![before], ..taken_in(&[]) }, taken_in(&[1])], &[1]);
    }

    #[test]
    fn samples_and_identifiers_are_written_together_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = open(folder.path());
        store.main.with(|connection| connection.execute_batch("CREATE TABLE message(other)")).unwrap();
        let sample = Sample { time: Timestamp::default(), value: Some(Value::Signed(1)), quality: Quality::GOOD };
        let mut rows = VecDeque::from([(1, sample)]);
        assert!(store.flush_with(&mut rows, &[&taken_in(&[1])], Timestamp::default()).is_err());
        assert_eq!((rows.len(), store.unsealed_count()), (1, 0));
        let heads: i64 = store
            .main
            .with(|connection| connection.query_row("SELECT count(*) FROM head", [], |row| row.get(0)))
            .unwrap();
        assert_eq!(heads, 0);
    }

    #[test]
    fn a_copy_knows_none() {
        let folder = tempfile::tempdir().unwrap();
        let station = folder.path().join("station");
        std::fs::create_dir(&station).unwrap();
        let mut store = open(&station);
        store.flush_with(&mut VecDeque::new(), &[&taken_in(&[1])], Timestamp::default()).unwrap();
        crate::historian::back_up_history(&station, &folder.path().join("copy")).unwrap();
        assert_eq!(*open(&folder.path().join("copy")).known_messages("a").unwrap(), []);
        assert_eq!(*store.known_messages("a").unwrap(), [known(1)]);
    }
}
