//! The thread around what is told: it takes the values that were kept, has messages sent, and keeps what a broker missed.

use super::forward::{Forwarder, Message, Waiting, Wishes};
use super::payload::payload;
use super::store::Store;
use super::{OUTBOX_FILE, Tellings};
use crate::driver::mqtt::{Answer, Content, Fate, Format, MetricSample, Order, Promise, Telling, session};
use crate::queue::{self, Sender, WhenFull};
use crate::tag::{Clock, ConnectionId, HistoryRow, Monotonic};
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::mpsc::Receiver;

/// Batches of values that may wait for the thread.
const BATCHES: usize = 256;
/// Answers of brokers that may; more than all connections can have under way.
const ANSWERS: usize = 8192;
/// Entries that are taken before messages are sent.
const TURN: usize = 256;
/// Values that are loaded at once.
const LOADED: u32 = 200;
/// Room is made, and the state told, this often.
const LOOK: Duration = Duration::from_secs(1);
/// A file that cannot be used is tried again after this long.
const OPEN_AGAIN: Duration = Duration::from_secs(5);

/// Hands an order to the driver of its connection, or gives it back.
pub type Post = Box<dyn Fn(Order) -> Result<(), Order> + Send>;

/// How what is told goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutboxState {
    /// Values that wait for a broker.
    pub waiting: u64,
    /// What they take of the room that they have, in percent.
    pub percent: u64,
    /// Values that were given up or refused, since the start.
    pub lost: u64,
    /// Why what brokers miss cannot be kept, or what else somebody should look at; none where all is well.
    pub failing: Option<Arc<str>>,
}

enum Entry {
    Plan(Arc<Tellings>),
    Rows(Vec<HistoryRow>),
    Present(Vec<HistoryRow>),
    Alarms(Vec<(Arc<str>, Arc<str>)>),
}

/// The running thread. It stops when this is dropped; what was not confirmed is stored first.
pub struct Outbox {
    entries: Option<Sender<Entry>>,
    thread: Option<JoinHandle<()>>,
}

impl Outbox {
    /// Starts the thread for the station in `folder`.
    pub fn start(
        folder: &Path,
        clock: Arc<dyn Clock>,
        post: Post,
        report: impl FnMut(OutboxState) + Send + 'static,
    ) -> std::io::Result<Self> {
        let (entries, inbox) = queue::bounded("values to be told", BATCHES, WhenFull::DropOldest);
        let (answers, answered) = queue::bounded("answers of brokers", ANSWERS, WhenFull::Wait);
        let path = folder.join(OUTBOX_FILE);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        let worker = Worker {
            path,
            clock,
            post,
            answers,
            report: Box::new(report),
            tellings: Arc::default(),
            connections: Vec::new(),
            store: None,
            open_again: Monotonic::default(),
            look_again: Monotonic::default(),
            failing: None,
            lost: 0,
            told: None,
        };
        let thread = std::thread::Builder::new()
            .name("outbox".to_owned())
            .spawn(move || runtime.block_on(worker.run(inbox, answered)))?;
        Ok(Self { entries: Some(entries), thread: Some(thread) })
    }

    /// The station goes on with these. False where the thread has no room; try again.
    pub fn set_plan(&self, tellings: Arc<Tellings>) -> bool {
        self.entries.as_ref().is_some_and(|entries| entries.try_send(Entry::Plan(tellings)).is_ok())
    }

    /// States of alarms, each by its permanent name as JSON; false where the thread has no room: try again.
    pub fn alarms(&self, states: Vec<(Arc<str>, Arc<str>)>) -> bool {
        self.entries.as_ref().is_some_and(|entries| entries.try_send(Entry::Alarms(states)).is_ok())
    }

    /// How tags stand at present, once after each plan; false where the thread has no room: try again.
    pub fn present(&self, rows: Vec<HistoryRow>) -> bool {
        self.entries.as_ref().is_some_and(|entries| entries.try_send(Entry::Present(rows)).is_ok())
    }

