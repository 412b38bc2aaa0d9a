//! Damage of many kinds, and what is saved out of it.

use super::*;
use crate::historian::Reader;
use crate::historian::rollups::Resolution;
use crate::tag::Quality;

const SECOND: i64 = 1_000_000;
/// 2026-10-31T18:00:00Z.
const OCTOBER: i64 = 1_793_469_600 * SECOND;

fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros)
}

fn sample(micros: i64, value: f64) -> Sample {
    Sample { time: at(micros), value: Some(Value::Double(value)), quality: Quality::GOOD }
}

fn open(station: &Path) -> SampleStore {
    OpenedHistory::open(station, at(OCTOBER)).unwrap().store
}

fn number(store: &mut SampleStore, key: &str, formerly: Option<&str>) -> i64 {
    store.ids(&[(key.into(), formerly.map(Into::into))], at(OCTOBER)).unwrap()[0]
}

fn flush(store: &mut SampleStore, rows: impl IntoIterator<Item = (i64, Sample)>, now: i64) {
    store.flush(&mut rows.into_iter().collect(), at(now)).unwrap();
}

fn seal(store: &mut SampleStore) {
    store.begin_seal(Scope::Everything);
    while store.is_sealing() {
        store.seal_step(1).unwrap();
    }
}

fn history(station: &Path) -> PathBuf {
    station.join(HISTORY_FOLDER)
}

fn read(station: &Path, key: &str) -> Vec<Sample> {
    let reader = Reader::open(&history(station).join(SAMPLES_FILE), None).unwrap();
    reader.samples(&key.into(), at(i64::MIN), at(i64::MAX)).unwrap()
}

/// The station as a crash leaves it.
fn copy(station: &Path) -> tempfile::TempDir {
    let to = tempfile::tempdir().unwrap();
    std::fs::create_dir(history(to.path())).unwrap();
    for entry in std::fs::read_dir(history(station)).unwrap().map(Result::unwrap) {
        std::fs::copy(entry.path(), history(to.path()).join(entry.file_name())).unwrap();
    }
    to
}

/// One second of `a` a flush.
fn seconds(store: &mut SampleStore, count: i64) {
    let tag = number(store, "a", None);
    for second in 0..count {
        flush(store, [(tag, sample(OCTOBER + second * SECOND, second as f64))], OCTOBER + second * SECOND);
    }
}

/// Overwrites the page that holds the row of a table with this number, all the page but nothing else.
fn spoil_page_of(file: &Path, table: &str, page_bytes: usize, leaf: impl Fn(&[usize]) -> usize) {
    drop(Connection::open(file).unwrap().execute_batch("PRAGMA wal_checkpoint(TRUNCATE)"));
    let root: u32 = Connection::open(file)
        .unwrap()
        .query_row("SELECT rootpage FROM sqlite_master WHERE name = ?1", [table], |row| row.get(0))
        .unwrap();
    let mut content = std::fs::read(file).unwrap();
    let page = (root as usize - 1) * page_bytes;
    assert_eq!(content[page], 5, "the table has leaves below one page");
    let big = |place: usize, length: usize| {
        content[place..place + length].iter().fold(0usize, |number, byte| number << 8 | usize::from(*byte))
    };
    let cells = big(page + 3, 2);
    let mut leaves: Vec<usize> = (0..cells).map(|cell| big(page + big(page + 12 + 2 * cell, 2), 4)).collect();
    leaves.push(big(page + 8, 4));
    let spoilt = (leaf(&leaves) - 1) * page_bytes;
    content[spoilt..spoilt + page_bytes].fill(0xAA);
    std::fs::write(file, content).unwrap();
}

