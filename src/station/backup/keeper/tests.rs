//! Backups under a clock that tests move.

use super::*;
use crate::config::BackupTime;
use crate::historian::OpenedHistory;
use crate::tag::Monotonic;
use std::sync::atomic::{AtomicU64, Ordering};

const HOUR: u64 = 3600;
const BEGIN: i64 = 1_795_000_000;

/// Seconds since the test began.
struct Moved(AtomicU64);

impl Clock for Moved {
    fn now(&self) -> Now {
        let seconds = self.0.load(Ordering::SeqCst);
        let utc = Timestamp::from_micros((BEGIN + seconds as i64) * 1_000_000);
        Now { utc, monotonic: Monotonic::from_micros(seconds * 1_000_000) }
    }
}

struct Bench {
    station: tempfile::TempDir,
    to: tempfile::TempDir,
    clock: Moved,
    settings: BackupSettings,
    keeper: Keeper,
}

impl Bench {
    fn new() -> Self {
        let (station, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        drop(OpenedHistory::open(station.path(), Timestamp::default()).unwrap());
        std::fs::write(station.path().join("station.json"), "{}").unwrap();
        let when = BackupTime::Every(Duration::from_secs(6 * HOUR));
        let settings = BackupSettings { to: to.path().to_owned(), when, keep: 3 };
        let clock = Moved(AtomicU64::new(0));
        let keeper = Keeper::new(station.path().to_owned(), clock.now());
        Self { station, to, clock, settings, keeper }
    }

    fn turn_at(&mut self, seconds: u64) -> Vec<String> {
        self.clock.0.store(seconds, Ordering::SeqCst);
        self.keeper.turn(Some(&self.settings), "north", &self.clock, &chrono::Utc);
        let mut found = names(&self.settings.to).unwrap_or_default();
        found.sort();
        found
    }
}

#[test]
fn backups_are_made_when_they_are_due_and_the_newest_stay() {
    let mut bench = Bench::new();
    assert_eq!(bench.turn_at(10).len(), 1, "the first one at once");
    assert_eq!(bench.turn_at(6 * HOUR).len(), 1, "not yet");
    assert_eq!(bench.keeper.age_hours(bench.clock.now().utc), Some(5));
    let mut all = bench.turn_at(6 * HOUR + 10);
    assert_eq!(all.len(), 2);
    for round in 2..5 {
        all = bench.turn_at(round * 6 * HOUR + 10);
    }
    assert_eq!(all.len(), 3, "the newest three");
    assert_eq!(moment("north-backup-", &all[2]), Some(bench.clock.now().utc));
    for name in &all {
        crate::disk::check_archive(&bench.to.path().join(name)).unwrap();
    }
    // After a restart the last one is known by its name.
    bench.keeper = Keeper::new(bench.station.path().to_owned(), bench.clock.now());
    assert_eq!(bench.turn_at(24 * HOUR + 20), all);
    assert_eq!(bench.turn_at(30 * HOUR + 10).len(), 3);
}

#[test]
fn a_backup_that_fails_is_said_and_tried_again() {
    let mut bench = Bench::new();
    let there = bench.settings.to.clone();
    bench.settings.to = there.join("mounted");
    bench.turn_at(0);
    let why = bench.keeper.failing.clone().unwrap();
    assert!(why.contains("mounted is not there"), "{why}");
    std::fs::create_dir(&bench.settings.to).unwrap();
    assert_eq!(bench.turn_at(599).len(), 0, "not at every look");
    assert_eq!(bench.turn_at(600).len(), 1);
    assert_eq!((bench.keeper.failing.clone(), bench.keeper.age_hours(bench.clock.now().utc)), (None, Some(0)));
}

#[test]
fn a_damaged_original_leaves_nothing_half_and_takes_no_good_backup_away() {
    let mut bench = Bench::new();
    bench.settings.keep = 1;
    let good = bench.turn_at(0);
    std::fs::write(bench.station.path().join("records.sqlite"), vec![0x55; 8192]).unwrap();
    assert_eq!(bench.turn_at(7 * HOUR), good);
    let why = bench.keeper.failing.clone().unwrap();
    assert!(why.contains("records.sqlite"), "{why}");
}

#[test]
fn what_a_killed_station_left_is_removed() {
    let mut bench = Bench::new();
    let left = name("north-backup-", Timestamp::from_micros(0));
    std::fs::create_dir(bench.to.path().join(format!("{left}.part"))).unwrap();
    std::fs::write(bench.to.path().join(format!("{left}.writing")), "half").unwrap();
    std::fs::write(bench.to.path().join("mine.part"), "of somebody else").unwrap();
    let found = bench.turn_at(0);
    assert_eq!((found.len(), found[0].as_str()), (2, "mine.part"), "{found:?}");
}

#[test]
fn a_clock_that_was_set_back_puts_nothing_off() {
    let mut bench = Bench::new();
    bench.turn_at(1000 * HOUR);
    bench.turn_at(HOUR);
    assert_eq!(bench.turn_at(2 * HOUR).len(), 1);
    bench.keeper = Keeper::new(bench.station.path().to_owned(), bench.clock.now());
    assert_eq!(bench.turn_at(2 * HOUR + 10).len(), 2, "the one of the future says nothing");
}

/// A clock that was far ahead for one backup and is right again: the next one is made after its time, and is not the first to go.
#[test]
fn a_clock_that_was_ahead_stops_no_backups() {
    let mut bench = Bench::new();
    bench.settings.keep = 1;
    assert_eq!(bench.turn_at(9000 * HOUR).len(), 1);
    assert_eq!(bench.turn_at(HOUR).len(), 1, "it is not due");
    let after = bench.turn_at(8 * HOUR);
    assert_eq!(after.len(), 1);
    assert!(after[0].contains("backup-2026-"), "the one that was made now stays: {after:?}");
}
