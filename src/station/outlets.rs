//! Where the effects of the engine go.

use super::handle::{Waiting, Waker, wake};
use super::held_rows::HeldRows;
use crate::alarm::{AlarmDefinition, AlarmKey, AlarmView, DelayChange, State, Transition};
use crate::audit::{self, Draft, MemoryStore, OUTCOME, RequestId};
use crate::command::{Dispatch, MessageDispatch};
use crate::driver::mqtt::{self, Tellings};
use crate::driver::{Drivers, LinkAnswer, OffScan};
use crate::engine::run::{NoRoom, Outlets};
use crate::engine::{
    Engine, Event, FoundAt, Health, LeftOut, LinkState, Notice, OutboxHealth, Plan, Reply, ReplyId, Snapshot,
};
use crate::historian::Historian;
use crate::outbox::Outbox;
use crate::queue::{Rejected, Sender};
use crate::recorder::{Gap, Late, Order, Recorder};
use crate::tag::{ConnectionId, Generation, HistoryRow, Mark, Reason, Retention, Sample, TagId};
use arc_swap::ArcSwap;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};

/// Rows that are held while the historian does not take them.
const HELD: usize = 500_000;
/// Rows handed to the historian at once.
const BATCH: usize = 50_000;
/// Changes of alarms that are held while the recorder does not take them; the oldest beyond it become part of a counted gap.
const UNSENT: usize = 2000;

/// What happened, for the event stream.
#[derive(Clone, Debug)]
pub struct News {
    /// The plant that slots belong to.
    pub plan: Arc<Plan>,
    /// How much before this could not be told, because the reader is too slow.
    pub missed: u64,
    /// Samples that were kept.
    pub rows: Vec<HistoryRow>,
    /// Everything else.
    pub notices: Vec<Notice>,
}

/// What each store says about itself.
#[derive(Default)]
pub(super) struct Stores {
    pub(super) records_failing: Option<Arc<str>>,
    pub(super) disk_failing: Option<Arc<str>>,
    pub(super) lost_by_historian: u64,
    pub(super) set_aside: Option<Arc<str>>,
    pub(super) certificate_days: Option<i64>,
    pub(super) history_days: Option<u64>,
    pub(super) records_set_aside: Option<Arc<str>>,
    pub(super) history_left_out: Option<LeftOut>,
    pub(super) history_percent: Option<u64>,
    pub(super) history_near_limit: Option<Arc<str>>,
    pub(super) backup_age_hours: Option<u64>,
    pub(super) backup_failing: Option<Arc<str>>,
    pub(super) sound: Option<Result<(), Arc<str>>>,
    pub(super) links: Arc<[LinkState]>,
    pub(super) traffic_failing: Option<Arc<str>>,
    pub(super) outbox: Option<OutboxHealth>,
    /// Values that were to be told, and that the thread for it had no room for.
    pub(super) untold: u64,
    /// Why a thread of the stores ended before the station did.
    pub(super) recorder_ended: Option<Arc<str>>,
    pub(super) historian_ended: Option<Arc<str>>,
    /// Rows that the engine's side had to drop, and whether it still has too many.
    lost_before: u64,
    overflows: bool,
    /// Whether the recorder has no room for more.
    records_full: bool,
}

impl Stores {
    fn health(&self) -> Health {
        let overflow = self.overflows.then(|| "the disk cannot keep up; the oldest samples are dropped".into());
        let full = self.records_full.then(|| "the disk cannot keep up; too many records wait for it".into());
        Health {
            records_failing: self.recorder_ended.clone().or_else(|| self.records_failing.clone()).or(full),
            history_failing: self.historian_ended.clone().or_else(|| self.disk_failing.clone()).or(overflow),
            samples_lost: self.lost_by_historian + self.lost_before,
            history_set_aside: self.set_aside.clone(),
            certificate_days: self.certificate_days,
            history_days: self.history_days,
            records_set_aside: self.records_set_aside.clone(),
            history_left_out: self.history_left_out.clone(),
            history_percent: self.history_percent,
            history_near_limit: self.history_near_limit.clone(),
            backup_age_hours: self.backup_age_hours,
            backup_failing: self.backup_failing.clone(),
            sound: self.sound.clone(),
            links: Arc::clone(&self.links),
            traffic_failing: self.traffic_failing.clone(),
            outbox: self.outbox.clone().map(|state| OutboxHealth { lost: state.lost + self.untold, ..state }),
        }
    }
}

/// How the stores are, put together from both of them.
#[derive(Default)]
pub(super) struct HealthBoard {
    stores: Mutex<Stores>,
}

