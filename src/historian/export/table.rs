//! Tables in any dialect, of any length without holding them in memory. Whoever waits is told how far it is, and can stop it.

use super::super::query::{QueryError, Reader};
use super::dialect::{Dialect, Shape};
use super::moment::MomentWriter;
use super::{ExportError, ExportOptions, matches_pattern};
use crate::tag::{Sample, TagKey, Timestamp, Value};
use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

/// Steps are not shorter.
const SHORTEST: Duration = Duration::from_millis(1);
/// Lines between two reports.
const REPORT: u64 = 2048;
/// Lines that a slice of a wide table has at most, roughly: they are held in memory.
const SLICE: usize = 20_000;

/// How far an export is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Progress {
    /// Lines that were written.
    pub lines: u64,
    /// From 0 to 1.
    pub share: f64,
}

/// What an export needs besides its options.
pub struct Setting<'a> {
    /// How it is written.
    pub dialect: Dialect,
    /// How many seconds local time is before UTC at a moment.
    pub offset: &'a dyn Fn(Timestamp) -> i32,
    /// Told now and then how far it is; false stops it.
    pub report: &'a dyn Fn(Progress) -> bool,
}

/// Writes the samples of all matching tags as `setting` says; how many lines were written.
pub fn export_table(
    reader: &Reader,
    options: &ExportOptions,
    setting: &Setting<'_>,
    mut out: impl Write,
) -> Result<u64, ExportError> {
    let every = options.every.map(|every| every.max(SHORTEST));
    let options = &ExportOptions { every, ..options.clone() };
    let keys = matching(reader, options)?;
    if setting.dialect.has_mark {
        out.write_all("\u{feff}".as_bytes())?;
    }
    let mut table = Table::new(setting, out);
    match setting.dialect.shape {
        Shape::Long => long(reader, options, &keys, &mut table)?,
        Shape::Wide => wide(reader, options, &keys, &mut table)?,
    }
    table.finish()
}

/// A table that is being written.
pub struct Table<'a, W: Write> {
    setting: &'a Setting<'a>,
    moments: MomentWriter<'a>,
    writer: csv::Writer<W>,
    lines: u64,
    share: f64,
}

impl<'a, W: Write> Table<'a, W> {
    /// A table without a line.
    pub fn new(setting: &'a Setting<'a>, out: W) -> Self {
        let mut builder = csv::WriterBuilder::new();
        let builder = builder.terminator(csv::Terminator::CRLF).delimiter(setting.dialect.separator);
        let moments = MomentWriter::new(setting.dialect, setting.offset);
        Self { setting, moments, writer: builder.from_writer(out), lines: 0, share: 0.0 }
    }

    /// The heads of the columns behind that of the time.
    pub fn head<'c>(&mut self, cells: impl IntoIterator<Item = &'c str>) -> Result<(), ExportError> {
        let heads = self.setting.dialect.time_heads().iter().copied();
        Ok(self.writer.write_record(heads.chain(cells))?)
    }

    /// A line.
    pub fn line<'c>(&mut self, time: Timestamp, cells: impl IntoIterator<Item = &'c str>) -> Result<(), ExportError> {
        let [moment, offset] = self.moments.write(time);
        self.writer.write_field(moment)?;
        if self.setting.dialect.time_heads().len() > 1 {
            self.writer.write_field(offset)?;
        }
        for cell in cells {
            self.writer.write_field(cell)?;
        }
        self.writer.write_record(None::<&[u8]>)?;
        self.lines += 1;
        if self.lines.is_multiple_of(REPORT) { self.report() } else { Ok(()) }
    }

    /// How a number is written.
    pub fn number(&self, value: f64) -> String {
        if value.is_finite() { self.setting.dialect.value(&Value::Double(value)) } else { String::new() }
    }

    /// From now on it is this far.
    fn at(&mut self, share: f64) -> Result<(), ExportError> {
        self.share = share.clamp(0.0, 1.0);
        self.report()
    }

    fn report(&self) -> Result<(), ExportError> {
        let goes_on = (self.setting.report)(Progress { lines: self.lines, share: self.share });
        if goes_on { Ok(()) } else { Err(QueryError::Cancelled.into()) }
    }

    /// Everything is written; how many lines.
    pub fn finish(mut self) -> Result<u64, ExportError> {
        self.writer.flush()?;
        self.at(1.0)?;
        Ok(self.lines)
    }
}

/// The tags that are meant; an error where there is none.
pub(super) fn matching(reader: &Reader, options: &ExportOptions) -> Result<Vec<TagKey>, ExportError> {
    let mut keys = reader.tags()?;
    keys.retain(|key| options.patterns.iter().any(|pattern| matches_pattern(pattern, key.as_str())));
    if keys.is_empty() { Err(ExportError::NothingMatches(options.patterns.join(", "))) } else { Ok(keys) }
}

pub(super) fn share_of(time: Timestamp, options: &ExportOptions) -> f64 {
    let whole = options.to.micros_since(options.from).max(1) as f64;
    (time.micros_since(options.from) as f64 / whole).clamp(0.0, 1.0)
}

