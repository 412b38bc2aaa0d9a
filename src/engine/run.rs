//! The loop around [`Engine::step`]: takes events in, hands effects on, publishes pictures. It owns no store, no wire and no screen;
//! those stand behind [`Outlets`].

use super::messages::not_taken;
use super::{Effects, Engine, Event, Notice, Snapshot};
use crate::alarm::{DelayChange, Transition};
use crate::audit::{Draft, OUTCOME, Receipt, RequestId};
use crate::command::{Dispatch, MessageDispatch, WriteAnswer};
use crate::driver::{DriverEvent, LinkAnswer, OffScan, Written};
use crate::tag::{Clock, ConnectionId, HistoryRow, Mark, Monotonic, Now};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::Receiver;

/// Pictures are published at most this often.
const FASTEST: Duration = Duration::from_millis(50);
/// And at least this often.
const SLOWEST: Duration = Duration::from_secs(1);
/// Turns that follow each other closer than this are taken together.
const COALESCED: Duration = Duration::from_millis(2);
/// By so much a timer may be late: it counts whole milliseconds.
const TIMER: Duration = Duration::from_millis(1);
/// A pause that would be shorter is left out: it costs more than it saves.
const SHORTEST_PAUSE: Duration = Duration::from_micros(500);
/// At most this many events are taken before effects are handed on.
const TURN: usize = 256;

/// Where effects go. None of these may wait.
pub trait Outlets: Send {
    /// Samples worth keeping, and marks behind them: these rows and marks become durable in one piece.
    fn history(&mut self, rows: &mut Vec<HistoryRow>, marks: Vec<Mark>);
    /// Records, to be committed together; the answer comes back as an event. `Err` says what becomes of the drafts where too much waits
    /// already; the transitions are kept and tried again.
    fn records(&mut self, transitions: Vec<Transition>, drafts: Vec<Draft>) -> Result<(), NoRoom>;
    /// Delays of alarms, to be committed with the next records, or by themselves; nobody waits for it.
    fn delays(&mut self, changes: Vec<DelayChange>);
    /// A command that may go; `Err` gives it back where it cannot be taken.
    fn dispatch(&mut self, connection: ConnectionId, dispatch: Dispatch) -> Result<(), Dispatch>;
    /// A message by hand that may go; `Err` names one that cannot be taken.
    fn message(&mut self, message: MessageDispatch) -> Result<(), RequestId>;
    /// The devices that are talked to no more; all others are.
    fn off_scan(&mut self, devices: OffScan);
    /// An answer to a request.
    fn reply(&mut self, reply: super::ReplyId, answer: super::Reply);
    /// What drivers found, to be kept for the next reload.
    fn found(&mut self, found: Vec<super::FoundAt>);
    /// An answer to a command that came over a link.
    fn answer_link(&mut self, answer: LinkAnswer);
    /// News, with the samples that were kept.
    fn notices(&mut self, engine: &Engine, rows: &[HistoryRow], notices: &mut Vec<Notice>);
    /// A new picture.
    fn publish(&mut self, snapshot: Arc<Snapshot>);
}

/// The records have no room: what is essential is kept in memory and may go out, as when they cannot be written at all; the rest may not.
#[derive(Debug, Default)]
pub struct NoRoom {
    /// Of essential commands, whose entries are written as soon as there is room.
    pub kept: Vec<Receipt>,
    /// What was not recorded.
    pub refused: Vec<Draft>,
}

/// What comes in.
pub struct Inlets {
    /// Requests, receipts and the state of the stores: these go first.
    pub urgent: Receiver<Event>,
    /// What drivers say.
    pub field: Receiver<DriverEvent>,
}

/// Runs until [`Event::Stop`].
pub async fn run(mut engine: Engine, mut inlets: Inlets, clock: Arc<dyn Clock>, outlets: &mut dyn Outlets) {
    let mut effects = Effects::default();
    let mut published = None;
    let mut field_open = true;
    let mut last_turn = Monotonic::default();
    loop {
        let now = clock.now();
        if is_due(&engine, published, now) {
            published = Some(now.monotonic);
            outlets.publish(Arc::new(engine.snapshot(now)));
        }
        let wait = time_to_wait(&engine, published, now);
        let event = tokio::select! {
            biased;
            event = inlets.urgent.recv() => match event {
                Some(event) => event,
                None => return,
            },
            event = inlets.field.recv(), if field_open => match event {
                Some(event) => Event::Driver(event),
                None => { field_open = false; continue }
            },
            () = tokio::time::sleep(wait) => {
                if engine.next_deadline().is_none_or(|due| due > clock.now().monotonic) {
                    continue;
                }
                Event::Tick
            }
        };
        let mut stop = matches!(event, Event::Stop);
        take(&mut engine, event, &mut effects, clock.as_ref(), outlets);
        for _ in 0..TURN {
            let Some(next) = next_event(&mut inlets) else { break };
            stop |= matches!(next, Event::Stop);
            take(&mut engine, next, &mut effects, clock.as_ref(), outlets);
        }
        hand_on(&mut engine, &mut effects, clock.as_ref(), outlets);
        if stop {
            return;
        }
        // Under a flood of answers, one waking takes many of them. A lone event never waits.
        let pause = COALESCED.saturating_sub(clock.monotonic().since(last_turn));
        if pause >= SHORTEST_PAUSE {
            tokio::time::sleep(pause.saturating_sub(TIMER)).await;
        }
        last_turn = clock.monotonic();
    }
}

