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

mod left_out;
mod pruning;
mod pruning_faults;
mod reading;

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

#[test]
fn sealing_moves_every_sample_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path());
    let tags = ids(&mut store, &["a", "b", "c"]);
    for second in 0..10 {
        flush(
            &mut store,
            tags.iter().map(|tag| (*tag, sample(second * SECOND, second as f64))).collect(),
            second * SECOND,
        );
    }
    store.begin_seal(Scope::Everything);
    store.seal_step(1).unwrap();
    // A flush between two steps belongs to the unsealed part, for the sealed tags too.
    flush(&mut store, tags.iter().map(|tag| (*tag, sample(10 * SECOND, 10.0))).collect(), 10 * SECOND);
    assert_eq!(read(folder.path(), "a").len(), 11, "half-way");
    while store.is_sealing() {
        store.seal_step(1).unwrap();
    }
    drop(store);
    for key in ["a", "b", "c"] {
        let values: Vec<_> = read(folder.path(), key).iter().map(|sample| sample.value.clone().unwrap()).collect();
        assert_eq!(values, (0..11).map(|value| Value::Double(f64::from(value))).collect::<Vec<_>>(), "{key}");
    }
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
fn a_seal_whose_rollups_cannot_be_written_is_tried_again_and_nothing_comes_twice() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path());
    let tags = ids(&mut store, &["a"]);
    let start = moment("2026-10-31T20:00:00Z");
    let samples: Vec<Sample> = (0..200).map(|second| sample(start + second * SECOND, second as f64)).collect();
    flush(&mut store, samples.iter().map(|sample| (tags[0], sample.clone())).collect(), start + 200 * SECOND);
    let obstacle = folder.path().join(HISTORY_FOLDER).join("minutes-2026.sqlite");
    std::fs::create_dir(&obstacle).unwrap();
    store.begin_seal(Scope::Everything);
    store.seal_step(1).unwrap_err();
    assert!(store.is_sealing());
    assert_eq!(read(folder.path(), "a"), samples, "the chunk is there, the head row too");
    // A station that is killed now finds the same at its next start.
    let copy = tempfile::tempdir().unwrap();
    std::fs::create_dir(copy.path().join(HISTORY_FOLDER)).unwrap();
    for entry in std::fs::read_dir(folder.path().join(HISTORY_FOLDER))
        .unwrap()
        .map(Result::unwrap)
        .filter(|entry| entry.path().is_file())
    {
        std::fs::copy(entry.path(), copy.path().join(HISTORY_FOLDER).join(entry.file_name())).unwrap();
    }
    std::fs::remove_dir(&obstacle).unwrap();
    store.seal_step(1).unwrap();
    let restarted = open(copy.path());
    assert_eq!(restarted.unsealed_count(), 0);
    drop((store, restarted));
    for folder in [folder.path(), copy.path()] {
        assert_eq!(read(folder, "a"), samples);
        let reader = Reader::open(&main_file(folder), None).unwrap();
        let [from, to] = [start, start + HOUR].map(Timestamp::from_micros);
        let columns = reader.columns(&"a".into(), from, to, 15, &|| false).unwrap();
        assert_eq!(columns.iter().map(|column| column.count).sum::<u32>(), 200, "rollups are there");
        assert_eq!((columns[0].min, columns[0].max), (0.0, 199.0));
    }
}

