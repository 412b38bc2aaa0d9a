//! From a folder to a running station, and back.

use super::handle::{Handle, Waiting};
use super::lock::{Held, StationLock};
use super::outlets::{HealthBoard, News, StationOutlets, send_surely};
use super::queries::{self, QueryContext};
use super::reload::Reloader;
use super::{SystemClock, account_name, certificates, socket};
use crate::access::Principal;
use crate::audit::Entry;
use crate::config::{self, Plant};
use crate::driver::{Drivers, Identity, Port};
use crate::engine::run::{Inlets, run};
use crate::engine::{Engine, Event, OffScan, Restored};
use crate::historian::{Historian, OpenedHistory, Reader};
use crate::queue::{self, Sender, WhenFull};
use crate::recorder::{Answer, OpenError, Order, RECORDS_FILE, RecordStore, Recorder};
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
    /// The samples cannot be opened.
    #[error("the samples cannot be opened: {0}")]
    Samples(#[from] crate::historian::StoreError),
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
    _lock: StationLock,
}

impl Station {
    /// Starts the station in `folder`. `news` gets everything that happens, for the event stream.
    pub fn start(folder: &Path, news: Option<Sender<News>>) -> Result<Self, StartError> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let plant = config::load(folder, Generation(1)).into_plant().map_err(StartError::Config)?;
        let lock = StationLock::take(folder)?;
        let records = RecordStore::open(&folder.join(RECORDS_FILE))?;
        let restored = records.restore()?;
        let history = OpenedHistory::open(folder, clock.now().utc)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("drivers")
            .enable_all()
            .build()?;
        let (urgent, urgent_inbox) = queue::bounded("requests and receipts", URGENT, WhenFull::Refuse);
        let (field, field_inbox) = queue::bounded("values from drivers", FIELD, WhenFull::Wait);
        let (off_scan, identities) = remembered(restored.remembered);
        let (alarms, last_occurrence) = (restored.alarms, restored.last_occurrence);
        let totals = totals(&plant, &history, clock.now().utc);
        let restored = Restored { alarms, last_occurrence, off_scan, identities, totals };
        let mut engine = Engine::new(Arc::new(plant.plan.clone()), restored);
        let parts = Parts::start(folder, &plant, records, history, &clock, &urgent)?;
        let mut handle = parts.handle(folder, &mut engine, urgent, &clock);
        let board = Arc::clone(&parts.board);
        let outlets = parts.outlets(&handle, news);
        let (drivers, inlets) = (Arc::clone(&outlets.drivers), Inlets { urgent: urgent_inbox, field: field_inbox });
        let thread = spawn_engine(engine, inlets, Arc::clone(&clock), outlets)?;
        let port = Port::new(field, clock);
        let files: certificates::Files = Arc::new(Mutex::new(certificates::files(&plant.connections)));
        let reloader = Reloader::new(port.clone(), runtime.handle().clone(), Arc::clone(&files), Arc::clone(&board));
        handle.reloader = Some(Arc::new(reloader));
        runtime.spawn(certificates::watch(files, board, handle.urgent.clone(), Arc::clone(&handle.clock)));
        let station = Self { handle, drivers, port, runtime: Some(runtime), engine: Some(thread), _lock: lock };
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

    /// Reads the station file again and goes on with it; on problems the running plant stays as it is.
    pub fn reload(&mut self) -> Result<(), StartError> {
        self.handle.reload(true).map(drop).map_err(StartError::Config)
    }

    /// Stops everything and makes durable what waits.
    pub fn stop(mut self) {
        self.shut_down();
    }

