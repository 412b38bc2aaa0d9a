//! The file with what brokers missed.

use super::forward::{Stored, Waiting};
use crate::disk::{damage, is_damage, set_aside, set_aside_name};
use crate::tag::{Quality, Timestamp};
use rusqlite::{Connection, params};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Beside topic and value, a row takes about this many bytes.
const ROW_BYTES: usize = 64;
/// Rows that are looked at in one step while room is made.
const STEP: u32 = 1000;
const VERSION: i64 = 1;

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OutboxError {
    /// SQLite.
    #[error("{0}")]
    Database(#[from] rusqlite::Error),
    /// The file is damaged and cannot be put away.
    #[error("it is damaged and cannot be set aside: {0}")]
    SetAside(std::io::Error),
    /// A later Polder wrote it.
    #[error("a later version of Polder wrote it")]
    TooNew,
}

/// What was given up to make room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Dropped {
    /// How many values.
    pub(super) count: u64,
    /// Everything up to this place in the order.
    pub(super) to: i64,
}

/// The open file.
#[derive(Debug)]
pub(super) struct Store {
    connection: Connection,
    bytes: u64,
    rows: u64,
}

impl Store {
    /// Opens the file, or makes it. A damaged one is set aside; then its new name is told.
    pub(super) fn open(path: &Path, now: Timestamp) -> Result<(Self, Option<String>), OutboxError> {
        match Self::try_open(path) {
            Err(OutboxError::Database(error)) if is_damage(&error) => {
                let name = set_aside_name(path, now);
                set_aside(path, &name).map_err(OutboxError::SetAside)?;
                Ok((Self::try_open(path)?, Some(name)))
            }
            opened => Ok((opened?, None)),
        }
    }