#[test]
fn a_lost_main_file_leaves_the_months_readable() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path());
    let tags = ids(&mut store, &["a", "b"]);
    let start = moment("2026-10-31T20:00:00Z");
    flush(&mut store, tags.iter().map(|tag| (*tag, sample(start, *tag as f64))).collect(), start);
    seal(&mut store, Scope::Everything);
    let renamed = store.ids(&[("better".into(), Some("a".into())), ("b".into(), None)], Timestamp::default()).unwrap();
    assert_eq!(renamed, tags, "a renamed tag keeps its number");
    flush(&mut store, vec![(tags[0], sample(start + SECOND, 5.0))], start + SECOND);
    seal(&mut store, Scope::Everything);
    drop(store);
    std::fs::write(main_file(folder.path()), vec![0x55; 8192]).unwrap();
    let opened = OpenedHistory::open(folder.path(), Timestamp::default()).unwrap();
    assert!(opened.set_aside.unwrap().starts_with("history/samples.damaged-"));
    drop(opened.store);
    assert_eq!(read(folder.path(), "better"), [sample(start, tags[0] as f64), sample(start + SECOND, 5.0)]);
    assert_eq!(read(folder.path(), "b"), [sample(start, tags[1] as f64)]);
}

#[test]
fn what_comes_after_a_lost_main_file_is_not_taken_for_sealed() {
    for scope in [Scope::Everything, Scope::Before(moment("2026-10-31T22:00:00Z"))] {
        let folder = tempfile::tempdir().unwrap();
        let mut store = open(folder.path());
        let tags = ids(&mut store, &["a"]);
        let start = moment("2026-10-31T20:00:00Z");
        let before: Vec<Sample> = (0..200).map(|second| sample(start + second * SECOND, second as f64)).collect();
        before.iter().for_each(|sample| flush(&mut store, vec![(tags[0], sample.clone())], start));
        seal(&mut store, scope);
        drop(store);
        std::fs::write(main_file(folder.path()), vec![0x55; 8192]).unwrap();
        let mut store = open(folder.path());
        let tags = ids(&mut store, &["a"]);
        let fresh = sample(start + HOUR, 5.0);
        flush(&mut store, vec![(tags[0], fresh.clone())], start + HOUR);
        drop(store);
        let expected: Vec<Sample> = before.iter().chain([&fresh]).cloned().collect();
        assert_eq!(read(folder.path(), "a"), expected, "in the head, {scope:?}");
        let mut store = open(folder.path());
        assert_eq!(store.unsealed_count(), 1, "{scope:?}");
        seal(&mut store, Scope::Everything);
        drop(store);
        assert_eq!(read(folder.path(), "a"), expected, "sealed, {scope:?}");
    }
}

#[test]
fn a_damaged_month_is_set_aside_and_the_rest_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path());
    let tags = ids(&mut store, &["a"]);
    let (september, october) = (moment("2026-09-10T20:00:00Z"), moment("2026-10-31T20:00:00Z"));
    flush(&mut store, vec![(tags[0], sample(september, 1.0)), (tags[0], sample(october, 2.0))], october);
    seal(&mut store, Scope::Everything);
    drop(store);
    let file = folder.path().join(HISTORY_FOLDER).join("raw-2026-10.sqlite");
    std::fs::write(&file, vec![0x55; 20_000]).unwrap();
    let opened = OpenedHistory::open(folder.path(), Timestamp::from_micros(october)).unwrap();
    assert!(opened.set_aside.unwrap().starts_with("history/raw-2026-10.damaged-"));
    let mut store = opened.store;
    flush(&mut store, vec![(tags[0], sample(october + SECOND, 3.0))], october + SECOND);
    seal(&mut store, Scope::Everything);
    let kept = read(folder.path(), "a");
    assert_eq!(
        kept.iter().filter_map(|sample| sample.value.clone()).collect::<Vec<_>>(),
        [1.0, 3.0].map(Value::Double)
    );
}

#[test]
fn a_damaged_head_row_costs_itself_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path());
    let tags = ids(&mut store, &["a"]);
    for second in 0..3 {
        flush(&mut store, vec![(tags[0], sample(second * SECOND, second as f64))], second * SECOND);
    }
    store.main.change(|transaction| transaction.execute("UPDATE head SET bytes = x'0201' WHERE id = 2", [])).unwrap();
    drop(store);
    let store = open(folder.path());
    assert_eq!(store.lost, 1);
    assert_eq!(read(folder.path(), "a"), [sample(0, 0.0), sample(2 * SECOND, 2.0)]);
    let kept: i64 = store
        .main
        .with(|connection| connection.query_row("SELECT count(*) FROM unreadable", [], |row| row.get(0)))
        .unwrap();
    assert_eq!(kept, 1);
}

