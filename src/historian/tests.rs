//! The store against a plain list of samples.

use super::calendar::{DAY, HOUR, MINUTE, Month, floor};
use super::columns::ColumnBuilder;
use super::opening::OpenedHistory;
use super::rollup::Rollup;
use super::rollups::{self, Resolution};
use super::seal::{Scope, number};
use super::series::tests::{any_quality, any_value, same};
use super::store::SampleStore;
use super::{Aggregate, Column, HISTORY_FOLDER, Reader, SAMPLES_FILE};
use crate::tag::{Quality, Reason, Retention, Sample, TagKey, Timestamp, Value};
use proptest::prelude::*;
use std::collections::{BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::time::Duration;

mod damage;
mod left_out;
mod model;
mod pruning;
mod pruning_faults;
mod reading;
mod sealing;

const SECOND: i64 = 1_000_000;

fn moment(text: &str) -> i64 {
    Timestamp::parse_rfc3339(text).unwrap().as_micros()
}

fn sample(micros: i64, value: f64) -> Sample {
    Sample { time: Timestamp::from_micros(micros), value: Some(Value::Double(value)), quality: Quality::GOOD }
}

fn open(folder: &Path) -> SampleStore {
    OpenedHistory::open(folder, Timestamp::from_micros(moment("2026-10-31T22:00:00Z"))).unwrap().store
}

fn ids(store: &mut SampleStore, keys: &[&str]) -> Vec<i64> {
    let wanted: Vec<_> = keys.iter().map(|key| (TagKey::from(*key), None)).collect();
    store.ids(&wanted, Timestamp::default()).unwrap()
}

fn main_file(folder: &Path) -> PathBuf {
    folder.join(HISTORY_FOLDER).join(SAMPLES_FILE)
}

fn seal(store: &mut SampleStore, scope: Scope) {
    store.begin_seal(scope);
    while store.is_sealing() {
        store.seal_step(1).unwrap();
    }
}

fn everything(reader: &Reader, key: &str) -> Vec<Sample> {
    reader.samples(&key.into(), Timestamp::from_micros(i64::MIN), Timestamp::from_micros(i64::MAX)).unwrap()
}

fn read(folder: &Path, key: &str) -> Vec<Sample> {
    everything(&Reader::open(&main_file(folder), None).unwrap(), key)
}

fn flush(store: &mut SampleStore, rows: Vec<(i64, Sample)>, now: i64) {
    store.flush(&mut VecDeque::from(rows), Timestamp::from_micros(now)).unwrap();
}

/// A file that the program wrote before there were months, with head rows and chunks over the end of October.
#[test]
fn a_file_of_version_one_is_taken_over() {
    let folder = tempfile::tempdir().unwrap();
    let history = folder.path().join(HISTORY_FOLDER);
    std::fs::create_dir_all(&history).unwrap();
    std::fs::write(history.join(SAMPLES_FILE), include_bytes!("testdata/version-1.sqlite")).unwrap();
    // A conversion that was cut short is no obstacle.
    std::fs::create_dir_all(history.join("converting")).unwrap();
    std::fs::write(history.join("converting/raw-2026-10.sqlite"), "half").unwrap();
    drop(open(folder.path()));
    assert!(!history.join("converting").exists());
    let start = moment("2026-10-31T23:50:00Z");
    let level = |second: i64| (5000.0 + 300.0 * (second as f64 / 90.0).sin()).round() / 100.0;
    let value = |key: &str, second: i64| match key {
        "level" => Some(Value::Double(level(second))),
        "running" => Some(Value::Bool(second / 100 % 2 == 0)),
        "total" => Some(Value::Unsigned(u64::MAX - second as u64)),
        "word" => Some(Value::Text(format!("step {}", second / 250).into())),
        _ if second % 400 < 20 => None,
        _ => Some(Value::Single(second as f32 / 3.0)),
    };
    for key in ["level", "running", "total", "word", "gap"] {
        let expected: Vec<Sample> = (0..1500)
            .map(|second| {
                let value = value(key, second);
                let quality = if value.is_none() { Quality::bad(Reason::NoAnswer) } else { Quality::GOOD };
                Sample { time: Timestamp::from_micros(start + second * SECOND + second % 7 * 137), value, quality }
            })
            .collect();
        assert!(same(&read(folder.path(), key), &expected), "{key}");
    }
    let reader = Reader::open(&main_file(folder.path()), None).unwrap();
    assert_eq!(reader.tags().unwrap().len(), 5);
    assert_eq!(reader.known_until().unwrap().unwrap().as_micros(), start + 1499 * SECOND + 137);
}

#[test]
fn a_rename_that_uses_an_old_name_again_gives_every_tag_its_own_number() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path());
    let [a, y, z, pump_1, pump_2] = ids(&mut store, &["a", "y", "z", "pump-1", "pump-2"])[..] else { panic!() };
    let plan = |tags: &[(&str, &str)]| -> Vec<_> {
        let former = |old: &str| (!old.is_empty()).then(|| old.into());
        tags.iter().map(|(key, old)| (TagKey::from(*key), former(old))).collect()
    };
    let reused = plan(&[("b", "a"), ("a", ""), ("y", ""), ("z", "")]);
    let chain = plan(&[("pump-2", "pump-1"), ("pump-3", "pump-2")]);
    let swap = plan(&[("one", "other"), ("other", "one"), ("one", "")]);
    let chained = store.ids(&chain, Timestamp::default()).unwrap();
    assert_eq!(chained, [pump_1, pump_2], "each pump keeps its samples");
    let got = store.ids(&reused, Timestamp::default()).unwrap();
    assert_eq!((got[0], &got[2..], got.len()), (a, &[y, z][..], 4), "{got:?}");
    assert!(![a, y, z, pump_1, pump_2].contains(&got[1]), "the new a has samples of its own, {got:?}");
    let one = ids(&mut store, &["one"])[0];
    let swapped = store.ids(&swap, Timestamp::default()).unwrap();
    assert!(swapped[0] == swapped[2] && swapped[0] != swapped[1] && swapped.contains(&one), "{swapped:?}");
    drop(store);
    let mut store = open(folder.path());
    for (wanted, before) in [(chain, chained), (reused, got), (swap, swapped)] {
        assert_eq!(store.ids(&wanted, Timestamp::default()).unwrap(), before, "the same at the next start");
    }
}

