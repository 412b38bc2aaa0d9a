//! From a folder to a running station, and back.

use super::annunciator::{self, Attendance, Attendant};
use super::handle::{Handle, Waiting};
use super::held_rows::HeldRows;
use super::links::{self, LinkDesk};
use super::lock::{Held, StationLock};
use super::outlets::{HealthBoard, News, StationOutlets, send_surely};
use super::queries::{self, QueryContext};
use super::reload::{Reloader, Running};
use super::stamp::Stamp;
use super::{SystemClock, account_name, backup, certificates, discovery, socket};
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
use crate::recorder::{Answer, Gap, Late, OpenError, OpenedRecords, RECORDS_FILE, Recorder};
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
    links: Arc<LinkDesk>,
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
        let taken = restored.over_links;
        let restored =
            Restored { alarms, last_occurrence, off_scan, identities, totals, entered, stopped_bridges, taken };
        let mut engine = Engine::new(Arc::new(plant.plan.clone()), restored);
        let plan = Arc::clone(engine.plan());
        let parts = Parts::start(folder, &plant, records, history, &clock, &urgent)?;
        let mut handle = parts.handle(folder, &mut engine, urgent, &clock);
        let board = Arc::clone(&parts.board);
        let outbox = start_outbox(&handle, &parts.board)?;
        let mut outlets = parts.outlets(&handle, news, Some(outbox));
        outlets.tell_others(&plan);
        let (found, found_inbox) = discovery::channel();
        outlets.found = Some(found);
        let (drivers, inlets) = (Arc::clone(&outlets.drivers), Inlets { urgent: urgent_inbox, field: field_inbox });
        let thread = spawn_engine(engine, inlets, Arc::clone(&clock), outlets)?;
        let port = Port::new(field, clock).remembering(holes);
        let files: certificates::Files = Arc::new(Mutex::new(certificates::files(&plant.connections)));
        let connections = Arc::new(plant.connections.clone());
        let running = Running { plan, connections, files: stamp };
        let backups: backup::Shared = Arc::new(Mutex::new((plant.backup.clone(), Arc::clone(&running.plan.station))));
        let shared = (Arc::clone(&files), Arc::clone(&backups));
        let links = LinkDesk::new(
            folder,
            &plant.connections,
            Arc::clone(&drivers),
            (Arc::clone(&board), handle.urgent.clone()),
            Arc::clone(&handle.clock),
        );
        let links = Arc::new(links);
        runtime.spawn(links::watch(Arc::clone(&links)));
        let told = (Arc::clone(&board), Arc::clone(&links));
        let reloader = Reloader::new(port.clone(), runtime.handle().clone(), running, shared, told);
        handle.reloader = Some(Arc::new(reloader));
        runtime.spawn(discovery::keep(handle.clone(), found_inbox));
        let (told, urgent) = (Arc::clone(&board), handle.urgent.clone());
        runtime.spawn(backup::keep(folder.to_owned(), backups, told, urgent, Arc::clone(&handle.clock)));
        let told = Arc::clone(&board);
        runtime.spawn(certificates::watch(files, told, handle.urgent.clone(), Arc::clone(&handle.clock)));
        let (runtime, engine) = (Some(runtime), Some(thread));
        let station = Self { handle, drivers, port, runtime, engine, board, links, annunciator: None, _lock: lock };
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
        self.links.close();
        // Not inside of the lock: the engine hands on what it says meanwhile.
        let left = self.drivers.lock().map(|mut drivers| drivers.leave());
        if let (Ok(left), Some(runtime)) = (left, &self.runtime) {
            runtime.block_on(left);
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
            found_file: Arc::default(),
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
            found: None,
            held: HeldRows::default(),
            outbox,
            is_told: Vec::new(),
            alarms_untold: false,
            values_untold: false,
            untold_tellings: None,
            untold_retention: None,
            untold_plan: None,
            is_health_untold: false,
            lost: 0,
            missed: 0,
            unsent: VecDeque::new(),
            unsent_gap: Gap::default(),
            unsent_late: Late::default(),
            is_recorder_full: false,
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
    let post = move |order| match drivers.lock() {
        Ok(drivers) => drivers.order(order),
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
            let mut order = self.take_unsent();
            while let Err(back) = recorder.order(order) {
                order = back;
                if recorder.has_ended() {
                    tracing::warn!(
                        "the records take nothing any more: {} changes of alarms are lost",
                        order.gap.map_or(0, |gap| gap.transitions()) + order.transitions.len() as u64
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
mod tests;