#[test]
fn a_month_opens_with_what_was_known_and_late_samples_change_that() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path());
    let tags = ids(&mut store, &["slow", "fast"]);
    let (october, november) = (moment("2026-10-05T12:00:00Z"), moment("2026-11-20T12:00:00Z"));
    flush(&mut store, vec![(tags[0], sample(october, 7.0)), (tags[1], sample(october, 1.0))], october);
    seal(&mut store, Scope::Everything);
    flush(&mut store, vec![(tags[1], sample(november, 2.0))], november);
    seal(&mut store, Scope::Everything);
    // The month alone tells what a tag was that said nothing in it.
    std::fs::rename(
        folder.path().join(HISTORY_FOLDER).join("raw-2026-10.sqlite"),
        folder.path().join("elsewhere.sqlite"),
    )
    .unwrap();
    let reader = Reader::open(&main_file(folder.path()), Some(store.unsealed())).unwrap();
    let at = Timestamp::from_micros(november);
    assert_eq!(reader.before(&"slow".into(), at).unwrap(), Some(sample(october, 7.0)));
    std::fs::rename(
        folder.path().join("elsewhere.sqlite"),
        folder.path().join(HISTORY_FOLDER).join("raw-2026-10.sqlite"),
    )
    .unwrap();
    store.months.clear();
    flush(&mut store, vec![(tags[0], sample(october + HOUR, 8.0))], november);
    seal(&mut store, Scope::Late(floor(november, HOUR)));
    std::fs::remove_file(folder.path().join(HISTORY_FOLDER).join("raw-2026-10.sqlite")).unwrap();
    let reader = Reader::open(&main_file(folder.path()), Some(store.unsealed())).unwrap();
    assert_eq!(reader.before(&"slow".into(), at).unwrap(), Some(sample(october + HOUR, 8.0)));
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

#[test]
fn an_old_month_that_cannot_be_read_stops_no_flush() {
    let folder = tempfile::tempdir().unwrap();
    let start = moment("2026-10-31T20:00:00Z");
    let mut store = open(folder.path());
    let tags = ids(&mut store, &["a", "new"]);
    for months in 0..6 {
        flush(&mut store, vec![(tags[0], sample(start - months * 31 * 24 * HOUR, 1.0))], start);
    }
    seal(&mut store, Scope::Everything);
    drop(store);
    let mut store = open(folder.path());
    let open_before = store.months.len();
    let obstacle = folder.path().join(HISTORY_FOLDER).join("raw-2020-01.sqlite");
    std::fs::create_dir(&obstacle).unwrap();
    let rows = tags.iter().map(|tag| (*tag, sample(start + MINUTE, 2.0))).collect();
    flush(&mut store, rows, start + MINUTE);
    assert_eq!(store.months.len(), open_before, "no month is opened for writing, and checked, for that");
    std::fs::remove_dir(&obstacle).unwrap();
    drop(store);
    let kept = read(folder.path(), "a");
    assert_eq!(kept[kept.len() - 2].quality.words(), "station was off", "{kept:?}");
    assert_eq!(read(folder.path(), "new"), [sample(start + MINUTE, 2.0)]);
}

#[test]
fn a_file_is_checked_once_while_the_station_runs() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path());
    let tags = ids(&mut store, &["a"]);
    let october = moment("2026-10-05T12:00:00Z");
    flush(&mut store, vec![(tags[0], sample(october, 1.0))], october);
    seal(&mut store, Scope::Everything);
    store.months.clear();
    let file = folder.path().join(HISTORY_FOLDER).join("raw-2026-10.sqlite");
    let mut content = std::fs::read(&file).unwrap();
    let last = content.len() - 16_384;
    content[last..].fill(0x33);
    std::fs::write(&file, &content).unwrap();
    store.month(Month::of(october)).map(drop).unwrap();
    drop(store);
    let opened = OpenedHistory::open(folder.path(), Timestamp::from_micros(october)).unwrap();
    assert!(opened.set_aside.is_some(), "the next start finds it");
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