    fn shut_down(&mut self) {
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
    board: Arc<HealthBoard>,
    waiting: Arc<Waiting>,
}

impl Parts {
    fn start(
        folder: &Path,
        plant: &Plant,
        records: RecordStore,
        history: OpenedHistory,
        clock: &Arc<dyn Clock>,
        urgent: &Sender<Event>,
    ) -> Result<Self, StartError> {
        let board = Arc::new(HealthBoard::default());
        let set_aside = history.set_aside.clone();
        let recorder = Recorder::start(records, records_answers(urgent.clone(), Arc::clone(&board)))?;
        let (reports, shared) = (urgent.clone(), Arc::clone(&board));
        let historian = Historian::start(history, Arc::clone(clock), move |state| {
            shared.update(&reports, |stores| {
                (stores.disk_failing, stores.lost_by_historian) = (state.failing, state.lost);
                stores.history_days = state.forecast.days_shown();
                stores.set_aside = state.set_aside.or(stores.set_aside.take());
            });
        })?;
        if !historian.set_retention(plant.plan.retention)
            || !historian.set_plan(Arc::clone(&plant.plan.directory), plant.plan.formerly.clone())
        {
            return Err(std::io::Error::other("the historian does not take the plan").into());
        }
        board.update(urgent, |stores| stores.set_aside = set_aside.map(Into::into));
        let (samples, unsealed) = historian.source();
        let jobs = queries::start(QueryContext::new(samples, unsealed, folder.join(RECORDS_FILE)))?;
        Ok(Self { recorder, historian, jobs, board, waiting: Arc::default() })
    }

    fn handle(&self, folder: &Path, engine: &mut Engine, urgent: Sender<Event>, clock: &Arc<dyn Clock>) -> Handle {
        let now = clock.now();
        Handle {
            snapshots: Arc::new(ArcSwap::from_pointee(engine.snapshot(now))),
            urgent,
            waiting: Arc::clone(&self.waiting),
            jobs: self.jobs.clone(),
            wakers: Arc::default(),
            clock: Arc::clone(clock),
            person: Principal::person(&account_name()),
            folder: folder.to_owned(),
            session: session_name(now.utc),
            drivers: Arc::default(),
            reloader: None,
        }
    }

    fn outlets(self, handle: &Handle, news: Option<Sender<News>>) -> StationOutlets {
        StationOutlets {
            recorder: Some(self.recorder),
            historian: Some(self.historian),
            drivers: Arc::clone(&handle.drivers),
            waiting: self.waiting,
            snapshots: Arc::clone(&handle.snapshots),
            wakers: Arc::clone(&handle.wakers),
            news,
            held: VecDeque::new(),
            lost: 0,
            missed: 0,
            unsent: Vec::new(),
            board: self.board,
            urgent: handle.urgent.clone(),
            generation: Generation(1),
        }
    }
}

/// The last totals of counters that roll over, as history knows them. Without history they begin with what their registers say.
fn totals(plant: &Plant, history: &OpenedHistory, now: Timestamp) -> HashMap<Arc<str>, f64> {
    let directory = &plant.plan.directory;
    let counters: Vec<_> = directory.tags().iter().filter(|tag| tag.rolls_over_at.is_some()).collect();
    if counters.is_empty() {
        return HashMap::new();
    }
    let (path, unsealed) = history.source();
    let Ok(reader) = Reader::open(&path, Some(unsealed)) else { return HashMap::new() };
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

/// What the record says of devices: the last entry of each kind holds.
fn remembered(entries: Vec<Entry>) -> (HashMap<Arc<str>, OffScan>, HashMap<Arc<str>, Identity>) {
    let (mut off_scan, mut identities) = (HashMap::new(), HashMap::new());
    for entry in entries {
        let detail: serde_json::Value = serde_json::from_str(&entry.detail).unwrap_or_default();
        match &*entry.action {
            "off-scan" => {
                let why = detail["reason"].as_str().unwrap_or_default().into();
                off_scan.insert(entry.subject, OffScan { who: entry.principal, why, since: entry.time });
            }
            "on-scan" => drop(off_scan.remove(&entry.subject)),
            _ => {
                if let Ok(identity) = serde_json::from_value(detail) {
                    identities.insert(entry.subject, identity);
                }
            }
        }
    }
    (off_scan, identities)
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
        // Both threads go on until they are stopped, so these loops end.
        while !self.held.is_empty() {
            self.pass_on();
            std::thread::park_timeout(a_moment);
        }
        if let Some(recorder) = self.recorder.take() {
            let mut order = Order { transitions: std::mem::take(&mut self.unsent), drafts: Vec::new() };
            while let Err(back) = recorder.order(order) {
                order = back;
                std::thread::park_timeout(a_moment);
            }
            recorder.stop();
        }
        if let Some(historian) = self.historian.take() {
            historian.stop();
        }
    }
}
