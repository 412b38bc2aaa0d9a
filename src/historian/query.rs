//! Looking back: whole ranges for export, one column per pixel for trends.

use super::chunk::decode_chunk;
use super::store::{Unsealed, load_head};
use crate::tag::{Sample, TagKey, Timestamp};
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};
use std::path::Path;
use std::sync::{Arc, Mutex};

/// Why a query gave nothing.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The database said no.
    #[error("the samples cannot be read: {0}")]
    Database(#[from] rusqlite::Error),
    /// A chunk is damaged.
    #[error("a part of the samples of {0} is damaged")]
    Damaged(String),
    /// It was not wanted any more.
    #[error("cancelled")]
    Cancelled,
}

/// What one pixel column of a trend shows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Column {
    /// Middle of the column.
    pub time: Timestamp,
    /// Lowest value in it.
    pub min: f64,
    /// Highest value in it.
    pub max: f64,
    /// The value with which it ends.
    pub last: f64,
    /// Samples in it; 0 where the value of an earlier one goes on.
    pub count: u32,
    /// Whether some of it was bad.
    pub bad: bool,
}

/// A reader with a connection of its own.
pub struct Reader {
    connection: Connection,
    unsealed: Unsealed,
}

impl Reader {
    /// Opens the file for reading. Inside a running station `unsealed` is shared; elsewhere it is read from the file.
    pub fn open(path: &Path, unsealed: Option<Unsealed>) -> Result<Self, QueryError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(std::time::Duration::from_secs(5))?;
        let unsealed = match unsealed {
            Some(unsealed) => unsealed,
            None => {
                // One transaction for the reader's life: what it reads of head and chunks belongs together.
                connection.execute_batch("BEGIN")?;
                Arc::new(Mutex::new(load_head(&connection)?))
            }
        };
        Ok(Self { connection, unsealed })
    }

    /// The names of all tags that were ever kept, sorted.
    pub fn tags(&self) -> Result<Vec<TagKey>, QueryError> {
        let mut statement = self.connection.prepare("SELECT key FROM tag ORDER BY key")?;
        let rows = statement.query_map([], |row| Ok(TagKey::from(row.get::<_, String>(0)?.as_str())))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The last moment at which the station is known to have run; beyond it nothing can be said.
    pub fn known_until(&self) -> Result<Option<Timestamp>, QueryError> {
        let sql = "SELECT time FROM alive";
        let micros: Option<i64> = self.connection.prepare_cached(sql)?.query_row([], |row| row.get(0)).optional()?;
        Ok(micros.map(Timestamp::from_micros))
    }

    fn id(&self, key: &TagKey) -> Result<Option<i64>, QueryError> {
        let sql = "SELECT id FROM tag WHERE key = ?1";
        Ok(self.connection.prepare_cached(sql)?.query_row([key.as_str()], |row| row.get(0)).optional()?)
    }

    /// All samples from `from` up to and including `to`.
    pub fn samples(&self, key: &TagKey, from: Timestamp, to: Timestamp) -> Result<Vec<Sample>, QueryError> {
        let mut found = Vec::new();
        self.visit(key, from, to, |sample| {
            found.push(sample);
            true
        })?;
        Ok(found)
    }

    /// Hands every sample from `from` to `to` to `take`, oldest first, a chunk at a time; `take` says false to stop.
    pub fn visit(
        &self,
        key: &TagKey,
        from: Timestamp,
        to: Timestamp,
        mut take: impl FnMut(Sample) -> bool,
    ) -> Result<(), QueryError> {
        let Some(id) = self.id(key)? else { return Ok(()) };
        // Taken first: what is sealed meanwhile is then seen twice rather than never.
        let tail = self.unsealed.lock().ok().and_then(|unsealed| unsealed.get(&id).cloned()).unwrap_or_default();
        let sql = "SELECT bytes FROM chunk WHERE tag = ?1 AND start <= ?3 AND end >= ?2 ORDER BY start";
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query(params![id, from.as_micros(), to.as_micros()])?;
        let mut newest: Vec<Sample> = Vec::new();
        let inside = |sample: &Sample| sample.time >= from && sample.time <= to;
        while let Some(row) = rows.next()? {
            let bytes: Vec<u8> = row.get(0)?;
            newest = decode_chunk(&bytes).ok_or_else(|| QueryError::Damaged(key.to_string()))?;
            for sample in newest.iter().filter(|sample| inside(sample)) {
                if !take(sample.clone()) {
                    return Err(QueryError::Cancelled);
                }
            }
        }
        let sealed_until = newest.iter().map(|sample| sample.time).max();
        for sample in tail.into_iter().filter(inside) {
            let twice = sealed_until.is_some_and(|end| sample.time <= end) && newest.contains(&sample);
            if !twice && !take(sample) {
                return Err(QueryError::Cancelled);
            }
        }
        Ok(())
    }

    /// The last sample before `moment`.
    pub fn before(&self, key: &TagKey, moment: Timestamp) -> Result<Option<Sample>, QueryError> {
        let Some(id) = self.id(key)? else { return Ok(None) };
        let earlier = |sample: &&Sample| sample.time < moment;
        let tail =
            self.unsealed.lock().ok().and_then(|unsealed| unsealed.get(&id)?.iter().rev().find(earlier).cloned());
        if tail.is_some() {
            return Ok(tail);
        }
        let sql = "SELECT bytes FROM chunk WHERE tag = ?1 AND start < ?2 ORDER BY start DESC LIMIT 1";
        let bytes: Option<Vec<u8>> = self
            .connection
            .prepare_cached(sql)?
            .query_row(params![id, moment.as_micros()], |row| row.get(0))
            .optional()?;
        let Some(bytes) = bytes else { return Ok(None) };
        let samples = decode_chunk(&bytes).ok_or_else(|| QueryError::Damaged(key.to_string()))?;
        Ok(samples.into_iter().rev().find(|sample| sample.time < moment))
    }

    /// The range as `width` columns, each with its extremes: nothing that happened is hidden by drawing few pixels. Columns in which
    /// nothing is known are left out. `cancelled` is asked now and then.
    pub fn columns(
        &self,
        key: &TagKey,
        from: Timestamp,
        to: Timestamp,
        width: usize,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<Vec<Column>, QueryError> {
        let mut builder = ColumnBuilder::new(from, to, width.clamp(1, 10_000), self.before(key, from)?);
        let mut count = 0u32;
        self.visit(key, from, to, |sample| {
            builder.add(&sample);
            count += 1;
            !count.is_multiple_of(4096) || !cancelled()
        })?;
        Ok(builder.finish())
    }
}

/// Builds columns out of samples in order of time.
struct ColumnBuilder {
    from: Timestamp,
    span: i64,
    width: usize,
    columns: Vec<Column>,
    place: usize,
    current: Option<Column>,
    /// The value that goes on until the next sample; none where it is bad.
    going_on: Option<f64>,
    started: bool,
}

impl ColumnBuilder {
    fn new(from: Timestamp, to: Timestamp, width: usize, before: Option<Sample>) -> Self {
        let going_on = before.as_ref().and_then(number);
        let span = to.micros_since(from).max(1);
        let mut builder = Self {
            from,
            span,
            width,
            columns: Vec::new(),
            place: 0,
            current: None,
            going_on,
            started: before.is_some(),
        };
        builder.open();
        builder
    }

    fn time_of(&self, place: usize) -> Timestamp {
        let middle = (i128::from(self.span) * (2 * place as i128 + 1)) / (2 * self.width as i128);
        Timestamp::from_micros(self.from.as_micros() + middle as i64)
    }

    fn open(&mut self) {
        let time = self.time_of(self.place);
        self.current = match self.going_on {
            Some(value) => Some(Column { time, min: value, max: value, last: value, count: 0, bad: false }),
            None if self.started => {
                Some(Column { time, min: f64::NAN, max: f64::NAN, last: f64::NAN, count: 0, bad: true })
            }
            None => None,
        };
    }

    fn close(&mut self) {
        self.columns.extend(self.current.take());
        self.place += 1;
        self.open();
    }

    fn add(&mut self, sample: &Sample) {
        let offset = i128::from(sample.time.micros_since(self.from));
        let place = ((offset * self.width as i128) / i128::from(self.span)).clamp(0, self.width as i128 - 1) as usize;
        while self.place < place {
            self.close();
        }
        self.started = true;
        self.going_on = number(sample);
        let time = self.time_of(self.place);
        let column = self.current.get_or_insert(Column {
            time,
            min: f64::NAN,
            max: f64::NAN,
            last: f64::NAN,
            count: 0,
            bad: false,
        });
        column.count += 1;
        match self.going_on {
            Some(value) => {
                column.min = column.min.min(value);
                column.max = column.max.max(value);
                column.last = value;
            }
            None => {
                column.bad = true;
                column.last = f64::NAN;
            }
        }
    }

    fn finish(mut self) -> Vec<Column> {
        while self.place < self.width {
            self.close();
        }
        self.columns
    }
}

fn number(sample: &Sample) -> Option<f64> {
    sample.value.as_ref().filter(|_| !sample.quality.is_bad()).and_then(crate::tag::Value::as_f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tag::{Quality, Reason, Value};
    use proptest::prelude::*;

    fn at(seconds: i64, value: Option<f64>) -> Sample {
        let quality = if value.is_some() { Quality::GOOD } else { Quality::bad(Reason::NoAnswer) };
        Sample { time: Timestamp::from_micros(seconds * 1_000_000), value: value.map(Value::Double), quality }
    }

    fn build(before: Option<Sample>, samples: &[Sample], width: usize) -> Vec<Column> {
        let end = Timestamp::from_micros(10_000_000);
        let mut builder = ColumnBuilder::new(Timestamp::default(), end, width, before);
        samples.iter().for_each(|sample| builder.add(sample));
        builder.finish()
    }

    #[test]
    fn a_value_goes_on_and_a_gap_stays_one() {
        let columns = build(None, &[at(2, Some(1.0)), at(5, None), at(8, Some(3.0))], 10);
        let shown: Vec<_> =
            columns.iter().map(|column| (column.time.as_micros() / 1_000_000, column.last, column.bad)).collect();
        assert_eq!(shown.len(), 8, "{shown:?}");
        assert_eq!(shown[0], (2, 1.0, false));
        assert_eq!(shown[2], (4, 1.0, false));
        assert!(shown[4].1.is_nan() && shown[4].2);
        assert_eq!(shown[6], (8, 3.0, true), "the gap ends in this column");
        assert_eq!(shown[7], (9, 3.0, false));
    }

    #[test]
    fn the_value_before_the_range_opens_it() {
        let columns = build(Some(at(-5, Some(7.0))), &[], 4);
        assert_eq!(columns.len(), 4);
        assert!(columns.iter().all(|column| column.last == 7.0 && column.count == 0));
    }

    proptest! {
        /// However few columns: the extremes of the range are those of the samples.
        #[test]
        fn no_peak_is_hidden(values in proptest::collection::vec(-1e6f64..1e6, 1..200), width in 1usize..50) {
            let samples: Vec<_> = values.iter().enumerate().map(|(place, value)| Sample {
                time: Timestamp::from_micros(place as i64 * 50_000), value: Some(Value::Double(*value)), quality: Quality::GOOD,
            }).collect();
            let columns = build(None, &samples, width);
            let max = columns.iter().map(|column| column.max).fold(f64::MIN, f64::max);
            let min = columns.iter().map(|column| column.min).fold(f64::MAX, f64::min);
            prop_assert_eq!(max, values.iter().copied().fold(f64::MIN, f64::max));
            prop_assert_eq!(min, values.iter().copied().fold(f64::MAX, f64::min));
        }
    }
}