/// The rollups of a tag: their hour and how many samples are in them.
fn rolled(store: &mut SampleStore, resolution: Resolution, tag: i64, year: i64) -> Vec<(i64, u64)> {
    let mut found = Vec::new();
    let take = |rollup: &Rollup| {
        found.push((rollup.start, rollup.count));
        true
    };
    let visit = |connection: &rusqlite::Connection| {
        rollups::visit(connection, resolution, tag, [i64::MIN + DAY, i64::MAX], take)
    };
    match resolution {
        Resolution::Hours => store.main.with(visit).unwrap(),
        Resolution::Minutes => store.year(year).unwrap().with(visit).unwrap(),
    }
    found
}

fn history_files(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder.join(HISTORY_FOLDER)).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> = entries.map(|name| name.to_string_lossy().into_owned()).collect();
    names.retain(|name| name.ends_with(".sqlite"));
    names.sort();
    names
}

/// 1 Hz of two tags for some hours from a moment, sealed.
fn fill(store: &mut SampleStore, from: i64, hours: i64) {
    let tags = ids(store, &["a", "b"]);
    for hour in 0..hours {
        let rows = (0..3600).flat_map(|second| {
            let time = from + hour * HOUR + second * SECOND;
            let noise = (second + hour * 3600).wrapping_mul(2_654_435_761) / 65_536 % 1000;
            tags.iter().map(move |tag| (*tag, sample(time, noise as f64 / 10.0 + *tag as f64)))
        });
        flush(store, rows.collect(), from + (hour + 1) * HOUR);
    }
    seal(store, Scope::Everything);
}

fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros)
}

#[test]
fn what_is_too_old_goes_and_its_space_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path());
    let (september, october) = (moment("2026-09-29T20:00:00Z"), moment("2026-10-30T00:00:00Z"));
    fill(&mut store, september, 10);
    fill(&mut store, october, 40);
    let now = october + 40 * HOUR;
    let file = folder.path().join(HISTORY_FOLDER).join("raw-2026-10.sqlite");
    let size = || std::fs::metadata(&file).unwrap().len();
    let columns = |store: &SampleStore, from: i64, to: i64| {
        let reader = Reader::open(store.path(), Some(store.unsealed())).unwrap();
        reader.columns(&"a".into(), at(from), at(to), 30, &|| false).unwrap()
    };
    let before = (columns(&store, september, september + 5 * HOUR), columns(&store, october, october + 5 * HOUR));
    store.main.with(|connection| connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")).unwrap();
    store
        .month(super::calendar::Month::of(now))
        .unwrap()
        .database
        .with(|connection| connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)"))
        .unwrap();
    let full = size();
    let retention = Retention { raw: Some(Duration::from_secs(10 * 3600)), ..Retention::default() };
    while store.prune_step(&retention, now).unwrap() {}
    store
        .month(super::calendar::Month::of(now))
        .unwrap()
        .database
        .with(|connection| connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)"))
        .unwrap();
    assert_eq!(history_files(folder.path()), ["minutes-2026.sqlite", "raw-2026-10.sqlite", "samples.sqlite"]);
    assert!(size() < full / 2, "{} of {full}", size());
    let kept = everything(&Reader::open(store.path(), Some(store.unsealed())).unwrap(), "a");
    assert_eq!((kept.len(), kept[0].time.as_micros()), (36_000, now - 10 * HOUR));
    // The pictures are what they were, out of minutes now.
    let after = (columns(&store, september, september + 5 * HOUR), columns(&store, october, october + 5 * HOUR));
    // All but the last column: to it belongs the sample at the end of the range, which minutes do not tell apart.
    for (before, after) in before.0.iter().zip(&after.0).take(29).chain(before.1.iter().zip(&after.1).take(29)) {
        assert_eq!(
            (before.min, before.max, before.count, before.last),
            (after.min, after.max, after.count, after.last)
        );
        assert!((before.mean - after.mean).abs() < 1e-5);
    }
    let reader = Reader::open(store.path(), Some(store.unsealed())).unwrap();
    let opening = reader.before(&"a".into(), at(now - 10 * HOUR)).unwrap().unwrap();
    assert_eq!(opening.time.as_micros(), now - 10 * HOUR - SECOND, "the month opens with what was known");
    // What comes too late for all that is kept is counted, not kept.
    let tags = ids(&mut store, &["a"]);
    flush(&mut store, vec![(tags[0], sample(september, 1.0))], now);
    seal(&mut store, Scope::Late(floor(now, HOUR)));
    assert_eq!((store.unsealed_count(), store.lost), (0, 1));
    assert!(!history_files(folder.path()).contains(&"raw-2026-09.sqlite".to_owned()));
    let retention = Retention { minutes: Some(Duration::from_secs(30 * 3600)), ..retention };
    while store.prune_step(&retention, now).unwrap() {}
    let hours = columns(&store, september, september + 5 * HOUR);
    assert_eq!(hours.iter().map(|column| column.max).fold(0.0, f64::max), 100.9, "hours stay for ever");
}

