//! Copies of a station as one file, and back.

use super::*;
use crate::historian::OpenedHistory;
use crate::tag::Timestamp;
use std::os::unix::fs::PermissionsExt;

fn station() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    drop(OpenedHistory::open(folder.path(), Timestamp::default()).unwrap());
    drop(crate::recorder::OpenedRecords::open(folder.path(), Timestamp::default()).unwrap());
    std::fs::write(folder.path().join("station.json"), "{\"name\": \"one\"}").unwrap();
    std::fs::write(folder.path().join("secrets.json"), "{}").unwrap();
    // What a running station writes anew is not worth keeping, and may go while it is copied.
    std::fs::create_dir(folder.path().join(SOUNDS_FOLDER)).unwrap();
    std::fs::write(folder.path().join(SOUNDS_FOLDER).join("high.wav"), "").unwrap();
    std::fs::set_permissions(folder.path().join("secrets.json"), PermissionsExt::from_mode(0o600)).unwrap();
    folder
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_station_goes_into_one_file_and_comes_back() {
    let (station, keep) = (station(), tempfile::tempdir().unwrap());
    let file = keep.path().join("one.tar");
    assert_eq!(back_up(station.path(), &file).unwrap().others, 2);
    assert_eq!(names(keep.path()), ["one.tar"], "nothing else is left");
    let to = keep.path().join("again");
    restore(&file, &to).unwrap();
    assert_eq!(names(&to), ["history", "records.sqlite", "secrets.json", "station.json"]);
    assert_eq!(std::fs::metadata(to.join("secrets.json")).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(names(keep.path()), ["again", "one.tar"]);
    assert!(matches!(back_up(station.path(), &file), Err(BackupError::Exists(_))));
    assert!(matches!(restore(&file, &to), Err(BackupError::NotEmpty(_))));
}

/// What waits for brokers is copied as the database that it is, while the station writes to it.
#[test]
fn what_waits_for_brokers_is_whole_in_a_backup_and_passing_files_are_not_in_it() {
    let (station, keep) = (station(), tempfile::tempdir().unwrap());
    let open = || rusqlite::Connection::open(station.path().join(OUTBOX_FILE)).unwrap();
    let writer = open();
    writer.pragma_update(None, "journal_mode", "WAL").unwrap();
    writer.execute_batch("CREATE TABLE waiting(id INTEGER); INSERT INTO waiting VALUES (1), (2);").unwrap();
    assert!(
        station.path().join(format!("{OUTBOX_FILE}-wal")).exists(),
        "what was written last is not in the file itself"
    );
    for name in ["found.json.unfinished", "edge-up.new"] {
        std::fs::write(station.path().join(name), "").unwrap();
    }
    let to = keep.path().join("folder");
    back_up(station.path(), &to).unwrap();
    assert_eq!(names(&to), ["history", OUTBOX_FILE, RECORDS_FILE, "secrets.json", "station.json"]);
    let copy = rusqlite::Connection::open(to.join(OUTBOX_FILE)).unwrap();
    let rows: i64 = copy.query_row("SELECT count(*) FROM waiting", [], |row| row.get(0)).unwrap();
    assert_eq!(rows, 2);
}

#[test]
fn a_file_that_goes_while_it_is_copied_is_no_failure() {
    let keep = tempfile::tempdir().unwrap();
    assert!(!copy_file(&keep.path().join("gone"), &keep.path().join("copy")).unwrap());
    assert_eq!(names(keep.path()), Vec::<String>::new());
    std::fs::write(keep.path().join("here"), "x").unwrap();
    std::fs::set_permissions(keep.path().join("here"), PermissionsExt::from_mode(0o400)).unwrap();
    assert!(copy_file(&keep.path().join("here"), &keep.path().join("copy")).unwrap());
    let mode = std::fs::metadata(keep.path().join("copy")).unwrap().permissions().mode() & 0o777;
    assert_eq!((std::fs::read(keep.path().join("copy")).unwrap(), mode), (b"x".to_vec(), 0o400));
    assert!(copy_file(&keep.path().join("copy/below"), &keep.path().join("other")).is_err());
}

#[test]
fn a_file_that_was_changed_is_not_restored_and_leaves_nothing() {
    let (station, keep) = (station(), tempfile::tempdir().unwrap());
    let file = keep.path().join("one.tar");
    back_up(station.path(), &file).unwrap();
    let mut bytes = std::fs::read(&file).unwrap();
    // In the middle of a page of records that no table uses: SQLite would not see it.
    let at = bytes.len() / 2;
    bytes[at] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let error = restore(&file, &keep.path().join("again")).unwrap_err();
    assert!(matches!(error, BackupError::Archive(_)), "{error}");
    assert_eq!(names(keep.path()), ["one.tar"]);
    std::fs::write(keep.path().join("notes.tar"), "no archive").unwrap();
    let words = restore(&keep.path().join("notes.tar"), &keep.path().join("again")).unwrap_err().to_string();
    assert!(words.contains("no archive of Polder"), "{words}");
}

#[test]
fn a_backup_that_fails_leaves_nothing_half() {
    let (station, keep) = (station(), tempfile::tempdir().unwrap());
    std::fs::write(station.path().join(RECORDS_FILE), vec![0x55; 8192]).unwrap();
    for name in ["one.tar", "folder"] {
        back_up(station.path(), &keep.path().join(name)).unwrap_err();
    }
    assert_eq!(names(keep.path()), Vec::<String>::new());
}

/// What nobody else may read in the station, nobody else may read in its backup, while it is made and when it is restored.
#[test]
fn folders_of_a_backup_are_for_their_owner_and_come_back_as_they_were() {
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let (station, keep) = (station(), tempfile::tempdir().unwrap());
    for (folder, mode) in [("certificates", 0o710), ("certificates/own", 0o500), ("history", 0o750)] {
        std::fs::create_dir_all(station.path().join(folder)).unwrap();
        std::fs::write(station.path().join(folder).join("notes"), "").unwrap();
        std::fs::set_permissions(station.path().join(folder), PermissionsExt::from_mode(mode)).unwrap();
    }
    std::fs::set_permissions(station.path().join(RECORDS_FILE), PermissionsExt::from_mode(0o600)).unwrap();
    assert_eq!(mode(&fresh_part(&keep.path().join("deep/one.tar")).unwrap()), 0o700);
    for name in ["one.tar", "folder"] {
        let (backup, again) = (keep.path().join(name), keep.path().join(format!("{name}-again")));
        back_up(station.path(), &backup).unwrap();
        assert_eq!(mode(&backup), if backup.is_dir() { 0o700 } else { 0o600 });
        restore(&backup, &again).unwrap();
        assert_eq!(mode(&again), 0o700, "{name}");
        for (inside, expected) in
            [("certificates", 0o710), ("certificates/own", 0o500), ("history", 0o750), (RECORDS_FILE, 0o600)]
        {
            assert_eq!(mode(&again.join(inside)), expected, "{name}: {inside}");
        }
    }
    // A folder that is there already was made by somebody who knew who is to read it.
    let there = keep.path().join("there");
    std::fs::create_dir(&there).unwrap();
    std::fs::set_permissions(&there, PermissionsExt::from_mode(0o755)).unwrap();
    restore(&keep.path().join("folder"), &there).unwrap();
    assert_eq!(mode(&there), 0o755);
}
