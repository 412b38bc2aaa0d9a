//! A random broker and a random station, and random packets.

use super::*;

/// What a random broker and a random station do.
#[derive(Clone, Copy, Debug)]
enum Move {
    /// The broker sends message `n` of its list, with QoS 1 or 2, for the first time or again.
    Send(u8, bool),
    /// The station takes in the oldest message that it was told.
    TakeIn,
    /// The station publishes.
    Publish(bool),
    /// The broker answers the oldest thing that it got.
    Answer,
    /// The connection breaks; the broker keeps the session, or not.
    Break(bool),
}

fn any_move() -> impl Strategy<Value = Move> {
    prop_oneof![
        4 => (0_u8..6, any::<bool>()).prop_map(|(number, exactly_once)| Move::Send(number, exactly_once)),
        3 => Just(Move::TakeIn),
        3 => any::<bool>().prop_map(Move::Publish),
        5 => Just(Move::Answer),
        1 => any::<bool>().prop_map(Move::Break),
    ]
}

/// A broker with a quota of three, as the standard has it.
struct Model {
    bench: Bench,
    /// What the broker has to answer, in its order: kind and identifier.
    asked: Vec<(u8, u16)>,
    /// Messages of QoS 2 that the broker has sent and not finished: whether it has their PUBREC.
    exactly_once: BTreeMap<u16, bool>,
    /// Messages of QoS 1 that wait for their PUBACK on this connection.
    at_least_once: BTreeSet<u16>,
    /// Of QoS 2, told in this session and not finished.
    told: HashSet<u16>,
    /// Told and not taken in.
    waiting: Vec<(Receipt, bool)>,
    /// Publications under way.
    under_way: HashMap<u16, bool>,
    outcomes: HashMap<u64, u32>,
    published: u64,
}

impl Model {
    fn new() -> Self {
        let options = Options { receive_maximum: 100, ..options(V5, true) };
        let mut model = Self {
            bench: Bench::new(options),
            asked: Vec::new(),
            exactly_once: BTreeMap::new(),
            at_least_once: BTreeSet::new(),
            told: HashSet::new(),
            waiting: Vec::new(),
            under_way: HashMap::new(),
            outcomes: HashMap::new(),
            published: 0,
        };
        model.connect(false);
        model
    }

    fn connect(&mut self, kept: bool) {
        self.bench.session.open(self.bench.now).unwrap();
        drain(&mut self.bench.session);
        self.bench.take(&[0x20, 6, u8::from(kept), 0, 3, 0x21, 0, 3]).unwrap();
        self.look();
    }

    /// Looks at what went out and what was told.
    fn look(&mut self) {
        let out = drain(&mut self.bench.session);
        for line in sent(&out, V5) {
            let mut parts = line.split(' ');
            let (kind, id) = (parts.next().unwrap(), parts.next().map_or(0, |id| id.parse().unwrap()));
            match kind {
                "publish" => {
                    let exactly_once = line.ends_with("twice");
                    assert!(self.under_way.insert(id, exactly_once).is_none(), "identifier {id} is in use");
                    assert!(self.under_way.len() <= 3, "more under way than agreed");
                    self.asked.push((3, id));
                }
                "pubrel" => self.asked.push((6, id)),
                "puback" => assert!(self.at_least_once.remove(&id), "{id} was acknowledged twice, or unasked"),
                "pubrec" => *self.exactly_once.get_mut(&id).expect("a PUBREC for nothing") = true,
                "pubcomp" => {
                    self.exactly_once.remove(&id);
                    self.told.remove(&id);
                }
                _ => panic!("{line}"),
            }
        }
        while let Some(event) = self.bench.session.event() {
            match event {
                Event::Message(message) => {
                    let receipt = message.receipt.unwrap();
                    if message.qos == Q2 {
                        assert!(self.told.insert(receipt.id), "{} was told twice", receipt.id);
                    }
                    self.waiting.push((receipt, message.qos == Q2));
                }
                Event::Published(Ticket(ticket), _) => *self.outcomes.entry(ticket).or_default() += 1,
                _ => {}
            }
        }
    }

