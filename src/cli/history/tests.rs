//! Backups and restores of whole station folders.

use super::*;
use crate::recorder::RECORDS_FILE;

fn station() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    drop(crate::historian::OpenedHistory::open(folder.path(), crate::tag::Timestamp::default()).unwrap());
    std::fs::write(folder.path().join("station.json"), "{\"name\": \"one\"}").unwrap();
    folder
}

#[test]
fn a_backup_inside_the_station_is_refused() {
    let station = station();
    std::fs::create_dir(station.path().join("copies")).unwrap();
    let inside = station.path().join("copies/../copies/today");
    let words = backup(station.path(), &inside).unwrap_err().to_string();
    assert!(words.contains("lies inside the station folder"), "{words}");
    assert!(!inside.exists() && !station.path().join("copies/today.part").exists());
}

#[test]
fn folders_named_like_ours_and_links_are_copied() {
    let (station, to) = (station(), tempfile::tempdir().unwrap());
    std::fs::create_dir_all(station.path().join("reports/history")).unwrap();
    std::fs::write(station.path().join("reports/history/june.csv"), "1").unwrap();
    std::fs::write(station.path().join("reports/records.sqlite"), "of a tool").unwrap();
    std::os::unix::fs::symlink("station.json", station.path().join("linked.json")).unwrap();
    let to = to.path().join("copy");
    backup(station.path(), &to).unwrap();
    assert_eq!(std::fs::read_to_string(to.join("reports/history/june.csv")).unwrap(), "1");
    assert_eq!(std::fs::read_to_string(to.join("reports/records.sqlite")).unwrap(), "of a tool");
    assert_eq!(std::fs::read_link(to.join("linked.json")).unwrap(), Path::new("station.json"));
}

#[test]
fn a_restore_overwrites_nothing() {
    let (station, to) = (station(), tempfile::tempdir().unwrap());
    let copy = to.path().join("copy");
    backup(station.path(), &copy).unwrap();
    let target = to.path().join("target");
    std::fs::create_dir(&target).unwrap();
    std::fs::write(target.join("station.json"), "mine").unwrap();
    let words = restore(&copy, &target).unwrap_err().to_string();
    assert!(words.contains("nothing was changed"), "{words}");
    assert_eq!(std::fs::read_to_string(target.join("station.json")).unwrap(), "mine");
    std::fs::remove_file(target.join("station.json")).unwrap();
    restore(&copy, &target).unwrap();
    assert!(target.join("station.json").exists() && target.join(HISTORY_FOLDER).is_dir());
}

#[test]
fn a_restore_that_fails_leaves_nothing_half() {
    let (station, to) = (station(), tempfile::tempdir().unwrap());
    let copy = to.path().join("copy");
    backup(station.path(), &copy).unwrap();
    // The records come after the history.
    std::fs::write(copy.join(RECORDS_FILE), vec![0x55; 8192]).unwrap();
    let target = to.path().join("target");
    restore(&copy, &target).unwrap_err();
    assert!(!target.exists());
    let names: Vec<_> = std::fs::read_dir(to.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["copy"]);
}

#[test]
fn what_was_lost_is_told_with_an_answer_that_may_lack_it() {
    let station = station();
    let path = station.path().join(HISTORY_FOLDER).join(SAMPLES_FILE);
    let connection = rusqlite::Connection::open(&path).unwrap();
    let lines = |from: i64| {
        let reader = Reader::open(&path, None).unwrap();
        missing(&reader, Timestamp::from_micros(from)).unwrap()
    };
    assert_eq!(lines(0), Vec::<String>::new());
    connection
        .execute_batch("INSERT INTO loss(time, samples, why) VALUES (1000000, 7, '1 chunks cannot be read')")
        .unwrap();
    let [line] = &lines(0)[..] else { panic!("one line") };
    assert!(line.contains("7 were lost by 1970-01-01T00:00:01") && line.ends_with("1 chunks cannot be read"), "{line}");
    assert_eq!(lines(2_000_000), Vec::<String>::new(), "what was lost before concerns nothing after it");
    for _ in 0..9 {
        connection.execute_batch("INSERT INTO loss(time, samples, why) VALUES (2000000, 1, '')").unwrap();
    }
    assert_eq!(lines(0).len(), 6);
    assert!(lines(0)[0].contains("11 were lost in 5 cases before"), "{:?}", lines(0));
}
