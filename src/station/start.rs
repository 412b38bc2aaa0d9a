//! From a folder to a running station, and back.

use super::annunciator::{self, Attendance, Attendant};
use super::handle::{Handle, Waiting};
use super::lock::{Held, StationLock};
use super::outlets::{HealthBoard, News, StationOutlets, send_surely};
use super::queries::{self, QueryContext};
use super::reload::{Reloader, Running};
use super::stamp::Stamp;
use super::{SystemClock, account_name, backup, certificates, socket};
use crate::access::Principal;
use crate::audit::Entry;
use crate::config::{self, Plant};
use crate::driver::modbus::Remembered;
use crate::driver::{Drivers, Identity, Port};
use crate::engine::run::{Inlets, run};
use crate::engine::{
    BRIDGE_START, BRIDGE_STOP, Engine, Event, LeftOut, OffScan, OutboxHealth, Restored, StoppedBridge,
};
use crate::historian::{HISTORY_FOLDER, Historian, HistoryState, OpenedHistory, Reader, SAMPLES_FILE, StoreError};
use crate::outbox::{Outbox, OutboxState};
use crate::queue::{self, Sender, WhenFull};
use crate::recorder::{Answer, OpenError, OpenedRecords, Order, RECORDS_FILE, Recorder};
use crate::tag::{Clock, Generation, TagKey, Timestamp, Value};
use arc_swap::ArcSwap;
use std::collections::{HashMap, VecDeque};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// Batches of drivers that may wait for the engine; beyond it drivers wait.
const FIELD: usize = 1024;
/// Requests, receipts and reports that may wait.
const URGENT: usize = 4096;

/// Milliseconds that the end of a station waits for history to take what is left: its files may never have been opened.
const CLOSING: u32 = 5000;