#[test]
fn a_backup_of_a_history_that_is_written_holds_everything() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path());
    let october = moment("2026-10-31T20:00:00Z");
    fill(&mut store, october, 6);
    let tags = ids(&mut store, &["a"]);
    flush(&mut store, vec![(tags[0], sample(october + 7 * HOUR, 5.0))], october + 7 * HOUR);
    let expected = everything(&Reader::open(store.path(), Some(store.unsealed())).unwrap(), "a");
    let copy = tempfile::tempdir().unwrap();
    // The main file is copied, then something is sealed, then the months are copied: as happens beside a running station.
    std::fs::create_dir(copy.path().join(HISTORY_FOLDER)).unwrap();
    super::copy_database(store.path(), &main_file(copy.path())).unwrap();
    seal(&mut store, Scope::Everything);
    for name in history_files(folder.path()).iter().filter(|name| *name != SAMPLES_FILE) {
        let [from, to] = [folder.path(), copy.path()].map(|folder| folder.join(HISTORY_FOLDER).join(name));
        super::copy_database(&from, &to).unwrap();
    }
    assert_eq!(read(copy.path(), "a"), expected);
    drop(open(copy.path()));
    assert_eq!(read(copy.path(), "a"), expected);
    let whole = tempfile::tempdir().unwrap();
    let copied = super::back_up_history(folder.path(), whole.path()).unwrap();
    assert_eq!((copied.files, copied.tags), (4, 2));
    assert_eq!(read(whole.path(), "a"), expected);
    assert!(matches!(super::back_up_history(folder.path(), whole.path()), Err(super::BackupError::Exists(_))));
}

#[test]
fn figures_of_intervals() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path());
    let start = moment("2026-10-31T20:00:00Z");
    let tags = ids(&mut store, &["a"]);
    let ramp = (0..7200).map(|second| (tags[0], sample(start + second * SECOND, (second % 1000) as f64 / 10.0)));
    flush(&mut store, ramp.collect(), start + 2 * HOUR);
    seal(&mut store, Scope::Everything);
    let reader = Reader::open(store.path(), Some(store.unsealed())).unwrap();
    let ask = |what: &str, to: i64, every: u64| -> Vec<Option<f64>> {
        let aggregate = Aggregate::parse(what).unwrap();
        let answer =
            reader
                .aggregate(&"a".into(), [at(start), at(start + to)], Duration::from_secs(every), &aggregate, &|| false);
        answer.unwrap().into_iter().map(|interval| interval.value).collect()
    };
    assert_eq!(ask("count", 2000 * SECOND, 1000), [Some(1000.0), Some(1001.0)], "the last moment belongs to the range");
    assert_eq!(ask("max", 1500 * SECOND, 1000), [Some(99.9), Some(50.0)], "the last interval is shorter");
    let mean = ask("mean", 1000 * SECOND, 1000)[0].unwrap();
    assert!((mean - 49.95).abs() < 1e-9);
    assert!((ask("integral", 1000 * SECOND, 1000)[0].unwrap() - 49_950.0).abs() < 1e-6);
    assert_eq!(ask("percentile=50", 1000 * SECOND, 1000), [Some(49.9)]);
    assert_eq!(ask("duration=99.9", 2000 * SECOND, 1000), [Some(1.0), Some(1.0)]);
    assert_eq!(ask("changes", 1000 * SECOND, 500), [Some(499.0), Some(501.0)]);
    let states = reader.bands(&"a".into(), at(start), at(start + 10 * SECOND), 1000, &|| false).unwrap();
    assert_eq!(states.len(), 10);
}
