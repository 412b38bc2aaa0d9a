//! Damaged, lost and unreadable files cost themselves alone.

use super::*;

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

/// Until they are made again, the samples themselves are drawn.
#[test]
fn damaged_rollups_hide_nothing_that_samples_tell() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path());
    let tag = ids(&mut store, &["a"])[0];
    let start = moment("2026-10-30T00:00:00Z");
    let rows = (0..24 * 60).map(|minute| (tag, sample(start + minute * MINUTE, (minute % 97) as f64))).collect();
    flush(&mut store, rows, start + DAY);
    seal(&mut store, Scope::Everything);
    let key = TagKey::from("a");
    let [from, to] = [start, start + DAY].map(at);
    let columns = || Reader::open(&main_file(folder.path()), None).unwrap().columns(&key, from, to, 60, &|| false);
    let whole = columns().unwrap();
    let year = store.year(2026).unwrap();
    // The second of four rows.
    let sql = "UPDATE minutes SET bytes = x'0201' WHERE start = ?1";
    year.change(|transaction| transaction.execute(sql, [start + 6 * HOUR])).unwrap();
    let found = columns().unwrap();
    assert_eq!(found.len(), whole.len());
    for (found, whole) in found.iter().zip(&whole) {
        assert_eq!((found.min, found.max, found.last, found.count), (whole.min, whole.max, whole.last, whole.count));
    }
    store
        .main
        .change(|transaction| transaction.execute("INSERT OR REPLACE INTO horizon VALUES ('raw', ?1)", [start + DAY]))
        .unwrap();
    assert!(
        matches!(columns(), Err(crate::historian::QueryError::Store(_))),
        "what samples do not tell any more is an error"
    );
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
    assert_eq!(super::super::check_history(folder.path()).unwrap(), [] as [String; 0]);
    let before = read(folder.path(), "a");
    let file = folder.path().join(HISTORY_FOLDER).join("raw-2026-10.sqlite");
    // One chunk is overwritten inside, as a bad sector does it: the database does not notice, the checksum does.
    let database = super::super::database::Database::open_to_read(&file).unwrap();
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
    assert_eq!(super::super::check_history(folder.path()).unwrap().len(), 1);
    // The station meets it while it runs; a new month is begun; then somebody repairs.
    let repaired = super::super::repair_history(folder.path(), at(october + 8 * HOUR)).unwrap();
    assert_eq!((repaired.lost_rows, repaired.damaged.len()), (1, 1));
    assert!(repaired.damaged[0].starts_with("raw-2026-10.damaged-") && repaired.damaged[0].ends_with(".salvaged"));
    let after = read(folder.path(), "a");
    assert_eq!(after, before[before.len() - after.len()..], "all but the first chunk");
    assert!(after.len() >= 5 * 3600, "{}", after.len());
    assert_eq!(read(folder.path(), "b").len(), 6 * 3600 + 1);
    assert_eq!(super::super::check_history(folder.path()).unwrap(), [] as [String; 0]);
    let again = super::super::repair_history(folder.path(), at(october + 9 * HOUR)).unwrap();
    assert_eq!(again, super::super::Repaired::default(), "nothing is left to do");
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
    let repaired = super::super::repair_history(folder.path(), at(october + HOUR)).unwrap();
    assert!(repaired.samples > 5_000 && repaired.lost_rows > 0, "{repaired:?}");
    assert_eq!(read(folder.path(), "a").len() as u64, repaired.samples);
}
