//! A month of samples: one file, so that retention drops it whole.
//!
//! A chunk holds what one tag said from its start, which is the beginning of an hour, to the start of the next chunk of the tag or the end of
//! the day. An hour lies in one chunk. Every chunk tells the value with which it closes, so that the value at any moment is found in one
//! chunk and one row: with the opening value instead, a late sample would have to change the chunk after its own too. `opening` tells, for
//! the whole month, what was known of each tag when it began.

use super::calendar::{DAY, HOUR, Month, floor};
use super::codec::{decode_chunk, decode_timeline, encode_chunk, encode_timeline};
use super::database::{Layout, damage};
use super::series::Series;
use crate::tag::Sample;
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

pub(super) const LAYOUT: Layout = Layout {
    version: 2,
    page_bytes: 16_384,
    tables: "
    CREATE TABLE IF NOT EXISTS chunk(
        id INTEGER PRIMARY KEY, tag INTEGER NOT NULL, start INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
        count INTEGER NOT NULL, timeline INTEGER NOT NULL, closing BLOB NOT NULL, bytes BLOB NOT NULL);
    CREATE UNIQUE INDEX IF NOT EXISTS chunk_by_tag ON chunk(tag, start);
    CREATE INDEX IF NOT EXISTS chunk_by_timeline ON chunk(timeline);
    CREATE INDEX IF NOT EXISTS chunk_by_last ON chunk(last, start);
    CREATE TABLE IF NOT EXISTS timeline(id INTEGER PRIMARY KEY AUTOINCREMENT, bytes BLOB NOT NULL);
    CREATE TABLE IF NOT EXISTS tag(id INTEGER PRIMARY KEY, key TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS sealed(tag INTEGER PRIMARY KEY, through INTEGER NOT NULL, until INTEGER NOT NULL);
    CREATE TABLE IF NOT EXISTS opening(tag INTEGER PRIMARY KEY, sample BLOB NOT NULL);
    ",
};

/// A chunk that has this many samples is not made larger while samples come in order.
const GROWS_TO: usize = if cfg!(test) { 40 } else { 1800 };
/// Timelines of one round of sealing are remembered up to this many bytes.
const REMEMBERED_BYTES: usize = 16 << 20;

const PREFIX: &str = "raw-";

pub(super) fn file_name(month: Month) -> String {
    format!("{PREFIX}{}.sqlite", month.words())
}

/// The months of which there are files, oldest first.
pub(super) fn months(folder: &Path) -> BTreeSet<Month> {
    let Ok(entries) = std::fs::read_dir(folder) else { return BTreeSet::new() };
    entries.filter_map(|entry| of_file(Path::new(&entry.ok()?.file_name()))).collect()
}

/// The month whose samples are in the file of that name; none for any other file.
pub(super) fn of_file(path: &Path) -> Option<Month> {
    Month::parse(path.file_name()?.to_str()?.strip_prefix(PREFIX)?.strip_suffix(".sqlite")?)
}

pub(super) fn path(folder: &Path, month: Month) -> PathBuf {
    folder.join(file_name(month))
}

/// What a file says is in its chunks already: samples of head rows up to `through` that lie before `until`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sealed {
    pub(super) through: i64,
    pub(super) until: i64,
}

impl Sealed {
    pub(super) fn contains(self, head: i64, time: i64) -> bool {
        head <= self.through && (time < self.until || self.until == i64::MAX)
    }
}

/// One sample as bytes, time and all.
pub(super) fn encode_sample(sample: &Sample) -> Vec<u8> {
    let series: Series = [sample.clone()].into_iter().collect();
    let mut bytes = sample.time.as_micros().to_le_bytes().to_vec();
    bytes.extend(encode_chunk(&series));
    bytes
}

/// Reads what [`encode_sample`] wrote.
pub(super) fn decode_sample(bytes: &[u8]) -> Option<Sample> {
    let (time, chunk) = bytes.split_first_chunk::<8>()?;
    decode_chunk(chunk, vec![i64::from_le_bytes(*time)])?.iter().next()
}

/// A chunk that is being put together.
pub(super) struct Chunk {
    pub(super) id: Option<i64>,
    pub(super) start: i64,
    pub(super) series: Series,
    timeline: Option<i64>,
    /// The hours of which something is new.
    pub(super) touched: BTreeSet<i64>,
}

/// Encoded timelines of this round of sealing, so that tags of one answer share them.
#[derive(Default)]
pub(super) struct Timelines {
    known: HashMap<Vec<u8>, i64>,
    bytes: usize,
    /// The times of the chunk before, which are mostly those of the next one too: that saves encoding them.
    last: Option<(Vec<i64>, i64)>,
}

impl Timelines {
    fn id(&mut self, connection: &Connection, times: &[i64]) -> rusqlite::Result<i64> {
        if let Some((_, id)) = self.last.as_ref().filter(|(last, _)| last == times) {
            return Ok(*id);
        }
        let id = self.find(connection, times)?;
        self.last = Some((times.to_vec(), id));
        Ok(id)
    }

