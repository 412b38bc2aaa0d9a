//! The thread around the records: takes orders, commits them together, answers each.

use super::gap::Gap;
use super::late::Late;
use super::store::RecordStore;
use crate::alarm::{AlarmKey, DelayChange, Transition};
use crate::audit::{self, Draft, MemoryStore, OUTCOME, Receipt, RequestId};
use crate::queue::{self, Rejected, Sender, WhenFull};
use std::collections::HashMap;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::mpsc::Receiver;

/// Orders that may wait. Beyond it the recorder counts as failing.
const ORDERS: usize = 4096;
/// Orders that share a commit.
const TOGETHER: usize = 256;
/// How often a failing store is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// What is to be committed together.
#[derive(Debug, Default)]
pub struct Order {
    /// What was lost one by one before all that follows; none where nothing was.
    pub gap: Option<Box<Gap>>,
    /// Changes of alarm states.
    pub transitions: Vec<Transition>,
    /// Essential audit entries of what went out already: nobody waits for their receipts.
    pub late: Vec<Draft>,
    /// Audit entries.
    pub drafts: Vec<Draft>,
    /// Delays of alarms that began or ended.
    pub delays: Vec<DelayChange>,
}

/// What became of orders.
#[derive(Debug)]
pub enum Answer {
    /// These entries are durable, or kept in memory where they are essential.
    Committed(Vec<Receipt>),
    /// These were not written, and what they record must not happen.
    NotCommitted {
        /// The requests.
        requests: Vec<RequestId>,
        /// Why.
        why: String,
    },
    /// Whether records can be written; why not.
    State(Option<String>),
    /// The file turned out to be damaged while the station ran, and was set aside under this name; a new one was begun.
    SetAside(String),
}

/// The running thread.
pub struct Recorder {
    orders: Sender<Order>,
    thread: Option<JoinHandle<()>>,
}

impl Recorder {
    /// Starts the thread. `answer` is called from it and must not wait long.
    pub fn start(store: RecordStore, answer: impl FnMut(Answer) + Send + 'static) -> std::io::Result<Self> {
        let (orders, inbox) = queue::bounded("records to be committed", ORDERS, WhenFull::Refuse);
        let worker = Worker::new(store, Box::new(answer));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        let body = move || runtime.block_on(worker.run(inbox));
        let thread = std::thread::Builder::new().name("recorder".to_owned()).spawn(body)?;
        Ok(Self { orders, thread: Some(thread) })
    }

    /// Hands over an order; gives it back when too many wait.
    pub fn order(&self, order: Order) -> Result<(), Order> {
        self.orders.try_send(order).map_err(|rejected| match rejected {
            Rejected::Full(order) | Rejected::Closed(order) => order,
        })
    }

    /// What the thread said last, where it ended before it was stopped; told once.
    pub fn ended(&mut self) -> Option<String> {
        queue::ended(&mut self.thread)
    }

