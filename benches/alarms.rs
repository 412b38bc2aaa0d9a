//! Alarms at 100,000 of them, one a tag: what judging costs a sample; and how long a transition takes to the picture that screens paint, and
//! to the journal on the disk, at 20,000 samples and 100 transitions a second, beside what one sync costs this disk in the same seconds.
//!
//! `cargo bench --bench alarms`

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods, missing_docs)]

mod common {
    pub(crate) mod ends;
    pub(crate) mod plant;
}

use common::ends::{Ends, OrNowhere};
use polder::alarm::{OccurrenceId, State, Subject, Transition};
use polder::audit::Draft;
use polder::driver::{Batch, DriverEvent, Reading};
use polder::engine::run::{Inlets, NoRoom, run};
use polder::engine::{Effects, Engine, Event, Plan, Restored, Snapshot};
use polder::recorder::{Order, RECORDS_FILE, RecordStore, Recorder};
use polder::station::SystemClock;
use polder::tag::{Clock, DeviceId, Generation, Now, Quality, TagId, Value};
use std::collections::HashMap;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::mpsc::channel;

const TAGS: u32 = 100_000;
const BATCH: u32 = 125;
/// Each of these is a batch of 100 values and the alarm that it causes.
const BATCHES_A_SECOND: u32 = 200;
const SECONDS: u32 = 30;

fn plan(with_alarms: bool) -> Plan {
    common::plant::plan(TAGS, 0..if with_alarms { TAGS } else { 0 }, 1.0)
}

fn batch(start: u32, count: u32, now: Now, value: impl Fn(u32) -> f64) -> Batch {
    let read = |tag: u32| Reading { tag: TagId(tag), value: Some(Value::Double(value(tag))), quality: Quality::GOOD };
    Batch {
        generation: Generation(1),
        device: DeviceId(0),
        time: now.utc,
        readings: (start..start + count).map(read).collect(),
        confirmed: Arc::from([]),
    }
}

/// Nanoseconds a sample of one round over all tags, each with another value and none beyond its limit.
fn round(engine: &mut Engine, effects: &mut Effects, number: u32) -> f64 {
    let now = Now::default().plus(Duration::from_secs(u64::from(number)));
    let input: Vec<Batch> = (0..TAGS)
        .step_by(BATCH as usize)
        .map(|start| batch(start, BATCH, now, |tag| f64::from((tag + number) % 90)))
        .collect();
    let start = Instant::now();
    for batch in input {
        engine.step(Event::Driver(DriverEvent::Batch(batch)), now, effects);
        assert!(effects.transitions.is_empty());
        effects.clear();
    }
    start.elapsed().as_nanos() as f64 / f64::from(TAGS)
}

fn judging() {
    let mut with = Engine::new(Arc::new(plan(true)), Restored::default());
    let mut without = Engine::new(Arc::new(plan(false)), Restored::default());
    let mut effects = Effects::default();
    let mut pairs: Vec<[f64; 2]> = (0..60)
        .map(|number| [round(&mut with, &mut effects, number), round(&mut without, &mut effects, number)])
        .skip(5)
        .collect();
    pairs.sort_by(|one, other| (one[0] - one[1]).total_cmp(&(other[0] - other[1])));
    let [all, bare] = pairs[pairs.len() / 2];
    println!("judging, 100,000 alarms, one a tag, no transition (median of {} interleaved pairs)", pairs.len());
    println!(
        "  an alarm costs {:.0} ns a sample: {:.1} million a second; the whole engine {all:.0} ns with alarms, {bare:.0} ns without",
        all - bare,
        1e3 / (all - bare)
    );
}

/// When each transition was caused, seen in a picture, and found in the journal.
#[derive(Default)]
struct Seen {
    caused: HashMap<u32, Instant>,
    to_picture: Vec<Duration>,
    to_journal: Vec<Duration>,
}

struct Outlet {
    recorder: Recorder,
    seen: Arc<Mutex<Seen>>,
    newest: OccurrenceId,
    caused: Arc<Mutex<HashMap<u64, Instant>>>,
}

impl Ends for Outlet {
    fn records(&mut self, transitions: Vec<Transition>, drafts: Vec<Draft>) -> Result<(), NoRoom> {
        self.recorder
            .order(Order { transitions, drafts, ..Order::default() })
            .map_err(|order| NoRoom { refused: order.drafts, ..NoRoom::default() })
    }
    fn publish(&mut self, snapshot: Arc<Snapshot>) {
        let now = Instant::now();
        let mut seen = self.seen.lock().unwrap();
        let before = self.newest;
        for view in snapshot.alarms.views.iter().filter(|view| view.occurrence > before) {
            self.newest = self.newest.max(view.occurrence);
            let Subject::Tag(tag) = view.subject else { continue };
            if let Some(caused) = seen.caused.remove(&tag.0) {
                seen.to_picture.push(now - caused);
                self.caused.lock().unwrap().insert(view.occurrence.0, caused);
            }
        }
    }
}