#[test]
fn a_damaged_row_of_rollups_is_made_again_from_chunks() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path());
    let tag = ids(&mut store, &["a"])[0];
    let start = moment("2026-10-31T12:00:00Z");
    let rows = (0..5 * 60).map(|minute| (tag, sample(start + minute * MINUTE, minute as f64))).collect();
    flush(&mut store, rows, start);
    seal(&mut store, Scope::Everything);
    let before = [Resolution::Hours, Resolution::Minutes].map(|resolution| rolled(&mut store, resolution, tag, 2026));
    assert_eq!((before[0].len(), before[1].len()), (5, 300));
    store.main.change(|transaction| transaction.execute("UPDATE hours SET bytes = x'0201'", [])).unwrap();
    let year = store.year(2026).unwrap();
    year.change(|transaction| transaction.execute("UPDATE minutes SET bytes = x'0201'", [])).unwrap();
    let fresh = start + 5 * HOUR;
    flush(&mut store, vec![(tag, sample(fresh, 1.0))], fresh);
    seal(&mut store, Scope::Everything);
    let after = [Resolution::Hours, Resolution::Minutes].map(|resolution| rolled(&mut store, resolution, tag, 2026));
    let with_fresh = |mut rollups: Vec<(i64, u64)>| {
        rollups.push((fresh, 1));
        rollups
    };
    assert_eq!(after, before.map(with_fresh));
}

#[test]
fn a_late_seal_that_was_cut_short_reaches_the_hour_after_it() {
    for is_killed in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let mut store = open(folder.path());
        let tag = ids(&mut store, &["a"])[0];
        let start = moment("2026-10-31T12:00:00Z");
        flush(&mut store, vec![(tag, sample(start, 1.0)), (tag, sample(start + HOUR + MINUTE, 3.0))], start);
        seal(&mut store, Scope::Everything);
        store.years.clear();
        let minutes = folder.path().join(HISTORY_FOLDER).join("minutes-2026.sqlite");
        std::fs::rename(&minutes, folder.path().join("elsewhere")).unwrap();
        std::fs::create_dir(&minutes).unwrap();
        flush(&mut store, vec![(tag, sample(start + 50 * MINUTE, 9.0))], start + 2 * HOUR);
        store.begin_seal(Scope::Everything);
        store.seal_step(1).unwrap_err();
        std::fs::remove_dir(&minutes).unwrap();
        std::fs::rename(folder.path().join("elsewhere"), &minutes).unwrap();
        if is_killed {
            drop(store);
            store = open(folder.path());
        } else {
            store.seal_step(1).unwrap();
        }
        let mut first = Vec::new();
        let range = [start, start + 2 * HOUR];
        let take = |rollup: &Rollup| {
            first.push(rollup.first);
            true
        };
        store.main.with(|connection| rollups::visit(connection, Resolution::Hours, tag, range, take)).unwrap();
        assert_eq!(first, [1.0, 9.0], "killed: {is_killed}");
    }
}

#[test]
fn after_a_clock_that_jumped_ahead_the_present_is_not_late() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path());
    let tag = ids(&mut store, &["a"])[0];
    let (start, ahead) = (moment("2026-10-31T12:10:00Z"), moment("2026-11-02T12:00:00Z"));
    flush(&mut store, vec![(tag, sample(ahead, 1.0))], ahead);
    seal(&mut store, Scope::Everything);
    flush(&mut store, vec![(tag, sample(start, 2.0))], start);
    assert!(store.late.is_empty(), "it belongs to the present hour");
    flush(&mut store, vec![(tag, sample(start - HOUR, 3.0))], start);
    assert!(store.late.contains(&tag));
    seal(&mut store, Scope::Late(floor(start, HOUR)));
    assert_eq!(store.unsealed_count(), 1);
    let head = store.newest_head;
    store.late.insert(tag);
    seal(&mut store, Scope::Late(floor(start, HOUR)));
    assert_eq!(store.newest_head, head, "nothing was sealed, so the head stays as it is");
    drop(store);
    assert_eq!(read(folder.path(), "a"), [sample(start - HOUR, 3.0), sample(start, 2.0), sample(ahead, 1.0)]);
}

