//! What must hold of the files of a station that was cut short, given what its processes had said.

use super::schedule::{HOUR, Run, STEP, TAGS, key, request};
use polder::historian::{Column, HISTORY_FOLDER, OpenedHistory, Reader, SAMPLES_FILE};
use polder::recorder::{RECORDS_FILE, read_audit, read_journal, verify_file};
use polder::tag::{Reason, Sample, Timestamp};
use rusqlite::{Connection, OpenFlags};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What one process said before its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    pub run: Run,
    pub opened: bool,
    pub sent: Option<u64>,
    pub kept: Option<u64>,
    pub recorded: BTreeSet<u64>,
}

impl Told {
    pub fn new(run: Run) -> Self {
        Self { run, opened: false, sent: None, kept: None, recorded: BTreeSet::new() }
    }

    pub fn hear(&mut self, line: &str) {
        // The test harness writes what it runs in front of the first line.
        let Some((_, line)) = line.split_once('@') else { return };
        let (word, number) = line.split_once(' ').unwrap_or((line, ""));
        let number = number.parse();
        match word {
            "open" => self.opened = true,
            "sent" => self.sent = number.ok(),
            "kept" => self.kept = number.ok(),
            "recorded" => drop(self.recorded.insert(number.unwrap())),
            _ => {}
        }
    }
}

/// What was found.
#[derive(Debug, Default)]
pub struct Found {
    /// Samples.
    pub samples: usize,
    /// Whether the last end came in the middle of a round of sealing.
    pub sealing: bool,
    /// Batches of the last run that were sent and are not there.
    pub lost: u64,
}

pub fn databases(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for folder in [folder.to_owned(), folder.join(HISTORY_FOLDER)] {
        let Ok(entries) = std::fs::read_dir(folder) else { continue };
        found.extend(
            entries
                .map(|entry| entry.unwrap().path())
                .filter(|path| path.extension().is_some_and(|end| end == "sqlite")),
        );
    }
    found.sort();
    found
}

pub fn open_to_read(path: &Path) -> rusqlite::Result<Connection> {
    Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)
}

/// SQLite's whole check of every file.
pub fn integrity(folder: &Path) -> Result<(), String> {
    for path in databases(folder) {
        let check = || open_to_read(&path)?.query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0));
        match check() {
            Ok(words) if words == "ok" => {}
            // Killed before the file had its write-ahead log: the next writer follows the rollback journal, and it holds nothing yet.
            Err(rusqlite::Error::SqliteFailure(error, _))
                if error.extended_code == rusqlite::ffi::SQLITE_READONLY_ROLLBACK => {}
            other => return Err(format!("{}: {other:?}", path.display())),
        }
    }
    Ok(())
}

/// Whether chunks have been committed whose samples the head still holds.
fn is_half_sealed(folder: &Path) -> bool {
    let main = folder.join(HISTORY_FOLDER).join(SAMPLES_FILE);
    let oldest = open_to_read(&main)
        .and_then(|main| main.query_row("SELECT min(id) FROM head", [], |row| row.get::<_, Option<i64>>(0)));
    let Ok(Some(oldest)) = oldest else { return false };
    let through = |path: &PathBuf| {
        open_to_read(path)?.query_row("SELECT max(through) FROM sealed", [], |row| row.get::<_, Option<i64>>(0))
    };
    let months = databases(folder)
        .into_iter()
        .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("raw-")));
    months.filter_map(|path| through(&path).ok().flatten()).any(|through| through >= oldest)
}

/// Everything that must hold after the last of these runs, with files as they lie there; then once more after a start.
pub fn check(folder: &Path, runs: &[Told]) -> Result<Found, String> {
    integrity(folder)?;
    records(folder, runs)?;
    let sealing = is_half_sealed(folder);
    let main = folder.join(HISTORY_FOLDER).join(SAMPLES_FILE);
    match Reader::open(&main, None) {
        Ok(reader) => Ok(Found { sealing, ..samples(&reader, runs)? }),
        Err(_) if runs.iter().all(|told| told.kept.is_none()) => Ok(Found { sealing, ..Found::default() }),
        Err(error) => Err(error.to_string()),
    }
}