    fn send(&mut self, id: u16, exactly_once: bool) {
        // A broker uses an identifier for one message at a time.
        if self.at_least_once.contains(&id) || (self.exactly_once.contains_key(&id) && !exactly_once) {
            return;
        }
        if self.exactly_once.get(&id) == Some(&true) {
            let release = [0x62, 2, 0, id as u8];
            return self.bench.take(&release).unwrap();
        }
        let first = if exactly_once { 0x34 } else { 0x32 };
        if exactly_once {
            self.exactly_once.insert(id, false);
        } else {
            self.at_least_once.insert(id);
        }
        self.bench.take(&[first, 6, 0, 1, b'a', 0, id as u8, 0]).unwrap();
    }

    fn answer(&mut self) {
        if self.asked.is_empty() {
            return;
        }
        let (kind, id) = self.asked.remove(0);
        let exactly_once = self.under_way.get(&id).copied();
        match (kind, exactly_once) {
            (3, Some(true)) => self.bench.take(&[0x50, 2, 0, id as u8]).unwrap(),
            (3, _) => {
                self.under_way.remove(&id);
                self.bench.take(&[0x40, 2, 0, id as u8]).unwrap();
            }
            _ => {
                self.under_way.remove(&id);
                self.bench.take(&[0x70, 2, 0, id as u8]).unwrap();
            }
        }
    }

    fn make(&mut self, step: Move) {
        match step {
            Move::Send(id, exactly_once) => self.send(u16::from(id) + 1, exactly_once),
            Move::TakeIn => {
                if !self.waiting.is_empty() {
                    let (receipt, _) = self.waiting.remove(0);
                    self.bench.session.acknowledge(receipt).unwrap();
                }
            }
            Move::Publish(exactly_once) => {
                let (topic, qos) = if exactly_once { ("twice", Q2) } else { ("once", Q1) };
                let publication = Publication { topic: topic.into(), qos, ..Publication::default() };
                if self.bench.session.publish(publication, self.bench.now).is_ok() {
                    self.published += 1;
                }
            }
            Move::Answer => self.answer(),
            Move::Break(kept) => {
                self.bench.session.close();
                self.look();
                self.asked.clear();
                self.at_least_once.clear();
                // What the broker has not got to the end counts no more against the quota, but for what is released again.
                self.under_way.clear();
                if !kept {
                    self.exactly_once.clear();
                    self.told.clear();
                }
                self.connect(kept);
            }
        }
        self.look();
    }
}

proptest! {
    /// QoS 2 is told once in a session, QoS 1 acknowledged once after it was taken in, no more is under way than agreed, and every
    /// publication has one outcome.
    #[test]
    fn any_script_keeps_the_promises(script in prop::collection::vec(any_move(), 0..120)) {
        let mut model = Model::new();
        for step in script {
            model.make(step);
        }
        let open: HashSet<u16> = model.at_least_once.iter().copied().collect();
        // Everything of this connection that was taken in has its PUBACK: the rest still waits.
        for id in open {
            prop_assert!(model.waiting.iter().any(|(receipt, _)| receipt.id == id));
        }
        model.bench.session.close();
        model.look();
        prop_assert_eq!(model.outcomes.len() as u64, model.published);
        prop_assert!(model.outcomes.values().all(|count| *count == 1));
    }

    /// Whatever a broker sends, the session goes on or ends in words.
    #[test]
    fn any_packets_are_taken_or_refused(
        frames in prop::collection::vec(
            (prop_oneof![Just(0x20_u8), Just(0x32), Just(0x34), Just(0x40), Just(0x50), Just(0x62), Just(0x70), Just(0x90), Just(0xB0), any::<u8>()],
             prop::collection::vec(0_u8..4, 0..9)),
            0..20,
        ),
        is_5 in any::<bool>(),
    ) {
        let version = if is_5 { V5 } else { V3 };
        let mut bench = Bench::new(options(version, true));
        bench.step(&Want(&["a", "b"]));
        bench.step(&Open(if is_5 { TAKEN_5 } else { TAKEN_3 }));
        for (first, body) in frames {
            let bytes = [&[first, body.len() as u8], &body[..]].concat();
            bench.step(&Get(&bytes));
            if !bench.session.is_up() {
                prop_assert!(bench.log.iter().any(|line| line.starts_with("end: ")));
                break;
            }
        }
    }
}