#[test]
fn odd_times_have_their_files() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path());
    let tags = ids(&mut store, &["a"]);
    let times = [i64::MIN, -1, 0, moment("2106-02-07T06:28:16Z"), i64::MAX];
    let samples: Vec<Sample> = times.into_iter().map(|time| sample(time, 1.0)).collect();
    flush(&mut store, samples.iter().rev().map(|sample| (tags[0], sample.clone())).collect(), 0);
    seal(&mut store, Scope::Everything);
    assert_eq!(store.unsealed_count(), 0);
    drop(store);
    assert_eq!(read(folder.path(), "a"), samples);
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
fn repair_saves_what_can_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path());
    let october = moment("2026-10-31T18:00:00Z");
    fill(&mut store, october, 6);
    let tags = ids(&mut store, &["a", "b"]);
    flush(&mut store, vec![(tags[1], sample(october + 7 * HOUR, 5.0))], october + 7 * HOUR);
    drop(store);
    assert_eq!(super::check_history(folder.path()).unwrap(), [] as [String; 0]);
    let before = read(folder.path(), "a");
    let file = folder.path().join(HISTORY_FOLDER).join("raw-2026-10.sqlite");
    // One chunk is overwritten inside, as a bad sector does it: the database does not notice, the checksum does.
    let database = super::database::Database::open_to_read(&file).unwrap();
    let bytes: Vec<u8> = database
        .query_row("SELECT bytes FROM chunk WHERE tag = ?1 ORDER BY start LIMIT 1", [tags[0]], |row| row.get(0))
        .unwrap();
    drop(database);
    let mut content = std::fs::read(&file).unwrap();
    // Copies that the database left behind in pages are hit too.
    let places: Vec<usize> =
        (0..content.len() - bytes.len()).filter(|place| content[*place..].starts_with(&bytes)).collect();
    places.into_iter().for_each(|place| content[place + 100] ^= 1);
    std::fs::write(&file, content).unwrap();
    assert_eq!(super::check_history(folder.path()).unwrap().len(), 1);
    // The station meets it while it runs; a new month is begun; then somebody repairs.
    let repaired = super::repair_history(folder.path(), at(october + 8 * HOUR)).unwrap();
    assert_eq!((repaired.lost_rows, repaired.damaged.len()), (1, 1));
    assert!(repaired.damaged[0].starts_with("raw-2026-10.damaged-") && repaired.damaged[0].ends_with(".salvaged"));
    let after = read(folder.path(), "a");
    assert_eq!(after, before[before.len() - after.len()..], "all but the first chunk");
    assert!(after.len() >= 5 * 3600, "{}", after.len());
    assert_eq!(read(folder.path(), "b").len(), 6 * 3600 + 1);
    assert_eq!(super::check_history(folder.path()).unwrap(), [] as [String; 0]);
    let again = super::repair_history(folder.path(), at(october + 9 * HOUR)).unwrap();
    assert_eq!(again, super::Repaired::default(), "nothing is left to do");
}