impl HealthBoard {
    /// Changes it and tells the engine. Called from the threads of the stores, which hold nothing while they wait for room.
    pub(super) fn update(&self, urgent: &Sender<Event>, change: impl FnOnce(&mut Stores)) {
        if let Some(health) = self.change(change) {
            send_surely(urgent, Event::Health(health));
        }
    }

    /// The same, where `change` says whether anything is another than before.
    pub(super) fn update_changed(&self, urgent: &Sender<Event>, change: impl FnOnce(&mut Stores) -> bool) {
        let mut changed = false;
        let health = self.change(|stores| changed = change(stores));
        if let (true, Some(health)) = (changed, health) {
            send_surely(urgent, Event::Health(health));
        }
    }

    fn change(&self, change: impl FnOnce(&mut Stores)) -> Option<Health> {
        let mut stores = self.stores.lock().ok()?;
        change(&mut stores);
        Some(stores.health())
    }
}

/// Sends an event that must not be lost.
pub(super) fn send_surely(urgent: &Sender<Event>, mut event: Event) {
    while let Err(Rejected::Full(back)) = urgent.try_send(event) {
        event = back;
        std::thread::park_timeout(std::time::Duration::from_millis(1));
    }
}

pub(super) struct StationOutlets {
    pub(super) recorder: Option<Recorder>,
    pub(super) historian: Option<Historian>,
    pub(super) drivers: Arc<Mutex<Drivers>>,
    pub(super) waiting: Arc<Waiting>,
    pub(super) snapshots: Arc<ArcSwap<Snapshot>>,
    pub(super) wakers: Arc<Mutex<Vec<Waker>>>,
    pub(super) news: Option<Sender<News>>,
    /// Where what drivers found is kept; none in tests of the parts.
    pub(super) found: Option<Sender<Vec<FoundAt>>>,
    pub(super) held: HeldRows,
    pub(super) outbox: Option<Outbox>,
    /// By slot, whether the tag is told to others.
    pub(super) is_told: Vec<bool>,
    /// Whether all states of alarms are still to be told: nobody knows what the broker kept of them.
    pub(super) alarms_untold: bool,
    /// Whether the present values of what is told are still to be told.
    pub(super) values_untold: bool,
    /// What the thread for it had no room for when the plant changed.
    pub(super) untold_tellings: Option<Arc<Tellings>>,
    /// What the historian had no room for when the plant changed; tried again at each pass.
    pub(super) untold_retention: Option<Retention>,
    pub(super) untold_plan: Option<Arc<Plan>>,
    /// Whether the engine had no room for news of the stores; tried again at each picture.
    pub(super) is_health_untold: bool,
    pub(super) lost: u64,
    pub(super) missed: u64,
    /// What the recorder had no room for; tried again at each picture.
    pub(super) unsent: VecDeque<Transition>,
    /// What there was no room for here either, all of it older than `unsent`.
    pub(super) unsent_gap: Gap,
    /// Whether the recorder had no room when it was last asked.
    pub(super) is_recorder_full: bool,
    /// Entries of essential commands that went out while the recorder had no room, and of what became of them.
    pub(super) unsent_late: Late,
    /// The latest of each alarm that the recorder had no room for.
    pub(super) unsent_delays: HashMap<AlarmKey, DelayChange>,
    pub(super) board: Arc<HealthBoard>,
    pub(super) urgent: Sender<Event>,
    pub(super) generation: Generation,
}

impl StationOutlets {
    /// Tells the historian the names of the new plant. Rows of the old one that it has not taken by now cannot be named any more: they
    /// are counted as lost.
    fn change_plan(&mut self, snapshot: &Snapshot) {
        self.pass_on();
        self.lost += self.held.drop_oldest(0);
        (self.untold_retention, self.untold_plan) = (Some(snapshot.plan.retention), Some(Arc::clone(&snapshot.plan)));
        self.generation = snapshot.generation;
        self.tell_others(&snapshot.plan);
        self.pass_on();
    }

    /// Tells the historian what of a new plant it was not told yet; whether it knows all. Alarms and commands never wait for that.
    fn tell_plan(&mut self) -> bool {
        let Some(historian) = &self.historian else { return false };
        self.untold_retention.take_if(|retention| historian.set_retention(*retention));
        self.untold_plan.take_if(|plan| historian.set_plan(Arc::clone(&plan.directory), plan.formerly.clone()));
        self.untold_retention.is_none() && self.untold_plan.is_none()
    }

