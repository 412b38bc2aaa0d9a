//! Looking back: whole ranges for export, one column per pixel for trends, the value at a moment.
//!
//! A reader has connections of its own and shares only the unsealed part, so that no query ever delays a flush. It takes a copy of what is
//! unsealed of a tag first and looks into the files then; the files say which head rows they contain, so that what is sealed in between is
//! seen once, and the live tail joins without a seam.

use super::aggregate::{Aggregate, Aggregator, Interval};
use super::bands::{Band, BandBuilder};
use super::calendar::{Month, floor};
use super::columns::{Column, ColumnBuilder};
use super::database::{Database, StoreError, explain};
use super::head::read_head_rows;
use super::plan::{Kept, Part, parts};
use super::rollups::{self, Resolution};
use super::seal::number;
use super::series::Series;
use super::store::{VERSION, alive, horizon};
use super::tail::{TagTail, Unsealed};
use super::{month, timelines::TimelineCache};
use crate::tag::{Sample, TagKey, Timestamp};
use rusqlite::{Connection, OptionalExtension, params};
use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Files that a reader keeps open.
const OPEN_FILES: usize = 16;

/// No screen has more.
const MOST_COLUMNS: usize = 10_000;
/// No answer has more intervals.
const MOST_INTERVALS: usize = 1_000_000;

/// Why a query gave nothing.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// A file cannot be read, or is damaged.
    #[error("the samples cannot be read: {0}")]
    Store(#[from] StoreError),
    /// Another Polder wrote it.
    #[error(
        "{} has version {found}, and this Polder reads {VERSION}; start the station once to bring an earlier one up to date, or use the newer Polder",
        file.display()
    )]
    Version {
        /// Which file.
        file: PathBuf,
        /// Its version.
        found: i64,
    },
    /// More intervals than anybody could use.
    #[error("that would be more than {MOST_INTERVALS} intervals; take longer ones, or a shorter range")]
    TooMany,
    /// It was not wanted any more.
    #[error("cancelled")]
    Cancelled,
}

/// Samples that were lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// When that was noted: they are of any time before.
    pub noted: Timestamp,
    /// At least so many.
    pub samples: u64,
    /// Why; empty where that was not known.
    pub why: String,
}

/// A reader with connections of its own.
pub struct Reader {
    main: Connection,
    path: PathBuf,
    folder: PathBuf,
    unsealed: Unsealed,
    /// Tags whose rollups may be missing from an hour on, because a seal was cut short and no station has run since.
    unrolled: HashMap<i64, i64>,
    /// Head rows that are damaged.
    unreadable: usize,
    /// Each with device and inode: a file that was set aside, restored or dropped is not read on.
    files: RefCell<HashMap<PathBuf, (Connection, [u64; 2])>>,
    timelines: RefCell<TimelineCache>,
}

impl Reader {
    /// Opens history for reading; `path` is its main file. Inside a running station `unsealed` is shared; elsewhere it is read from the file.
    pub fn open(path: &Path, unsealed: Option<Unsealed>) -> Result<Self, QueryError> {
        let failed = |source| explain(path, source);
        let folder = path.parent().map(Path::to_owned).unwrap_or_default();
        let main = Database::open_to_read(path).map_err(failed)?;
        let found = main.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(failed)?;
        if found != VERSION {
            return Err(QueryError::Version { file: path.to_owned(), found });
        }
        let (mut unrolled, mut unreadable) = (HashMap::new(), 0);
        let unsealed = match unsealed {
            Some(unsealed) => unsealed,
            None => {
                // One transaction for the reader's life: what it reads of the head stays what it was.
                main.execute_batch("BEGIN").map_err(failed)?;
                let mut head = read_head_rows(&main, &folder).map_err(failed)?;
                unreadable = head.unreadable.len();
                for (tag, hour) in head.sealed_already {
                    unrolled.entry(tag).and_modify(|first: &mut i64| *first = hour.min(*first)).or_insert(hour);
                }
                head.tail.alive = alive(&main).map_err(failed)?;
                Arc::new(Mutex::new(head.tail))
            }
        };
        let (path, files) = (path.to_owned(), RefCell::default());
        Ok(Self { main, path, folder, unsealed, unrolled, unreadable, files, timelines: RefCell::default() })
    }