#[test]
fn repair_finds_the_head_of_a_damaged_main_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path());
    let october = moment("2026-10-31T18:00:00Z");
    let tags = ids(&mut store, &["a"]);
    for second in 0..200 {
        let rows =
            (0..50).map(|part| (tags[0], sample(october + second * SECOND + part * 1000, part as f64))).collect();
        flush(&mut store, rows, october + second * SECOND);
    }
    drop(store);
    let path = main_file(folder.path());
    let mut content = std::fs::read(&path).unwrap();
    let middle = content.len() / 2 / 4096 * 4096;
    content[middle..middle + 4096].fill(0xAA);
    std::fs::write(&path, content).unwrap();
    let opened = OpenedHistory::open(folder.path(), at(october)).unwrap();
    assert!(opened.set_aside.is_some());
    drop(opened);
    let repaired = super::repair_history(folder.path(), at(october + HOUR)).unwrap();
    assert!(repaired.samples > 5_000 && repaired.lost_rows > 0, "{repaired:?}");
    assert_eq!(read(folder.path(), "a").len() as u64, repaired.samples);
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

#[derive(Clone, Debug)]
enum Step {
    Flush(Vec<(usize, i64, Option<Value>, Quality)>),
    Seal(Scope),
    Onward,
    Reopen,
    Rename(usize),
}

fn any_step() -> impl Strategy<Value = Step> {
    // Mostly onward, sometimes far back or ahead, sometimes the same moment again.
    let time = prop_oneof![6 => 0..40 * SECOND, 1 => -8 * HOUR..0, 1 => 0..3 * HOUR, 1 => Just(0)];
    let row = (0usize..3, time, any_value(), any_quality());
    let number = (
        0usize..3,
        0..40 * SECOND,
        (-500i32..500).prop_map(|number| Some(Value::Double(f64::from(number) / 10.0))),
        Just(Quality::GOOD),
    );
    let hour = moment("2026-10-31T20:00:00Z");
    prop_oneof![
        3 => proptest::collection::vec(row, 1..12).prop_map(Step::Flush),
        4 => proptest::collection::vec(number, 20..120).prop_map(Step::Flush),
        2 => (0i64..12).prop_map(move |hours| Step::Seal(Scope::Before(hour + hours * HOUR))),
        1 => (0i64..12).prop_map(move |hours| Step::Seal(Scope::Late(hour + hours * HOUR))),
        1 => Just(Step::Seal(Scope::Everything)),
        8 => Just(Step::Onward),
        1 => Just(Step::Reopen),
        1 => (0usize..3).prop_map(Step::Rename),
    ]
}

struct Model {
    keys: [String; 3],
    samples: [Vec<Sample>; 3],
    seen: BTreeSet<usize>,
    was_alive: Option<i64>,
    now: i64,
}

impl Model {
    fn flush(&mut self, rows: &[(usize, Sample)]) {
        for (tag, _) in rows {
            let Some(alive) = self.was_alive.filter(|_| self.seen.insert(*tag)) else { continue };
            let last = self.samples[*tag]
                .iter()
                .filter(|sample| sample.time.as_micros() <= alive)
                .max_by_key(|sample| sample.time);
            if last.is_some_and(|last| !last.quality.is_bad()) {
                let time = Timestamp::from_micros(alive);
                self.samples[*tag].push(Sample { time, value: None, quality: Quality::bad(Reason::StationOff) });
            }
        }
        rows.iter().for_each(|(tag, sample)| self.samples[*tag].push(sample.clone()));
        self.samples.iter_mut().for_each(|samples| samples.sort_by_key(|sample| sample.time));
    }

    fn columns(&self, tag: usize, [from, to]: [i64; 2], width: usize) -> Vec<Column> {
        let before = self.samples[tag].iter().rfind(|sample| sample.time.as_micros() < from).map(number);
        let mut builder = ColumnBuilder::new([from, to], width, before);
        let inside = |sample: &&Sample| (from..=to).contains(&sample.time.as_micros());
        for sample in self.samples[tag].iter().filter(inside) {
            builder.samples(&[sample.time.as_micros()], &[number(sample)]);
        }
        builder.finish(self.now)
    }