    /// What is told to others from now on.
    pub(super) fn tell_others(&mut self, plan: &Plan) {
        self.is_told = vec![false; plan.directory.tags().len()];
        for told in plan.tellings.list.iter().flat_map(|telling| &telling.tags) {
            if let Some(is_told) = self.is_told.get_mut(told.tag.index()) {
                *is_told = true;
            }
        }
        self.alarms_untold = plan.tellings.list.iter().any(|telling| !telling.alarms.is_empty());
        self.values_untold = self.is_told.contains(&true);
        self.untold_tellings = Some(Arc::clone(&plan.tellings));
        self.pass_tellings();
    }

    /// Whether the thread knows what is to be told: rows mean nothing to it before.
    fn pass_tellings(&mut self) -> bool {
        let Some(outbox) = &self.outbox else { return false };
        self.untold_tellings.take_if(|tellings| outbox.set_plan(Arc::clone(tellings)));
        self.untold_tellings.is_none()
    }

    /// How everything stands that is told: history keeps what does not change only now and then, and after a reload a broker may know
    /// nothing of it.
    fn tell_all_values(&mut self, snapshot: &Snapshot) {
        if !self.values_untold || !self.pass_tellings() {
            return;
        }
        let told = self.is_told.iter().enumerate().filter(|(_, is_told)| **is_told);
        let rows: Vec<_> = told.filter_map(|(slot, _)| present(snapshot, TagId(slot as u32))).collect();
        self.values_untold = !rows.is_empty() && !self.outbox.as_ref().is_some_and(|outbox| outbox.present(rows));
    }

    /// All states of alarms, of those that are normal too.
    fn tell_all_alarms(&mut self, snapshot: &Snapshot) {
        if !self.alarms_untold || !self.pass_tellings() {
            return;
        }
        let standing = snapshot.alarms.views.iter().chain(&snapshot.alarms.set_aside);
        let standing: HashMap<&AlarmKey, &AlarmView> = standing.map(|view| (&view.key, view)).collect();
        let states = snapshot.plan.alarms.iter().map(|alarm| match standing.get(&alarm.key) {
            Some(view) => alarm_state(&snapshot.plan, view),
            None => normal_state(&snapshot.plan, alarm),
        });
        let states: Vec<_> = states.collect();
        self.alarms_untold = !self.outbox.as_ref().is_some_and(|outbox| outbox.alarms(states));
    }

    /// States of alarms that changed.
    fn tell_alarms(&mut self, plan: &Plan, notices: &[Notice]) {
        if plan.tellings.list.iter().all(|telling| telling.alarms.is_empty()) {
            return;
        }
        let changed = notices.iter().filter_map(|notice| match notice {
            Notice::Alarm(view) => Some(alarm_state(plan, view)),
            _ => None,
        });
        let states: Vec<_> = changed.collect();
        if !states.is_empty() && !self.outbox.as_ref().is_some_and(|outbox| outbox.alarms(states)) {
            self.alarms_untold = true;
        }
    }

    /// Hands on what is told to others; what there is no room for is counted.
    fn tell_rows(&mut self, rows: &[HistoryRow]) {
        let is_told = |row: &&HistoryRow| self.is_told.get(row.tag.index()).copied().unwrap_or(false);
        let told: Vec<HistoryRow> = rows.iter().filter(is_told).cloned().collect();
        if told.is_empty() {
            return;
        }
        let count = told.len() as u64;
        let lost =
            if self.pass_tellings() { self.outbox.as_ref().map_or(count, |outbox| outbox.rows(told)) } else { count };
        if lost > 0
            && let Some(health) = self.board.change(|stores| stores.untold += lost)
        {
            let _ = self.urgent.try_send(Event::Health(health));
        }
    }

    /// A thread of the stores that ended by itself is said at once: this is called at least once a second.
    fn look_at_threads(&mut self) {
        let historian = self.historian.as_mut().and_then(Historian::ended);
        let recorder = self.recorder.as_mut().and_then(Recorder::ended);
        if historian.is_some() || recorder.is_some() {
            let words = |of: &str, why: String| {
                format!("{of} stopped by a fault of Polder ({why}); restart the station").into()
            };
            self.board.change(|stores| {
                stores.historian_ended = historian.map(|why| words("history", why)).or(stores.historian_ended.take());
                stores.recorder_ended = recorder.map(|why| words("the records", why)).or(stores.recorder_ended.take());
            });
            self.is_health_untold = true;
        }
        self.tell_health();
    }

