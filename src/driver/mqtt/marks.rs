//! Acknowledgements that wait until history has what they are about.
//!
//! Everything that one look at the socket gave goes to the engine in one piece with a mark behind it; history writes both in one commit and
//! answers the mark; then the broker hears of it. Nothing is acknowledged before, so nothing that the broker gave up can be missing, and what
//! was taken in is known by its identifier as soon as its samples are there, so nothing is taken in twice.

use super::session::{Acknowledge, Options, Persistence, Receipt, Reply};
use crate::driver::socket::Endpoint;
use crate::tag::{Identifiers, Kept, KnownMessage, Mark, Monotonic};
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// What became of messages that waited.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Settled {
    /// They are durable.
    pub(super) kept: Vec<Receipt>,
    /// Their samples had to be dropped.
    pub(super) lost: Vec<Receipt>,
}

/// What history said.
#[derive(Clone, Debug, Default)]
struct Told {
    /// The number of the last mark that was answered.
    number: u64,
    known: Option<Arc<[KnownMessage]>>,
    /// The numbers of marks that were answered as lost, and not looked at yet.
    lost: BTreeSet<u64>,
}

/// The marks of one broker that are under way.
pub(super) struct Marks {
    /// The name under which identifiers are kept: another broker or another client is another session.
    session: Arc<str>,
    waits: bool,
    /// Whether identifiers of QoS 2 are kept over a restart.
    keeps_identifiers: bool,
    /// Whether identifiers that an earlier run left behind mean nothing any more.
    forgets: bool,
    /// The number of the last mark.
    last: u64,
    /// By number: since when they wait, and what for.
    waiting: VecDeque<(u64, Monotonic, Vec<Receipt>)>,
    told: Arc<watch::Sender<Told>>,
    kept: watch::Receiver<Told>,
}

impl Marks {
    pub(super) fn new(endpoint: &Endpoint, options: &Options) -> Self {
        let (told, kept) = watch::channel(Told::default());
        let keeps_identifiers = options.keeps_identifiers();
        Self {
            session: format!("{}@{}:{}", options.client_id, endpoint.host, endpoint.port).into(),
            waits: options.acknowledge == Acknowledge::Stored,
            keeps_identifiers,
            // Whoever acknowledges otherwise takes messages in that those identifiers say nothing of.
            forgets: !keeps_identifiers && options.persistence != Persistence::Clean,
            last: 0,
            waiting: VecDeque::new(),
            told: Arc::new(told),
            kept,
        }
    }

    /// Whether messages are acknowledged only when history has them.
    pub(super) const fn waits(&self) -> bool {
        self.waits
    }

    /// Whether history has to be asked which messages it has.
    pub(super) const fn keeps_identifiers(&self) -> bool {
        self.keeps_identifiers
    }

    /// The session is over at the broker, and its identifiers with it.
    pub(super) const fn forget(&mut self) {
        self.forgets = true;
    }

    /// The mark behind what these receipts are of; none where there is nothing to wait for and nothing to write.
    pub(super) fn mark(&mut self, receipts: Vec<Receipt>, now: Monotonic) -> Option<Mark> {
        let forgets = std::mem::take(&mut self.forgets);
        if receipts.is_empty() && !forgets {
            return None;
        }
        let of = |step: Reply| receipts.iter().filter(move |receipt| receipt.step == step);
        let known = |receipt: &Receipt| KnownMessage { id: receipt.id, checksum: receipt.checksum };
        let (taken_in, released) = match self.keeps_identifiers {
            true => (of(Reply::Received).map(known).collect(), of(Reply::Complete).map(|receipt| receipt.id).collect()),
            false => Default::default(),
        };
        let session = Arc::clone(&self.session);
        let mark = self.number(Identifiers { session, forgets, taken_in, released, recalls: false });
        self.waiting.push_back((self.last, now, receipts));
        Some(mark)
    }

    /// The mark that asks which messages history has. Everything that was handed on before counts.
    pub(super) fn recall(&mut self) -> Mark {
        let (session, forgets) = (Arc::clone(&self.session), std::mem::take(&mut self.forgets));
        self.number(Identifiers { session, forgets, recalls: true, ..Identifiers::default() })
    }

    /// When a message will have waited for history longer than `timeout`.
    pub(super) fn late_from(&self, timeout: Duration) -> Option<Monotonic> {
        let oldest = self.waiting.iter().find(|(_, _, receipts)| !receipts.is_empty());
        oldest.map(|(_, since, _)| since.plus(timeout))
    }

    fn number(&mut self, identifiers: Identifiers) -> Mark {
        self.last += 1;
        let told = Arc::clone(&self.told);
        let when_kept = move |kept: Kept| {
            told.send_modify(|before| {
                // A question that could not be answered at first is answered behind others.
                before.number = before.number.max(kept.number);
                if kept.is_lost {
                    before.lost.insert(kept.number);
                }
                if kept.known.is_some() {
                    before.known = kept.known;
                }
            });
        };
        Mark::new(self.last, identifiers, Arc::new(when_kept))
    }

    /// Waits until the mark with the last number is answered; the messages that history said last it has.
    pub(super) async fn recalled(&mut self) -> Arc<[KnownMessage]> {
        let last = self.last;
        // The sender lives as long as this.
        let kept = self.kept.wait_for(|kept| kept.number >= last).await;
        kept.ok().and_then(|kept| kept.known.clone()).unwrap_or_default()
    }