    fn find(&mut self, connection: &Connection, times: &[i64]) -> rusqlite::Result<i64> {
        let bytes = encode_timeline(times);
        if let Some(id) = self.known.get(&bytes) {
            return Ok(*id);
        }
        let id = connection.prepare_cached("INSERT INTO timeline(bytes) VALUES (?1)")?.insert([&bytes])?;
        if self.bytes > REMEMBERED_BYTES {
            *self = Self::default();
        }
        self.bytes += bytes.len();
        self.known.insert(bytes, id);
        Ok(id)
    }
}

/// Puts new samples, in order of time, into the chunks that they belong to, and tells those chunks.
pub(super) fn merge(connection: &Connection, tag: i64, samples: &Series) -> rusqlite::Result<Vec<Chunk>> {
    let mut chunks: Vec<Chunk> = Vec::new();
    let mut place = 0;
    while let Some(first) = samples.times.get(place) {
        let hour = floor(*first, HOUR);
        let end = hour.saturating_add(HOUR);
        let after = samples.times.partition_point(|time| *time < end || end == i64::MAX);
        let group = samples.part(place, after);
        place = after;
        let grows = |chunk: &Chunk| chunk.start == hour || chunk.series.len() < GROWS_TO || is_within(chunk, hour);
        match chunks.last_mut() {
            Some(chunk)
                if floor(chunk.start, DAY) == floor(hour, DAY)
                    && grows(chunk)
                    && !is_taken(connection, tag, chunk.start, hour)? =>
            {
                chunk.series.append(group);
                chunk.touched.insert(hour);
            }
            _ => {
                // What the file has of a chunk that is being put together here is out of date.
                let newest = chunks.last().map_or(i64::MIN, |chunk| chunk.start);
                let is_news = |chunk: &Chunk| chunks.is_empty() || chunk.start > newest;
                let mut chunk = match owner(connection, tag, hour)? {
                    Some(chunk) if is_news(&chunk) && grows(&chunk) => chunk,
                    _ => Chunk {
                        id: None,
                        start: hour,
                        series: Series::default(),
                        timeline: None,
                        touched: BTreeSet::new(),
                    },
                };
                chunk.series.append(group);
                chunk.touched.insert(hour);
                chunks.push(chunk);
            }
        }
    }
    for chunk in &mut chunks {
        chunk.series = std::mem::take(&mut chunk.series).in_order();
    }
    Ok(chunks)
}

/// Whether new samples lie between those that a chunk has.
fn is_within(chunk: &Chunk, hour: i64) -> bool {
    chunk.series.times.iter().max().is_some_and(|last| hour <= *last)
}

/// Whether the file has a chunk between the start of one and an hour: then that one owns the hour.
fn is_taken(connection: &Connection, tag: i64, start: i64, hour: i64) -> rusqlite::Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM chunk WHERE tag = ?1 AND start > ?2 AND start <= ?3)";
    connection.prepare_cached(sql)?.query_row(params![tag, start, hour], |row| row.get(0))
}

/// The chunk to which an hour of a tag belongs, if there is one.
pub(super) fn owner(connection: &Connection, tag: i64, hour: i64) -> rusqlite::Result<Option<Chunk>> {
    let sql = "SELECT chunk.id, start, timeline, chunk.bytes, timeline.bytes FROM chunk JOIN timeline ON timeline.id = timeline
               WHERE tag = ?1 AND start <= ?2 AND start >= ?3 ORDER BY start DESC LIMIT 1";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params![tag, hour, floor(hour, DAY)])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let series = decode(row.get_ref(3)?.as_blob()?, row.get_ref(4)?.as_blob()?)?;
    let (id, start, timeline) = (row.get(0)?, row.get(1)?, row.get(2)?);
    Ok(Some(Chunk { id: Some(id), start, series, timeline: Some(timeline), touched: BTreeSet::new() }))
}

pub(super) fn decode(chunk: &[u8], timeline: &[u8]) -> rusqlite::Result<Series> {
    let times = decode_timeline(timeline).ok_or_else(|| damage("a timeline"))?;
    decode_with(chunk, times)
}

pub(super) fn decode_with(chunk: &[u8], times: Vec<i64>) -> rusqlite::Result<Series> {
    decode_chunk(chunk, times).ok_or_else(|| damage("a chunk"))
}

/// Writes a chunk in the place of what it was.
pub(super) fn write(
    connection: &Connection,
    tag: i64,
    chunk: &Chunk,
    timelines: &mut Timelines,
) -> rusqlite::Result<()> {
    let (Some(first), Some(last)) = (chunk.series.times.first(), chunk.series.times.last()) else { return Ok(()) };
    let timeline = timelines.id(connection, &chunk.series.times)?;
    let closing = chunk.series.last().map(|sample| encode_sample(&sample));
    let sql = "INSERT OR REPLACE INTO chunk(id, tag, start, first, last, count, timeline, closing, bytes)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    let count = chunk.series.len() as i64;
    let bytes = encode_chunk(&chunk.series);
    let row = params![chunk.id, tag, chunk.start, first, last, count, timeline, closing, bytes];
    connection.prepare_cached(sql)?.execute(row)?;
    if let Some(before) = chunk.timeline.filter(|before| *before != timeline) {
        let sql = "DELETE FROM timeline WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM chunk WHERE timeline = ?1)";
        connection.prepare_cached(sql)?.execute([before])?;
    }
    Ok(())
}

