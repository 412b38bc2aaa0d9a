//! Main files from another time than the months beside them, and months that cannot be read.

use super::*;

const OCTOBER: &str = "2026-10-31T20:00:00Z";

/// A copy of the main file alone, as it was.
fn kept_main(folder: &Path) -> Vec<u8> {
    let connection = rusqlite::Connection::open(main_file(folder)).unwrap();
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    drop(connection);
    std::fs::read(main_file(folder)).unwrap()
}

#[test]
fn a_restored_main_file_gives_no_tag_the_number_of_another_one() {
    let folder = tempfile::tempdir().unwrap();
    let start = moment(OCTOBER);
    let mut store = open(folder.path());
    ids(&mut store, &["a"]);
    drop(store);
    let earlier = kept_main(folder.path());
    let mut store = open(folder.path());
    let tags = ids(&mut store, &["a", "b", "c"]);
    flush(&mut store, tags.iter().map(|tag| (*tag, sample(start, *tag as f64))).collect(), start);
    seal(&mut store, Scope::Everything);
    drop(store);
    std::fs::write(main_file(folder.path()), earlier).unwrap();
    let mut store = open(folder.path());
    let fresh = ids(&mut store, &["new"])[0];
    assert!(!tags.contains(&fresh), "{fresh} is taken: {tags:?}");
    flush(&mut store, vec![(fresh, sample(start + HOUR, 9.0))], start + HOUR);
    drop(store);
    for (key, tag) in ["a", "b", "c"].iter().zip(&tags) {
        assert_eq!(read(folder.path(), key), [sample(start, *tag as f64)], "{key}");
    }
    assert_eq!(read(folder.path(), "new"), [sample(start + HOUR, 9.0)]);
}

#[test]
fn a_month_that_cannot_be_read_is_left_out_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let start = moment(OCTOBER);
    let mut store = open(folder.path());
    fill(&mut store, start, 1);
    drop(store);
    // SQLite says of it what it says of a file that may not be opened; to an administrator every file may.
    let obstacle = folder.path().join(HISTORY_FOLDER).join("raw-2020-01.sqlite");
    std::fs::create_dir(&obstacle).unwrap();
    let mut store = open(folder.path());
    assert_eq!(store.left_out.count(), 1);
    assert!(store.left_out.words().unwrap().contains("raw-2020-01.sqlite: "), "{:?}", store.left_out);
    // A tag of which no month knows anything is looked for in all of them; a new month is opened, too.
    let tags = ids(&mut store, &["a", "new"]);
    let november = start + 5 * HOUR;
    flush(&mut store, tags.iter().map(|tag| (*tag, sample(november, 5.0))).collect(), november);
    seal(&mut store, Scope::Everything);
    let reader = Reader::open(&main_file(folder.path()), None).unwrap();
    let range = |from, to| reader.samples(&"new".into(), at(from), at(to));
    assert_eq!(range(start, november).unwrap(), [sample(november, 5.0)]);
    let error = range(moment("2020-01-01T00:00:00Z"), november).unwrap_err().to_string();
    assert!(error.contains("raw-2020-01.sqlite"), "a range with it is no range with a hole: {error}");
    // Retention goes on with the others.
    let keep = Retention { raw: Some(Duration::from_secs(3600)), ..Retention::default() };
    for _ in 0..100 {
        store.believe(november, Duration::ZERO);
        if store.prune_step(&keep, november).is_ok_and(|more| !more) {
            break;
        }
    }
    store.look_for_left_out();
    assert_eq!(store.left_out.count(), 1);
    std::fs::remove_dir(&obstacle).unwrap();
    store.look_for_left_out();
    assert_eq!((store.left_out.count(), store.left_out.words()), (0, None), "it is looked at again");
}

#[test]
fn the_present_month_may_be_the_one_that_cannot_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path());
    let start = moment(OCTOBER);
    let tags = ids(&mut store, &["a"]);
    drop(store);
    std::fs::create_dir(folder.path().join(HISTORY_FOLDER).join("raw-2026-10.sqlite")).unwrap();
    let mut store = open(folder.path());
    flush(&mut store, vec![(tags[0], sample(start, 5.0))], start);
    assert_eq!(store.left_out.count(), 1);
    assert_eq!(store.unsealed_count(), 1, "samples are safe in the head meanwhile");
    store.begin_seal(Scope::Everything);
    assert!(store.seal_step(64).is_err(), "and that they cannot be sealed is said");
}

#[test]
fn the_cap_is_noted_when_it_bites_and_forgotten_when_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path());
    let october = moment("2026-10-27T20:00:00Z");
    fill(&mut store, october, 60);
    let now = october + 60 * HOUR;
    let all = store.forecast(&Retention::default(), now).bytes;
    let capped = |percent: u64| Retention { most_bytes: Some(all * 100 / percent), ..Retention::default() };
    let mut prune = |retention: &Retention| {
        store.believed = now;
        while store.prune_step(retention, now).unwrap() {}
        store.forecast(retention, now)
    };
    let near = prune(&capped(95));
    assert!(!near.is_capped && near.near_limit().is_some(), "{near:?}");
    let over = prune(&capped(130));
    assert!(over.is_capped && over.near_limit().is_none(), "{over:?}");
    let raised = prune(&capped(40));
    assert!(!raised.is_capped, "{raised:?}");
}