#[test]
fn a_head_with_high_numbers_is_read_whatever_leaf_is_damaged() {
    for place in ["first", "middle", "last"] {
        let station = tempfile::tempdir().unwrap();
        let mut store = open(station.path());
        store
            .main
            .change(|transaction| {
                transaction.execute("INSERT INTO sqlite_sequence(name, seq) VALUES ('head', 3000000)", [])
            })
            .unwrap();
        seconds(&mut store, 600);
        drop(store);
        spoil_page_of(&history(station.path()).join(SAMPLES_FILE), "head", 4096, |leaves| match place {
            "first" => leaves[0],
            "middle" => leaves[leaves.len() / 2],
            _ => *leaves.last().unwrap(),
        });
        let repaired = repair_history(station.path(), at(OCTOBER + HOUR)).unwrap();
        assert!((450..600).contains(&repaired.samples), "{place}: {repaired:?}");
        assert!(repaired.lost_rows > 0, "{place}: {repaired:?}");
        assert_eq!(read(station.path(), "a").len() as u64, repaired.samples, "{place}");
    }
}

#[test]
fn numbers_far_apart_are_found_and_end() {
    let connection = Connection::open_in_memory().unwrap();
    connection.execute_batch("CREATE TABLE head(id INTEGER PRIMARY KEY, bytes BLOB)").unwrap();
    assert_eq!(ids(&connection, "head").count(), 0);
    assert_eq!(ids(&connection, "absent").count(), 0);
    let far = [1, 2, 500_000, 3_000_000, i64::MAX];
    for id in far {
        connection.execute("INSERT INTO head(id) VALUES (?1)", [id]).unwrap();
    }
    assert_eq!(ids(&connection, "head").collect::<Vec<_>>(), far);
}

#[test]
fn a_repair_that_was_cut_short_and_begins_again_saves_nothing_twice() {
    let station = tempfile::tempdir().unwrap();
    let mut store = open(station.path());
    seconds(&mut store, 300);
    let tag = number(&mut store, "a", None);
    // Two at the same moment are two, and a number that is none is equal to itself.
    flush(&mut store, [1.0, 2.0, f64::NAN].map(|value| (tag, sample(OCTOBER + 400 * SECOND, value))), OCTOBER);
    seal(&mut store);
    drop(store);
    let before = read(station.path(), "a");
    let file = history(station.path()).join("raw-2026-10.sqlite");
    let aside = set_aside(&file, at(OCTOBER)).unwrap();
    repair_history(station.path(), at(OCTOBER + HOUR)).unwrap();
    assert_eq!(read(station.path(), "a").len(), before.len());
    // The end of it was lost: the file still has its name.
    let aside = history(station.path()).join(aside);
    std::fs::rename(aside.with_extension("salvaged"), &aside).unwrap();
    let again = repair_history(station.path(), at(OCTOBER + HOUR)).unwrap();
    assert_eq!((again.samples, again.damaged.len()), (0, 1));
    assert_eq!(read(station.path(), "a").len(), before.len());
}

#[test]
fn what_a_seal_that_was_cut_short_left_in_the_head_is_not_saved_twice() {
    let station = tempfile::tempdir().unwrap();
    let mut store = open(station.path());
    seconds(&mut store, 300);
    let rollups = history(station.path()).join("minutes-2026.sqlite");
    std::fs::create_dir(&rollups).unwrap();
    store.begin_seal(Scope::Everything);
    store.seal_step(1).unwrap_err();
    std::fs::remove_dir(&rollups).unwrap();
    // The month has the chunk, the head has the rows; then the month turns out to be damaged.
    let crashed = copy(station.path());
    drop(store);
    set_aside(&history(crashed.path()).join("raw-2026-10.sqlite"), at(OCTOBER)).unwrap();
    let repaired = repair_history(crashed.path(), at(OCTOBER + HOUR)).unwrap();
    assert_eq!(repaired.samples, 0, "the head has them all");
    assert_eq!(read(crashed.path(), "a").len(), 300);
}

/// Four samples of `a` in September and October, one of them renamed from `old`; all sealed, and one flush in the head.
fn with_everything(station: &Path) {
    let mut store = open(station);
    let tag = number(&mut store, "old", None);
    for hour in 0..3 {
        flush(&mut store, [(tag, sample(OCTOBER + hour * HOUR, hour as f64))], OCTOBER + hour * HOUR);
    }
    seal(&mut store);
    assert_eq!(number(&mut store, "a", Some("old")), tag);
    flush(&mut store, [(tag, sample(OCTOBER + 3 * HOUR, 3.0))], OCTOBER + 3 * HOUR + SECOND);
    store
        .main
        .change(|transaction| {
            transaction.execute("INSERT INTO horizon(what, time) VALUES ('raw', 5), ('minutes', 6)", [])
        })
        .unwrap();
}

