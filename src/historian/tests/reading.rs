//! Readers that live long, and files that change under them.

use super::*;

#[test]
fn a_reader_sees_that_the_file_of_a_month_is_another_one() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path());
    let tags = ids(&mut store, &["a"]);
    let start = moment("2026-10-31T20:00:00Z");
    flush(&mut store, (0..100).map(|second| (tags[0], sample(start + second * SECOND, 1.0))).collect(), start);
    seal(&mut store, Scope::Everything);
    let reader = Reader::open(store.path(), Some(store.unsealed())).unwrap();
    assert_eq!(everything(&reader, "a").len(), 100);
    // Set aside, as when it is damaged; the next samples make a new one, with the same numbers of timelines.
    let file = folder.path().join(HISTORY_FOLDER).join("raw-2026-10.sqlite");
    store.put_away(&file, at(start)).unwrap();
    assert_eq!(everything(&reader, "a").len(), 0, "it is gone");
    let others = (0..100).map(|second| (tags[0], sample(start + (200 + second) * SECOND, 2.0))).collect();
    flush(&mut store, others, start + 300 * SECOND);
    seal(&mut store, Scope::Everything);
    let found = everything(&reader, "a");
    assert_eq!((found.len(), found[0].time.as_micros()), (100, start + 200 * SECOND));
    // Restored from a copy while the reader looks away.
    let copy = folder.path().join("copy.sqlite");
    super::super::copy_database(&file, &copy).unwrap();
    let (month, unsealed) = (super::super::calendar::Month::of(start), store.unsealed());
    store.months.remove(&month);
    flush(&mut store, vec![(tags[0], sample(start + 400 * SECOND, 3.0))], start + 400 * SECOND);
    seal(&mut store, Scope::Everything);
    let reader = Reader::open(store.path(), Some(unsealed)).unwrap();
    assert_eq!(everything(&reader, "a").len(), 101);
    store.months.remove(&month);
    std::fs::rename(&copy, &file).unwrap();
    for suffix in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{suffix}", file.display()));
    }
    assert_eq!(everything(&reader, "a").len(), 100);
}

#[test]
fn stopping_is_no_error_and_cancelling_is() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path());
    let start = moment("2026-10-31T20:00:00Z");
    fill(&mut store, start, 3);
    let reader = Reader::open(store.path(), Some(store.unsealed())).unwrap();
    let [from, to] = [at(start), at(start + 3 * HOUR)];
    let mut count = 0;
    let stopped = reader.visit(&"a".into(), from, to, |_| {
        count += 1;
        count < 10
    });
    assert!(stopped.is_ok() && count == 10, "{stopped:?}");
    let mut blocks = 0;
    let stopped = reader.numbers(&"a".into(), from, to, &mut |_, _| {
        blocks += 1;
        false
    });
    assert!(stopped.is_ok() && blocks == 1, "{stopped:?}");
    let cancelled = || true;
    assert!(matches!(reader.bands(&"a".into(), from, to, 100, &cancelled), Err(super::super::QueryError::Cancelled)));
    let changes = Aggregate::Changes;
    let figures = reader.aggregate(&"a".into(), [from, to], Duration::from_secs(60), &changes, &cancelled);
    assert!(matches!(figures, Err(super::super::QueryError::Cancelled)));
    let columns = reader.exact_columns(&"a".into(), from, to, 10, &cancelled);
    assert!(matches!(columns, Err(super::super::QueryError::Cancelled)));
}

#[test]
fn a_reader_says_what_it_cannot_read() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path());
    let tags = ids(&mut store, &["a"]);
    for second in 0..3 {
        flush(&mut store, vec![(tags[0], sample(second * SECOND, second as f64))], second * SECOND);
    }
    store.main.change(|transaction| transaction.execute("UPDATE head SET bytes = x'0201' WHERE id = 2", [])).unwrap();
    let reader = Reader::open(store.path(), None).unwrap();
    assert_eq!((reader.unreadable_flushes(), everything(&reader, "a").len()), (1, 2));
    drop(reader);
    for version in [1, 9] {
        store.main.with(|connection| connection.pragma_update(None, "user_version", version)).unwrap();
        let error = Reader::open(store.path(), None).err().unwrap().to_string();
        assert!(error.contains(&format!("has version {version}, and this Polder reads 2")), "{error}");
    }
}