    fn check(&self, reader: &Reader) {
        for (tag, key) in self.keys.iter().enumerate() {
            let found = everything(reader, key);
            assert!(same(&found, &self.samples[tag]), "{key}\n{found:#?}\n{:#?}", self.samples[tag]);
            let from = moment("2026-10-31T12:00:00Z");
            for (column, width) in [(5 * MINUTE, 300), (4 * HOUR, 6), (SECOND, 900), (20 * MINUTE, 7)] {
                let range = [from, from + column * width as i64];
                let [first, last] = range.map(Timestamp::from_micros);
                let columns = reader.columns(&key.as_str().into(), first, last, width, &|| false).unwrap();
                let expected = self.columns(tag, range, width);
                // The last moment belongs to the range; out of rollups it does not show, being the first of the next bucket.
                assert_eq!(columns.len(), expected.len(), "{key} {width} {:?}", self.samples[tag]);
                for (found, expected) in columns.iter().zip(&expected) {
                    assert!(alike(found, expected), "{key} {width} {found:?} {expected:?}");
                }
            }
        }
    }
}

fn alike(first: &Column, second: &Column) -> bool {
    let same = |first: f64, second: f64| first == second || first.is_nan() && second.is_nan();
    let near =
        (first.mean - second.mean).abs() <= 1e-6 * (first.max - first.min).abs().max(1e-300) + 1e-9 * first.mean.abs();
    let wild = !first.mean.is_finite()
        || !second.mean.is_finite()
        || first.mean.abs() > 1e200
        || first.max - first.min > 1e100;
    same(first.first, second.first)
        && same(first.min, second.min)
        && same(first.max, second.max)
        && same(first.last, second.last)
        && first.count == second.count
        && first.bad == second.bad
        && (near || same(first.mean, second.mean) || wild)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    /// Whatever happens in whatever order: a reader finds what a plain list holds, and columns are those of that list.
    #[test]
    fn the_store_is_a_list(steps in proptest::collection::vec(any_step(), 1..40)) {
        let folder = tempfile::tempdir().unwrap();
        let mut store = open(folder.path());
        let start = moment("2026-10-31T20:30:00Z");
        let mut model = Model { keys: ["a", "b", "c"].map(String::from), samples: Default::default(), seen: BTreeSet::new(), was_alive: None, now: start };
        let tags = ids(&mut store, &["a", "b", "c"]);
        let mut time = start;
        for (turn, step) in steps.into_iter().enumerate() {
            match step {
                Step::Flush(rows) => {
                    let mut samples = Vec::new();
                    for (tag, ahead, value, quality) in rows {
                        let at = time + ahead;
                        time = if (0..40 * SECOND).contains(&ahead) { at } else { time };
                        model.now = model.now.max(at + SECOND);
                        samples.push((tag, Sample { time: Timestamp::from_micros(at), value, quality }));
                    }
                    model.flush(&samples);
                    flush(&mut store, samples.into_iter().map(|(tag, sample)| (tags[tag], sample)).collect(), model.now);
                }
                Step::Seal(scope) if !store.is_sealing() => store.begin_seal(scope),
                Step::Seal(_) => {}
                Step::Onward => store.seal_step(1).unwrap(),
                Step::Reopen => {
                    drop(store);
                    store = open(folder.path());
                    model.seen.clear();
                    model.was_alive = (turn > 0).then_some(model.now).filter(|_| model.samples.iter().any(|samples| !samples.is_empty()));
                }
                Step::Rename(tag) => {
                    let (old, new) = (model.keys[tag].clone(), format!("{}'", model.keys[tag]));
                    store.ids(&[(new.as_str().into(), Some(old.into()))], Timestamp::default()).unwrap();
                    model.keys[tag] = new;
                }
            }
            if turn % 5 == 4 {
                model.check(&Reader::open(store.path(), Some(store.unsealed())).unwrap());
            }
        }
        model.check(&Reader::open(store.path(), Some(store.unsealed())).unwrap());
        model.check(&Reader::open(store.path(), None).unwrap());
        seal(&mut store, Scope::Everything);
        model.check(&Reader::open(store.path(), None).unwrap());
    }
}
