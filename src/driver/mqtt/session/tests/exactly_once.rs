//! The receiving half of QoS 2 against a broker that is made of the standard alone. Each message has a number, so that one is known whatever
//! identifier it comes under; bytes are lost where the connection breaks, in both directions and in the middle of packets; and the station
//! takes messages in late, in any order, over any number of connections.

use super::*;

/// The largest packet; larger ones are sent too.
const LIMIT: usize = 60;

#[derive(Clone, Copy, Debug)]
enum Move {
    /// The broker gets a message for us, sometimes one over the limit.
    Queue(bool),
    /// So many bytes arrive at the station.
    Down(usize),
    /// So many bytes arrive at the broker.
    Up(usize),
    /// The station takes in one of the messages that it was told.
    TakeIn(usize),
    /// The connection breaks and is opened again; the broker kept the session, or not.
    Break(bool),
}

fn any_move() -> impl Strategy<Value = Move> {
    let bytes = || prop_oneof![4 => 1_usize..12, 1 => Just(usize::MAX)];
    prop_oneof![
        4 => prop::bool::weighted(0.1).prop_map(Move::Queue),
        8 => bytes().prop_map(Move::Down),
        8 => bytes().prop_map(Move::Up),
        4 => (0_usize..4).prop_map(Move::TakeIn),
        2 => prop::bool::weighted(0.85).prop_map(Move::Break),
    ]
}

/// A message on its way, from the broker's side.
#[derive(Clone, Copy, Debug)]
struct Flight {
    number: u32,
    is_large: bool,
    /// The broker has our PUBREC.
    is_released: bool,
}

struct World {
    session: Session,
    version: Version,
    splitter: Splitter,
    input: BytesMut,
    /// On the wire to the station, and to the broker.
    down: VecDeque<u8>,
    up: VecDeque<u8>,
    /// What the broker has not sent yet.
    queue: VecDeque<Flight>,
    /// In the order of their sending.
    flights: Vec<(u16, Flight)>,
    quota: usize,
    made: u32,
    /// Numbers of which nothing more can be expected: over the limit, or lost with the broker's session.
    excused: BTreeSet<u32>,
    told: Vec<u32>,
    waiting: Vec<(u32, Receipt)>,
    taken_in: BTreeSet<u32>,
}

impl World {
    fn new(version: Version) -> Self {
        let options = Options { receive_maximum: 3, ..options(version, true) };
        let mut world = Self {
            session: Session::new(options),
            version,
            splitter: Splitter::new(LIMIT),
            input: BytesMut::new(),
            down: VecDeque::new(),
            up: VecDeque::new(),
            queue: VecDeque::new(),
            flights: Vec::new(),
            // 3.1.1 knows no quota; brokers have one of their own.
            quota: if version == V5 { 3 } else { 5 },
            made: 0,
            excused: BTreeSet::new(),
            told: Vec::new(),
            waiting: Vec::new(),
            taken_in: BTreeSet::new(),
        };
        world.open(false);
        world
    }

    fn open(&mut self, kept: bool) {
        (self.down, self.up) = (VecDeque::new(), VecDeque::new());
        (self.splitter, self.input) = (Splitter::new(LIMIT), BytesMut::new());
        self.session.open(Monotonic::default()).unwrap();
        drain(&mut self.session);
        let answer =
            if self.version == V5 { vec![0x20, 3, u8::from(kept), 0, 0] } else { vec![0x20, 2, u8::from(kept), 0] };
        self.down.extend(answer);
        if !kept {
            // Nobody can know of a new session whose announcement was lost: the standard has no word for it.
            self.excused.extend(self.flights.drain(..).map(|(_, flight)| flight.number));
            self.arrive(usize::MAX);
        }
        for (id, flight) in self.flights.clone() {
            if flight.is_released { self.release(id) } else { self.send(id, flight, true) }
        }
        self.send_more();
    }

    fn send(&mut self, id: u16, flight: Flight, again: bool) {
        let payload = [&flight.number.to_be_bytes()[..], &vec![0; if flight.is_large { LIMIT } else { 0 }]].concat();
        let properties: &[u8] = if self.version == V5 { &[0] } else { &[] };
        let body = [&[0, 1, b'a'], &id.to_be_bytes()[..], properties, &payload].concat();
        self.down.extend([0x34 | u8::from(again) << 3, body.len() as u8]);
        self.down.extend(body);
    }

    fn release(&mut self, id: u16) {
        self.down.extend([&[0x62, 2][..], &id.to_be_bytes()].concat());
    }

