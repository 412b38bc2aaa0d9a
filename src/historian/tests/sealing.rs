//! Sealing: once, in any order, cut short anywhere.

use super::*;

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
