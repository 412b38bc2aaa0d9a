//! A station folder with samples of the schedule, as the real threads wrote them.

use super::schedule::{Run, TAGS, directory, key, marker};
use polder::historian::{HISTORY_FOLDER, Historian, OpenedHistory, Reader, SAMPLES_FILE};
use polder::tag::{Clock, HistoryRow, Monotonic, Now, TagId, Timestamp};
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

const DEADLINE: Duration = Duration::from_secs(30);

/// A clock that goes where it is put.
#[derive(Default)]
pub struct Hands {
    utc: AtomicI64,
    monotonic: AtomicU64,
}

impl Hands {
    pub fn put(&self, utc: i64) {
        self.utc.store(utc, Ordering::SeqCst);
    }

    /// What is due is done at the next look at the clock.
    pub fn hurry(&self) {
        self.monotonic.fetch_add(1_000_000, Ordering::SeqCst);
    }
}

impl Clock for Hands {
    fn now(&self) -> Now {
        Now {
            utc: Timestamp::from_micros(self.utc.load(Ordering::SeqCst)),
            monotonic: Monotonic::from_micros(self.monotonic.load(Ordering::SeqCst)),
        }
    }
}

/// Writes so many batches, hour by hour, each hour sealed when it is over.
pub fn write(folder: &Path, run: Run, batches: u64) {
    write_then(folder, run, batches, || {});
}

/// The same, with something to do before the files are closed.
pub fn write_then(folder: &Path, run: Run, batches: u64, before_close: impl FnOnce()) {
    let clock = Arc::new(Hands::default());
    clock.put(run.clock(0));
    let opened = OpenedHistory::open(folder, clock.now().utc).unwrap();
    let historian = Historian::start(opened, Arc::clone(&clock) as Arc<dyn Clock>, |_| {}).unwrap();
    assert!(historian.set_plan(directory(), HashMap::new()));
    let (path, unsealed) = historian.source();
    let reader = Reader::open(&path, Some(unsealed)).unwrap();
    for number in 0..batches {
        clock.put(run.clock(number));
        let is_last_of_hour = number % 30 == 29 || number + 1 == batches;
        if is_last_of_hour {
            // A flush is due when it comes.
            clock.hurry();
        }
        let row = |tag| HistoryRow { tag: TagId(tag), sample: run.sample(tag, number) };
        historian.rows((0..TAGS).map(row).collect()).expect("the historian takes them");
        if is_last_of_hour {
            wait(&clock, || {
                let newest = reader.before(&key(marker()), Timestamp::from_micros(i64::MAX)).unwrap();
                newest.is_some_and(|newest| newest.time.as_micros() == run.clock(number))
            });
        }
    }
    before_close();
    historian.stop();
}

/// Writes so many batches in one hour of the clock, so that all of them wait in the head.
pub fn write_unsealed(folder: &Path, run: Run, batches: u64) {
    let clock = Arc::new(Hands::default());
    clock.put(run.clock(batches));
    let opened = OpenedHistory::open(folder, clock.now().utc).unwrap();
    let historian = Historian::start(opened, Arc::clone(&clock) as Arc<dyn Clock>, |_| {}).unwrap();
    assert!(historian.set_plan(directory(), HashMap::new()));
    for number in 0..batches {
        let row = |tag| HistoryRow { tag: TagId(tag), sample: run.sample(tag, number) };
        historian.rows((0..TAGS).map(row).collect()).expect("the historian takes them");
    }
    historian.stop();
}

/// Until it is so; the clock goes on meanwhile.
pub fn wait(clock: &Hands, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + DEADLINE;
    while !is_so() {
        assert!(Instant::now() < end, "waited in vain");
        clock.hurry();
        std::thread::park_timeout(Duration::from_millis(1));
    }
}

/// The file that the others are found from.
pub fn main_file(folder: &Path) -> std::path::PathBuf {
    folder.join(HISTORY_FOLDER).join(SAMPLES_FILE)
}