    /// Waits until another mark is answered.
    pub(super) async fn answered(&mut self) {
        if self.kept.changed().await.is_err() {
            std::future::pending().await
        }
    }

    /// Receipts whose messages are durable now, and such whose never will be.
    pub(super) fn take_settled(&mut self) -> Settled {
        let told = self.kept.borrow_and_update().clone();
        let mut settled = Settled::default();
        while let Some((number, _, receipts)) = self.waiting.pop_front_if(|(waiting, ..)| *waiting <= told.number) {
            // At the end of a clean session the broker forgets what it did not deliver: to ask for it would lose more.
            let is_lost = told.lost.contains(&number) && self.keeps_identifiers;
            if is_lost { &mut settled.lost } else { &mut settled.kept }.extend(receipts);
        }
        if !told.lost.is_empty() {
            self.told.send_if_modified(|now| {
                now.lost.retain(|number| *number > told.number);
                false
            });
        }
        settled
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::mqtt::Version;

    fn marks(acknowledge: Acknowledge, persistence: Persistence) -> Marks {
        let endpoint = Endpoint { host: "h".into(), port: 1883, tls: None, only_via: None, is_slow: false };
        let options = Options {
            version: Version::V3,
            client_id: "c".into(),
            login: None,
            persistence,
            keep_alive: Duration::from_secs(1),
            timeout: Duration::from_secs(1),
            receive_maximum: 10,
            acknowledge,
            will: None,
        };
        Marks::new(&endpoint, &options)
    }

    fn receipt(id: u16, step: Reply) -> Receipt {
        Receipt { id, step, checksum: 5, connection: 1, session: 1 }
    }

    const PERSISTENT: Persistence = Persistence::Persistent { expiry: None };

    #[test]
    fn receipts_come_back_when_their_mark_is_answered_and_not_before() {
        let mut marks = marks(Acknowledge::Stored, PERSISTENT);
        let first = marks
            .mark(vec![receipt(1, Reply::Acknowledged), receipt(2, Reply::Received)], Monotonic::default())
            .unwrap();
        let second = marks.mark(vec![receipt(3, Reply::Complete)], Monotonic::default()).unwrap();
        assert_eq!(
            (&first.identifiers.taken_in[..], &first.identifiers.released[..]),
            (&[KnownMessage { id: 2, checksum: 5 }][..], &[][..])
        );
        assert_eq!((&second.identifiers.taken_in[..], &second.identifiers.released[..]), (&[][..], &[3][..]));
        assert_eq!(&*first.identifiers.session, "c@h:1883");
        assert_eq!(marks.take_settled().kept, []);
        first.answer(None);
        assert_eq!(marks.take_settled().kept, [receipt(1, Reply::Acknowledged), receipt(2, Reply::Received)]);
        assert_eq!(marks.take_settled().kept, []);
        second.answer(None);
        assert_eq!(marks.take_settled().kept, [receipt(3, Reply::Complete)]);
        assert!(marks.mark(Vec::new(), Monotonic::default()).is_none());
    }

    #[test]
    fn receipts_of_dropped_samples_come_back_as_lost_where_the_broker_sends_them_again() {
        for (persistence, is_lost) in [(PERSISTENT, true), (Persistence::Clean, false)] {
            let mut marks = marks(Acknowledge::Stored, persistence);
            let receipts = [1, 2].map(|id| receipt(id, Reply::Received));
            let [mut first, second] = receipts.map(|receipt| marks.mark(vec![receipt], Monotonic::default()).unwrap());
            first.lose();
            first.answer(None);
            second.answer(None);
            let [lost, kept] = receipts.map(|receipt| vec![receipt]);
            let expected = Settled { kept, lost };
            let all = Settled { kept: receipts.to_vec(), lost: Vec::new() };
            assert_eq!(marks.take_settled(), if is_lost { expected } else { all });
            assert!(marks.told.borrow().lost.is_empty());
        }
    }

    #[test]
    fn a_question_that_is_answered_late_holds_nothing_back() {
        let mut marks = marks(Acknowledge::Stored, PERSISTENT);
        let recall = marks.recall();
        let mark = marks.mark(vec![receipt(1, Reply::Received)], Monotonic::default()).unwrap();
        mark.answer(None);
        recall.answer(Some([].into()));
        assert_eq!(marks.take_settled().kept, [receipt(1, Reply::Received)]);
    }

    #[test]
    fn a_clean_session_keeps_no_identifiers_and_another_way_to_acknowledge_forgets_them_once() {
        let mut clean = marks(Acknowledge::Stored, Persistence::Clean);
        let mark = clean.mark(vec![receipt(2, Reply::Received)], Monotonic::default()).unwrap();
        assert!(!mark.identifiers.is_change());
        let mut other = marks(Acknowledge::TakenIn, PERSISTENT);
        assert!(other.mark(Vec::new(), Monotonic::default()).unwrap().identifiers.forgets);
        assert!(other.mark(Vec::new(), Monotonic::default()).is_none());
    }

    #[tokio::test]
    async fn what_history_has_is_told_when_it_is_asked() {
        let mut marks = marks(Acknowledge::Stored, PERSISTENT);
        marks.forget();
        let recall = marks.recall();
        assert!(recall.identifiers.recalls && recall.identifiers.forgets);
        let known = [KnownMessage { id: 7, checksum: 0 }, KnownMessage { id: 9, checksum: 1 }];
        recall.answer(Some(known.into()));
        assert_eq!(*marks.recalled().await, known);
    }
}