/// Why a station cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The station file has problems; a line each.
    #[error("{0}")]
    Config(String),
    /// The folder is taken.
    #[error(transparent)]
    Held(#[from] Held),
    /// The records cannot be opened: without them nothing could be commanded or acknowledged.
    #[error(transparent)]
    Records(#[from] OpenError),
    /// The samples need a person: a later Polder wrote them, or they would not survive a power cut. On any other error the station runs
    /// without them, says so, and tries again.
    #[error("the samples cannot be opened: {0}")]
    Samples(#[from] StoreError),
    /// The system refused a thread or a socket.
    #[error("{0}")]
    System(#[from] std::io::Error),
}

/// A running station. It stops when it is dropped.
pub struct Station {
    handle: Handle,
    drivers: Arc<Mutex<Drivers>>,
    port: Port,
    runtime: Option<tokio::runtime::Runtime>,
    engine: Option<JoinHandle<StationOutlets>>,
    board: Arc<HealthBoard>,
    annunciator: Option<Attendant>,
    _lock: StationLock,
}

impl Station {
    /// Starts the station in `folder`. `news` gets everything that happens, for the event stream.
    pub fn start(folder: &Path, news: Option<Sender<News>>) -> Result<Self, StartError> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let loaded = config::load(folder, Generation(1));
        let stamp = Stamp::of(folder, loaded.files.clone());
        let plant = loaded.into_plant().map_err(StartError::Config)?;
        let lock = StationLock::take(folder)?;
        let mut records = OpenedRecords::open(folder, clock.now().utc)?;
        let restored = std::mem::take(&mut records.restored);
        let history = match OpenedHistory::open(folder, clock.now().utc) {
            Err(error) if error.needs_a_person() => return Err(error.into()),
            history => history,
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("drivers")
            .enable_all()
            .build()?;
        let (urgent, urgent_inbox) = queue::bounded("requests and receipts", URGENT, WhenFull::Refuse);
        let (field, field_inbox) = queue::bounded("values from drivers", FIELD, WhenFull::Wait);
        let KnownDevices { off_scan, identities, holes, entered, stopped_bridges } =
            KnownDevices::of(restored.remembered);
        let (alarms, last_occurrence) = (restored.alarms, restored.last_occurrence);
        let totals = totals(&plant, folder, &history, clock.now().utc);
        let restored = Restored { alarms, last_occurrence, off_scan, identities, totals, entered, stopped_bridges };
        let mut engine = Engine::new(Arc::new(plant.plan.clone()), restored);
        let plan = Arc::clone(engine.plan());
        let parts = Parts::start(folder, &plant, records, history, &clock, &urgent)?;
        let mut handle = parts.handle(folder, &mut engine, urgent, &clock);
        let board = Arc::clone(&parts.board);
        let outbox = start_outbox(&handle, &parts.board)?;
        let mut outlets = parts.outlets(&handle, news, Some(outbox));
        outlets.tell_others(&plan);
        let (drivers, inlets) = (Arc::clone(&outlets.drivers), Inlets { urgent: urgent_inbox, field: field_inbox });
        let thread = spawn_engine(engine, inlets, Arc::clone(&clock), outlets)?;
        let port = Port::new(field, clock).remembering(holes);
        let files: certificates::Files = Arc::new(Mutex::new(certificates::files(&plant.connections)));
        let connections = Arc::new(plant.connections.clone());
        let running = Running { plan, connections, files: stamp };
        let backups: backup::Shared = Arc::new(Mutex::new((plant.backup.clone(), Arc::clone(&running.plan.station))));
        let shared = (Arc::clone(&files), Arc::clone(&backups));
        let reloader = Reloader::new(port.clone(), runtime.handle().clone(), running, shared, Arc::clone(&board));
        handle.reloader = Some(Arc::new(reloader));
        let (told, urgent) = (Arc::clone(&board), handle.urgent.clone());
        runtime.spawn(backup::keep(folder.to_owned(), backups, told, urgent, Arc::clone(&handle.clock)));
        let told = Arc::clone(&board);
        runtime.spawn(certificates::watch(files, told, handle.urgent.clone(), Arc::clone(&handle.clock)));
        let (runtime, engine) = (Some(runtime), Some(thread));
        let station = Self { handle, drivers, port, runtime, engine, board, annunciator: None, _lock: lock };
        station.begin(plant);
        Ok(station)
    }

    /// Starts what talks to the outside, now that everything behind it runs.
    fn begin(&self, plant: Plant) {
        let Some(runtime) = &self.runtime else { return };
        let _inside = runtime.enter();
        if let Ok(mut drivers) = self.drivers.lock() {
            drivers.reconfigure(plant.connections, &self.port, Generation(1));
        }
        let served = self.handle.clone();
        runtime.spawn(async move {
            if let Err(error) = socket::serve(served).await {
                tracing::warn!("the local socket cannot be served, so `polder set` cannot reach this station: {error}");
            }
        });
    }

    /// What others hold of it.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Somebody attends the station from now on: alarms sound, and are told on the desktop, as `how` says.
    pub fn attend(&mut self, how: Attendance) -> Result<(), StartError> {
        self.annunciator = None;
        self.annunciator = Some(annunciator::start(&self.handle, Arc::clone(&self.board), how)?);
        Ok(())
    }

    /// Reads the station file again and goes on with it; on problems the running plant stays as it is.
    pub fn reload(&mut self) -> Result<(), StartError> {
        self.handle.reload_for(&Principal::station(), true).map(drop).map_err(StartError::Config)
    }

    /// Stops everything and makes durable what waits.
    pub fn stop(mut self) {
        self.shut_down();
    }

    fn shut_down(&mut self) {
        // First: what it says about itself needs an engine that listens.
        self.annunciator = None;
        if let Ok(mut drivers) = self.drivers.lock() {
            *drivers = Drivers::default();
        }
        send_surely(&self.handle.urgent, Event::Stop);
        if let Some(outlets) = self.engine.take().and_then(|thread| thread.join().ok()) {
            outlets.close();
        }
        // Whoever still waits learns that no reply will come; the socket gets a moment to say so.
        self.handle.waiting.clear();
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(std::time::Duration::from_secs(1));
        }
    }
}

impl Drop for Station {
    fn drop(&mut self) {
        self.shut_down();
    }
}

/// The parts that are started before the engine.
struct Parts {
    recorder: Recorder,
    historian: Historian,
    jobs: Sender<queries::Job>,
    long_jobs: Sender<queries::Job>,
    board: Arc<HealthBoard>,
    waiting: Arc<Waiting>,
}

impl Parts {
    fn start(
        folder: &Path,
        plant: &Plant,
        records: OpenedRecords,
        history: Result<OpenedHistory, StoreError>,
        clock: &Arc<dyn Clock>,
        urgent: &Sender<Event>,
    ) -> Result<Self, StartError> {
        let board = Arc::new(HealthBoard::default());
        let set_aside = history.as_ref().ok().and_then(|opened| opened.set_aside.clone());
        let records_set_aside = records.set_aside.map(Into::into);
        let recorder = Recorder::start(records.store, records_answers(urgent.clone(), Arc::clone(&board)))?;
        let (reports, shared) = (urgent.clone(), Arc::clone(&board));
        let report = move |state: HistoryState| {
            shared.update(&reports, |stores| {
                (stores.disk_failing, stores.lost_by_historian) = (state.failing, state.lost);
                stores.history_days = state.forecast.days_shown();
                stores.history_percent = state.forecast.percent();
                stores.history_near_limit = state.forecast.near_limit().map(Into::into);
                let count = state.left_out;
                stores.history_left_out = state.left_out_words.map(|words| LeftOut { count, words });
                stores.set_aside = state.set_aside.or(stores.set_aside.take());
            });
        };
        let historian = match history {
            Ok(opened) => Historian::start(opened, Arc::clone(clock), report)?,
            Err(why) => Historian::start_without(folder, &why, Arc::clone(clock), report)?,
        };
        if !historian.set_retention(plant.plan.retention)
            || !historian.set_plan(Arc::clone(&plant.plan.directory), plant.plan.formerly.clone())
        {
            return Err(std::io::Error::other("the historian does not take the plan").into());
        }
        board.update(urgent, |stores| {
            stores.set_aside = stores.set_aside.take().or(set_aside.map(Into::into));
            stores.records_set_aside = stores.records_set_aside.take().or(records_set_aside);
        });
        let (samples, unsealed) = historian.source();
        let context = || QueryContext::new(samples.clone(), unsealed.clone(), folder.join(RECORDS_FILE));
        let (jobs, long_jobs) = (queries::start(context())?, queries::start_long(context())?);
        Ok(Self { recorder, historian, jobs, long_jobs, board, waiting: Arc::default() })
    }

    fn handle(&self, folder: &Path, engine: &mut Engine, urgent: Sender<Event>, clock: &Arc<dyn Clock>) -> Handle {
        let now = clock.now();
        Handle {
            snapshots: Arc::new(ArcSwap::from_pointee(engine.snapshot(now))),
            urgent,
            waiting: Arc::clone(&self.waiting),
            jobs: self.jobs.clone(),
            long_jobs: self.long_jobs.clone(),
            wakers: Arc::default(),
            clock: Arc::clone(clock),
            person: Principal::person(&account_name()),
            folder: folder.to_owned(),
            session: session_name(now.utc),
            drivers: Arc::default(),
            reloader: None,
            annunciator: Arc::default(),
        }
    }

    fn outlets(self, handle: &Handle, news: Option<Sender<News>>, outbox: Option<Outbox>) -> StationOutlets {
        StationOutlets {
            recorder: Some(self.recorder),
            historian: Some(self.historian),
            drivers: Arc::clone(&handle.drivers),
            waiting: self.waiting,
            snapshots: Arc::clone(&handle.snapshots),
            wakers: Arc::clone(&handle.wakers),
            news,
            held: VecDeque::new(),
            outbox,
            is_told: Vec::new(),
            alarms_untold: false,
            untold_tellings: None,
            untold_retention: None,
            untold_plan: None,
            untold_health: None,
            lost: 0,
            missed: 0,
            unsent: Vec::new(),
            unsent_delays: HashMap::new(),
            board: self.board,
            urgent: handle.urgent.clone(),
            generation: Generation(1),
        }
    }
}

/// The last totals of counters that roll over, as history knows them. Without history they begin with what their registers say.
fn totals(
    plant: &Plant,
    folder: &Path,
    history: &Result<OpenedHistory, StoreError>,
    now: Timestamp,
) -> HashMap<Arc<str>, f64> {
    let directory = &plant.plan.directory;
    let counters: Vec<_> = directory.tags().iter().filter(|tag| tag.rolls_over_at.is_some()).collect();
    if counters.is_empty() {
        return HashMap::new();
    }
    // What cannot be written can often still be read.
    let reader = match history {
        Ok(opened) => Reader::open(opened.store.path(), Some(opened.store.unsealed())),
        Err(_) => Reader::open(&folder.join(HISTORY_FOLDER).join(SAMPLES_FILE), None),
    };
    let Ok(reader) = reader else { return HashMap::new() };
    let last = counters.into_iter().filter_map(|tag| {
        let slot = directory.find(tag.key.as_str())?;
        let formerly = plant.plan.formerly.get(&slot).map(|name| TagKey::from(&**name));
        let total =
            [Some(tag.key.clone()), formerly].into_iter().flatten().find_map(|key| last_number(&reader, &key, now))?;
        Some((Arc::from(tag.key.as_str()), total))
    });
    last.collect()
}

/// The last number of a tag. Where nothing was known lately, it lies a few samples back.
fn last_number(reader: &Reader, key: &TagKey, mut moment: Timestamp) -> Option<f64> {
    for _ in 0..100 {
        let sample = reader.before(key, moment).ok()??;
        if let Some(number) = sample.value.as_ref().and_then(Value::as_f64) {
            return Some(number);
        }
        moment = sample.time;
    }
    None
}

/// What the record says of devices and of tags that people enter, by name.
#[derive(Default)]
struct KnownDevices {
    off_scan: HashMap<Arc<str>, OffScan>,
    identities: HashMap<Arc<str>, Identity>,
    holes: Remembered,
    entered: HashMap<Arc<str>, Value>,
    stopped_bridges: HashMap<Arc<str>, StoppedBridge>,
}

impl KnownDevices {
    /// The last entry of each kind holds.
    fn of(entries: Vec<Entry>) -> Self {
        let mut known = Self::default();
        entries.into_iter().for_each(|entry| known.take(entry));
        known
    }

    fn take(&mut self, entry: Entry) {
        let mut detail: serde_json::Value = serde_json::from_str(&entry.detail).unwrap_or_default();
        match &*entry.action {
            "off-scan" => {
                let why = detail["reason"].as_str().unwrap_or_default().into();
                self.off_scan.insert(entry.subject, OffScan { who: entry.principal, why, since: entry.time });
            }
            BRIDGE_STOP => {
                let why = detail["reason"].as_str().unwrap_or_default().into();
                let stopped = StoppedBridge { who: entry.principal, why, since: entry.time };
                self.stopped_bridges.insert(entry.subject, stopped);
            }
            BRIDGE_START => drop(self.stopped_bridges.remove(&entry.subject)),
            "on-scan" => drop(self.off_scan.remove(&entry.subject)),
            // What cannot be read begins with its first value.
            "enter" => drop(
                serde_json::from_value(detail["value"].take()).map(|value| self.entered.insert(entry.subject, value)),
            ),
            // What cannot be read is learned again.
            "learned" => drop(serde_json::from_value(detail).map(|holes| self.holes.insert(entry.subject, holes))),
            _ => {
                if let Ok(identity) = serde_json::from_value(detail) {
                    self.identities.insert(entry.subject, identity);
                }
            }
        }
    }
}

/// The thread that tells others.
fn start_outbox(handle: &Handle, board: &Arc<HealthBoard>) -> std::io::Result<Outbox> {
    let (drivers, told, urgent) = (Arc::clone(&handle.drivers), Arc::clone(board), handle.urgent.clone());
    let post = move |connection, order| match drivers.lock() {
        Ok(drivers) => drivers.publish(connection, order),
        Err(_) => Err(order),
    };
    let report = move |state: OutboxState| {
        let OutboxState { waiting, percent, lost, failing } = state;
        told.update(&urgent, |stores| stores.outbox = Some(OutboxHealth { waiting, percent, lost, failing }));
    };
    Outbox::start(&handle.folder, Arc::clone(&handle.clock), Box::new(post), report)
}

fn session_name(now: Timestamp) -> Arc<str> {
    format!("{:x}-{:x}", now.as_micros(), std::process::id()).into()
}

fn records_answers(urgent: Sender<Event>, board: Arc<HealthBoard>) -> impl FnMut(Answer) + Send + 'static {
    move |answer| match answer {
        Answer::Committed(receipts) => {
            if !receipts.is_empty() {
                send_surely(&urgent, Event::Committed(receipts));
            }
        }
        Answer::NotCommitted { requests, why } => send_surely(&urgent, Event::NotCommitted { requests, why }),
        Answer::State(failing) => board.update(&urgent, |stores| stores.records_failing = failing.map(Into::into)),
        Answer::SetAside(name) => board.update(&urgent, |stores| stores.records_set_aside = Some(name.into())),
    }
}

fn spawn_engine(
    engine: Engine,
    inlets: Inlets,
    clock: Arc<dyn Clock>,
    mut outlets: StationOutlets,
) -> std::io::Result<JoinHandle<StationOutlets>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    std::thread::Builder::new().name("engine".to_owned()).spawn(move || {
        runtime.block_on(run(engine, inlets, clock, &mut outlets));
        outlets
    })
}