/// Looks into the journal from outside, as anybody could.
fn watch(path: &Path, caused: &Mutex<HashMap<u64, Instant>>, seen: &Mutex<Seen>, stop: &AtomicBool) {
    let connection = rusqlite::Connection::open(path).unwrap();
    let mut statement =
        connection.prepare("SELECT id, occurrence FROM journal WHERE id > ?1 AND after = 'unacknowledged'").unwrap();
    let (mut last, mut waiting): (i64, Vec<(u64, Instant)>) = (0, Vec::new());
    while !stop.load(Ordering::Relaxed) {
        let rows: Vec<(i64, i64)> =
            statement.query_map([last], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect();
        let now = Instant::now();
        last = rows.last().map_or(last, |(id, _)| *id);
        waiting.extend(rows.into_iter().map(|(_, occurrence)| (occurrence as u64, now)));
        // Which sample it was is known when the picture came.
        let known = caused.lock().unwrap();
        waiting.retain(|(occurrence, found)| {
            let Some(caused) = known.get(occurrence) else { return true };
            seen.lock().unwrap().to_journal.push(*found - *caused);
            false
        });
        drop(known);
        std::thread::sleep(Duration::from_micros(500));
    }
}

/// What it costs to write one page and sync it, now and then beside the rest.
fn syncs(folder: &Path, stop: &AtomicBool) -> Vec<Duration> {
    let mut file = std::fs::File::create(folder.join("beside")).unwrap();
    let mut taken = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let start = Instant::now();
        file.write_all(&[7; 4096]).unwrap();
        file.sync_data().unwrap();
        taken.push(start.elapsed());
        std::thread::sleep(Duration::from_millis(100));
    }
    taken
}

fn share(times: &mut [Duration], share: f64) -> f64 {
    times.sort();
    times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3
}

fn latency() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("alarms");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join(RECORDS_FILE);
    let recorder = Recorder::start(RecordStore::open(&path).unwrap(), |_| {}).unwrap();
    let (seen, caused, stop) =
        (Arc::new(Mutex::new(Seen::default())), Arc::default(), Arc::new(AtomicBool::new(false)));
    let clock = Arc::new(SystemClock::new());
    let (urgent, urgent_in) = channel(16);
    let (field, field_in) = channel(1024);
    let inlets = Inlets { urgent: urgent_in, field: field_in };
    let outlet = Outlet { recorder, seen: Arc::clone(&seen), newest: OccurrenceId(0), caused: Arc::clone(&caused) };
    let mut outlets = OrNowhere(outlet);
    let station_clock = Arc::clone(&clock);
    let station = std::thread::spawn(move || {
        let engine = Engine::new(Arc::new(plan(true)), Restored::default());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(run(engine, inlets, station_clock, &mut outlets));
        outlets.0.recorder.stop();
    });
    let (watched, watch_seen, watch_stop) = (Arc::clone(&caused), Arc::clone(&seen), Arc::clone(&stop));
    let watcher = std::thread::spawn(move || watch(&path, &watched, &watch_seen, &watch_stop));
    let (sync_folder, sync_stop) = (folder.clone(), Arc::clone(&stop));
    let syncing = std::thread::spawn(move || syncs(&sync_folder, &sync_stop));
    let start = Instant::now();
    for number in 0..BATCHES_A_SECOND * SECONDS {
        std::thread::sleep(
            (start + Duration::from_secs(1) / BATCHES_A_SECOND * number).saturating_duration_since(Instant::now()),
        );
        let first = number * 100 % TAGS;
        // Every other batch raises one alarm, and lets the one of the round before return.
        let raises = number.is_multiple_of(2).then_some(first + number / 1000 % 100);
        let now = clock.now();
        let value = |tag: u32| if raises == Some(tag) { 150.0 } else { f64::from((tag + number) % 90) };
        let batch = batch(first, 100, now, value);
        if let Some(tag) = raises {
            seen.lock().unwrap().caused.insert(tag, Instant::now());
        }
        field.blocking_send(DriverEvent::Batch(batch)).unwrap();
    }
    std::thread::sleep(Duration::from_secs(2));
    stop.store(true, Ordering::Relaxed);
    watcher.join().unwrap();
    let mut syncs = syncing.join().unwrap();
    urgent.blocking_send(Event::Stop).unwrap();
    station.join().unwrap();
    let mut seen = seen.lock().unwrap();
    let expected = (BATCHES_A_SECOND * SECONDS / 2) as usize;
    assert_eq!((seen.to_picture.len(), seen.to_journal.len()), (expected, expected), "every transition is seen");
    let state = State::Unacknowledged.word();
    println!("{expected} alarms became {state} among {} samples in {SECONDS} s", BATCHES_A_SECOND * SECONDS * 100);
    println!(
        "  to the picture: median {:.1} ms, 99 % {:.1} ms (pictures come every 50 ms)",
        share(&mut seen.to_picture, 0.5),
        share(&mut seen.to_picture, 0.99)
    );
    println!(
        "  to the journal on the disk: median {:.1} ms, 99 % {:.1} ms; one sync of this disk meanwhile: median {:.1} ms, 99 % {:.1} ms",
        share(&mut seen.to_journal, 0.5),
        share(&mut seen.to_journal, 0.99),
        share(&mut syncs, 0.5),
        share(&mut syncs, 0.99)
    );
}

fn main() {
    judging();
    latency();
}