/// The same after a start, as a station does it.
pub fn check_started(folder: &Path, runs: &[Told]) -> Result<Found, String> {
    let now = runs.last().map_or(0, |told| told.run.clock(told.sent.unwrap_or(0)));
    let opened = OpenedHistory::open(folder, Timestamp::from_micros(now)).map_err(|error| error.to_string())?;
    if let Some(name) = opened.set_aside {
        return Err(format!("{name} was set aside"));
    }
    drop(opened);
    polder::recorder::RecordStore::open(&folder.join(RECORDS_FILE)).map_err(|error| error.to_string())?;
    check(folder, runs)
}

fn records(folder: &Path, runs: &[Told]) -> Result<(), String> {
    let path = folder.join(RECORDS_FILE);
    let promised: BTreeSet<String> =
        runs.iter().flat_map(|told| told.recorded.iter().map(|number| request(told.run, *number))).collect();
    let verified = match verify_file(&path) {
        Ok(Ok(count)) => count,
        Ok(Err(broken)) => return Err(format!("audit: {broken}")),
        Err(_) if promised.is_empty() => return Ok(()),
        Err(error) => return Err(format!("audit: {error}")),
    };
    let audit: Vec<String> = read_audit(&path, usize::MAX >> 1)
        .map_err(|error| error.to_string())?
        .iter()
        .map(|entry| entry.request.to_string())
        .collect();
    let journal: Vec<String> = read_journal(&path, usize::MAX >> 1)
        .map_err(|error| error.to_string())?
        .into_iter()
        .map(|line| line.comment)
        .collect();
    if audit != journal || audit.len() as u64 != verified {
        return Err(format!(
            "{} audit entries, {verified} verified, {} lines of the journal",
            audit.len(),
            journal.len()
        ));
    }
    let there: BTreeSet<String> = audit.iter().cloned().collect();
    if let Some(missing) = promised.difference(&there).next() {
        return Err(format!("audit entry {missing} was acknowledged and is missing"));
    }
    let was_sent = |request: &String| {
        let (run, number) = request.rsplit_once('-').unwrap();
        let number: u64 = number.parse().unwrap();
        runs.iter().any(|told| told.run.0.to_string() == run && told.sent.is_some_and(|sent| number <= sent))
    };
    match audit.iter().find(|request| !was_sent(request)) {
        Some(invented) => Err(format!("audit entry {invented} was never sent")),
        None if there.len() != audit.len() => Err("an audit entry is there twice".to_owned()),
        None => Ok(()),
    }
}

fn samples(reader: &Reader, runs: &[Told]) -> Result<Found, String> {
    let mut found = Found::default();
    // Of each run: up to which batch it is there; the same for every tag.
    let mut ends: Vec<Option<Option<u64>>> = vec![None; runs.len()];
    for tag in 0..TAGS {
        let [from, to] = [i64::MIN, i64::MAX].map(Timestamp::from_micros);
        let samples = reader.samples(&key(tag), from, to).map_err(|error| error.to_string())?;
        found.samples += samples.len();
        let counts = of_runs(tag, &samples, runs)?;
        for ((told, count), end) in runs.iter().zip(counts).zip(&mut ends) {
            let newest = count.checked_sub(1);
            if told.kept > newest {
                return Err(format!("tag {tag}: {:?} was kept, {newest:?} is there", told.kept));
            }
            if newest > told.sent {
                return Err(format!("tag {tag}: {newest:?} is there, {:?} was sent", told.sent));
            }
            if end.is_some_and(|end| end != newest) {
                return Err(format!("tag {tag}: a batch is there in part: {newest:?} and {end:?}"));
            }
            *end = Some(newest);
        }
        for told in &runs[runs.len().saturating_sub(2)..] {
            rollups(reader, tag, told.run, &samples)?;
        }
    }
    if let (Some(told), Some(Some(newest))) = (runs.last(), ends.last()) {
        found.lost = told.sent.map_or(0, |sent| sent + 1) - newest.map_or(0, |newest| newest + 1);
    }
    Ok(found)
}