/// Notes what is sealed of a tag.
pub(super) fn write_sealed(connection: &Connection, tag: i64, sealed: Sealed) -> rusqlite::Result<()> {
    let sql = "INSERT OR REPLACE INTO sealed(tag, through, until) VALUES (?1, ?2, ?3)";
    connection.prepare_cached(sql)?.execute(params![tag, sealed.through, sealed.until]).map(drop)
}

/// Whether nothing was ever sealed into this file.
pub(super) fn is_untouched(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("SELECT NOT EXISTS (SELECT 1 FROM sealed)", [], |row| row.get(0))
}

/// What is sealed of each tag.
pub(super) fn all_sealed(connection: &Connection) -> rusqlite::Result<HashMap<i64, Sealed>> {
    let mut statement = connection.prepare_cached("SELECT tag, through, until FROM sealed")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, Sealed { through: row.get(1)?, until: row.get(2)? })))?;
    rows.collect()
}

/// What is sealed of one tag.
pub(super) fn sealed(connection: &Connection, tag: i64) -> rusqlite::Result<Option<Sealed>> {
    let sql = "SELECT through, until FROM sealed WHERE tag = ?1";
    let sealed = |row: &rusqlite::Row<'_>| Ok(Sealed { through: row.get(0)?, until: row.get(1)? });
    connection.prepare_cached(sql)?.query_row([tag], sealed).optional()
}

/// The last sample of a tag before `time`, as far as this file knows.
pub(super) fn before(connection: &Connection, tag: i64, time: i64) -> rusqlite::Result<Option<Sample>> {
    let sql = "SELECT chunk.bytes, timeline.bytes, first, last, closing, start FROM chunk JOIN timeline ON timeline.id = timeline
               WHERE tag = ?1 AND first < ?2 AND start < ?2 ORDER BY start DESC LIMIT 1";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params![tag, time])?;
    let Some(row) = rows.next()? else { return opening(connection, tag, time) };
    if row.get::<_, i64>(3)? < time {
        return closing(row.get_ref(4)?.as_blob()?).map(Some);
    }
    let series = decode(row.get_ref(0)?.as_blob()?, row.get_ref(1)?.as_blob()?)?;
    let found = series.iter().take_while(|sample| sample.time.as_micros() < time).last();
    Ok(found)
}

fn opening(connection: &Connection, tag: i64, time: i64) -> rusqlite::Result<Option<Sample>> {
    let sql = "SELECT sample FROM opening WHERE tag = ?1";
    let bytes: Option<Vec<u8>> = connection.prepare_cached(sql)?.query_row([tag], |row| row.get(0)).optional()?;
    let sample = bytes.map(|bytes| closing(&bytes)).transpose()?;
    Ok(sample.filter(|sample| sample.time.as_micros() < time))
}

fn closing(bytes: &[u8]) -> rusqlite::Result<Sample> {
    decode_sample(bytes).ok_or_else(|| damage("a closing value"))
}

/// The last sample of every tag that this file knows of, for the opening of the month after it.
pub(super) fn all_closing(connection: &Connection) -> rusqlite::Result<HashMap<i64, Vec<u8>>> {
    let mut found: HashMap<i64, Vec<u8>> = HashMap::new();
    let sqls = [
        "SELECT tag, sample FROM opening",
        "SELECT tag, closing FROM chunk WHERE id IN
         (SELECT id FROM (SELECT id, max(start) FROM chunk GROUP BY tag))",
    ];
    for sql in sqls {
        let mut statement = connection.prepare(sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            found.insert(row.get(0)?, row.get(1)?);
        }
    }
    Ok(found)
}

/// Writes what was known of a tag when the month began.
pub(super) fn write_opening(connection: &Connection, tag: i64, sample: &[u8]) -> rusqlite::Result<()> {
    let sql = "INSERT OR REPLACE INTO opening(tag, sample) VALUES (?1, ?2)";
    connection.prepare_cached(sql)?.execute(params![tag, sample]).map(drop)
}

/// The first sample of a tag after `time` in chunks that begin later than `start`.
pub(super) fn next_after(connection: &Connection, tag: i64, start: i64) -> rusqlite::Result<Option<i64>> {
    let sql = "SELECT first FROM chunk WHERE tag = ?1 AND start > ?2 ORDER BY start LIMIT 1";
    connection.prepare_cached(sql)?.query_row(params![tag, start], |row| row.get(0)).optional()
}
