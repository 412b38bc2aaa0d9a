//! The thread around the samples: collects, flushes, seals. It never makes anybody wait: what it cannot take is counted.

mod sealing;

use super::calendar::{HOUR, floor};
use super::database::StoreError;
use super::opening::OpenedHistory;
use super::policy::ErrorBound;
use super::retention::Forecast;
use super::store::SampleStore;
use super::tail::Unsealed;
use super::{HISTORY_FOLDER, SAMPLES_FILE};
use crate::queue::{self, Rejected, Sender, WhenFull};
use crate::tag::{
    Clock, Directory, HistoryPolicy, HistoryRow, Identifiers, Mark, Monotonic, Now, Retention, Sample, TagDefinition,
    TagId, Timestamp,
};
use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::mpsc::Receiver;

/// At most this long is lost on a power cut.
const FLUSH: Duration = Duration::from_millis(250);
/// Somebody who waits for an answer waits about so long; a broker sends no more meanwhile.
const HURRIED_FLUSH: Duration = Duration::from_millis(10);
/// Batches that may wait for the thread.
const BATCHES: usize = 1024;
/// Samples that are held while the disk does not take them; beyond it the oldest go.
const HELD: usize = if cfg!(test) { 10_000 } else { 1_000_000 };
/// At most this many samples are unsealed (some 250 MB), even when sealing fails all the time: beyond it the older half goes and counts as
/// lost. It leaves the head too: what a later round seals would be taken to include it.
const UNSEALED: usize = if cfg!(test) { 1000 } else { 10_000_000 };
/// Files that could not be opened are tried again after this long.
const OPEN_AGAIN: Duration = if cfg!(test) { Duration::from_millis(50) } else { Duration::from_secs(5) };
/// Without samples, the file is told this often that the station runs.
const ALIVE: Duration = Duration::from_secs(5);
/// Samples that are made durable before the time is up.
const FLUSH_ABOVE: usize = 50_000;
/// Freed pages that are given back at once, while nothing is sealed.
const PAGES: u32 = 512;

enum Message {
    Plan(Arc<Directory>, HashMap<TagId, Arc<str>>),
    /// These become durable in one piece.
    Rows(Vec<HistoryRow>, Vec<Mark>),
    Retention(Retention),
}

/// How the samples are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HistoryState {
    /// Why they cannot be written.
    pub failing: Option<Arc<str>>,
    /// How many were dropped since the start.
    pub lost: u64,
    /// The new name of a file that turned out to be damaged while the station ran.
    pub set_aside: Option<Arc<str>>,
    /// What history takes on the disk, and how that goes on; looked at every hour.
    pub forecast: Forecast,
    /// How many files cannot be read and are left out; looked at every hour.
    pub left_out: u64,
    /// Which of them, and why; none where there is none.
    pub left_out_words: Option<Arc<str>>,
}

/// The running thread.
pub struct Historian {
    messages: Sender<Message>,
    thread: Option<JoinHandle<()>>,
    path: PathBuf,
    unsealed: Unsealed,
}

impl Historian {
    /// Starts the thread. `report` is called from it when its state changes.
    pub fn start(
        opened: OpenedHistory,
        clock: Arc<dyn Clock>,
        report: impl FnMut(HistoryState) + Send + 'static,
    ) -> std::io::Result<Self> {
        let source = opened.source();
        Self::spawn(source, move |inbox| Worker::new(opened.store, clock, Box::new(report)).run(inbox))
    }

    /// Starts the thread without the files of the station in `folder`, which could not be opened: `why` is reported, and the thread tries
    /// again every few seconds until it works. Until then rows wait in the queue; it is bounded, and what it does not take is given back.
    pub fn start_without(
        folder: &Path,
        why: &StoreError,
        clock: Arc<dyn Clock>,
        report: impl FnMut(HistoryState) + Send + 'static,
    ) -> std::io::Result<Self> {
        let unsealed = Unsealed::default();
        let source = (folder.join(HISTORY_FOLDER).join(SAMPLES_FILE), Arc::clone(&unsealed));
        let missing = Missing { folder: folder.to_owned(), unsealed, why: why.to_string() };
        Self::spawn(source, move |inbox| missing.run(clock, Box::new(report), inbox))
    }