/// Judges every sample, and counts those of each run, which must be the first ones without a hole.
fn of_runs(tag: u32, samples: &[Sample], runs: &[Told]) -> Result<Vec<u64>, String> {
    let (mut numbers, mut gaps): (Vec<BTreeSet<u64>>, usize) = (vec![BTreeSet::new(); runs.len()], 0);
    if !samples.is_sorted_by_key(|sample| sample.time) {
        return Err(format!("tag {tag} is out of order"));
    }
    for sample in samples {
        if sample.value.is_none() && sample.quality.reason == Reason::StationOff {
            gaps += 1;
            continue;
        }
        let of = runs.iter().enumerate().find_map(|(place, told)| {
            let number = told.run.number_at(tag, sample.time.as_micros())?;
            (told.run.sample(tag, number) == *sample).then_some((place, number))
        });
        let Some((place, number)) = of else { return Err(format!("tag {tag}: {sample:?} was never written")) };
        if !numbers[place].insert(number) {
            return Err(format!("tag {tag}: {sample:?} is there twice"));
        }
    }
    if gaps >= runs.len().max(1) {
        return Err(format!("tag {tag}: {gaps} gaps in {} runs", runs.len()));
    }
    let dense = |numbers: &BTreeSet<u64>| numbers.last().is_none_or(|last| *last + 1 == numbers.len() as u64);
    match numbers.iter().find(|numbers| !dense(numbers)) {
        Some(numbers) => Err(format!("tag {tag}: {} of {:?} batches are there", numbers.len(), numbers.last())),
        None => Ok(numbers.iter().map(|numbers| numbers.len() as u64).collect()),
    }
}

/// Columns out of minutes and out of hours, against columns out of samples, and against counting.
fn rollups(reader: &Reader, tag: u32, run: Run, samples: &[Sample]) -> Result<(), String> {
    let from = (run.0 - 8 * HOUR).div_euclid(4 * HOUR) * 4 * HOUR;
    let to = from + 24 * HOUR;
    for width in [24 * 60 / 5, 24 / 4] {
        let range = [from, to].map(Timestamp::from_micros);
        let rolled =
            reader.columns(&key(tag), range[0], range[1], width, &|| false).map_err(|error| error.to_string())?;
        let exact =
            reader.exact_columns(&key(tag), range[0], range[1], width, &|| false).map_err(|error| error.to_string())?;
        if rolled.len() != exact.len() {
            return Err(format!("tag {tag}: {} columns out of rollups, {} out of samples", rolled.len(), exact.len()));
        }
        if let Some((rolled, exact)) = rolled.iter().zip(&exact).find(|(rolled, exact)| !is_same(rolled, exact)) {
            return Err(format!("tag {tag}: {rolled:?} out of rollups, {exact:?} out of samples"));
        }
        let inside = samples.iter().filter(|sample| (range[0]..=range[1]).contains(&sample.time)).count() as u32;
        let counted: u32 = rolled.iter().map(|column| column.count).sum();
        if counted != inside {
            return Err(format!("tag {tag}: rollups count {counted}, there are {inside} ({} us wide)", STEP));
        }
    }
    Ok(())
}

fn is_same(one: &Column, other: &Column) -> bool {
    let same = |first: f64, second: f64| first == second || first.is_nan() && second.is_nan();
    // Rollups keep the mean to a sixteen-millionth of the span of a bucket.
    let near =
        |first: f64, second: f64| (first - second).abs() <= 1e-7 * (one.max - one.min).max(1.0) || same(first, second);
    same(one.min, other.min)
        && same(one.max, other.max)
        && same(one.first, other.first)
        && same(one.last, other.last)
        && near(one.mean, other.mean)
        && (one.time, one.count, one.good, one.bad) == (other.time, other.count, other.good, other.bad)
}