fn long<W: Write>(
    reader: &Reader,
    options: &ExportOptions,
    keys: &[TagKey],
    table: &mut Table<'_, W>,
) -> Result<(), ExportError> {
    table.head(["tag", "value", "quality", "reason"])?;
    let mut value = String::new();
    for (number, key) in keys.iter().enumerate() {
        let mut write = |time: Timestamp, sample: &Sample| {
            value.clear();
            if let Some(found) = &sample.value {
                table.setting.dialect.put_value(&mut value, found);
            }
            table.share = (number as f64 + share_of(time, options)) / keys.len() as f64;
            let (status, reason) = (sample.quality.status.word(), sample.quality.reason.words());
            table.line(time, [key.as_str(), &value, status, reason])
        };
        lines_of(reader, key, options, &mut write)?;
        table.at((number + 1) as f64 / keys.len() as f64)?;
    }
    Ok(())
}

pub(super) type Taker<'a> = &'a mut dyn FnMut(Timestamp, &Sample) -> Result<(), ExportError>;

/// What an export says of one tag: every sample as it was, or the value that held at every step.
pub(super) fn lines_of(
    reader: &Reader,
    key: &TagKey,
    options: &ExportOptions,
    write: Taker<'_>,
) -> Result<(), ExportError> {
    match options.every {
        None => each(reader, key, options, write),
        Some(every) => steps(reader, key, options, every, write),
    }
}

fn each(reader: &Reader, key: &TagKey, options: &ExportOptions, write: Taker<'_>) -> Result<(), ExportError> {
    let mut failed = None;
    let visited = reader.visit(key, options.from, options.to, |sample| {
        failed = write(sample.time, &sample).err();
        failed.is_none()
    });
    match failed {
        Some(error) => Err(error),
        None => Ok(visited.map(drop)?),
    }
}

/// The value that held at every step; beyond what the station knows, nothing.
fn steps(
    reader: &Reader,
    key: &TagKey,
    options: &ExportOptions,
    every: Duration,
    write: Taker<'_>,
) -> Result<(), ExportError> {
    let every = every.max(SHORTEST);
    let end = reader.known_until()?.map_or(options.to, |known| known.min(options.to));
    let (mut step, mut last) = (options.from, None);
    let mut holds = reader.before(key, options.from)?;
    each(reader, key, options, &mut |time, sample| {
        while step < time {
            if let Some(held) = &holds {
                write(step, held)?;
            }
            step = step.plus(every);
        }
        (last, holds) = (Some(time), Some(sample.clone()));
        Ok(())
    })?;
    let end = last.map_or(end, |last| end.max(last));
    while let Some(held) = holds.as_ref().filter(|_| step <= end) {
        write(step, held)?;
        step = step.plus(every);
    }
    Ok(())
}

/// Slices of time are read tag by tag and written moment by moment. Slices grow and shrink with what is in them.
fn wide<W: Write>(
    reader: &Reader,
    options: &ExportOptions,
    keys: &[TagKey],
    table: &mut Table<'_, W>,
) -> Result<(), ExportError> {
    table.head(keys.iter().map(TagKey::as_str))?;
    let (mut from, mut length) = (options.from, Duration::from_secs(3600));
    while from <= options.to {
        if let Some(every) = options.every {
            // Whole steps, so that the next slice goes on where this one ends.
            let steps = (length.as_micros() / every.as_micros().max(1)).clamp(1, u128::from(u32::MAX)) as u32;
            length = every * steps;
        }
        let after = from.plus(length);
        let to = Timestamp::from_micros(after.as_micros() - 1).min(options.to);
        let lines = slice(reader, &ExportOptions { from, to, ..options.clone() }, keys, table)?;
        for (time, cells) in &lines {
            table.line(*time, cells.iter().map(String::as_str))?;
        }
        table.at(share_of(to, options))?;
        let cells = lines.len().saturating_mul(keys.len());
        length = match cells {
            cells if cells > SLICE => (length / 2).max(Duration::from_secs(1)),
            cells if cells < SLICE / 4 => (length * 2).min(Duration::from_secs(30 * 86_400)),
            _ => length,
        };
        from = after;
    }
    Ok(())
}