    fn spawn<F: Future<Output = ()>>(
        (path, unsealed): (PathBuf, Unsealed),
        work: impl FnOnce(Receiver<Message>) -> F + Send + 'static,
    ) -> std::io::Result<Self> {
        let (messages, inbox) = queue::bounded("samples for history", BATCHES, WhenFull::DropOldest);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        let body = move || runtime.block_on(work(inbox));
        let thread = std::thread::Builder::new().name("historian".to_owned()).spawn(body)?;
        Ok(Self { messages, thread: Some(thread), path, unsealed })
    }

    /// Tells which tags the slots of the next rows stand for.
    /// False when too much waits: then it has to be told again before any row of the new plant.
    #[must_use]
    pub fn set_plan(&self, directory: Arc<Directory>, formerly: HashMap<TagId, Arc<str>>) -> bool {
        self.messages.try_send(Message::Plan(directory, formerly)).is_ok()
    }

    /// Tells how long what is kept. False when too much waits.
    #[must_use]
    pub fn set_retention(&self, retention: Retention) -> bool {
        self.messages.try_send(Message::Retention(retention)).is_ok()
    }

    /// Hands over rows; gives them back when too many wait.
    pub fn rows(&self, rows: Vec<HistoryRow>) -> Result<(), Vec<HistoryRow>> {
        self.marked_rows(rows, Vec::new()).map_err(|(rows, _)| rows)
    }

    /// Hands over rows with the marks behind them, which become durable in one commit; gives them back when too many wait.
    pub fn marked_rows(&self, rows: Vec<HistoryRow>, marks: Vec<Mark>) -> Result<(), (Vec<HistoryRow>, Vec<Mark>)> {
        self.messages.try_send(Message::Rows(rows, marks)).map_err(|rejected| match rejected {
            Rejected::Full(Message::Rows(rows, marks)) | Rejected::Closed(Message::Rows(rows, marks)) => (rows, marks),
            _ => Default::default(),
        })
    }

    /// Where the samples are, for readers.
    pub fn source(&self) -> (PathBuf, Unsealed) {
        (self.path.clone(), Arc::clone(&self.unsealed))
    }