    /// Whether the thread is gone, so that nothing will be taken any more.
    pub fn has_ended(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Commits everything that waits, and ends the thread.
    pub fn stop(mut self) {
        let thread = self.thread.take();
        drop(self);
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

struct Worker {
    store: RecordStore,
    answer: Box<dyn FnMut(Answer) + Send>,
    gap: Gap,
    /// The latest of each alarm that is not written yet.
    delays: HashMap<AlarmKey, DelayChange>,
    late: Late,
    failing: bool,
}

impl Worker {
    fn new(store: RecordStore, answer: Box<dyn FnMut(Answer) + Send>) -> Self {
        let (gap, delays, late) = (Gap::default(), HashMap::new(), Late::default());
        Self { store, answer, gap, delays, late, failing: false }
    }

    async fn run(mut self, mut inbox: Receiver<Order>) {
        loop {
            let first = match self.failing {
                false => inbox.recv().await,
                true => tokio::time::timeout(RETRY, inbox.recv()).await.unwrap_or_else(|_| Some(Order::default())),
            };
            let Some(mut order) = first else {
                self.commit(Order::default());
                self.tell_lost();
                return;
            };
            for _ in 1..TOGETHER {
                let Ok(next) = inbox.try_recv() else { break };
                // A gap lies behind everything before it: that is written first, or becomes part of it.
                if next.gap.is_some() {
                    self.commit(std::mem::take(&mut order));
                    order.gap = next.gap;
                }
                order.transitions.extend(next.transitions);
                order.late.extend(next.late);
                order.drafts.extend(next.drafts);
                order.delays.extend(next.delays);
            }
            self.commit(order);
        }
    }

    /// The thread ends: what could not be written by now is lost with it.
    fn tell_lost(&self) {
        if !self.late.is_empty() || !self.gap.is_empty() {
            let (entries, transitions) = (self.late.drafts().len(), self.gap.transitions());
            tracing::warn!(
                "records cannot be written to the end: {entries} essential entries and {transitions} changes of alarms are lost"
            );
        }
    }

    fn commit(&mut self, order: Order) {
        order.gap.into_iter().for_each(|gap| self.gap.add(*gap));
        for draft in order.late {
            self.keep(draft);
        }
        self.delays.extend(order.delays.into_iter().map(|change| (change.alarm.clone(), change)));
        let nothing_new = order.transitions.is_empty() && order.drafts.is_empty() && self.delays.is_empty();
        if nothing_new && self.late.is_empty() && self.gap.is_empty() {
            if self.failing {
                self.probe();
            }
            return;
        }
        let before: Vec<Draft> = self.late.drafts().iter().cloned().chain(self.gap.draft()).collect();
        let late = before.len();
        let drafts: Vec<Draft> = before.into_iter().chain(order.drafts).collect();
        let delays: Vec<_> = self.delays.values().cloned().collect();
        self.store.stage(order.transitions.clone(), self.gap.clone(), delays.clone());
        let mut done = audit::commit(&mut self.store, &drafts);
        if done.is_err() && self.begin_anew(&order.transitions, &drafts) {
            self.store.stage(order.transitions.clone(), self.gap.clone(), delays);
            done = audit::commit(&mut self.store, &drafts);
        }
        match done {
            Ok(receipts) => {
                self.late.clear();
                self.gap = Gap::default();
                self.delays.clear();
                self.set_state(None);
                (self.answer)(Answer::Committed(receipts.into_iter().skip(late).collect()));
            }
            Err(error) => {
                self.set_state(Some(error.to_string()));
                self.fail(order.transitions, drafts.into_iter().skip(late).collect(), error.to_string());
            }
        }
    }

    /// Where the file turned out to be damaged, a new one takes its place; whether it did. Nothing of the order was written.
    fn begin_anew(&mut self, transitions: &[Transition], drafts: &[Draft]) -> bool {
        let Some(what) = self.store.damage() else { return false };
        let changes = transitions.iter().map(|change| change.time).chain(self.gap.end());
        let Some(now) = changes.chain(drafts.iter().map(|draft| draft.time)).max() else { return false };
        match self.store.begin_anew(&what, now) {
            Ok(name) => (self.answer)(Answer::SetAside(name)),
            Err(error) => tracing::warn!("{error}"),
        }
        self.store.damage().is_none()
    }

    /// Nothing waits to be written, but the last attempt failed: an empty commit says whether it works again.
    fn probe(&mut self) {
        self.store.stage(Vec::new(), Gap::default(), Vec::new());
        if audit::commit(&mut self.store, &[]).is_ok() {
            self.set_state(None);
        }
    }

    fn fail(&mut self, transitions: Vec<Transition>, drafts: Vec<Draft>, why: String) {
        // What was requested belongs to a refused record: it did not happen.
        for change in transitions.into_iter().filter(|change| !change.is_requested) {
            self.gap.add_transition(change);
        }
        let (essential, others): (Vec<_>, Vec<_>) = drafts.into_iter().partition(|draft| draft.essential);
        // Receipts are of memory: what they stand for is kept there, or counted.
        if let Ok(receipts) = audit::commit(&mut MemoryStore::default(), &essential)
            && !receipts.is_empty()
        {
            essential.into_iter().for_each(|draft| self.keep(draft));
            (self.answer)(Answer::Committed(receipts));
        }
        // Nobody waits for the outcome of a command that was never sent.
        let (outcomes, refused): (Vec<_>, Vec<_>) = others.into_iter().partition(|draft| &*draft.action == OUTCOME);
        outcomes.iter().for_each(|draft| self.gap.add_entry(draft.time));
        if !refused.is_empty() {
            let requests = refused.into_iter().map(|draft| draft.request).collect();
            (self.answer)(Answer::NotCommitted { requests, why });
        }
    }

    /// Keeps an essential entry until it can be written; what there is no room for is counted.
    fn keep(&mut self, draft: Draft) {
        if let Err(draft) = self.late.keep(draft) {
            self.gap.add_entry(draft.time);
        }
    }

    fn set_state(&mut self, failing: Option<String>) {
        if self.failing != failing.is_some() {
            self.failing = failing.is_some();
            (self.answer)(Answer::State(failing));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Principal;
    use crate::alarm::{ConditionState, Occasion, OccurrenceId, Persisted, ProcessState, State};
    use crate::recorder::{RECORDS_FILE, read_journal, verify_file};
    use crate::tag::{Timestamp, Value};
    use std::sync::mpsc;

    fn transition(occurrence: u64, from: State, to: State) -> Transition {
        let time = Timestamp::from_micros(1_000_000);
        let value = Some(Value::Double(1.5));
        let kept = Persisted { value, ..Persisted::of_state(to, OccurrenceId(occurrence), time, time) };
        Transition {
            occasion: Occasion::ConditionActive,
            condition: ConditionState { active: kept.active, unevaluated: false },
            kept: Some(Box::new(kept)),
            is_requested: false,
            alarm: AlarmKey::from("pump:high"),
            occurrence: OccurrenceId(occurrence),
            from,
            to,
            time: Timestamp::from_micros(1_000_000),
            raised: Timestamp::from_micros(1_000_000),
            value: Some(Value::Double(1.5)),
            actor: None,
            comment: "".into(),
        }
    }

    fn draft(request: &str, essential: bool) -> Draft {
        Draft {
            request: request.into(),
            time: Timestamp::from_micros(1),
            principal: Principal::person("anna"),
            action: "command".into(),
            subject: "pump".into(),
            detail: "{}".into(),
            essential,
        }
    }

    /// The value of a line is that of its moment; what is kept of an alarm is the value that raised it, and nothing else in its place.
    #[test]
    fn what_raised_an_alarm_is_kept_apart_from_the_value_of_its_last_line() {
        for raised_by in [Some(Value::Double(20.5)), None] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join(RECORDS_FILE);
            let mut store = RecordStore::open(&path).unwrap();
            let mut returned = transition(1, State::Unacknowledged, State::ReturnedUnacknowledged);
            let kept = returned.kept.take().map(|kept| Persisted { value: raised_by.clone(), ..*kept });
            returned.kept = kept.map(Box::new);
            store.stage(vec![returned], Gap::default(), Vec::new());
            audit::commit(&mut store, &[]).unwrap();
            let restored = RecordStore::open(&path).unwrap().restore().unwrap();
            assert_eq!((&restored.alarms[0].1.value, &restored.alarms[0].2), (&raised_by, &raised_by));
            assert_eq!(read_journal(&path, 1).unwrap()[0].value.as_deref(), Some("1.5"));
        }
    }

    fn next(answers: &mpsc::Receiver<Answer>) -> Answer {
        answers.recv_timeout(Duration::from_secs(20)).unwrap()
    }

    #[test]
    fn what_was_answered_is_there_after_reopening() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(RECORDS_FILE);
        let (sender, answers) = mpsc::channel();
        let recorder =
            Recorder::start(RecordStore::open(&path).unwrap(), move |answer| sender.send(answer).unwrap()).unwrap();
        let raised = transition(7, State::Normal, State::Unacknowledged);
        recorder
            .order(Order { transitions: vec![raised], drafts: vec![draft("r", false)], ..Order::default() })
            .unwrap();
        assert!(matches!(next(&answers), Answer::Committed(receipts) if receipts[0].number() == 1));
        recorder.stop();
        let restored = RecordStore::open(&path).unwrap().restore().unwrap();
        assert_eq!(restored.last_occurrence, 7);
        assert_eq!(restored.alarms[0].1.process, ProcessState::Unacknowledged);
        assert_eq!(restored.alarms[0].2, Some(Value::Double(1.5)));
        assert_eq!(verify_file(&path).unwrap(), Ok(1));
    }

    #[test]
    fn what_was_requested_and_not_recorded_is_not_written_later() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(RECORDS_FILE);
        let (sender, answers) = mpsc::channel();
        let store = RecordStore::open(&path).unwrap();
        let blocker = rusqlite::Connection::open(&path).unwrap();
        blocker
            .execute_batch("CREATE TRIGGER full BEFORE INSERT ON journal BEGIN SELECT RAISE(ABORT, 'disk full'); END;")
            .unwrap();
        let recorder = Recorder::start(store, move |answer| drop(sender.send(answer))).unwrap();
        let raised = transition(1, State::Normal, State::Unacknowledged);
        let acknowledged =
            Transition { is_requested: true, ..transition(1, State::Unacknowledged, State::Acknowledged) };
        let transitions = vec![raised, acknowledged];
        recorder.order(Order { transitions, drafts: vec![draft("ack", false)], ..Order::default() }).unwrap();
        let refused =
            |answer: &Answer| matches!(answer, Answer::NotCommitted { requests, .. } if *requests == ["ack".into()]);
        while !refused(&next(&answers)) {}
        blocker.execute_batch("DROP TRIGGER full").unwrap();
        while !matches!(next(&answers), Answer::State(None)) {}
        recorder.stop();
        let restored = RecordStore::open(&path).unwrap().restore().unwrap();
        assert_eq!(restored.alarms[0].1.process, ProcessState::Unacknowledged, "nobody acknowledged it");
    }

    #[test]
    fn a_store_that_cannot_be_written_refuses_all_but_the_essential_and_catches_up() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(RECORDS_FILE);
        let (sender, answers) = mpsc::channel();
        let store = RecordStore::open(&path).unwrap();
        let blocker = rusqlite::Connection::open(&path).unwrap();
        blocker
            .execute_batch("CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'disk full'); END;")
            .unwrap();
        let recorder = Recorder::start(store, move |answer| drop(sender.send(answer))).unwrap();
        let raised = transition(1, State::Normal, State::Unacknowledged);
        recorder
            .order(Order {
                transitions: vec![raised],
                drafts: vec![draft("stop", true), draft("set", false)],
                ..Order::default()
            })
            .unwrap();
        assert!(matches!(next(&answers), Answer::State(Some(why)) if why.contains("disk full")));
        assert!(matches!(next(&answers), Answer::Committed(receipts) if receipts[0].request() == &"stop".into()));
        assert!(matches!(next(&answers), Answer::NotCommitted { requests, .. } if requests == ["set".into()]));
        blocker.execute_batch("DROP TRIGGER full").unwrap();
        assert!(matches!(next(&answers), Answer::State(None)));
        recorder.stop();
        assert_eq!(verify_file(&path).unwrap(), Ok(1), "the essential entry was written later");
        let journal = read_journal(&path, 10).unwrap();
        assert!(journal[0].comment.starts_with("1 transitions from"), "{journal:?}");
        let restored = RecordStore::open(&path).unwrap().restore().unwrap();
        assert_eq!(restored.alarms.len(), 1, "the state that the gap led to is kept");
    }

    fn blocked(path: &std::path::Path) -> (RecordStore, rusqlite::Connection) {
        let store = RecordStore::open(path).unwrap();
        let blocker = rusqlite::Connection::open(path).unwrap();
        blocker
            .execute_batch("CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'disk full'); END;")
            .unwrap();
        (store, blocker)
    }

    /// However long nothing can be written: what is kept has a bound, what does not fit is counted, and the essential is not crowded out.
    #[test]
    fn what_is_kept_while_nothing_can_be_written_is_bounded_and_the_rest_is_counted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(RECORDS_FILE);
        let (store, blocker) = blocked(&path);
        let (sender, answers) = mpsc::channel();
        let mut worker = Worker::new(store, Box::new(move |answer| drop(sender.send(answer))));
        let of = |action: &str, essential: bool| Draft { action: action.into(), ..draft("r", essential) };
        // Commands that were refused, devices that say who they are, and stops.
        for _ in 0..6 {
            let kinds = [(of(OUTCOME, false), 1000), (of("identity", true), 200), (of("command", true), 500)];
            let drafts = kinds.into_iter().flat_map(|(draft, count)| vec![draft; count]).collect();
            worker.commit(Order { drafts, ..Order::default() });
        }
        assert_eq!(worker.late.drafts().len(), 2500);
        let stops = worker.late.drafts().iter().filter(|draft| &*draft.action == "command").count();
        assert_eq!(stops, 2000, "a stop finds room whatever else there was");
        let receipts = |answer: Answer| match answer {
            Answer::NotCommitted { .. } => panic!("nobody waits for an outcome"),
            Answer::Committed(receipts) => receipts.len(),
            _ => 0,
        };
        assert_eq!(answers.try_iter().map(receipts).sum::<usize>(), 6 * 700, "each stop goes out");
        blocker.execute_batch("DROP TRIGGER full").unwrap();
        worker.commit(Order { drafts: vec![draft("next", false)], ..Order::default() });
        assert!(worker.late.is_empty() && worker.gap.is_empty());
        assert_eq!(answers.try_iter().map(receipts).sum::<usize>(), 1, "of what was kept nobody is told twice");
        assert_eq!(verify_file(&path).unwrap(), Ok(2502));
        let entries = crate::recorder::read_audit(&path, 2).unwrap();
        let gap = entries.iter().find(|entry| &*entry.action == "gap").unwrap();
        // 6000 outcomes, 700 remarks and 1000 stops.
        assert!(gap.detail.contains("7700 entries from 1970-01-01T00:00:00"), "{}", gap.detail);
    }

