//! Retention against wrong clocks, late samples and large months.

use super::*;

const DAYS: fn(i64) -> Retention =
    |days| Retention { raw: Some(Duration::from_secs(days.unsigned_abs() * 86_400)), ..Retention::default() };

fn horizon(store: &SampleStore, what: &str) -> Option<i64> {
    store.main.with(|connection| super::super::store::horizon(connection, what)).unwrap()
}

fn prune(store: &mut SampleStore, retention: &Retention, now: i64) {
    while store.prune_step(retention, now).unwrap() {}
}

#[test]
fn a_clock_that_is_years_ahead_drops_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path());
    let (september, october) = (moment("2026-09-29T20:00:00Z"), moment("2026-10-31T20:00:00Z"));
    fill(&mut store, september, 2);
    fill(&mut store, october, 2);
    drop(store);
    let wrong = moment("2031-05-01T00:00:00Z");
    let mut store = OpenedHistory::open(folder.path(), at(wrong)).unwrap().store;
    let tags = ids(&mut store, &["a"]);
    flush(&mut store, vec![(tags[0], sample(wrong, 1.0))], wrong);
    for _ in 0..3 {
        store.believe(wrong, Duration::from_secs(3600));
        prune(&mut store, &DAYS(40), wrong);
    }
    assert!(history_files(folder.path()).contains(&"raw-2026-09.sqlite".to_owned()));
    drop(store);
    // The clock is still wrong after a restart; then somebody sets it.
    let mut store = OpenedHistory::open(folder.path(), at(wrong + HOUR)).unwrap().store;
    prune(&mut store, &DAYS(40), wrong + HOUR);
    drop(store);
    let right = october + 3 * HOUR;
    let mut store = OpenedHistory::open(folder.path(), at(right)).unwrap().store;
    prune(&mut store, &DAYS(40), right);
    assert!(history_files(folder.path()).contains(&"raw-2026-09.sqlite".to_owned()));
    flush(&mut store, vec![(tags[0], sample(right, 1.0))], right);
    seal(&mut store, Scope::Before(right + HOUR));
    assert_eq!(store.lost, 0);
}

#[test]
fn a_horizon_beyond_the_clock_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path());
    let october = moment("2026-10-31T20:00:00Z");
    fill(&mut store, october, 1);
    let tags = ids(&mut store, &["a"]);
    let wrong =
        "INSERT OR REPLACE INTO horizon(what, time) VALUES ('raw', 1935360000000000), ('minutes', 1935360000000000)";
    store.main.change(|transaction| transaction.execute(wrong, [])).unwrap();
    drop(store);
    let now = october + 2 * HOUR;
    let mut store = OpenedHistory::open(folder.path(), at(now)).unwrap().store;
    assert!(store.raw_from <= october, "at the start");
    assert!(horizon(&store, "raw").unwrap() <= october && horizon(&store, "minutes").unwrap() <= october);
    // The same while the station runs, when its clock is set back.
    store.main.change(|transaction| transaction.execute(wrong, [])).unwrap();
    store.raw_from = 1_935_360_000_000_000;
    prune(&mut store, &DAYS(10), now);
    assert!(store.raw_from <= october && horizon(&store, "raw").unwrap() <= october, "while it runs");
    flush(&mut store, vec![(tags[0], sample(now, 1.0))], now);
    seal(&mut store, Scope::Everything);
    assert_eq!(store.lost, 0);
    assert_eq!(read(folder.path(), "a").len(), 3602, "and that the station was off");
}

#[test]
fn what_is_older_than_the_horizon_leaves_the_rollups_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path());
    let start = moment("2026-10-29T00:00:00Z");
    fill(&mut store, start, 40);
    let now = start + 40 * HOUR;
    prune(&mut store, &DAYS(1), now);
    assert_eq!(store.raw_from, now - 24 * HOUR);
    let columns = |store: &SampleStore| {
        let reader = Reader::open(store.path(), Some(store.unsealed())).unwrap();
        reader.columns(&"a".into(), at(start), at(start + 5 * HOUR), 30, &|| false).unwrap()
    };
    let before = columns(&store);
    assert_eq!(before.iter().map(|column| column.count).take(29).sum::<u32>(), 29 * 600);
    let tags = ids(&mut store, &["a"]);
    let late = [start + HOUR, start + 2 * HOUR, now - HOUR].map(|time| (tags[0], sample(time, 5000.0)));
    flush(&mut store, late.into(), now);
    seal(&mut store, Scope::Late(floor(now, HOUR)));
    assert_eq!((store.unsealed_count(), store.lost), (0, 2), "the third is kept");
    assert_eq!(columns(&store), before);
    let kept = everything(&Reader::open(store.path(), Some(store.unsealed())).unwrap(), "a");
    assert_eq!((kept.len(), kept[0].time.as_micros()), (24 * 3600 + 1, now - 24 * HOUR));
}

fn plan_of(database: &super::super::database::Database, sql: &str) -> String {
    let explained = |connection: &rusqlite::Connection| {
        let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
        let rows = statement.query_map([0, 1], |row| row.get::<_, String>(3))?;
        rows.collect::<Result<Vec<_>, _>>()
    };
    database.with(explained).unwrap().join("; ")
}

#[test]
fn retention_searches_and_never_scans_in_files_of_earlier_days_too() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path());
    let october = moment("2026-10-31T20:00:00Z");
    fill(&mut store, october, 1);
    let month = super::super::calendar::Month::of(october);
    let drop_index = |database: &mut super::super::database::Database, index: &str| {
        let sql = format!("DROP INDEX {index}; PRAGMA user_version = 1");
        database.change(|transaction| transaction.execute_batch(&sql)).unwrap();
    };
    drop_index(&mut store.month(month).unwrap().database, "chunk_by_last");
    drop_index(store.year(2026).unwrap(), "minutes_by_start");
    drop(store);
    let mut store = open(folder.path());
    for plan in [
        plan_of(&store.month(month).unwrap().database, super::super::prune::OLD_CHUNKS),
        plan_of(store.year(2026).unwrap(), super::super::prune::DROP_OLD_MINUTES),
    ] {
        assert!(plan.contains("SEARCH") && !plan.contains("SCAN") && !plan.contains("TEMP"), "{plan}");
    }
}

#[test]
fn files_that_are_no_history_do_not_count_for_the_cap() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path());
    let october = moment("2026-10-27T20:00:00Z");
    fill(&mut store, october, 30);
    let now = october + 30 * HOUR;
    let month = store.month(super::super::calendar::Month::of(now)).unwrap();
    month.database.with(|connection| connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")).unwrap();
    let before = store.forecast(&Retention::default(), now);
    assert!(before.bytes > 100_000);
    assert!(before.bytes_a_day > before.bytes / 10, "over a day and a quarter, not over the month: {before:?}");
    let history = folder.path().join(HISTORY_FOLDER);
    for name in ["raw-2026-09.damaged-2026-10-01.sqlite", "raw-2026-08.damaged-x.sqlite.salvaged", "notes.txt"] {
        std::fs::write(history.join(name), vec![0; 5_000_000]).unwrap();
    }
    std::fs::create_dir(history.join("converting")).unwrap();
    assert_eq!(store.forecast(&Retention::default(), now).bytes, before.bytes);
    let capped = Retention { most_bytes: Some(before.bytes + 1_000_000), ..Retention::default() };
    prune(&mut store, &capped, now);
    assert_eq!(store.raw_from, i64::MIN);
}