    /// Whether the thread runs no more.
    pub fn has_ended(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// What the thread said last, where it ended before it was stopped; told once.
    pub fn ended(&mut self) -> Option<String> {
        queue::ended(&mut self.thread)
    }

    /// Flushes everything and ends the thread.
    pub fn stop(mut self) {
        let thread = self.thread.take();
        drop(self);
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

/// Files that could not be opened yet.
struct Missing {
    folder: PathBuf,
    /// What readers look into already.
    unsealed: Unsealed,
    why: String,
}

impl Missing {
    async fn run(
        mut self,
        clock: Arc<dyn Clock>,
        mut report: Box<dyn FnMut(HistoryState) + Send>,
        mut inbox: Receiver<Message>,
    ) {
        loop {
            let state = HistoryState { failing: Some(self.why.as_str().into()), ..HistoryState::default() };
            report(state.clone());
            let is_last = self.wait(&inbox).await;
            match OpenedHistory::open(&self.folder, clock.now().utc) {
                Ok(OpenedHistory { mut store, set_aside }) => {
                    store.show_in(self.unsealed);
                    let mut worker = Worker::new(store, clock, report);
                    (worker.state.set_aside, worker.reported) = (set_aside.map(Into::into), state);
                    return worker.run(inbox).await;
                }
                Err(_) if is_last => return report(HistoryState { lost: rows_in(&mut inbox), ..state }),
                Err(error) => self.why = error.to_string(),
            }
        }
    }

    /// Waits until the files are tried again; whether for the last time, because the station ends.
    async fn wait(&self, inbox: &Receiver<Message>) -> bool {
        let mut waited = Duration::ZERO;
        while waited < OPEN_AGAIN && !inbox.is_closed() {
            let step = FLUSH.min(OPEN_AGAIN);
            tokio::time::sleep(step).await;
            waited += step;
        }
        inbox.is_closed()
    }
}

/// How many rows nobody will take any more.
fn rows_in(inbox: &mut Receiver<Message>) -> u64 {
    let mut rows = 0;
    while let Ok(message) = inbox.try_recv() {
        if let Message::Rows(batch, _) = message {
            rows += batch.len() as u64;
        }
    }
    rows
}

/// A mark with the places of the rows that it came with, counted as [`Worker::put`].
struct Behind {
    from: u64,
    to: u64,
    mark: Mark,
}

struct Worker {
    store: SampleStore,
    clock: Arc<dyn Clock>,
    report: Box<dyn FnMut(HistoryState) + Send>,
    directory: Arc<Directory>,
    formerly: HashMap<TagId, Arc<str>>,
    ids: Vec<i64>,
    held: VecDeque<(i64, Sample)>,
    unnamed: VecDeque<HistoryRow>,
    /// How many rows were ever put into `held`.
    put: u64,
    /// What stands behind rows in `held`, and behind rows in `unnamed`.
    marks: Vec<Behind>,
    unnamed_marks: Vec<Mark>,
    state: HistoryState,
    reported: HistoryState,
    alive: Monotonic,
    flushed: Monotonic,
    /// When everything but flushing had its last turn.
    turned: Monotonic,
    sealed: Monotonic,
    /// The hour that was sealed last.
    sealed_hour: i64,
    retention: Retention,
    /// Whether something may be too old.
    prunes: bool,
    /// When the clock was last compared with the time that went by.
    believed: Monotonic,
    /// By tag of the plan; only of tags with an error bound.
    bounds: HashMap<TagId, ErrorBound>,
    writing_fails: Option<Arc<str>>,
    /// Sealing that failed is tried again after a while.
    sealing_failed: Option<(Arc<str>, Monotonic)>,
    /// How much of what is lost stands in the file.
    noted: u64,
}

impl Worker {
    fn new(store: SampleStore, clock: Arc<dyn Clock>, report: Box<dyn FnMut(HistoryState) + Send>) -> Self {
        let Now { monotonic: now, utc } = clock.now();
        Self {
            store,
            clock,
            report,
            directory: Arc::default(),
            formerly: HashMap::new(),
            ids: Vec::new(),
            held: VecDeque::new(),
            unnamed: VecDeque::new(),
            put: 0,
            marks: Vec::new(),
            unnamed_marks: Vec::new(),
            state: HistoryState::default(),
            reported: HistoryState::default(),
            alive: now,
            flushed: now,
            turned: now,
            sealed: now,
            // A station that stopped in the middle of an hour seals it at once.
            sealed_hour: floor(utc.as_micros(), HOUR) - HOUR,
            retention: Retention::default(),
            prunes: true,
            believed: now,
            bounds: HashMap::new(),
            writing_fails: None,
            sealing_failed: None,
            noted: 0,
        }
    }

    async fn run(mut self, mut inbox: Receiver<Message>) {
        loop {
            let due = self.due();
            // Sealing goes on in small steps, as long as nothing arrives.
            let wait = if self.seals_now() { Duration::ZERO } else { due.since(self.clock.now().monotonic) };
            match tokio::time::timeout(wait, inbox.recv()).await {
                Ok(Some(message)) => {
                    self.take(message);
                    while self.held.len() < FLUSH_ABOVE {
                        let Ok(message) = inbox.try_recv() else { break };
                        self.take(message);
                    }
                }
                Ok(None) => {
                    self.flush();
                    return;
                }
                Err(_) => {}
            }
            // With a full inbox the time-out never comes.
            let now = self.clock.now().monotonic;
            if now >= self.turned.plus(FLUSH) || self.held.len() >= FLUSH_ABOVE {
                self.turn();
            } else if now >= self.due() {
                self.flush();
            }
            self.seal();
        }
    }

    /// When the next flush is.
    fn due(&self) -> Monotonic {
        let is_hurried = !self.marks.is_empty() && self.writing_fails.is_none();
        let usual = self.turned.plus(FLUSH);
        if is_hurried { usual.min(self.flushed.plus(HURRIED_FLUSH)) } else { usual }
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Plan(directory, formerly) => {
                // Rows that could not be named yet belong to the plan before.
                self.state.lost += self.unnamed.len() as u64;
                self.lose_unnamed();
                self.unnamed.clear();
                self.stand_behind(self.put);
                (self.ids, self.directory, self.formerly) = (Vec::new(), directory, formerly);
                let has_bound = |(tag, definition): (TagId, &TagDefinition)| {
                    definition.history.error_bound.map(|_| (tag, ErrorBound::default()))
                };
                self.bounds = self.directory.iter().filter_map(has_bound).collect();
                self.learn();
            }
            Message::Rows(rows, marks) => {
                let from = self.put;
                if self.bounds.is_empty() {
                    rows.into_iter().for_each(|row| self.hold(row));
                } else {
                    rows.into_iter().for_each(|row| self.pass_bound(row));
                }
                self.unnamed_marks.extend(marks);
                if self.unnamed.is_empty() {
                    self.stand_behind(from);
                }
            }
            Message::Retention(retention) => (self.retention, self.prunes) = (retention, true),
        }
    }

    /// The marks behind rows that had no names stand behind those in `held` now, which lie there from a place on.
    fn stand_behind(&mut self, from: u64) {
        let to = self.put;
        let marks = self.unnamed_marks.drain(..);
        self.marks.extend(marks.map(|mark| Behind { from, to, mark }));
    }

    /// Rows that could not be named are dropped, and nobody looks whose they are.
    fn lose_unnamed(&mut self) {
        if !self.unnamed.is_empty() {
            self.unnamed_marks.iter_mut().for_each(Mark::lose);
        }
    }

    /// Whoever waits for rows that were dropped hears it.
    fn lose_dropped(&mut self) {
        let gone = self.put - self.held.len() as u64;
        let hit = self.marks.iter_mut().filter(|behind| behind.from < gone && behind.from < behind.to);
        hit.for_each(|behind| behind.mark.lose());
    }

    fn pass_bound(&mut self, row: HistoryRow) {
        let limits = |history: HistoryPolicy| Some([history.error_bound?, history.heartbeat.as_micros() as f64]);
        let limits = self.directory.tag(row.tag).and_then(|definition| limits(definition.history));
        let judged = limits.zip(self.bounds.get_mut(&row.tag));
        if judged.is_none_or(|(limits, bound)| bound.keeps(limits, &row.sample)) {
            self.hold(row);
        }
    }

    fn hold(&mut self, row: HistoryRow) {
        match self.ids.get(row.tag.index()) {
            Some(id) => {
                self.held.push_back((*id, row.sample));
                self.put += 1;
            }
            None => self.unnamed.push_back(row),
        }
        if self.held.len() + self.unnamed.len() > HELD {
            if self.held.pop_front().is_none() {
                self.lose_unnamed();
                self.unnamed.pop_front();
            }
            self.state.lost += 1;
        }
    }

    /// Finds the numbers of all tags of the plan, in one transaction; tried again at every flush until it works.
    fn learn(&mut self) {
        let former = |(tag, key)| (key, self.formerly.get(&tag).cloned());
        let wanted: Vec<_> =
            self.directory.iter().map(|(tag, definition)| (tag, definition.key.clone())).map(former).collect();
        match self.store.ids(&wanted, self.clock.now().utc) {
            Ok(ids) => {
                self.ids = ids;
                let from = self.put;
                for row in std::mem::take(&mut self.unnamed) {
                    self.hold(row);
                }
                self.stand_behind(from);
            }
            Err(error) => self.set_failing(Some(error.to_string())),
        }
    }

    fn turn(&mut self) {
        self.flush();
        let now = self.clock.now();
        self.turned = now.monotonic;
        if self.backs_off(now) {
            return;
        }
        self.begin_seal(now);
        if !self.store.is_sealing() {
            let done = self.store.main.give_back_pages(PAGES).and_then(|()| self.prune(now));
            self.sealed_or_failed(done, now);
        }
    }

    /// A file that turns out to be damaged is set aside, and the plant runs on.
    fn put_away(&mut self, error: &StoreError, now: Timestamp) -> bool {
        let Some(file) = error.damaged() else { return false };
        let Ok(name) = self.store.put_away(file, now) else { return false };
        self.state.set_aside = Some(name.into());
        true
    }

    fn fail(&mut self, error: &StoreError, now: Timestamp) {
        if !self.put_away(error, now) {
            self.set_failing(Some(error.to_string()));
        }
    }

    fn flush(&mut self) {
        let now = self.clock.now();
        self.flushed = now.monotonic;
        if self.ids.len() < self.directory.tags().len() {
            self.learn();
        }
        self.state.lost += std::mem::take(&mut self.store.lost);
        self.store.set_alive(now.utc);
        if self.held.is_empty() && self.marks.is_empty() {
            self.live(now);
            return;
        }
        let written = self.write(now.utc).and_then(|wrote| self.store.bound_unsealed(UNSEALED).map(|()| wrote));
        match written {
            Ok(false) => self.live(now),
            Ok(true) => {
                self.alive = now.monotonic;
                self.note_loss(now.utc);
                self.set_failing(None);
            }
            Err(error) => self.fail(&error, now.utc),
        }
    }

    /// Samples and marks in one commit; then, and not before, the marks are answered. Those that cannot be are tried again. Whether there was
    /// anything to write.
    fn write(&mut self, now: Timestamp) -> Result<bool, StoreError> {
        self.lose_dropped();
        let changes = self.marks.iter().map(|behind| &behind.mark.identifiers).filter(|change| change.is_change());
        let changes: Vec<_> = changes.collect();
        let writes = !self.held.is_empty() || !changes.is_empty();
        if writes {
            self.store.flush_with(&mut self.held, &changes, now)?;
        }
        self.answer().map(|()| writes)
    }

    /// Answers the marks, whose samples are in the file. One that asks for what cannot be read keeps no other one waiting; it is tried again.
    fn answer(&mut self) -> Result<(), StoreError> {
        let mut done = Ok(());
        for mut mark in std::mem::take(&mut self.marks).into_iter().map(|behind| behind.mark) {
            let known = mark.identifiers.recalls.then(|| self.store.known_messages(&mark.identifiers.session));
            match known.transpose() {
                Ok(known) => mark.answer(known),
                Err(error) => {
                    // What it says is written, and must not be once more, behind what came since.
                    let Identifiers { session, recalls, .. } = mark.identifiers;
                    mark.identifiers = Identifiers { session, recalls, ..Identifiers::default() };
                    self.marks.push(Behind { from: self.put, to: self.put, mark });
                    done = Err(error);
                }
            }
        }
        done
    }

    /// What was lost stands in the file as soon as it can be written again.
    fn note_loss(&mut self, now: Timestamp) {
        let samples = self.state.lost - self.noted;
        if samples > 0 && self.store.note_loss(now, samples, self.state.failing.as_deref().unwrap_or_default()).is_ok()
        {
            self.noted = self.state.lost;
        }
    }

    /// While nothing changes, the file still says now and then that the station ran.
    fn live(&mut self, now: Now) {
        if now.monotonic.since(self.alive) >= ALIVE {
            self.alive = now.monotonic;
            if let Err(error) = self.store.touch(now.utc) {
                self.fail(&error, now.utc);
            }
        }
    }

    fn set_failing(&mut self, failing: Option<String>) {
        self.writing_fails = failing.map(Into::into);
        self.tell();
    }

    /// Reports what changed.
    fn tell(&mut self) {
        let sealing = self.sealing_failed.as_ref().map(|(why, _)| Arc::clone(why));
        self.state.failing = self.writing_fails.clone().or(sealing);
        self.state.left_out = self.store.left_out.count();
        self.state.left_out_words = self.store.left_out.words().map(Into::into);
        if self.reported != self.state {
            self.reported = self.state.clone();
            (self.report)(self.state.clone());
        }
    }
}

#[cfg(test)]
mod tests;
