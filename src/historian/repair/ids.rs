//! Row after row of a table, across pages that cannot be read.

use rusqlite::{Connection, OptionalExtension};

/// Numbers in a row that are tried one by one where rows cannot be read.
const HOLES: i64 = 100_000;
/// The numbers of the rows of a table, in order, across pages that cannot be read.
pub(in crate::historian) fn ids<'a>(connection: &'a Connection, table: &str) -> Ids<'a> {
    let sql = format!("SELECT id FROM {table} WHERE id >= ?1 ORDER BY id LIMIT 1");
    let exists = connection.prepare(&format!("SELECT id FROM {table} LIMIT 1")).is_ok();
    Ids { connection, sql, next: exists.then_some(1), unread: 0 }
}

/// Goes from row to row. Where a page is damaged, it tries the numbers after it one by one, and after [`HOLES`] of them in ever longer strides.
pub(in crate::historian) struct Ids<'a> {
    connection: &'a Connection,
    sql: String,
    next: Option<i64>,
    /// Rows that are not there to be read; one for each stretch of which that is not known.
    pub(in crate::historian) unread: u64,
}

impl Ids<'_> {
    /// The first row from a number on.
    fn seek(&self, from: i64) -> rusqlite::Result<Option<i64>> {
        self.connection.prepare_cached(&self.sql)?.query_row([from], |row| row.get(0)).optional()
    }

    fn find(&mut self, from: i64) -> Option<i64> {
        let (mut failed, mut far) = (0, None);
        for at in (0..HOLES).map_while(|hole| from.checked_add(hole)) {
            if far.is_some_and(|far| far <= at) {
                return far;
            }
            match self.seek(at) {
                Ok(None) if far.is_none() => {
                    self.unread += failed;
                    return None;
                }
                Ok(Some(id)) if id >= at && id - at < HOLES => {
                    self.unread += failed;
                    return Some(id);
                }
                // A number far away may be a garbled one that hides those before it.
                Ok(found) => far = far.or(found.filter(|id| *id >= at)),
                Err(_) => failed += 1,
            }
        }
        self.unread += u64::from(failed > 0);
        far.or_else(|| self.stride(from.checked_add(HOLES)?))
    }

    /// The first row after a long stretch that cannot be read: doubled strides until something answers, then halved ones back to its border.
    fn stride(&self, from: i64) -> Option<i64> {
        let (mut fails, mut stride) = (from, 1i64);
        let mut answers = loop {
            let at = from.checked_add(stride)?;
            if self.seek(at).is_ok() {
                break at;
            }
            (fails, stride) = (at, stride.checked_mul(2)?);
        };
        while answers - fails > 1 {
            let middle = fails + (answers - fails) / 2;
            if self.seek(middle).is_ok() { answers = middle } else { fails = middle }
        }
        self.seek(answers).ok().flatten().filter(|id| *id >= answers)
    }
}

impl Iterator for Ids<'_> {
    type Item = i64;

    fn next(&mut self) -> Option<i64> {
        let found = self.find(self.next?);
        self.next = found.and_then(|id| id.checked_add(1));
        found
    }
}