fn numbers_in(file: &Path, sql: &str) -> Vec<i64> {
    let connection = Connection::open(file).unwrap();
    let mut statement = connection.prepare(sql).unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

#[test]
fn rollups_horizons_former_names_and_the_last_moment_are_saved_too() {
    let station = tempfile::tempdir().unwrap();
    with_everything(station.path());
    let folder = history(station.path());
    let main = folder.join(SAMPLES_FILE);
    // Samples of the month went with retention: only rollups tell of those hours.
    std::fs::remove_file(folder.join("raw-2026-10.sqlite")).unwrap();
    set_aside(&main, at(OCTOBER)).unwrap();
    set_aside(&folder.join("minutes-2026.sqlite"), at(OCTOBER)).unwrap();
    repair_history(station.path(), at(OCTOBER + 9 * HOUR)).unwrap();
    let hours = |resolution, file: &Path| {
        let mut found = Vec::new();
        let connection = Connection::open(file).unwrap();
        let take = |rollup: &super::super::rollup::Rollup| {
            found.push((rollup.start, rollup.count));
            true
        };
        rollups::visit(&connection, resolution, 1, [0, i64::MAX], take).unwrap();
        found.sort_unstable();
        found
    };
    let expected: Vec<_> = (0..4).map(|hour| (OCTOBER + hour * HOUR, 1)).collect();
    assert_eq!(hours(Resolution::Hours, &main), expected, "three saved, the fourth of the head made");
    assert_eq!(hours(Resolution::Minutes, &folder.join("minutes-2026.sqlite")), expected);
    assert_eq!(numbers_in(&main, "SELECT time FROM alive"), [OCTOBER + 3 * HOUR + SECOND]);
    assert_eq!(numbers_in(&main, "SELECT time FROM horizon ORDER BY time"), [5, 6]);
    assert_eq!(numbers_in(&main, "SELECT tag FROM former WHERE key = 'old'"), [1]);
}

#[test]
fn the_newest_chunk_tells_when_the_station_last_ran() {
    let station = tempfile::tempdir().unwrap();
    with_everything(station.path());
    let main = history(station.path()).join(SAMPLES_FILE);
    std::fs::remove_file(&main).unwrap();
    std::fs::write(history(station.path()).join("samples.damaged-1.sqlite"), vec![0x55; 8192]).unwrap();
    repair_history(station.path(), at(OCTOBER + 9 * HOUR)).unwrap();
    assert_eq!(numbers_in(&main, "SELECT time FROM alive"), [OCTOBER + 2 * HOUR]);
}

#[test]
fn samples_of_a_renamed_tag_stay_with_it() {
    let station = tempfile::tempdir().unwrap();
    with_everything(station.path());
    // A new tag took the old name afterwards.
    let mut store = open(station.path());
    let other = number(&mut store, "old", None);
    flush(&mut store, [(other, sample(OCTOBER + 4 * HOUR, 9.0))], OCTOBER + 4 * HOUR);
    drop(store);
    set_aside(&history(station.path()).join("raw-2026-10.sqlite"), at(OCTOBER)).unwrap();
    let repaired = repair_history(station.path(), at(OCTOBER + 9 * HOUR)).unwrap();
    assert_eq!(repaired.samples, 3);
    assert_eq!(read(station.path(), "a").len(), 4);
    assert_eq!(read(station.path(), "old").len(), 1);
}

#[test]
fn a_new_name_that_only_the_damaged_main_file_knew_is_kept() {
    let station = tempfile::tempdir().unwrap();
    with_everything(station.path());
    set_aside(&history(station.path()).join(SAMPLES_FILE), at(OCTOBER)).unwrap();
    repair_history(station.path(), at(OCTOBER + 9 * HOUR)).unwrap();
    assert_eq!(read(station.path(), "a").len(), 4, "three of the month, which calls it by its old name, and the head");
}
