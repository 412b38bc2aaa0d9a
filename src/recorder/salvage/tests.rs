//! Records damaged in every way, and what goes on.

use super::*;
use crate::alarm::{AlarmKey, ConditionState, Occasion, OccurrenceId, Persisted, State, Transition};
use crate::recorder::{Answer, FormerState, Gap, Order, Recorder, read_audit, read_journal, verify_folder};
use std::sync::mpsc;
use std::time::Duration;

const NOW: Timestamp = Timestamp::from_micros(1_795_000_000_000_000);

fn transition(number: u64) -> Transition {
    let (occurrence, time) = (OccurrenceId(number), Timestamp::from_micros(number as i64));
    let to = if number.is_multiple_of(2) { State::Acknowledged } else { State::Unacknowledged };
    Transition {
        alarm: AlarmKey::from(format!("pump-{number}:high").as_str()),
        occurrence,
        from: State::Normal,
        to,
        time,
        raised: time,
        value: None,
        actor: None,
        comment: "words that fill a page ".repeat(10).as_str().into(),
        occasion: Occasion::ConditionActive,
        condition: ConditionState { active: true, unevaluated: false },
        kept: Some(Box::new(Persisted::of_state(to, occurrence, time, time))),
        is_requested: false,
    }
}

fn draft(number: u64, action: &str) -> Draft {
    Draft {
        request: format!("r-{number}").as_str().into(),
        time: NOW,
        principal: Principal::person("anna"),
        action: action.into(),
        subject: format!("pump-{number}").as_str().into(),
        detail: "{}".into(),
        essential: false,
    }
}

/// A station of which 200 alarms stand, with 200 entries; a device among them off scan.
fn station() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut opened = OpenedRecords::open(folder.path(), NOW).unwrap();
    assert_eq!(opened.set_aside, None);
    for number in 1..=200 {
        opened.store.stage(vec![transition(number)], Gap::default(), Vec::new());
        let action = if number == 7 { "off-scan" } else { "command" };
        audit::commit(&mut opened.store, &[draft(number, action)]).unwrap();
    }
    folder
}

fn harm(folder: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let path = folder.join(RECORDS_FILE);
    let mut bytes = std::fs::read(&path).unwrap();
    change(&mut bytes);
    std::fs::write(path, bytes).unwrap();
}

/// The bytes of the first page of a table.
fn page_of(folder: &Path, table: &str) -> std::ops::Range<usize> {
    let connection = Connection::open(folder.join(RECORDS_FILE)).unwrap();
    let sql = "SELECT rootpage FROM sqlite_master WHERE name = ?1";
    let page: i64 = connection.query_row(sql, [table], |row| row.get(0)).unwrap();
    let from = (page as usize - 1) * 4096;
    from..from + 4096
}

#[test]
fn records_that_are_no_database_keep_no_station_from_running() {
    let folder = station();
    harm(folder.path(), |bytes| bytes.fill(0x55));
    let opened = OpenedRecords::open(folder.path(), NOW).unwrap();
    let name = opened.set_aside.unwrap();
    assert_eq!(std::fs::read(folder.path().join(&name)).unwrap()[..3], [0x55; 3], "it is kept as it was");
    assert!(opened.restored.alarms.is_empty());
    assert_eq!(opened.restored.last_occurrence, 1_795_000_000, "no number that can have been used");
    let verified = verify_folder(folder.path()).unwrap().unwrap();
    assert!(!verified.is_whole());
    assert_eq!((verified.entries, &verified.formers[0].1), (1, &FormerState::Nothing));
    assert_eq!(verified.formers[0].0.file, name);
}

#[test]
fn what_can_be_read_of_damaged_records_goes_over() {
    let folder = station();
    let page = page_of(folder.path(), "audit");
    harm(folder.path(), |bytes| bytes[page].fill(0));
    let opened = OpenedRecords::open(folder.path(), NOW).unwrap();
    assert_eq!(opened.restored.alarms.len(), 200, "{:?}", opened.set_aside);
    let states = |state| opened.restored.alarms.iter().filter(|(_, kept, _)| kept.state() == state).count();
    assert_eq!((states(State::Acknowledged), states(State::Unacknowledged)), (100, 100));
    assert_eq!(opened.restored.last_occurrence, 200, "all were read, so the next one is known");
    assert_eq!(opened.restored.remembered.len(), 1, "who was taken off scan stays off");
    let journal = read_journal(&folder.path().join(RECORDS_FILE), 10).unwrap();
    assert_eq!(journal.len(), 1);
    assert!(journal[0].comment.contains("set aside as records.damaged-"), "{}", journal[0].comment);
}