    /// Values that were kept, in the slots of the plan that was told last; how many were not taken.
    pub fn rows(&self, rows: Vec<HistoryRow>) -> u64 {
        let count = rows.len() as u64;
        let sent = self.entries.as_ref().map(|entries| entries.try_send(Entry::Rows(rows)).is_ok());
        if sent == Some(true) { 0 } else { count }
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        self.entries = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Line {
    name: Arc<str>,
    /// The topics of the plan before: of these the broker knows how they stand.
    before: HashSet<Arc<str>>,
    forwarder: Forwarder,
}

struct Worker {
    path: PathBuf,
    clock: Arc<dyn Clock>,
    post: Post,
    answers: Sender<Answer>,
    report: Box<dyn FnMut(OutboxState) + Send>,
    tellings: Arc<Tellings>,
    connections: Vec<Line>,
    store: Option<Store>,
    open_again: Monotonic,
    look_again: Monotonic,
    failing: Option<Arc<str>>,
    /// Values that were given up because there was no room, or no file.
    lost: u64,
    told: Option<OutboxState>,
}

/// The numbers of the messages of a line begin here, so that an answer finds its line.
const fn first_number(line: usize, generation: u64) -> u64 {
    ((line as u64) << 48) | (generation << 32)
}

impl Worker {
    async fn run(mut self, mut inbox: Receiver<Entry>, mut answered: Receiver<Answer>) {
        let mut generation = 0;
        loop {
            let wait = self.time_to_wait();
            tokio::select! {
                biased;
                entry = inbox.recv() => match entry {
                    Some(entry) => self.take(entry, &mut generation),
                    None => break,
                },
                Some(answer) = answered.recv() => self.take_answer(&answer),
                () = tokio::time::sleep(wait) => {}
            }
            for _ in 0..TURN {
                match (inbox.try_recv(), answered.try_recv()) {
                    (Err(_), Err(_)) => break,
                    (entry, answer) => {
                        entry.into_iter().for_each(|entry| self.take(entry, &mut generation));
                        answer.iter().for_each(|answer| self.take_answer(answer));
                    }
                }
            }
            self.turn();
        }
        // What was confirmed meanwhile need not be kept.
        while let Ok(answer) = answered.try_recv() {
            self.take_answer(&answer);
        }
        self.close();
        self.look(self.clock.monotonic());
    }

    fn time_to_wait(&self) -> Duration {
        let now = self.clock.monotonic();
        let due = self.connections.iter().filter_map(|line| line.forwarder.next_due());
        // Without anything to be told, nothing is looked at.
        let look = (!self.connections.is_empty()).then_some(self.look_again);
        let wait = due.chain(look).min().map_or(LOOK, |due| due.since(now));
        wait.min(LOOK)
    }

    fn take(&mut self, entry: Entry, generation: &mut u64) {
        match entry {
            Entry::Plan(tellings) => {
                self.close();
                *generation += 1;
                self.adopt(tellings, *generation);
            }
            Entry::Alarms(states) => {
                let now = self.clock.now();
                for line in &mut self.connections {
                    states.iter().for_each(|(alarm, state)| line.forwarder.offer_alarm(alarm, state, now));
                }
            }
            Entry::Rows(rows) => {
                let now = self.clock.now();
                for line in &mut self.connections {
                    rows.iter().for_each(|row| line.forwarder.offer(row, now));
                }
            }
            Entry::Present(rows) => {
                let now = self.clock.now();
                for Line { before, forwarder, .. } in &mut self.connections {
                    rows.iter().for_each(|row| forwarder.offer_present(row, |topic| !before.contains(topic), now));
                }
            }
        }
    }

    fn adopt(&mut self, tellings: Arc<Tellings>, generation: u64) {
        let mut groups: Vec<(ConnectionId, Vec<Telling>)> = Vec::new();
        for telling in &tellings.list {
            match groups.iter_mut().find(|(connection, _)| *connection == telling.connection) {
                Some((_, group)) => group.push(telling.clone()),
                None => groups.push((telling.connection, vec![telling.clone()])),
            }
        }
        let before = std::mem::take(&mut self.tellings);
        let lines = groups.into_iter().enumerate().map(|(place, (_, group))| {
            let name = group.first().map(|telling| Arc::clone(&telling.connection_name)).unwrap_or_default();
            let old = before.list.iter().filter(|telling| telling.connection_name == name);
            let topics = old.flat_map(|telling| telling.tags.iter().map(|told| Arc::clone(&told.topic)));
            Line {
                before: topics.collect(),
                forwarder: Forwarder::new(group, first_number(place, generation & 0xFFFF)),
                name,
            }
        });
        self.connections = lines.collect();
        self.tellings = tellings;
    }

    fn take_answer(&mut self, answer: &Answer) {
        let (place, now) = ((answer.number >> 48) as usize, self.clock.monotonic());
        let mut wishes = Wishes::default();
        if let Some(line) = self.connections.get_mut(place) {
            line.forwarder.answer(answer.number, &answer.fate, now, &mut wishes);
            self.carry_out(place, wishes);
        }
    }

    fn turn(&mut self) {
        let now = self.clock.monotonic();
        for place in 0..self.connections.len() {
            // What was loaded goes at once.
            let mut loads = true;
            while loads {
                let mut wishes = Wishes::default();
                self.connections[place].forwarder.turn(now, &mut wishes);
                loads = wishes.load_after.is_some();
                self.carry_out(place, wishes);
            }
        }
        if now >= self.look_again {
            self.look_again = now.plus(LOOK);
            self.look(now);
        }
    }

    fn close(&mut self) {
        let now = self.clock.monotonic();
        for place in 0..self.connections.len() {
            let mut wishes = Wishes::default();
            self.connections[place].forwarder.close(now, &mut wishes);
            self.lost += self.connections[place].forwarder.counts.lost;
            self.connections[place].forwarder.counts.lost = 0;
            self.carry_out(place, wishes);
        }
    }

    /// What is to be kept is durable before anything else is done.
    fn carry_out(&mut self, place: usize, mut wishes: Wishes) {
        let now = self.clock.monotonic();
        let name = Arc::clone(&self.connections[place].name);
        if !wishes.store.is_empty() {
            let stored = self.with_store(|store| store.append(&name, &wishes.store));
            self.lost += if stored.is_some() { 0 } else { wishes.store.len() as u64 };
        }
        if !wishes.delete.is_empty() {
            self.with_store(|store| store.delete(&wishes.delete));
        }
        if let Some(after) = wishes.load_after {
            let loaded = self.with_store(|store| store.load(&name, after, LOADED));
            let forwarder = &mut self.connections[place].forwarder;
            match loaded {
                Some((rows, has_more)) => forwarder.loaded(rows, has_more),
                None => forwarder.load_failed(now),
            }
        }
        let mut back = Wishes::default();
        if let Some(number) = wishes.watch {
            let fate = self.post(&name, Content::Watch, number);
            fate.into_iter().for_each(|fate| self.connections[place].forwarder.answer(number, &fate, now, &mut back));
        }
        for message in wishes.send.drain(..) {
            let number = message.number;
            let fate = self.send(&name, message);
            if let Some(fate) = fate {
                self.connections[place].forwarder.answer(number, &fate, now, &mut back);
            }
        }
        if back != Wishes::default() {
            self.carry_out(place, back);
        }
    }

    /// What became of a message already, where it did not even reach the driver, or need not.
    fn send(&self, connection: &Arc<str>, message: Message) -> Option<Fate> {
        let Message { number, topic, sample, unit, format, qos, retain, historical } = message;
        let content = if format == Format::Metric {
            let Waiting { time, value, quality } = sample;
            Content::Metric(MetricSample { tag: topic, time, value, quality, historical })
        } else {
            let Some(payload) = payload(&sample, &unit, format, historical) else { return Some(Fate::Taken) };
            Content::Message(session::Publication { topic, payload: payload.into(), qos, retain, properties: None })
        };
        self.post(connection, content, number)
    }

    /// Hands an order to the driver; its fate, where it did not reach that.
    fn post(&self, connection: &Arc<str>, content: Content, number: u64) -> Option<Fate> {
        let (connection, generation) = (Arc::clone(connection), Some(self.tellings.generation));
        let promise = Promise::new(number, self.answers.clone());
        let mut back = (self.post)(Order { connection, generation, driver: None, content, promise }).err()?;
        back.promise.settle();
        Some(Fate::NotSent)
    }

    /// Does something with the file; none where it cannot be used, which is told and tried again later.
    fn with_store<T>(&mut self, work: impl FnOnce(&mut Store) -> Result<T, super::OutboxError>) -> Option<T> {
        let now = self.clock.now();
        if self.store.is_none() && now.monotonic >= self.open_again {
            self.open_again = now.monotonic.plus(OPEN_AGAIN);
            match Store::open(&self.path, now.utc) {
                Ok((store, aside)) => {
                    self.store = Some(store);
                    self.failing = aside.map(|name| format!("a damaged {OUTBOX_FILE} was set aside as {name}").into());
                }
                Err(error) => self.fail(&error),
            }
        }
        match work(self.store.as_mut()?) {
            Ok(done) => Some(done),
            Err(error) => {
                self.fail(&error);
                // Opened anew, it is looked at for damage.
                self.store = None;
                None
            }
        }
    }

    fn fail(&mut self, error: &super::OutboxError) {
        self.failing = Some(format!("what brokers miss cannot be kept in {OUTBOX_FILE}: {error}").into());
    }

    fn look(&mut self, now: Monotonic) {
        let most = self.tellings.most_bytes;
        if !self.connections.is_empty() {
            let oldest = self.clock.now().utc.minus(self.tellings.keep);
            let dropped = self.with_store(|store| store.make_room(most, oldest)).unwrap_or_default();
            self.lost += dropped.count;
            if dropped.count > 0 {
                self.connections.iter_mut().for_each(|line| line.forwarder.dropped_to(dropped.to));
            }
        }
        let (bytes, waiting) = self.store.as_ref().map_or((0, 0), |store| (store.bytes(), store.rows()));
        let refused: u64 = self.connections.iter().map(|line| line.forwarder.counts.lost).sum();
        let refusal = self.connections.iter().find_map(|line| line.forwarder.counts.refusal.clone());
        let state = OutboxState {
            waiting,
            percent: (bytes * 100).checked_div(most).unwrap_or(0),
            lost: self.lost + refused,
            failing: self.failing.clone().or(refusal),
        };
        if self.told.as_ref() != Some(&state) && (!self.connections.is_empty() || self.told.is_some()) {
            self.told = Some(state.clone());
            (self.report)(state);
        }
        self.look_again = now.plus(LOOK);
    }
}