fn slice<W: Write>(
    reader: &Reader,
    options: &ExportOptions,
    keys: &[TagKey],
    table: &Table<'_, W>,
) -> Result<BTreeMap<Timestamp, Vec<String>>, ExportError> {
    let mut lines: BTreeMap<Timestamp, Vec<String>> = BTreeMap::new();
    for (place, key) in keys.iter().enumerate() {
        table.report()?;
        let mut write = |time: Timestamp, sample: &Sample| {
            let value = sample.value.as_ref().filter(|_| !sample.quality.is_bad());
            let cell = value.map(|value| table.setting.dialect.value(value)).unwrap_or_default();
            lines.entry(time).or_insert_with(|| vec![String::new(); keys.len()])[place] = cell;
            Ok(())
        };
        lines_of(reader, key, options, &mut write)?;
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    /// Lines of a table that is written by hand, with what `report` was told; it is stopped after `stop` reports.
    fn written(lines: i64, stop: u32) -> (Result<u64, ExportError>, Vec<Progress>) {
        let (told, count) = (std::cell::RefCell::new(Vec::new()), Cell::new(0));
        let report = |progress| {
            told.borrow_mut().push(progress);
            count.set(count.get() + 1);
            count.get() < stop
        };
        let setting = Setting { dialect: Dialect::default(), offset: &|_| 0, report: &report };
        let mut table = Table::new(&setting, Vec::new());
        let done = (0..lines).try_for_each(|number| {
            table.share = number as f64 / lines as f64;
            table.line(Timestamp::from_micros(number), ["x"])
        });
        let done = done.and_then(|()| table.finish());
        (done, told.into_inner())
    }

    #[test]
    fn whoever_waits_is_told_how_far_it_is_and_can_stop_it() {
        let (done, told) = written(10_000, u32::MAX);
        assert_eq!(done.unwrap(), 10_000);
        assert!(told.len() >= 4 && told.windows(2).all(|pair| pair[0].share <= pair[1].share), "{told:?}");
        assert_eq!(told.last(), Some(&Progress { lines: 10_000, share: 1.0 }));
        let (done, told) = written(10_000, 2);
        assert!(matches!(done, Err(ExportError::Query(QueryError::Cancelled))));
        assert_eq!(told.last().map(|progress| progress.lines), Some(2 * REPORT));
    }

    struct Fixed;
    impl crate::tag::Clock for Fixed {
        fn now(&self) -> crate::tag::Now {
            crate::tag::Now { utc: Timestamp::from_micros(9_000_000), ..Default::default() }
        }
    }

    /// A history of two tags: `a` 1.5 at 1 s, 2.5 at 3 s, then bad at 4 s; `b` the text `x;y` at 3 s.
    fn history(folder: &std::path::Path) -> Reader {
        use crate::historian::{HISTORY_FOLDER, Historian, OpenedHistory, SAMPLES_FILE};
        use crate::tag::{Directory, HistoryRow, Quality, Reason, TagDefinition, TagId, Value};
        let opened = OpenedHistory::open(folder, Timestamp::default()).unwrap();
        let historian = Historian::start(opened, std::sync::Arc::new(Fixed), |_| {}).unwrap();
        let tags = vec![TagDefinition::named("a"), TagDefinition::named("b")];
        let directory = Directory::new(tags, Vec::new(), Vec::new());
        assert!(historian.set_plan(std::sync::Arc::new(directory), std::collections::HashMap::new()));
        let row = |tag, seconds: i64, value, quality| HistoryRow {
            tag: TagId(tag),
            sample: Sample { time: Timestamp::from_micros(seconds * 1_000_000), value, quality },
        };
        let rows = vec![
            row(0, 1, Some(Value::Double(1.5)), Quality::GOOD),
            row(0, 3, Some(Value::Double(2.5)), Quality::GOOD),
            row(1, 3, Some(Value::Text("x;y".into())), Quality::GOOD),
            row(0, 4, None, Quality::bad(Reason::NoAnswer)),
        ];
        historian.rows(rows).unwrap();
        historian.stop();
        Reader::open(&folder.join(HISTORY_FOLDER).join(SAMPLES_FILE), None).unwrap()
    }

    fn check(dialect: Dialect, every: Option<Duration>, expected: &str) {
        let folder = tempfile::tempdir().unwrap();
        let reader = history(folder.path());
        let [from, to] = [0, 5_000_000].map(Timestamp::from_micros);
        let options = ExportOptions { patterns: vec!["*".to_owned()], from, to, every };
        let setting = Setting { dialect, offset: &|_| 3600, report: &|_| true };
        let mut out = Vec::new();
        export_table(&reader, &options, &setting, &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap().replace("\r\n", "|"), expected, "{dialect:?}");
    }

    #[test]
    fn every_dialect_holds_the_same_samples() {
        check(
            Dialect::dutch_excel(),
            None,
            "\u{feff}time;utc_offset;tag;value;quality;reason|1970-01-01 01:00:01,000;+01:00;a;1,5;good;|\
             1970-01-01 01:00:03,000;+01:00;a;2,5;good;|1970-01-01 01:00:04,000;+01:00;a;;bad;no answer|\
             1970-01-01 01:00:03,000;+01:00;b;\"x;y\";good;|",
        );
        check(
            Dialect::default().shaped(Shape::Wide),
            None,
            "time,a,b|1970-01-01T00:00:01.000000Z,1.5,|1970-01-01T00:00:03.000000Z,2.5,x;y|1970-01-01T00:00:04.000000Z,,|",
        );
        check(
            Dialect::english_excel().shaped(Shape::Wide),
            Some(Duration::from_secs(2)),
            "\u{feff}time,utc_offset,a,b|1970-01-01 01:00:02.000,+01:00,1.5,|1970-01-01 01:00:04.000,+01:00,,x;y|",
        );
    }
}