#[test]
fn an_occurrence_is_never_used_twice_where_the_newest_cannot_be_read() {
    let folder = station();
    let page = page_of(folder.path(), "journal");
    harm(folder.path(), |bytes| bytes[page].fill(0));
    let opened = OpenedRecords::open(folder.path(), NOW).unwrap();
    assert_eq!(opened.restored.alarms.len(), 200);
    assert_eq!(opened.restored.last_occurrence, 1_795_000_000);
}

#[test]
fn the_record_goes_on_honestly_and_is_whole_only_with_the_former_file() {
    let folder = station();
    let page = page_of(folder.path(), "journal");
    harm(folder.path(), |bytes| bytes[page].fill(0));
    let mut opened = OpenedRecords::open(folder.path(), NOW).unwrap();
    audit::commit(&mut opened.store, &[draft(1, "command")]).unwrap();
    drop(opened.store);
    let name = opened.set_aside.unwrap();
    let entries = read_audit(&folder.path().join(RECORDS_FILE), 10).unwrap();
    assert_eq!((entries.len(), &*entries[1].action, &*entries[1].subject), (2, SET_ASIDE, name.as_str()));
    let state = || verify_folder(folder.path()).unwrap().unwrap();
    assert_eq!(state().formers[0].1, FormerState::Holds(200));
    assert!(state().is_whole());
    // A former record with another end, or without one entry, is not that one.
    let former = Connection::open(folder.path().join(&name)).unwrap();
    former
        .execute_batch(
            "CREATE TABLE kept AS SELECT * FROM audit WHERE number = 100; DELETE FROM audit WHERE number = 100",
        )
        .unwrap();
    assert!(matches!(state().formers[0].1, FormerState::Broken(_)), "{:?}", state());
    former
        .execute_batch("INSERT INTO audit SELECT * FROM kept; UPDATE audit SET hash = zeroblob(32) WHERE number = 200")
        .unwrap();
    assert!(!state().is_whole());
    drop(former);
    std::fs::rename(folder.path().join(&name), folder.path().join("elsewhere")).unwrap();
    assert_eq!(state().formers[0].1, FormerState::Missing);
    assert!(!state().is_whole(), "the new one alone proves nothing of what was before");
}

#[test]
fn another_record_in_the_place_of_the_former_one_is_found() {
    let folder = station();
    let page = page_of(folder.path(), "journal");
    harm(folder.path(), |bytes| bytes[page].fill(0));
    let name = OpenedRecords::open(folder.path(), NOW).unwrap().set_aside.unwrap();
    let state = || verify_folder(folder.path()).unwrap().unwrap();
    assert!(state().is_whole());
    // As long, and whole in itself.
    let other = tempfile::tempdir().unwrap();
    let mut store = OpenedRecords::open(other.path(), NOW).unwrap().store;
    (1..=200).for_each(|number| drop(audit::commit(&mut store, &[draft(number, "forged")]).unwrap()));
    drop(store);
    std::fs::copy(other.path().join(RECORDS_FILE), folder.path().join(&name)).unwrap();
    for rest in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(beside(&folder.path().join(&name), rest));
    }
    assert!(matches!(state().formers[0].1, FormerState::Broken(_)), "{:?}", state());
}

#[test]
fn a_former_record_that_no_other_one_names_is_not_passed_over() {
    let folder = station();
    assert!(verify_folder(folder.path()).unwrap().unwrap().is_whole());
    std::fs::write(folder.path().join("records.damaged-2026-01-01T00-00-00Z.sqlite"), "").unwrap();
    let verified = verify_folder(folder.path()).unwrap().unwrap();
    assert_eq!((verified.is_whole(), verified.unnamed.len()), (false, 1));
}

#[test]
fn records_damaged_twice_name_both_former_files() {
    let folder = station();
    for _ in 0..2 {
        let page = page_of(folder.path(), "journal");
        harm(folder.path(), |bytes| bytes[page].fill(0));
        drop(OpenedRecords::open(folder.path(), NOW).unwrap());
    }
    let verified = verify_folder(folder.path()).unwrap().unwrap();
    let states: Vec<_> = verified.formers.iter().map(|(_, state)| state.clone()).collect();
    assert_eq!(states, [FormerState::Holds(1), FormerState::Holds(200)]);
    assert!(verified.is_whole());
    // Where the entry that names the former file cannot be read, that file still lies there, and nothing is called whole.
    harm(folder.path(), |bytes| bytes[5000..].fill(0x55));
    drop(OpenedRecords::open(folder.path(), NOW).unwrap());
    let verified = verify_folder(folder.path()).unwrap().unwrap();
    assert_eq!((verified.formers.len(), verified.unnamed.len()), (1, 2), "{verified:?}");
    assert!(!verified.is_whole());
}

