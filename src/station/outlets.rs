//! Where the effects of the engine go.

use super::handle::{Waiting, Waker, wake};
use crate::alarm::Transition;
use crate::audit::Draft;
use crate::command::Dispatch;
use crate::driver::Drivers;
use crate::engine::run::Outlets;
use crate::engine::{Engine, Event, Health, Notice, Plan, Reply, ReplyId, Snapshot};
use crate::historian::Historian;
use crate::queue::{Rejected, Sender};
use crate::recorder::{Order, Recorder};
use crate::tag::{ConnectionId, HistoryRow};
use arc_swap::ArcSwap;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

/// Rows that are held while the historian does not take them.
const HELD: usize = 500_000;
/// Rows handed to the historian at once.
const BATCH: usize = 50_000;

/// What happened, for the event stream.
#[derive(Clone, Debug)]
pub struct News {
    /// The plant that slots belong to.
    pub plan: Arc<Plan>,
    /// Samples that were kept.
    pub rows: Vec<HistoryRow>,
    /// Everything else.
    pub notices: Vec<Notice>,
}

/// How the stores are, put together from both of them.
#[derive(Default)]
pub(super) struct HealthBoard {
    health: Mutex<Health>,
}

impl HealthBoard {
    /// Changes it and tells the engine. Called from the threads of the stores; the engine never waits for those, so this always ends.
    pub(super) fn update(&self, urgent: &Sender<Event>, change: impl FnOnce(&mut Health)) {
        let Ok(mut health) = self.health.lock() else { return };
        change(&mut health);
        send_surely(urgent, Event::Health(health.clone()));
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
    pub(super) held: VecDeque<HistoryRow>,
    pub(super) lost: u64,
    pub(super) unsent: Vec<Transition>,
    pub(super) board: Arc<HealthBoard>,
    pub(super) urgent: Sender<Event>,
    pub(super) generation: crate::tag::Generation,
}

impl StationOutlets {
    fn pass_on(&mut self) {
        let Some(historian) = &self.historian else { return };
        while !self.held.is_empty() {
            let count = self.held.len().min(BATCH);
            let batch: Vec<HistoryRow> = self.held.drain(..count).collect();
            if let Err(back) = historian.rows(batch) {
                back.into_iter().rev().for_each(|row| self.held.push_front(row));
                break;
            }
        }
        while self.held.len() > HELD {
            self.held.pop_front();
            self.lost += 1;
        }
    }
}

impl Outlets for StationOutlets {
    fn history(&mut self, rows: &mut Vec<HistoryRow>) {
        self.held.extend(rows.drain(..));
        let before = self.lost;
        self.pass_on();
        if before != self.lost
            && let Ok(mut health) = self.board.health.lock()
        {
            health.samples_lost += self.lost - before;
            health.history_failing = Some("the disk cannot keep up; the oldest samples are dropped".into());
            let _ = self.urgent.try_send(Event::Health(health.clone()));
        }
    }

    fn records(&mut self, transitions: Vec<Transition>, drafts: Vec<Draft>) -> Result<(), Vec<Draft>> {
        let mut all = std::mem::take(&mut self.unsent);
        all.extend(transitions);
        let Some(recorder) = &self.recorder else { return Err(drafts) };
        recorder.order(Order { transitions: all, drafts }).map_err(|back| {
            // Acknowledgements among them belong to the drafts that are given back.
            self.unsent = back.transitions.into_iter().filter(|change| change.actor.is_none()).collect();
            back.drafts
        })
    }

    fn dispatch(&mut self, connection: ConnectionId, dispatch: Dispatch) -> Result<(), Dispatch> {
        match self.drivers.lock() {
            Ok(drivers) => drivers.dispatch(connection, dispatch),
            Err(_) => Err(dispatch),
        }
    }

    fn reply(&mut self, reply: ReplyId, answer: Reply) {
        self.waiting.answer(reply, answer);
    }

    fn notices(&mut self, engine: &Engine, rows: &[HistoryRow], notices: &mut Vec<Notice>) {
        if let Some(news) = &self.news {
            let item = News { plan: Arc::clone(engine.plan()), rows: rows.to_vec(), notices: std::mem::take(notices) };
            if let Err(Rejected::Closed(_)) = news.try_send(item) {
                self.news = None;
            }
        }
        notices.clear();
    }

    fn publish(&mut self, snapshot: Arc<Snapshot>) {
        if snapshot.generation != self.generation {
            self.generation = snapshot.generation;
            if let Some(historian) = &self.historian {
                historian.set_plan(Arc::clone(&snapshot.plan.directory), snapshot.plan.formerly.clone());
            }
        }
        self.snapshots.store(snapshot);
        wake(&self.wakers);
    }
}