impl StationOutlets {
    /// Makes durable what waits.
    fn close(mut self) {
        let a_moment = std::time::Duration::from_millis(1);
        for _ in 0..CLOSING {
            self.pass_on();
            if self.held.is_empty() || self.historian.as_ref().is_none_or(Historian::has_ended) {
                break;
            }
            std::thread::park_timeout(a_moment);
        }
        if !self.held.is_empty() {
            tracing::warn!("history does not take samples: the last {} are lost", self.held.len());
        }
        // What was not told yet is stored.
        self.outbox = None;
        // The recorder goes on until it is stopped, or is gone: then nothing is waited for.
        if let Some(recorder) = self.recorder.take() {
            let delays = self.unsent_delays.drain().map(|(_, change)| change).collect();
            let mut order = Order { transitions: std::mem::take(&mut self.unsent), drafts: Vec::new(), delays };
            while let Err(back) = recorder.order(order) {
                order = back;
                if recorder.has_ended() {
                    tracing::warn!(
                        "the records take nothing any more: {} changes of alarms are lost",
                        order.transitions.len()
                    );
                    break;
                }
                std::thread::park_timeout(a_moment);
            }
            recorder.stop();
        }
        if let Some(historian) = self.historian.take() {
            historian.stop();
        }
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test waits for another thread, with a deadline")]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    /// Waits until the station shows that history fails, or that it does not; why it fails.
    fn wait_until(station: &Station, failing: bool) -> Option<Arc<str>> {
        let end = Instant::now() + Duration::from_secs(30);
        loop {
            let found = station.handle().snapshot().health.history_failing.clone();
            if found.is_some() == failing {
                return found;
            }
            assert!(Instant::now() < end, "still {found:?}");
            std::thread::park_timeout(Duration::from_millis(5));
        }
    }

    #[test]
    fn a_reload_does_not_wait_for_a_historian_that_takes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(config::STATION_FILE), config::STARTER).unwrap();
        let history = folder.path().join(HISTORY_FOLDER);
        std::fs::create_dir_all(history.join(SAMPLES_FILE)).unwrap();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let plant = config::load(folder.path(), Generation(1)).into_plant().unwrap();
        let (urgent, _inbox) = queue::bounded("requests of a test", URGENT, WhenFull::Refuse);
        let records = OpenedRecords::open(folder.path(), clock.now().utc).unwrap();
        let opened = OpenedHistory::open(folder.path(), clock.now().utc);
        assert!(opened.is_err());
        let parts = Parts::start(folder.path(), &plant, records, opened, &clock, &urgent).unwrap();
        while parts.historian.rows(Vec::new()).is_ok() {}
        let mut engine = Engine::new(Arc::new(plant.plan), Restored::default());
        let handle = parts.handle(folder.path(), &mut engine, urgent, &clock);
        let mut outlets = parts.outlets(&handle, None, None);
        let next = config::load(folder.path(), Generation(2)).into_plant().unwrap();
        let mut engine = Engine::new(Arc::new(next.plan), Restored::default());
        let snapshot = Arc::new(engine.snapshot(clock.now()));
        crate::engine::run::Outlets::publish(&mut outlets, Arc::clone(&snapshot));
        assert!(outlets.untold_plan.is_some(), "the plan waits, and nobody waits for it");
        std::fs::remove_dir(history.join(SAMPLES_FILE)).unwrap();
        let end = Instant::now() + Duration::from_secs(30);
        while outlets.untold_plan.is_some() || outlets.untold_retention.is_some() {
            assert!(Instant::now() < end, "the plan is told when there is room");
            crate::engine::run::Outlets::publish(&mut outlets, Arc::clone(&snapshot));
            std::thread::park_timeout(Duration::from_millis(5));
        }
        outlets.close();
    }

    #[test]
    fn a_recorder_that_died_holds_up_no_stop() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(config::STATION_FILE), config::STARTER).unwrap();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let plant = config::load(folder.path(), Generation(1)).into_plant().unwrap();
        let (urgent, _inbox) = queue::bounded("requests of a test", URGENT, WhenFull::Refuse);
        let records = OpenedRecords::open(folder.path(), clock.now().utc).unwrap();
        let history = OpenedHistory::open(folder.path(), clock.now().utc);
        let parts = Parts::start(folder.path(), &plant, records, history, &clock, &urgent).unwrap();
        let other = tempfile::tempdir().unwrap();
        let doomed = OpenedRecords::open(other.path(), clock.now().utc).unwrap();
        let mut engine = Engine::new(Arc::new(plant.plan), Restored::default());
        let handle = parts.handle(folder.path(), &mut engine, urgent, &clock);
        let mut outlets = parts.outlets(&handle, None, None);
        // What it answers kills the thread, as a fault in it would.
        let recorder = Recorder::start(doomed.store, |_| panic!("a fault of the test")).unwrap();
        let draft = crate::audit::Draft {
            request: "r".into(),
            time: clock.now().utc,
            principal: crate::access::Principal::station(),
            action: "test".into(),
            subject: "".into(),
            detail: "{}".into(),
            essential: false,
        };
        recorder.order(Order { drafts: vec![draft], ..Order::default() }).unwrap();
        let end = Instant::now() + Duration::from_secs(30);
        while !recorder.has_ended() {
            assert!(Instant::now() < end, "it goes on");
            std::thread::park_timeout(Duration::from_millis(5));
        }
        outlets.recorder = Some(recorder);
        let closing = Instant::now();
        outlets.close();
        assert!(closing.elapsed() < Duration::from_secs(4), "nobody waits for a thread that is gone");
    }

    #[test]
    fn a_historian_that_died_is_said_in_words_and_holds_up_nothing() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(config::STATION_FILE), config::STARTER).unwrap();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let plant = config::load(folder.path(), Generation(1)).into_plant().unwrap();
        let (urgent, mut inbox) = queue::bounded("requests of a test", URGENT, WhenFull::Refuse);
        let records = OpenedRecords::open(folder.path(), clock.now().utc).unwrap();
        let history = OpenedHistory::open(folder.path(), clock.now().utc);
        let mut parts = Parts::start(folder.path(), &plant, records, history, &clock, &urgent).unwrap();
        let other = tempfile::tempdir().unwrap();
        let doomed = OpenedHistory::open(other.path(), clock.now().utc).unwrap();
        // What it reports kills the thread, as a fault in it would.
        parts.historian = Historian::start(doomed, Arc::clone(&clock), |_| panic!("a fault of the test")).unwrap();
        let mut engine = Engine::new(Arc::new(plant.plan), Restored::default());
        let handle = parts.handle(folder.path(), &mut engine, urgent, &clock);
        let mut outlets = parts.outlets(&handle, None, None);
        let snapshot = Arc::new(engine.snapshot(clock.now()));
        let end = Instant::now() + Duration::from_secs(30);
        let why = loop {
            assert!(Instant::now() < end, "nothing was said");
            crate::engine::run::Outlets::publish(&mut outlets, Arc::clone(&snapshot));
            let told = std::iter::from_fn(|| inbox.try_recv().ok());
            let failing = told.filter_map(|event| match event {
                Event::Health(health) => health.history_failing,
                _ => None,
            });
            if let Some(why) = failing.last() {
                break why;
            }
            std::thread::park_timeout(Duration::from_millis(5));
        };
        assert!(why.contains("a fault of the test") && why.contains("restart the station"), "{why}");
        let rows = (0..100).map(|_| crate::tag::HistoryRow {
            tag: crate::tag::TagId(0),
            sample: crate::tag::Sample { time: Timestamp::default(), value: None, quality: crate::tag::Quality::GOOD },
        });
        crate::engine::run::Outlets::history(&mut outlets, &mut rows.collect());
        assert!(crate::engine::run::Outlets::records(&mut outlets, Vec::new(), Vec::new()).is_ok(), "records go on");
        let closing = Instant::now();
        outlets.close();
        assert!(closing.elapsed() < Duration::from_secs(4), "nobody waits for a thread that is gone");
    }

    #[test]
    fn a_station_whose_history_cannot_be_opened_runs_says_so_and_tries_again() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(config::STATION_FILE), config::STARTER).unwrap();
        let history = folder.path().join(HISTORY_FOLDER);
        // SQLite says of it what it says of a disk on which it cannot make a file.
        std::fs::create_dir_all(history.join(SAMPLES_FILE)).unwrap();
        let station = Station::start(folder.path(), None).unwrap();
        let why = wait_until(&station, true).unwrap();
        assert!(why.contains(SAMPLES_FILE), "{why}");
        std::fs::remove_dir(history.join(SAMPLES_FILE)).unwrap();
        wait_until(&station, false);
        station.stop();
        let reader = Reader::open(&history.join(SAMPLES_FILE), None).unwrap();
        let tags = reader.tags().unwrap();
        assert!(tags.contains(&TagKey::from("pump-1/speed")), "what waited is kept: {tags:?}");
    }
}