    /// Changes that others had to give up lie before all that they hand over with them.
    #[test]
    fn a_gap_that_is_handed_over_lies_before_what_follows_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(RECORDS_FILE);
        let (sender, answers) = mpsc::channel();
        let (go, wait) = mpsc::channel::<()>();
        let recorder = Recorder::start(RecordStore::open(&path).unwrap(), move |answer| {
            drop(sender.send(answer));
            let _ = wait.recv_timeout(Duration::from_secs(20));
        })
        .unwrap();
        let mut gap = Gap::default();
        gap.add_transition(transition(2, State::Normal, State::Acknowledged));
        recorder.order(Order { drafts: vec![draft("first", false)], ..Order::default() }).unwrap();
        assert!(matches!(next(&answers), Answer::Committed(_)));
        // Both wait, and are taken together.
        let raised = vec![transition(1, State::Normal, State::Unacknowledged)];
        recorder.order(Order { transitions: raised, ..Order::default() }).unwrap();
        recorder.order(Order { gap: Some(gap.into()), ..Order::default() }).unwrap();
        drop(go);
        recorder.stop();
        let restored = RecordStore::open(&path).unwrap().restore().unwrap();
        assert_eq!(restored.alarms[0].1.process, ProcessState::Acknowledged, "the gap came last");
        assert_eq!(read_journal(&path, 10).unwrap().len(), 2);
    }
}