    /// How many flushes (each of 250 ms at least) stand in the file but are damaged, so that their samples are missing in every answer;
    /// `polder repair` looks at them. 0 inside a running station, which sets them apart when it starts.
    pub const fn unreadable_flushes(&self) -> usize {
        self.unreadable
    }

    /// What stands in the file of samples that were lost and may have been of `from` or later, the oldest first: each was noted at its time,
    /// and may be of any time before that.
    pub fn losses(&self, from: Timestamp) -> Result<Vec<Loss>, QueryError> {
        self.with(|connection| {
            let sql = "SELECT time, samples, why FROM loss WHERE time >= ?1 ORDER BY time, id";
            let mut statement = connection.prepare_cached(sql)?;
            let row = |row: &rusqlite::Row<'_>| {
                let (time, samples): (i64, i64) = (row.get(0)?, row.get(1)?);
                Ok(Loss { noted: Timestamp::from_micros(time), samples: samples.unsigned_abs(), why: row.get(2)? })
            };
            statement.query_map([from.as_micros()], row)?.collect()
        })
    }

    fn with<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, QueryError> {
        work(&self.main).map_err(|source| explain(&self.path, source).into())
    }

    /// Looks into another file; none when it does not exist, or is just being made.
    fn in_file<T>(
        &self,
        path: &Path,
        work: impl FnOnce(&Connection) -> Result<T, QueryError>,
    ) -> Result<Option<T>, QueryError> {
        let known = self.files.borrow_mut().remove(path);
        let Some(identity) = identity(path) else { return Ok(None) };
        let known = known.filter(|(_, known)| *known == identity).map(|(connection, _)| connection);
        let connection = known.map_or_else(|| self.open_file(path), Ok)?;
        if is_being_made(&connection).map_err(|source| explain(path, source))? {
            return Ok(None);
        }
        let found = work(&connection)?;
        let mut files = self.files.borrow_mut();
        if files.len() >= OPEN_FILES {
            files.clear();
        }
        files.insert(path.to_owned(), (connection, identity));
        Ok(Some(found))
    }

    /// What is remembered of a file before it is opened may be of another one that had its name.
    fn open_file(&self, path: &Path) -> Result<Connection, QueryError> {
        if let Some(month) = month::of_file(path) {
            self.timelines.borrow_mut().forget(month);
        }
        Database::open_to_read(path).map_err(|source| explain(path, source).into())
    }

    /// The names of all tags that were ever kept, sorted.
    pub fn tags(&self) -> Result<Vec<TagKey>, QueryError> {
        self.with(|connection| {
            let mut statement = connection.prepare("SELECT key FROM tag ORDER BY key")?;
            let rows = statement.query_map([], |row| Ok(TagKey::from(row.get::<_, String>(0)?.as_str())))?;
            rows.collect()
        })
    }

    /// The last moment at which the station is known to have run; beyond it nothing can be said.
    pub fn known_until(&self) -> Result<Option<Timestamp>, QueryError> {
        let told = self.unsealed.lock().ok().and_then(|tail| tail.alive);
        told.map_or_else(|| self.with(alive), |told| Ok(Some(told)))
    }

    fn id(&self, key: &TagKey) -> Result<Option<i64>, QueryError> {
        self.with(|connection| {
            let sql = "SELECT id FROM tag WHERE key = ?1";
            connection.prepare_cached(sql)?.query_row([key.as_str()], |row| row.get(0)).optional()
        })
    }

    fn tail_of(&self, tag: i64) -> TagTail {
        self.unsealed.lock().ok().and_then(|tail| tail.of(tag).cloned()).unwrap_or_default()
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

    /// Hands every sample from `from` to `to` to `take`, oldest first, those of the same time in the order in which they came, a chunk at a
    /// time; `take` says false to stop. Whether all were handed over.
    pub fn visit(
        &self,
        key: &TagKey,
        from: Timestamp,
        to: Timestamp,
        mut take: impl FnMut(Sample) -> bool,
    ) -> Result<bool, QueryError> {
        let Some(tag) = self.id(key)? else { return Ok(true) };
        let range = [from.as_micros(), to.as_micros()];
        self.pieces(tag, &self.tail_of(tag), range, &mut |series| {
            let inside = |sample: &Sample| sample.time >= from && sample.time <= to;
            series.iter().filter(inside).all(&mut take)
        })
    }

    /// The same as numbers, a chunk at a time, with not-a-number where there is none: bad quality, no value, text. The quickest way to look
    /// at every sample. Whether all were handed over.
    pub fn numbers(
        &self,
        key: &TagKey,
        from: Timestamp,
        to: Timestamp,
        take: &mut dyn FnMut(&[i64], &[f64]) -> bool,
    ) -> Result<bool, QueryError> {
        let Some(tag) = self.id(key)? else { return Ok(true) };
        let [from, to] = [from.as_micros(), to.as_micros()];
        self.pieces(tag, &self.tail_of(tag), [from, to], &mut |series| {
            let start = series.times.partition_point(|time| *time < from);
            let end = series.times.partition_point(|time| *time <= to);
            start >= end || take(&series.times[start..end], &series.numbers()[start..end])
        })
    }

    /// Hands the samples around a range to `take`, piece by piece in order of time, until it says false. Whether it never did.
    fn pieces(
        &self,
        tag: i64,
        tail: &TagTail,
        [from, to]: [i64; 2],
        take: &mut dyn FnMut(&Series) -> bool,
    ) -> Result<bool, QueryError> {
        let inside = tail.filtered(|_, sample| (from..=to).contains(&sample.time.as_micros()));
        let mut months: BTreeSet<Month> = inside.series.times.iter().map(|time| Month::of(*time)).collect();
        let (first, last) = (Month::of(from), Month::of(to));
        months.extend(month::months(&self.folder).into_iter().filter(|month| (first..=last).contains(month)));
        for month in months {
            let unsealed = inside.filtered(|_, sample| Month::of(sample.time.as_micros()) == month);
            let path = month::path(&self.folder, month);
            let read = |connection: &Connection| {
                let source = Pieces { tag, range: [from, to], month, path: &path, timelines: &self.timelines };
                source.read(connection, &unsealed, take)
            };
            let goes_on = match self.in_file(&path, read)? {
                Some(goes_on) => goes_on,
                None => unsealed.series.is_empty() || take(&unsealed.series.in_order()),
            };
            if !goes_on {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The last sample before `moment`.
    pub fn before(&self, key: &TagKey, moment: Timestamp) -> Result<Option<Sample>, QueryError> {
        match self.id(key)? {
            Some(tag) => self.before_in(tag, &self.tail_of(tag), moment.as_micros()),
            None => Ok(None),
        }
    }

    fn before_in(&self, tag: i64, tail: &TagTail, time: i64) -> Result<Option<Sample>, QueryError> {
        let unsealed = tail.filtered(|_, sample| sample.time.as_micros() < time).series.latest();
        let newest = Month::of(time.saturating_sub(1));
        for month in month::months(&self.folder).into_iter().rev().filter(|month| *month <= newest) {
            let path = month::path(&self.folder, month);
            let find = |connection: &Connection| {
                month::before(connection, tag, time).map_err(|source| explain(&path, source).into())
            };
            if let Some(sealed) = self.in_file(&path, find)?.flatten() {
                let later = unsealed.as_ref().is_none_or(|unsealed| unsealed.time < sealed.time);
                return Ok(if later { Some(sealed) } else { unsealed });
            }
        }
        Ok(unsealed)
    }

    /// The range as `width` columns, each with its extremes: nothing that happened is hidden by drawing few pixels. Wide columns come out of
    /// rollups: then what happened within one bucket of a column's border may show in the column beside it; the ends of the range are exact
    /// while samples are kept. Columns in which nothing is known are left out. `cancelled` is asked now and then.
    pub fn columns(
        &self,
        key: &TagKey,
        from: Timestamp,
        to: Timestamp,
        width: usize,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<Vec<Column>, QueryError> {
        self.build(key, [from.as_micros(), to.as_micros()], width.clamp(1, MOST_COLUMNS), to, false, cancelled)
    }

    /// The same out of the samples alone, however many there are.
    pub fn exact_columns(
        &self,
        key: &TagKey,
        from: Timestamp,
        to: Timestamp,
        width: usize,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<Vec<Column>, QueryError> {
        self.build(key, [from.as_micros(), to.as_micros()], width.clamp(1, MOST_COLUMNS), to, true, cancelled)
    }

    /// What a tag was, in true steps: for states, switches and texts. Bands shorter than a `width`th of the range are put together.
    pub fn bands(
        &self,
        key: &TagKey,
        from: Timestamp,
        to: Timestamp,
        width: usize,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<Vec<Band>, QueryError> {
        let mut builder = BandBuilder::new(from, to, width, self.before(key, from)?);
        let mut count = 0u32;
        let all = self.visit(key, from, to, |sample| {
            builder.add(&sample);
            count += 1;
            !count.is_multiple_of(4096) || !cancelled()
        })?;
        wanted_all(all)?;
        Ok(builder.finish(self.known_until()?.map_or(to, |known| known.min(to)).max(from)))
    }

    /// A figure for each interval of length `every` from `from` to `to`; the last one may be shorter. Intervals in which nothing is known are
    /// left out. Where samples are not kept any more, minima, maxima, means and the like come out of rollups.
    pub fn aggregate(
        &self,
        key: &TagKey,
        [from, to]: [Timestamp; 2],
        every: Duration,
        aggregate: &Aggregate,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<Vec<Interval>, QueryError> {
        let step = i64::try_from(every.as_micros()).unwrap_or(i64::MAX).max(1);
        let count = (to.micros_since(from).max(1) - 1) / step + 1;
        let count = usize::try_from(count).ok().filter(|count| *count <= MOST_INTERVALS).ok_or(QueryError::TooMany)?;
        if aggregate.needs_samples() {
            let mut aggregator =
                Aggregator::new(aggregate.clone(), [from.as_micros(), step], count, self.before(key, from)?);
            let mut samples = 0u32;
            let all = self.visit(key, from, to, |sample| {
                aggregator.sample(sample);
                samples += 1;
                !samples.is_multiple_of(4096) || !cancelled()
            })?;
            wanted_all(all)?;
            let until = self.known_until()?.map_or(to, |known| known.min(to)).max(from);
            return Ok(aggregator.finish(until.as_micros()));
        }
        let end = from.as_micros().saturating_add(step.saturating_mul(count as i64));
        let exact = from.as_micros() >= self.kept()?.raw_from;
        let columns = self.build(key, [from.as_micros(), end], count, to, exact, cancelled)?;
        let interval = |column: &Column| Interval {
            from: Timestamp::from_micros(column.time.as_micros() - step / 2),
            value: aggregate.of_column(column),
            good: column.good,
        };
        Ok(columns.iter().map(interval).collect())
    }

    fn build(
        &self,
        key: &TagKey,
        [from, to]: [i64; 2],
        width: usize,
        until: Timestamp,
        exact: bool,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<Vec<Column>, QueryError> {
        let until = until.as_micros();
        let Some(tag) = self.id(key)? else { return Ok(Vec::new()) };
        let tail = self.tail_of(tag);
        let newest = tail.series.times.iter().max().copied();
        let known = self.known_until()?.map(Timestamp::as_micros).max(newest).map_or(until, |known| known.min(until));
        let rolled_to =
            [tail.first(), self.unrolled.get(&tag).copied()].into_iter().flatten().min().unwrap_or(i64::MAX);
        let kept = Kept { rolled_to, ..self.kept()? };
        let before = self.number_before(tag, &tail, from, &kept)?;
        let mut builder = ColumnBuilder::new([from, to], width, before);
        let parts =
            if exact { vec![Part::samples(from, known)] } else { parts([from, to.min(known)], to, width, &kept) };
        for part in parts {
            match part.resolution {
                None => self.add_samples(tag, &tail, part, known, &mut builder, cancelled)?,
                Some(resolution) => {
                    let mut reached = part.from;
                    let done = self.add_rollups(tag, resolution, part, &mut builder, &mut reached, cancelled);
                    if let Err(error) = done {
                        let rest = Part::samples(reached, part.to);
                        self.instead_of_rollups(error, tag, &tail, rest, &kept, &mut builder, cancelled)?;
                    }
                }
            }
        }
        Ok(builder.finish(known))
    }

    /// Rollups are made of samples: where they are damaged the samples tell the same, as long as they are kept.
    #[expect(clippy::too_many_arguments, reason = "the parts of a picture that is being built")]
    fn instead_of_rollups(
        &self,
        error: QueryError,
        tag: i64,
        tail: &TagTail,
        rest: Part,
        kept: &Kept,
        builder: &mut ColumnBuilder,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<(), QueryError> {
        let is_damage = matches!(&error, QueryError::Store(error) if error.damaged().is_some());
        if !is_damage || rest.from < kept.raw_from {
            return Err(error);
        }
        tracing::warn!("samples are read in the place of rollups: {error}");
        self.add_samples(tag, tail, rest, i64::MAX, builder, cancelled)
    }

    fn kept(&self) -> Result<Kept, QueryError> {
        self.with(|connection| {
            let since = |what| Ok::<_, rusqlite::Error>(horizon(connection, what)?.unwrap_or(i64::MIN));
            Ok(Kept { raw_from: since("raw")?, minutes_from: since("minutes")?, rolled_to: i64::MAX })
        })
    }

    /// What went on at `time`; where samples are not kept any more, as rollups tell it.
    fn number_before(&self, tag: i64, tail: &TagTail, time: i64, kept: &Kept) -> Result<Option<f64>, QueryError> {
        if time > kept.raw_from
            && let Some(sample) = self.before_in(tag, tail, time)?
        {
            return Ok(Some(number(&sample)));
        }
        let mut latest = self.with(|connection| rollups::last_before(connection, Resolution::Hours, tag, time))?;
        let path = rollups::path(&self.folder, rollups::year_of(time.saturating_sub(1)));
        let find = |connection: &Connection| {
            let found = rollups::last_before(connection, Resolution::Minutes, tag, time);
            found.map_err(|source| QueryError::from(explain(&path, source)))
        };
        if let Some(minute) = self.in_file(&path, find)?.flatten() {
            latest = latest.filter(|hour| hour.start > minute.start).or(Some(minute));
        }
        Ok(latest.map(|rollup| rollup.last))
    }

    fn add_samples(
        &self,
        tag: i64,
        tail: &TagTail,
        part: Part,
        known: i64,
        builder: &mut ColumnBuilder,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<(), QueryError> {
        // The range includes its last moment; the border between two parts belongs to the later one.
        let last = if part.to >= known { known } else { part.to - 1 };
        let all = self.pieces(tag, tail, [part.from, last], &mut |series| {
            let from = series.times.partition_point(|time| *time < part.from);
            let end = series.times.partition_point(|time| *time <= last);
            if from < end {
                builder.samples(&series.times[from..end], &series.numbers()[from..end]);
            }
            !cancelled()
        })?;
        wanted_all(all)
    }

    fn add_rollups(
        &self,
        tag: i64,
        resolution: Resolution,
        part: Part,
        builder: &mut ColumnBuilder,
        reached: &mut i64,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<(), QueryError> {
        let (mut count, width, range) = (0u32, resolution.width(), [part.from, part.to]);
        let mut goes_on = true;
        let mut read = |connection: &Connection| {
            rollups::visit(connection, resolution, tag, range, |rollup| {
                builder.rollup(rollup, width);
                *reached = rollup.start.saturating_add(width).min(part.to);
                count += 1;
                goes_on = !count.is_multiple_of(1024) || !cancelled();
                goes_on
            })
        };
        match resolution {
            Resolution::Hours => self.with(read)?,
            Resolution::Minutes => {
                for year in rollups::year_of(part.from)..=rollups::year_of(part.to) {
                    let path = rollups::path(&self.folder, year);
                    self.in_file(&path, |connection| read(connection).map_err(|source| explain(&path, source).into()))?;
                }
            }
        }
        wanted_all(goes_on)
    }
}

/// Whether a file has no tables yet: they come in one commit with its version.
fn is_being_made(connection: &Connection) -> rusqlite::Result<bool> {
    let version = connection.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0));
    match version {
        // A station that was killed before the file had a write-ahead log left a rollback journal, which only a writer can follow.
        Err(rusqlite::Error::SqliteFailure(error, _))
            if error.extended_code == rusqlite::ffi::SQLITE_READONLY_ROLLBACK =>
        {
            Ok(true)
        }
        version => Ok(version? == 0),
    }
}

/// A query that was to see all samples was stopped by its caller.
fn wanted_all(all: bool) -> Result<(), QueryError> {
    if all { Ok(()) } else { Err(QueryError::Cancelled) }
}

/// Device and inode of a file; none when there is none.
fn identity(path: &Path) -> Option<[u64; 2]> {
    let file = std::fs::metadata(path).ok()?;
    Some([file.dev(), file.ino()])
}

/// What is read of one month.
struct Pieces<'a> {
    tag: i64,
    range: [i64; 2],
    month: Month,
    path: &'a Path,
    timelines: &'a RefCell<TimelineCache>,
}

impl Pieces<'_> {
    /// Whether more is wanted.
    fn read(
        &self,
        connection: &Connection,
        unsealed: &TagTail,
        take: &mut dyn FnMut(&Series) -> bool,
    ) -> Result<bool, QueryError> {
        let failed = |source| QueryError::from(explain(self.path, source));
        // What the file contains and what it says that it contains belong together.
        let transaction = connection.unchecked_transaction().map_err(failed)?;
        let known =
            if unsealed.series.is_empty() { None } else { month::sealed(&transaction, self.tag).map_err(failed)? };
        let mut tail: Vec<Sample> = unsealed.filtered_by(known, |_| {}).in_order().iter().collect();
        let goes_on = self.chunks(&transaction, &mut tail, take).map_err(failed)?;
        Ok(goes_on && (tail.is_empty() || take(&tail.into_iter().collect())))
    }

    fn chunks(
        &self,
        connection: &Connection,
        tail: &mut Vec<Sample>,
        take: &mut dyn FnMut(&Series) -> bool,
    ) -> rusqlite::Result<bool> {
        let sql = "SELECT bytes, timeline FROM chunk WHERE tag = ?1 AND start >= ?2 AND start <= ?3 AND last >= ?4 ORDER BY start";
        let mut statement = connection.prepare_cached(sql)?;
        let [from, to] = self.range;
        let day = floor(from, super::calendar::DAY);
        let mut rows = statement.query(params![self.tag, day, to, from])?;
        while let Some(row) = rows.next()? {
            let times = self.timelines.borrow_mut().get(connection, self.month, row.get(1)?)?;
            let mut series = month::decode_with(row.get_ref(0)?.as_blob()?, times)?;
            let end = series.times.last().copied().unwrap_or(i64::MIN);
            let among = tail.partition_point(|sample| sample.time.as_micros() <= end);
            if among > 0 {
                series.extend(tail.drain(..among));
                series = series.in_order();
            }
            if !take(&series) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