    fn try_open(path: &Path) -> Result<Self, OutboxError> {
        let connection = Connection::open(path)?;
        connection.busy_timeout(Duration::from_secs(5))?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        if version > VERSION {
            return Err(OutboxError::TooNew);
        }
        connection.execute_batch(
            "CREATE TABLE IF NOT EXISTS waiting(
                id INTEGER PRIMARY KEY AUTOINCREMENT, connection TEXT NOT NULL, topic TEXT NOT NULL, time INTEGER NOT NULL, value TEXT,
                status INTEGER NOT NULL, reason INTEGER NOT NULL, bytes INTEGER NOT NULL);
             CREATE INDEX IF NOT EXISTS waiting_by_connection ON waiting(connection, id);
             PRAGMA user_version = 1;",
        )?;
        let (rows, bytes) =
            connection.query_row("SELECT count(*), coalesce(sum(bytes), 0) FROM waiting", [], |row| {
                Ok((row.get::<_, i64>(0)?.unsigned_abs(), row.get::<_, i64>(1)?.unsigned_abs()))
            })?;
        Ok(Self { connection, bytes, rows })
    }

    /// Makes values durable, in this order.
    pub(super) fn append(&mut self, connection: &str, values: &[(Arc<str>, Waiting)]) -> Result<(), OutboxError> {
        let transaction = self.connection.transaction()?;
        let mut added = 0;
        {
            let sql = "INSERT INTO waiting(connection, topic, time, value, status, reason, bytes) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
            let mut statement = transaction.prepare_cached(sql)?;
            for (topic, sample) in values {
                // Numbers, words and flags always have a JSON form.
                let value = sample.value.as_ref().and_then(|value| serde_json::to_string(value).ok());
                let (status, reason) = sample.quality.to_code();
                let bytes = ROW_BYTES + topic.len() + connection.len() + value.as_ref().map_or(0, String::len);
                let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
                statement.execute(params![
                    connection,
                    &**topic,
                    sample.time.as_micros(),
                    value,
                    status,
                    reason,
                    bytes
                ])?;
                added += u64::from(bytes);
            }
        }
        transaction.commit()?;
        (self.bytes, self.rows) = (self.bytes + added, self.rows + values.len() as u64);
        Ok(())
    }

    /// Takes out what the broker has.
    pub(super) fn delete(&mut self, ids: &[i64]) -> Result<(), OutboxError> {
        let transaction = self.connection.transaction()?;
        let (mut bytes, mut rows) = (0, 0);
        {
            let mut statement = transaction.prepare_cached("DELETE FROM waiting WHERE id = ?1 RETURNING bytes")?;
            for id in ids {
                let mut found = statement.query([id])?;
                while let Some(row) = found.next()? {
                    bytes += u64::from(row.get::<_, u32>(0)?);
                    rows += 1;
                }
            }
        }
        transaction.commit()?;
        (self.bytes, self.rows) = (self.bytes.saturating_sub(bytes), self.rows.saturating_sub(rows));
        Ok(())
    }

    /// The next values of a connection behind a place, at most `most`; and whether there are more.
    pub(super) fn load(&self, connection: &str, after: i64, most: u32) -> Result<(Vec<Stored>, bool), OutboxError> {
        let sql = "SELECT id, topic, time, value, status, reason FROM waiting WHERE connection = ?1 AND id > ?2 ORDER BY id LIMIT ?3";
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query(params![connection, after, most + 1])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let value: Option<String> = row.get(3)?;
            let value = value.map(|text| serde_json::from_str(&text)).transpose();
            let quality = Quality::from_code(row.get(4)?, row.get(5)?);
            let (Ok(value), Some(quality)) = (value, quality) else {
                return Err(damage("a value that waits for a broker cannot be read").into());
            };
            let sample = Waiting { time: Timestamp::from_micros(row.get(2)?), value, quality };
            found.push(Stored { id: row.get(0)?, topic: row.get::<_, String>(1)?.into(), sample });
        }
        let has_more = found.len() > most as usize;
        found.truncate(most as usize);
        Ok((found, has_more))
    }

    /// Gives up the oldest while all together take more than `most` bytes, and what is older than `oldest`.
    pub(super) fn make_room(&mut self, most: u64, oldest: Timestamp) -> Result<Dropped, OutboxError> {
        let mut dropped = Dropped::default();
        loop {
            let (step, count, bytes) = self.too_much(most, oldest)?;
            let Some(to) = step else { return Ok(dropped) };
            self.connection.execute("DELETE FROM waiting WHERE id <= ?1", [to])?;
            (self.bytes, self.rows) = (self.bytes.saturating_sub(bytes), self.rows.saturating_sub(count));
            dropped = Dropped { count: dropped.count + count, to };
        }
    }

    /// The last of the oldest that have to go, as far as one step sees; with how many that are, and their bytes.
    fn too_much(&self, most: u64, oldest: Timestamp) -> Result<(Option<i64>, u64, u64), OutboxError> {
        let mut statement =
            self.connection.prepare_cached("SELECT id, time, bytes FROM waiting ORDER BY id LIMIT ?1")?;
        let mut rows = statement.query([STEP])?;
        let (mut last, mut count, mut bytes) = (None, 0, 0);
        while let Some(row) = rows.next()? {
            if self.bytes - bytes.min(self.bytes) <= most && row.get::<_, i64>(1)? >= oldest.as_micros() {
                break;
            }
            last = Some(row.get(0)?);
            count += 1;
            bytes += u64::from(row.get::<_, u32>(2)?);
        }
        Ok((last, count, bytes))
    }

    /// Bytes of all that waits.
    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// How many values wait.
    pub(super) const fn rows(&self) -> u64 {
        self.rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tag::{Reason, Value};

    fn waiting(second: i64, value: Option<Value>) -> (Arc<str>, Waiting) {
        let quality = if value.is_some() { Quality::GOOD } else { Quality::bad(Reason::NoAnswer) };
        ("a/topic".into(), Waiting { time: Timestamp::from_micros(second * 1_000_000), value, quality })
    }

    fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let (store, aside) = Store::open(&folder.path().join("outbox.sqlite"), Timestamp::default()).unwrap();
        assert_eq!(aside, None);
        (folder, store)
    }

    #[test]
    fn values_come_back_as_they_were_in_order_and_over_a_restart() {
        let (folder, mut store) = store();
        let values: Vec<_> =
            [Some(Value::Unsigned(u64::MAX)), None, Some(Value::Bool(true)), Some(Value::Text("x".into()))]
                .into_iter()
                .map(|value| waiting(1, value))
                .collect();
        store.append("site", &values).unwrap();
        store.append("other", &[waiting(2, Some(Value::Double(0.5)))]).unwrap();
        let bytes = store.bytes();
        drop(store);
        let (mut store, _) = Store::open(&folder.path().join("outbox.sqlite"), Timestamp::default()).unwrap();
        assert_eq!((store.rows(), store.bytes()), (5, bytes));
        let (first, has_more) = store.load("site", 0, 3).unwrap();
        assert!(has_more);
        let (rest, has_more) = store.load("site", first[2].id, 3).unwrap();
        assert!(!has_more);
        let found: Vec<_> =
            first.iter().chain(&rest).map(|stored| (Arc::clone(&stored.topic), stored.sample.clone())).collect();
        assert_eq!(found, values);
        let ids: Vec<i64> = first.iter().map(|stored| stored.id).collect();
        store.delete(&ids).unwrap();
        store.delete(&ids).unwrap();
        assert_eq!(store.rows(), 2);
    }

    #[test]
    fn the_oldest_go_first_where_there_is_no_room_and_what_is_too_old_goes() {
        let (_keep, mut store) = store();
        let values: Vec<_> = (0..3000).map(|second| waiting(second, Some(Value::Signed(1)))).collect();
        store.append("site", &values).unwrap();
        let most = store.bytes() / 3;
        let dropped = store.make_room(most, Timestamp::default()).unwrap();
        assert_eq!((dropped.count, store.rows()), (2000, 1000));
        assert!(store.bytes() <= most);
        assert_eq!(store.load("site", 0, 1).unwrap().0[0].id, dropped.to + 1);
        let oldest = Timestamp::from_micros(2_990_000_000);
        assert_eq!(store.make_room(most, oldest).unwrap().count, 990);
        assert_eq!(store.make_room(most, oldest).unwrap(), Dropped::default());
    }

    #[test]
    fn a_damaged_file_is_set_aside() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("outbox.sqlite");
        std::fs::write(&path, b"this is no database at all, and it is long enough to be looked at").unwrap();
        let (store, aside) = Store::open(&path, Timestamp::default()).unwrap();
        assert_eq!(store.rows(), 0);
        assert!(folder.path().join(aside.unwrap()).exists());
    }
}
