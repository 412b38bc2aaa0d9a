//! Retention on a disk that fails: nothing that is to be kept goes, samples go on being kept, and it catches up by itself.

use super::*;

const DAY_KEPT: Retention = Retention { raw: Some(Duration::from_secs(86_400)), minutes: None, most_bytes: None };

/// 30 hours of samples over the end of September, of which the newest day is to be kept; the present.
fn filled(folder: &Path) -> (SampleStore, i64) {
    let start = moment("2026-09-30T12:00:00Z");
    let mut store = open(folder);
    fill(&mut store, start, 30);
    let now = start + 30 * HOUR;
    store.believed = now;
    (store, now)
}

fn prune(store: &mut SampleStore, now: i64) -> Result<(), String> {
    while store.prune_step(&DAY_KEPT, now).map_err(|error| error.to_string())? {}
    Ok(())
}

/// Every sample of `a` that is to be kept, and none besides.
fn is_pruned(folder: &Path, now: i64) {
    let kept = read(folder, "a");
    let first = kept.first().unwrap().time.as_micros();
    assert!((now - 24 * HOUR..=now - 23 * HOUR).contains(&first), "from {} hours ago", (now - first) / HOUR);
    assert_eq!(kept.len() as i64, (now - first) / SECOND);
}

fn on_disk(store: &mut SampleStore, sql: &str) {
    let month = store.month(Month::of(moment("2026-09-30T12:00:00Z"))).unwrap();
    month.database.change(|transaction| transaction.execute_batch(sql)).unwrap();
}

#[test]
fn rows_that_cannot_be_dropped_are_dropped_later() {
    let folder = tempfile::tempdir().unwrap();
    let (mut store, now) = filled(folder.path());
    on_disk(&mut store, "CREATE TRIGGER full BEFORE DELETE ON chunk BEGIN SELECT RAISE(ABORT, 'disk full'); END");
    let before = read(folder.path(), "a").len();
    let why = prune(&mut store, now).unwrap_err();
    assert!(why.contains("disk full") && why.contains("raw-2026-09"), "{why}");
    assert_eq!(store.left_out.count(), 0, "it can be read, so it is not left out");
    assert_eq!(read(folder.path(), "a").len(), before, "half of a step is no step");
    let tags = ids(&mut store, &["a"]);
    flush(&mut store, vec![(tags[0], sample(now, 1.0))], now);
    assert_eq!(store.unsealed_count(), 1, "samples go on being kept");
    on_disk(&mut store, "DROP TRIGGER full");
    prune(&mut store, now).unwrap();
    drop(store);
    let kept = read(folder.path(), "a");
    let first = kept.first().unwrap().time.as_micros();
    assert!(first >= now - 24 * HOUR, "{} hours ago", (now - first) / HOUR);
    assert_eq!(kept.len() as i64, (now - first) / SECOND + 1, "and with it what came meanwhile");
}

#[test]
fn a_file_that_cannot_be_removed_keeps_no_other_one() {
    let folder = tempfile::tempdir().unwrap();
    let (mut store, now) = filled(folder.path());
    let obstacle = folder.path().join(HISTORY_FOLDER).join("raw-2020-01.sqlite");
    std::fs::create_dir(&obstacle).unwrap();
    let why = prune(&mut store, now).unwrap_err();
    assert!(why.contains("raw-2020-01.sqlite"), "{why}");
    std::fs::remove_dir(&obstacle).unwrap();
    is_pruned(folder.path(), now);
    prune(&mut store, now).unwrap();
}

#[test]
fn a_horizon_that_cannot_be_written_drops_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (mut store, now) = filled(folder.path());
    let before = read(folder.path(), "a").len();
    let change = |store: &mut SampleStore, sql: &str| {
        store.main.change(|transaction| transaction.execute_batch(sql)).unwrap();
    };
    change(
        &mut store,
        "CREATE TRIGGER full BEFORE INSERT ON horizon WHEN new.what = 'raw' BEGIN SELECT RAISE(ABORT, 'disk full'); END",
    );
    assert!(prune(&mut store, now).unwrap_err().contains("disk full"));
    assert_eq!(read(folder.path(), "a").len(), before);
    change(&mut store, "DROP TRIGGER full");
    prune(&mut store, now).unwrap();
    is_pruned(folder.path(), now);
}

#[test]
fn a_file_that_the_cap_could_not_remove_is_removed_later() {
    let folder = tempfile::tempdir().unwrap();
    let (mut store, now) = filled(folder.path());
    let all = store.forecast(&Retention::default(), now).bytes;
    let capped = Retention { most_bytes: Some(all), ..Retention::default() };
    let stray = folder.path().join(HISTORY_FOLDER).join("raw-2020-01.sqlite");
    std::fs::create_dir(&stray).unwrap();
    assert!(store.prune_step(&capped, now).is_err(), "a folder is no file");
    std::fs::remove_dir(&stray).unwrap();
    std::fs::write(&stray, vec![0; 100]).unwrap();
    // There is room now, but that it goes is told to readers already.
    let raised = Retention { most_bytes: Some(all * 2), ..Retention::default() };
    while store.prune_step(&raised, now).unwrap() {}
    assert!(!stray.exists());
}