    /// The lowest identifier that is free, so that each is used again and again.
    fn send_more(&mut self) {
        while self.flights.len() < self.quota {
            let Some(flight) = self.queue.pop_front() else { return };
            let is_free = |id: &u16| self.flights.iter().all(|(used, _)| used != id);
            let id = (1..).find(is_free).unwrap();
            self.flights.push((id, flight));
            self.send(id, flight, false);
        }
    }

    /// Bytes arrive at the station.
    fn arrive(&mut self, most: usize) {
        let count = self.down.len().min(most);
        let bytes: Vec<u8> = self.down.drain(..count).collect();
        self.input.extend_from_slice(&bytes);
        while let Some(piece) = self.splitter.next(&mut self.input).unwrap() {
            self.session.take(piece, Monotonic::default()).unwrap();
        }
        self.look();
    }

    fn look(&mut self) {
        self.up.extend(drain(&mut self.session));
        while let Some(event) = self.session.event() {
            let Event::Message(message) = event else { continue };
            let number = u32::from_be_bytes(message.payload[..].try_into().unwrap());
            assert!(self.told.last().is_none_or(|last| *last < number), "{number} behind {:?}", self.told);
            self.told.push(number);
            self.waiting.push((number, message.receipt.unwrap()));
        }
    }

    /// Bytes arrive at the broker.
    fn reach(&mut self, most: usize) {
        let count = self.up.len().min(most);
        // What is cut off of a packet stays on the wire.
        let mut bytes: Vec<u8> = self.up.drain(..count).collect();
        while bytes.len() >= 2 && bytes.len() >= 2 + usize::from(bytes[1]) {
            let packet: Vec<u8> = bytes.drain(..2 + usize::from(bytes[1])).collect();
            self.take(&packet);
        }
        bytes.into_iter().rev().for_each(|byte| self.up.push_front(byte));
        self.send_more();
    }

    fn take(&mut self, packet: &[u8]) {
        let id = u16::from_be_bytes([packet[2], packet[3]]);
        let place = self.flights.iter().position(|(used, _)| *used == id);
        match (packet[0] >> 4, place) {
            (5, Some(place)) if packet.get(4).is_some_and(|code| *code >= 0x80) => {
                assert!(self.flights[place].1.is_large, "refused without need");
                self.flights.remove(place);
            }
            (5, Some(place)) => {
                let flight = &mut self.flights[place].1;
                assert!(flight.is_large || self.taken_in.contains(&flight.number), "{flight:?} was not taken in");
                flight.is_released = true;
                self.release(id);
            }
            (7, Some(place)) => {
                assert!(self.flights[place].1.is_released, "the end of what was not released");
                self.flights.remove(place);
            }
            // The answer to a second PUBREL is one for nothing.
            (7, None) => {}
            other => panic!("{other:?}"),
        }
    }

    fn make(&mut self, step: Move) {
        match step {
            Move::Queue(is_large) => {
                self.made += 1;
                self.queue.push_back(Flight { number: self.made, is_large, is_released: false });
                self.excused.extend(is_large.then_some(self.made));
                self.send_more();
            }
            Move::Down(bytes) => self.arrive(bytes),
            Move::Up(bytes) => self.reach(bytes),
            Move::TakeIn(place) if place < self.waiting.len() => {
                let (number, receipt) = self.waiting.remove(place);
                self.taken_in.insert(number);
                self.session.acknowledge(receipt).unwrap();
                self.look();
            }
            Move::TakeIn(_) => {}
            Move::Break(kept) => {
                self.session.close();
                self.look();
                self.open(kept);
            }
        }
    }

    /// Everything goes its way from here, without a break.
    fn come_to_rest(&mut self) {
        for _ in 0..10_000 {
            self.make(Move::Down(usize::MAX));
            self.make(Move::TakeIn(0));
            self.make(Move::Up(usize::MAX));
            if self.down.is_empty() && self.up.is_empty() && self.waiting.is_empty() {
                return;
            }
        }
        panic!("it goes on for ever");
    }
}

proptest! {
    #[test]
    fn every_message_is_told_once_and_its_exchange_ends(
        moves in prop::collection::vec(any_move(), 0..200), is_5 in any::<bool>(),
    ) {
        let mut world = World::new(if is_5 { V5 } else { V3 });
        moves.into_iter().for_each(|step| world.make(step));
        world.come_to_rest();
        let told: BTreeSet<u32> = world.told.iter().copied().collect();
        let expected = (1..=world.made).filter(|number| !world.excused.contains(number));
        prop_assert!(expected.clone().all(|number| told.contains(&number)), "told {told:?} of {}", world.made);
        prop_assert!(world.flights.is_empty() && world.queue.is_empty(), "{:?}", world.flights);
        prop_assert!(world.session.received.is_clear(), "something is held for ever: {:?}", world.session.received);
    }
}
