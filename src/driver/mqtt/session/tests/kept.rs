//! A random broker and a random station that is killed at random: what was acknowledged is stored, and of QoS 2 nothing is stored twice.

use super::*;
use std::collections::VecDeque;

#[derive(Clone, Copy, Debug)]
enum Move {
    /// The broker sends what it has to send under an identifier: a message, the same again, or its release.
    Send(u16),
    /// History commits so much of what waits, and says so.
    Commit(usize),
    /// The connection breaks; the broker keeps the session, or not.
    Break(bool),
    /// The station is killed after history committed so much of what waits, of which nobody was told, and starts again.
    Kill(usize),
    /// The broker writes its file.
    Save,
    /// The broker is killed, and goes on where its file stands.
    Rewind,
}

fn any_move() -> impl Strategy<Value = Move> {
    prop_oneof![
        12 => (1_u16..5).prop_map(Move::Send),
        6 => (1_usize..4).prop_map(Move::Commit),
        1 => prop::bool::weighted(0.8).prop_map(Move::Break),
        1 => (0_usize..4).prop_map(Move::Kill),
        1 => Just(Move::Save),
        1 => Just(Move::Rewind),
    ]
}

/// What stands under an identifier at the broker: the number that is in the message, and whether it has its PUBREC.
type Exchanges = BTreeMap<u16, (u32, bool)>;

#[derive(Default)]
struct History {
    /// Numbers of the messages.
    stored: Vec<u32>,
    known: BTreeMap<u16, KnownMessage>,
}

struct Model {
    bench: Bench,
    broker: Exchanges,
    saved: Exchanges,
    last: u32,
    /// What was handed on: its receipt, and the number of a message.
    waiting: VecDeque<(Receipt, Option<u32>)>,
    history: History,
    /// Numbers that a broker which was killed may have published again.
    excused: HashSet<u32>,
}

fn bench(history: &History) -> Bench {
    let mut bench = Bench::new(Options { acknowledge: crate::driver::mqtt::Acknowledge::Stored, ..options(V3, true) });
    bench.session.know(&history.known.values().copied().collect::<Vec<_>>());
    bench
}

impl Model {
    fn new() -> Self {
        let history = History::default();
        let mut model = Self {
            bench: bench(&history),
            broker: BTreeMap::new(),
            saved: BTreeMap::new(),
            last: 0,
            waiting: VecDeque::new(),
            history,
            excused: HashSet::new(),
        };
        model.connect(TAKEN_3);
        model
    }

    fn connect(&mut self, answer: &[u8]) {
        self.bench.session.open(self.bench.now).unwrap();
        drain(&mut self.bench.session);
        let taken = self.bench.take(answer);
        self.look();
        if taken == Err(End::SessionLost) {
            // The station lets history forget before it connects again; everything that waits goes before that.
            self.store(usize::MAX);
            self.history.known.clear();
            self.bench.session.close();
            self.connect(answer);
        }
    }

    /// Looks at what went out and what was told.
    fn look(&mut self) {
        for line in sent(&drain(&mut self.bench.session), V3) {
            let (kind, id) = line.split_once(' ').unwrap_or((&line, ""));
            let Some(&(number, is_received)) = id.parse().ok().and_then(|id: u16| self.broker.get(&id)) else {
                continue;
            };
            let id = id.parse().unwrap();
            match kind {
                "pubrec" => {
                    assert!(self.history.stored.contains(&number), "{number} was acknowledged and is not stored");
                    self.broker.insert(id, (number, true));
                }
                "pubcomp" if is_received => {
                    self.broker.remove(&id);
                }
                _ => {}
            }
        }
        while let Some(event) = self.bench.session.event() {
            match event {
                Event::Message(message) => {
                    let number = std::str::from_utf8(&message.payload).unwrap().parse().unwrap();
                    self.waiting.push_back((message.receipt.unwrap(), Some(number)));
                }
                Event::Released(receipt) => self.waiting.push_back((receipt, None)),
                _ => {}
            }
        }
    }

    fn send(&mut self, id: u16) {
        let before = self.broker.get(&id).copied();
        let number = before.map_or(self.last + 1, |(number, _)| number);
        self.last = self.last.max(number);
        let packet = match before {
            Some((_, true)) => vec![0x62, 2, 0, id as u8],
            _ => [&[0x34, 9, 0, 1, b'a', 0, id as u8], format!("{number:04}").as_bytes()].concat(),
        };
        self.broker.entry(id).or_insert((number, false));
        self.bench.take(&packet).unwrap();
        self.look();
    }

    /// What goes into history, in one commit; those who wait for that.
    fn store(&mut self, count: usize) -> Vec<Receipt> {
        let taken: Vec<_> = self.waiting.drain(..count.min(self.waiting.len())).collect();
        for (receipt, number) in &taken {
            self.history.stored.extend(number);
            let known = KnownMessage { id: receipt.id, checksum: receipt.checksum };
            match receipt.step {
                Reply::Complete => self.history.known.remove(&receipt.id),
                _ => self.history.known.insert(receipt.id, known),
            };
        }
        taken.into_iter().map(|(receipt, _)| receipt).collect()
    }

    fn make(&mut self, step: Move) {
        match step {
            Move::Send(id) => self.send(id),
            Move::Commit(count) => {
                for receipt in self.store(count) {
                    self.bench.session.acknowledge(receipt).unwrap();
                    self.look();
                }
            }
            Move::Break(is_kept) => {
                self.bench.session.close();
                self.look();
                if !is_kept {
                    self.broker.clear();
                    self.saved.clear();
                }
                self.connect(if is_kept { KNOWN_3 } else { TAKEN_3 });
            }
            Move::Kill(count) => {
                self.store(count);
                self.waiting.clear();
                self.bench = bench(&self.history);
                self.connect(KNOWN_3);
            }
            Move::Save => self.saved = self.broker.clone(),
            Move::Rewind => {
                self.bench.session.close();
                self.look();
                self.broker = self.saved.clone();
                self.excused.extend(self.saved.values().map(|(number, _)| number));
                self.connect(KNOWN_3);
            }
        }
    }
}

proptest! {
    #[test]
    fn what_was_acknowledged_is_stored_and_nothing_is_stored_twice(script in prop::collection::vec(any_move(), 0..200)) {
        let mut model = Model::new();
        for step in script {
            model.make(step);
        }
        let mut seen = HashSet::new();
        for number in &model.history.stored {
            prop_assert!(seen.insert(*number) || model.excused.contains(number), "{} is there twice", number);
        }
    }
}