    /// Tells the engine how the stores are now, where it does not know that yet. Nobody waits for room.
    fn tell_health(&mut self) {
        if self.is_health_untold
            && let Some(health) = self.board.change(|_| ())
        {
            self.is_health_untold = matches!(self.urgent.try_send(Event::Health(health)), Err(Rejected::Full(_)));
        }
    }

    /// Everything that the recorder had no room for, as an order of its own.
    pub(super) fn take_unsent(&mut self) -> Order {
        Order {
            gap: (!self.unsent_gap.is_empty()).then(|| std::mem::take(&mut self.unsent_gap).into()),
            transitions: std::mem::take(&mut self.unsent).into(),
            late: self.unsent_late.take(),
            drafts: Vec::new(),
            delays: self.unsent_delays.drain().map(|(_, change)| change).collect(),
        }
    }

    /// The recorder had no room: what nobody asked for is kept, up to a bound, and counted beyond it. Essential commands go out, as they do
    /// when nothing can be written: a queue that is full because the disk hangs would keep a pump running. Room of their own in the queue
    /// would not help them, because there they wait for the same disk.
    fn keep_unsent(&mut self, back: Order) -> NoRoom {
        self.unsent_gap = back.gap.map(|gap| *gap).unwrap_or_default();
        // What was requested among them belongs to the drafts that are given back.
        self.unsent = back.transitions.into_iter().filter(|change| !change.is_requested).collect();
        while self.unsent.len() > UNSENT {
            self.unsent.pop_front().into_iter().for_each(|change| self.unsent_gap.add_transition(change));
        }
        self.unsent_delays.extend(back.delays.into_iter().map(|change| (change.alarm.clone(), change)));
        let (essential, refused): (Vec<_>, Vec<_>) = back.drafts.into_iter().partition(|draft| draft.essential);
        // Wishes are refused in words; nobody waits for outcomes of what was never sent.
        let outcomes = refused.iter().filter(|draft| &*draft.action == OUTCOME);
        outcomes.for_each(|draft| self.unsent_gap.add_entry(draft.time));
        back.late.into_iter().for_each(|draft| self.keep_late(draft));
        match audit::commit(&mut MemoryStore::default(), &essential) {
            Ok(kept) => {
                essential.into_iter().for_each(|draft| self.keep_late(draft));
                NoRoom { kept, refused }
            }
            Err(_) => NoRoom { kept: Vec::new(), refused: refused.into_iter().chain(essential).collect() },
        }
    }

    /// A recorder without room is one that cannot write: that has its alarm.
    fn tell_of_recorder(&mut self, is_full: bool) {
        if std::mem::replace(&mut self.is_recorder_full, is_full) != is_full {
            self.board.change(|stores| stores.records_full = is_full);
            self.is_health_untold = true;
            self.tell_health();
        }
    }

    fn keep_late(&mut self, draft: Draft) {
        if let Err(draft) = self.unsent_late.keep(draft) {
            self.unsent_gap.add_entry(draft.time);
        }
    }

    pub(super) fn pass_on(&mut self) {
        let knows = self.tell_plan();
        let Some(historian) = &self.historian else { return };
        // Rows mean nothing to it before it knows the plant that they belong to.
        while knows && !self.held.is_empty() {
            let (rows, marks) = self.held.take(BATCH);
            if let Err((rows, marks)) = historian.marked_rows(rows, marks) {
                self.held.put_back(rows, marks);
                break;
            }
        }
        self.lost += self.held.drop_oldest(HELD);
    }
}

/// How a tag stands; none where nothing is known of it yet. A bad value is bad now, whenever the last good one was.
fn present(snapshot: &Snapshot, tag: TagId) -> Option<HistoryRow> {
    let live = snapshot.live(tag).filter(|live| live.quality.reason != Reason::NotYetRead)?;
    let sample = match live.quality.is_bad() {
        true => Sample { time: snapshot.taken.utc, value: None, quality: live.quality },
        false => Sample { time: live.time, value: snapshot.value(tag), quality: live.quality },
    };
    Some(HistoryRow { tag, sample })
}

/// The state of an alarm for others: by its permanent name, as JSON.
fn alarm_state(plan: &Plan, view: &AlarmView) -> (Arc<str>, Arc<str>) {
    let state = serde_json::json!({
        "station": &*plan.station, "alarm": view.key.as_str(), "state": view.state.word(), "priority": view.priority.word(),
        "message": &*view.message, "time": view.changed.to_rfc3339(), "value": view.value,
    });
    (view.key.as_str().into(), state.to_string().into())
}