#[test]
fn an_empty_file_is_damage_and_a_new_station_is_not() {
    let folder = station();
    harm(folder.path(), Vec::clear);
    let opened = OpenedRecords::open(folder.path(), NOW).unwrap();
    assert_eq!(opened.restored.last_occurrence, 1_795_000_000);
    assert!(opened.set_aside.is_some());
}

#[test]
fn a_lock_a_newer_polder_and_a_folder_in_its_place_are_no_damage() {
    let folder = station();
    let path = folder.path().join(RECORDS_FILE);
    let names = || std::fs::read_dir(folder.path()).unwrap().count();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("PRAGMA user_version = 99").unwrap();
    assert!(matches!(OpenedRecords::open(folder.path(), NOW), Err(OpenError::TooNew { found: 99 })));
    drop(other);
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    std::fs::write(path.join("x"), "").unwrap();
    let before = names();
    let error = OpenedRecords::open(folder.path(), NOW).err().unwrap();
    assert!(matches!(error, OpenError::Database(_)), "{error}");
    assert_eq!(names(), before);
}

#[test]
fn a_crash_between_the_two_renamings_loses_nothing() {
    let folder = station();
    harm(folder.path(), |bytes| bytes[5000..].fill(0x55));
    let path = folder.path().join(RECORDS_FILE);
    // As far as the damaged file is moved, without its log.
    let name = set_aside_name(&path, NOW);
    let fresh = path.with_file_name(name.replace(DAMAGED, NEW));
    write_fresh(&fresh, &Saved::read(&path), &name, "damaged", NOW).unwrap();
    std::fs::write(beside(&path, "-wal"), "of the damaged file").unwrap();
    std::fs::rename(&path, folder.path().join(&name)).unwrap();
    let opened = OpenedRecords::open(folder.path(), NOW).unwrap();
    drop(opened.store);
    let log = beside(&folder.path().join(&name), "-wal");
    assert_eq!(std::fs::read_to_string(log).unwrap(), "of the damaged file");
    let verified = verify_folder(folder.path()).unwrap().unwrap();
    assert_eq!((verified.entries, verified.formers[0].0.file.as_str()), (1, name.as_str()));
    // A crash before that: the new file is made again.
    std::fs::write(&fresh, "half").unwrap();
    drop(OpenedRecords::open(folder.path(), NOW).unwrap());
    assert!(!fresh.exists());
}

#[test]
fn records_that_turn_out_to_be_damaged_while_the_station_runs_are_set_aside_then() {
    let folder = station();
    let store = OpenedRecords::open(folder.path(), NOW).unwrap().store;
    let (sender, answers) = mpsc::channel();
    let recorder = Recorder::start(store, move |answer| drop(sender.send(answer))).unwrap();
    let page = page_of(folder.path(), "audit");
    // SQLite takes no note of what others do to the file unless its log changes too.
    let other = Connection::open(folder.path().join(RECORDS_FILE)).unwrap();
    other.execute_batch("CREATE TABLE other(x); PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    harm_in_place(folder.path(), page);
    recorder
        .order(Order { transitions: vec![transition(1001)], drafts: vec![draft(1, "command")], ..Order::default() })
        .unwrap();
    let next = || answers.recv_timeout(Duration::from_secs(20)).unwrap();
    let Answer::SetAside(name) = next() else { panic!("it was not set aside") };
    assert!(matches!(next(), Answer::Committed(receipts) if receipts[0].number() == 2));
    drop(other);
    recorder.stop();
    let opened = OpenedRecords::open(folder.path(), NOW).unwrap();
    assert_eq!((opened.set_aside, opened.restored.last_occurrence), (None, 1001));
    assert_eq!(opened.restored.alarms.len(), 201);
    assert!(folder.path().join(name).exists());
}

fn harm_in_place(folder: &Path, page: std::ops::Range<usize>) {
    use std::os::unix::fs::FileExt;
    let file = std::fs::File::options().write(true).open(folder.join(RECORDS_FILE)).unwrap();
    file.write_all_at(&vec![0x55; page.len()], page.start as u64).unwrap();
}
