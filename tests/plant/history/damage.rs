//! Damaged files: nothing panics, nothing keeps a station from running, and what can be read is read.

use super::schedule::{Run, STEP, TAGS, key};
use super::{Random, in_memory, is_full, written};
use polder::historian::{HISTORY_FOLDER, Reader, SAMPLES_FILE, check_history, repair_history};
use polder::tag::{Reason, Timestamp};
use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;

/// A station makes its files while others read.
#[test]
fn a_file_that_is_just_being_made_is_no_obstacle() {
    let keep = tempfile::tempdir().unwrap();
    written::write(keep.path(), Run::before_month_end(0, 0), 100);
    let history = keep.path().join(HISTORY_FOLDER);
    for name in ["raw-2026-03.sqlite", "raw-2025-12.sqlite", "minutes-2027.sqlite"] {
        std::fs::write(history.join(name), "").unwrap();
    }
    let reader = Reader::open(&history.join(SAMPLES_FILE), None).unwrap();
    let [from, to] =
        ["2025-01-01T00:00:00Z", "2028-01-01T00:00:00Z"].map(|text| Timestamp::parse_rfc3339(text).unwrap());
    assert_eq!(reader.samples(&key(0), from, to).unwrap().len(), 100);
    assert!(reader.before(&key(0), to).unwrap().is_some());
    assert!(!reader.columns(&key(0), from, to, 10, &|| false).unwrap().is_empty());
}

/// What was done to a file.
#[derive(Debug)]
enum Damage {
    Cut(usize),
    Zeroed(Range<usize>),
    Flipped(Vec<usize>),
}

impl Damage {
    fn any(random: &mut Random, length: usize) -> Self {
        let mut place = || random.below(length as u64) as usize;
        match place() % 3 {
            0 => Self::Cut(place()),
            1 => {
                let from = place();
                Self::Zeroed(from..length.min(from + 1 + place() % 20_000))
            }
            _ => Self::Flipped((0..=place() % 20).map(|_| place()).collect()),
        }
    }

    fn apply(&self, random: &mut Random, bytes: &mut Vec<u8>) {
        match self {
            Self::Cut(length) => bytes.truncate(*length),
            Self::Zeroed(range) => bytes[range.clone()].fill(0),
            Self::Flipped(places) => places.iter().for_each(|place| bytes[*place] ^= 1 << random.below(8)),
        }
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else if !entry.file_name().to_string_lossy().ends_with("-shm") {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// The samples of the first run that can be read, month by month, as (tag, number); all of them are as they were written.
fn readable(folder: &Path, run: Run) -> BTreeSet<(u32, u64)> {
    let mut found = BTreeSet::new();
    let Ok(reader) = Reader::open(&written::main_file(folder), None) else { return found };
    let borders = ["2025-12-01", "2026-01-01", "2026-02-01", "2026-02-15"];
    let borders = borders.map(|day| Timestamp::parse_rfc3339(&format!("{day}T00:00:00Z")).unwrap());
    for tag in 0..TAGS {
        for month in borders.windows(2) {
            let last = Timestamp::from_micros(month[1].as_micros() - 1);
            let samples = reader.samples(&key(tag), month[0], last).unwrap_or_default();
            for sample in samples.iter().filter(|sample| sample.quality.reason != Reason::StationOff) {
                let number = run.number_at(tag, sample.time.as_micros());
                let number = number.unwrap_or_else(|| panic!("tag {tag}: {sample:?} was never written"));
                assert_eq!(*sample, run.sample(tag, number), "tag {tag}: a wrong sample was believed");
                assert!(found.insert((tag, number)), "tag {tag}: {sample:?} is there twice");
            }
            let _ = reader.columns(&key(tag), month[0], last, 50, &|| false);
        }
    }
    found
}

const BATCHES: u64 = 160;
/// Enough to be sealed: they lie over the end of a day.
const LATER: u64 = 70;
const SEED: u64 = 0x5EED_0003;
/// In an ordinary run, and in the full suite.
const DAMAGES: [u64; 2] = [20, 300];

#[test]
fn no_damage_keeps_a_station_from_running_and_what_can_be_read_is_read() {
    let (keep, mut random) = (in_memory(), Random(SEED));
    let (run, later) = (Run::before_month_end(0, 100 * STEP), Run::before_month_end(1, 35 * STEP));
    let (base, closed) = (keep.path().join("base"), keep.path().join("station"));
    written::write_then(&keep.path().join("station"), run, BATCHES, || copy(&keep.path().join("station"), &base));
    let all = readable(&base, run).len();
    assert_eq!(all as u64, BATCHES * u64::from(TAGS));
    let (mut whole, mut repaired_more) = (0, 0);
    for round in 0..DAMAGES[usize::from(is_full())] {
        let folder = keep.path().join(format!("damaged-{round}"));
        // As a killed station leaves them, with nearly all in the logs, and as one that stopped.
        copy(if round % 2 == 0 { &base } else { &closed }, &folder);
        let mut files: Vec<_> =
            std::fs::read_dir(folder.join(HISTORY_FOLDER)).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.retain(|path| std::fs::metadata(path).unwrap().len() > 0);
        files.sort();
        let file = &files[random.below(files.len() as u64) as usize];
        let mut bytes = std::fs::read(file).unwrap();
        let damage = Damage::any(&mut random, bytes.len());
        damage.apply(&mut random, &mut bytes);
        std::fs::write(file, bytes).unwrap();
        let what = format!("{} of seed {SEED:#x}: {} {damage:?}", round, file.display());
        let judged = std::panic::catch_unwind(|| {
            let before = readable(&folder, run);
            // The station runs on, over the end of an hour and of a month.
            written::write(&folder, later, LATER);
            let after = readable(&folder, run);
            repair_history(&folder, Timestamp::from_micros(later.clock(LATER)))
                .unwrap_or_else(|error| panic!("repair: {error}"));
            assert_eq!(check_history(&folder).unwrap(), Vec::<String>::new(), "still damaged after a repair");
            let saved = readable(&folder, run);
            assert!(before.is_subset(&saved), "{} could be read, and {} after the repair", before.len(), saved.len());
            (after, saved)
        });
        let (after, saved) = judged.unwrap_or_else(|_| panic!("{what}; it is kept in {}", keep_it(&keep)));
        whole += usize::from(saved.len() == all);
        repaired_more += usize::from(saved.len() > after.len());
        std::fs::remove_dir_all(&folder).unwrap();
    }
    println!("after {} damages all samples were there, in {repaired_more} a repair saved more", whole);
}

fn keep_it(keep: &tempfile::TempDir) -> String {
    let kept = std::env::temp_dir().join(format!("polder-damage-{}", std::process::id()));
    copy(keep.path(), &kept);
    kept.display().to_string()
}