fn normal_state(plan: &Plan, alarm: &AlarmDefinition) -> (Arc<str>, Arc<str>) {
    let state = serde_json::json!({
        "station": &*plan.station, "alarm": alarm.key.as_str(), "state": State::Normal.word(), "priority": alarm.priority.word(),
        "message": &*alarm.message,
    });
    (alarm.key.as_str().into(), state.to_string().into())
}

impl Outlets for StationOutlets {
    fn history(&mut self, rows: &mut Vec<HistoryRow>, marks: Vec<Mark>) {
        self.tell_rows(rows);
        self.held.push(rows.drain(..), marks);
        self.pass_on();
        let (lost, overflows) = (self.lost, self.held.len() >= HELD);
        let mut changed = false;
        self.board.change(|stores| {
            changed = stores.lost_before != lost || stores.overflows != overflows;
            (stores.lost_before, stores.overflows) = (lost, overflows);
        });
        self.is_health_untold |= changed;
        self.tell_health();
    }

    fn records(&mut self, transitions: Vec<Transition>, drafts: Vec<Draft>) -> Result<(), NoRoom> {
        let mut order = self.take_unsent();
        order.transitions.extend(transitions);
        order.drafts = drafts;
        let done = match &self.recorder {
            Some(recorder) => recorder.order(order),
            None => Err(order),
        };
        self.tell_of_recorder(done.is_err());
        done.map_err(|back| self.keep_unsent(back))
    }

    fn delays(&mut self, changes: Vec<DelayChange>) {
        self.unsent_delays.extend(changes.into_iter().map(|change| (change.alarm.clone(), change)));
        // Nothing is given back: there are no drafts.
        let _ = self.records(Vec::new(), Vec::new());
    }

    fn dispatch(&mut self, connection: ConnectionId, dispatch: Dispatch) -> Result<(), Dispatch> {
        match self.drivers.lock() {
            Ok(mut drivers) => drivers.dispatch(connection, dispatch),
            Err(_) => Err(dispatch),
        }
    }

    fn message(&mut self, message: MessageDispatch) -> Result<(), RequestId> {
        match self.drivers.lock() {
            Ok(drivers) => drivers.publish(message),
            Err(_) => Err(message.id().clone()),
        }
    }

    fn off_scan(&mut self, devices: OffScan) {
        if let Ok(drivers) = self.drivers.lock() {
            drivers.set_off_scan(devices);
        }
    }

    fn reply(&mut self, reply: ReplyId, answer: Reply) {
        self.waiting.answer(reply, answer);
    }

    fn found(&mut self, found: Vec<FoundAt>) {
        // What finds no room is told again by its driver.
        if let Some(keeper) = &self.found {
            let _ = keeper.try_send(found);
        }
    }

    fn answer_link(&mut self, answer: LinkAnswer) {
        let sent = self.drivers.lock().map(|drivers| drivers.order(mqtt::Order::answer(&answer)));
        if !matches!(sent, Ok(Ok(()))) {
            tracing::warn!("the answer to a command over {} did not go out: {}", answer.connection, answer.payload);
        }
    }

    fn notices(&mut self, engine: &Engine, rows: &[HistoryRow], notices: &mut Vec<Notice>) {
        self.tell_alarms(engine.plan(), notices);
        if let Some(news) = &self.news {
            let (plan, missed) = (Arc::clone(engine.plan()), self.missed);
            let item = News { plan, missed, rows: rows.to_vec(), notices: std::mem::take(notices) };
            match news.try_send(item) {
                Ok(()) => self.missed = 0,
                Err(Rejected::Full(item)) => self.missed += (item.rows.len() + item.notices.len()) as u64,
                Err(Rejected::Closed(_)) => self.news = None,
            }
        }
        notices.clear();
    }

    fn publish(&mut self, snapshot: Arc<Snapshot>) {
        self.look_at_threads();
        if snapshot.generation != self.generation {
            self.change_plan(&snapshot);
        } else if self.untold_plan.is_some() || self.untold_retention.is_some() || !self.held.is_empty() {
            // Nothing may follow that would take it along, and somebody may wait for it.
            self.pass_on();
        }
        let has_unsent = self.is_recorder_full || !self.unsent.is_empty() || !self.unsent_late.is_empty();
        if has_unsent || !self.unsent_gap.is_empty() || !self.unsent_delays.is_empty() {
            let _ = self.records(Vec::new(), Vec::new());
        }
        self.tell_all_alarms(&snapshot);
        self.tell_all_values(&snapshot);
        self.snapshots.store(snapshot);
        wake(&self.wakers);
    }
}

#[cfg(test)]
mod tests;