/// Takes one event. Around a reload, effects are handed on before and the picture is published at once, so that no slot of one plant is
/// ever read with the names of another.
fn take(engine: &mut Engine, event: Event, effects: &mut Effects, clock: &dyn Clock, outlets: &mut dyn Outlets) {
    let reloads = matches!(event, Event::Reload { .. } | Event::ReloadByItself { .. });
    if reloads {
        hand_on(engine, effects, clock, outlets);
    }
    let now = clock.now();
    engine.step(event, now, effects);
    if reloads {
        outlets.publish(Arc::new(engine.snapshot(now)));
    }
}

fn next_event(inlets: &mut Inlets) -> Option<Event> {
    inlets.urgent.try_recv().ok().or_else(|| inlets.field.try_recv().ok().map(Event::Driver))
}

fn is_due(engine: &Engine, published: Option<Monotonic>, now: Now) -> bool {
    let Some(published) = published else { return true };
    let age = now.monotonic.since(published);
    age >= SLOWEST || (engine.has_changed() && age >= FASTEST)
}

fn time_to_wait(engine: &Engine, published: Option<Monotonic>, now: Now) -> Duration {
    let limit = if engine.has_changed() { FASTEST } else { SLOWEST };
    let picture = published.unwrap_or_default().plus(limit);
    engine.next_deadline().map_or(picture, |due| due.min(picture)).since(now.monotonic)
}

/// Hands effects on in the order that safety needs: records before everything that follows from them.
fn hand_on(engine: &mut Engine, effects: &mut Effects, clock: &dyn Clock, outlets: &mut dyn Outlets) {
    if !effects.delays.is_empty() {
        outlets.delays(std::mem::take(&mut effects.delays));
    }
    while !effects.dispatches.is_empty()
        || !effects.messages.is_empty()
        || !effects.drafts.is_empty()
        || !effects.transitions.is_empty()
    {
        if !effects.drafts.is_empty() || !effects.transitions.is_empty() {
            let (transitions, drafts) = (std::mem::take(&mut effects.transitions), std::mem::take(&mut effects.drafts));
            if let Err(NoRoom { kept, refused }) = outlets.records(transitions, drafts) {
                if !kept.is_empty() {
                    engine.step(Event::Committed(kept), clock.now(), effects);
                }
                // Outcomes of commands are not asked for again: that would go round for ever.
                let requests = refused.into_iter().filter(|draft| &*draft.action != OUTCOME).map(|draft| draft.request);
                let event =
                    Event::NotCommitted { requests: requests.collect(), why: "too many records wait".to_owned() };
                engine.step(event, clock.now(), effects);
            }
        }
        for (connection, dispatch) in std::mem::take(&mut effects.dispatches) {
            if let Err(refused) = outlets.dispatch(connection, dispatch) {
                let answer = WriteAnswer::NotSent("the connection has too many commands waiting".to_owned());
                let written = Written { request: refused.id().clone(), answer };
                engine.step(Event::Driver(DriverEvent::Written(written)), clock.now(), effects);
            }
        }
        for message in std::mem::take(&mut effects.messages) {
            if let Err(refused) = outlets.message(message) {
                let written = DriverEvent::Written(not_taken(refused));
                engine.step(Event::Driver(written), clock.now(), effects);
            }
        }
    }
    // What was refused above may have ended delays.
    if !effects.delays.is_empty() {
        outlets.delays(std::mem::take(&mut effects.delays));
    }
    if !effects.notices.is_empty() || !effects.rows.is_empty() {
        outlets.notices(engine, &effects.rows, &mut effects.notices);
    }
    if !effects.rows.is_empty() || !effects.marks.is_empty() {
        outlets.history(&mut effects.rows, std::mem::take(&mut effects.marks));
    }
    if let Some(devices) = effects.off_scan.take() {
        outlets.off_scan(devices);
    }
    if !effects.found.is_empty() {
        outlets.found(std::mem::take(&mut effects.found));
    }
    for (reply, answer) in effects.replies.drain(..) {
        outlets.reply(reply, answer);
    }
    for answer in effects.link_answers.drain(..) {
        outlets.answer_link(answer);
    }
    effects.clear();
}
