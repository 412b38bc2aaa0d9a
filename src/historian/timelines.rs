//! Decoded times, so that ten pens of one device decode them once.

use super::calendar::Month;
use super::codec::decode_timeline;
use super::database::damage;
use rusqlite::Connection;
use std::collections::HashMap;

/// Moments that are remembered: 32 MiB, a month of 1 Hz and more.
const REMEMBERED: usize = 4 << 20;

/// Timelines by file and number.
#[derive(Default)]
pub(super) struct TimelineCache {
    known: HashMap<(Month, i64), Vec<i64>>,
    moments: usize,
}

impl TimelineCache {
    /// The file of a month is opened anew, and may be another one with the same numbers.
    pub(super) fn forget(&mut self, month: Month) {
        self.known.retain(|(other, _), _| *other != month);
        self.moments = self.known.values().map(Vec::len).sum();
    }

    /// The moments of a timeline. Its number is never used again for another one in the same file.
    pub(super) fn get(&mut self, connection: &Connection, month: Month, id: i64) -> rusqlite::Result<Vec<i64>> {
        if let Some(times) = self.known.get(&(month, id)) {
            return Ok(times.clone());
        }
        let mut statement = connection.prepare_cached("SELECT bytes FROM timeline WHERE id = ?1")?;
        let times = statement.query_row([id], |row| Ok(decode_timeline(row.get_ref(0)?.as_blob()?)))?;
        let times = times.ok_or_else(|| damage("a timeline"))?;
        if self.moments + times.len() > REMEMBERED {
            *self = Self::default();
        }
        self.moments += times.len();
        self.known.insert((month, id), times.clone());
        Ok(times)
    }
}
