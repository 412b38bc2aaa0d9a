//! A whole session: what a broker sends, what the station asks for and how time passes come out of the bytes. Whatever a broker does, a
//! message of QoS 2 is told once, a publication has one outcome, a connection ends once, and no moment is due for ever.

use crate::driver::mqtt::packet::{Incoming, Login, Piece, QoS, Splitter, Subscription, Version, decode};
use crate::driver::mqtt::session::{
    Acknowledge, End, Event, Options, Persistence, Publication, Receipt, Reply, Session, Ticket,
};
use crate::tag::Monotonic;
use bytes::BytesMut;
use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

/// The largest packet of the sessions here.
const LIMIT: usize = 200;
const FILTERS: [&str; 5] = ["a", "b/#", "+/c", "d/e/f", "g"];

/// Bytes as a script. The first one chooses the session: bit 0 version 5, bit 1 persistent, bit 5 acknowledged when stored, bit 2 a socket that takes only what the script
/// says, bits 3 and 4 the receive maximum less one. Then steps, each a byte: its lower three bits say what, the others how much.
pub(super) fn session(bytes: &[u8]) {
    let Some((&first, mut rest)) = bytes.split_first() else { return };
    let mut play = Play::new(first);
    while let Some((&step, after)) = rest.split_first() {
        rest = play.step(step & 7, usize::from(step >> 3), after);
    }
    play.socket_takes(usize::MAX);
    play.session.close();
    play.look();
    assert!(play.open_tickets.is_empty(), "publications without an outcome: {:?}", play.open_tickets);
    assert!(!play.is_open && play.session.deadline().is_none());
}

struct Play {
    session: Session,
    version: Version,
    now: Monotonic,
    splitter: Splitter,
    input: BytesMut,
    /// The socket takes nothing by itself.
    is_slow: bool,
    /// What left and is not looked at yet.
    wire: Vec<u8>,
    /// Packets that left on this connection, and whether the last one was the last word.
    packets: usize,
    said_goodbye: bool,
    /// A connection was opened, and its end was not told.
    is_open: bool,
    is_up: bool,
    is_ready: bool,
    /// Of QoS 2, told and not released, with what tells one from another.
    told: HashMap<u16, u32>,
    receipts: VecDeque<Receipt>,
    open_tickets: HashSet<Ticket>,
}

fn options(first: u8) -> Options {
    Options {
        version: if first & 1 == 1 { Version::V5 } else { Version::V3 },
        client_id: "polder".into(),
        login: Some(Login { user: "station".into(), password: None }),
        persistence: if first & 2 == 2 { Persistence::Persistent { expiry: None } } else { Persistence::Clean },
        keep_alive: Duration::from_secs(10),
        timeout: Duration::from_secs(5),
        receive_maximum: u16::from(first >> 3 & 3) + 1,
        acknowledge: if first & 32 == 32 { Acknowledge::Stored } else { Acknowledge::TakenIn },
        will: None,
    }
}

impl Play {
    fn new(first: u8) -> Self {
        let options = options(first);
        Self {
            version: options.version,
            session: Session::new(options),
            now: Monotonic::default(),
            splitter: Splitter::new(LIMIT),
            input: BytesMut::new(),
            is_slow: first & 4 == 4,
            wire: Vec::new(),
            packets: 0,
            said_goodbye: false,
            is_open: false,
            is_up: false,
            is_ready: false,
            told: HashMap::new(),
            receipts: VecDeque::new(),
            open_tickets: HashSet::new(),
        }
    }

    /// Makes a step; what follows it in the script.
    fn step<'a>(&mut self, what: u8, much: usize, rest: &'a [u8]) -> &'a [u8] {
        let (mut rest, mut done) = (rest, Ok(()));
        match what {
            // The broker sends as many bytes as the next one says.
            0 => {
                let (length, after) =
                    rest.split_first().map_or((0, rest), |(length, after)| (usize::from(*length), after));
                let (sent, after) = after.split_at(length.min(after.len()));
                rest = after;
                done = self.broker_sends(sent);
            }
            1 => self.socket_takes(if much == 31 { usize::MAX } else { much * 4 }),
            2 => done = self.open(),
            3 => done = self.acknowledge(much),
            4 => self.publish(much),
            5 => done = self.pass(Duration::from_millis(much as u64 * 400)),
            6 => {
                let filters = FILTERS.iter().enumerate().filter(|(place, _)| much >> place & 1 == 1);
                let list = filters.map(|(_, filter)| Subscription::new(*filter, QoS::ExactlyOnce)).collect();
                done = self.session.want(list, self.now);
            }
            _ if much == 0 => self.session.leave(),
            _ => self.session.close(),
        }
        self.after(done);
        rest
    }

    fn after(&mut self, done: Result<(), End>) {
        if !self.is_slow || done.is_err() {
            self.socket_takes(usize::MAX);
        }
        if let Err(end) = done {
            assert!(!end.to_string().is_empty());
            self.session.close();
        }
        self.look();
    }

    fn open(&mut self) -> Result<(), End> {
        self.session.close();
        self.look();
        (self.splitter, self.input) = (Splitter::new(LIMIT), BytesMut::new());
        self.wire.clear();
        (self.packets, self.said_goodbye) = (0, false);
        (self.is_open, self.is_ready) = (true, false);
        self.session.open(self.now)
    }

    fn broker_sends(&mut self, bytes: &[u8]) -> Result<(), End> {
        if !self.is_open {
            return Ok(());
        }
        self.input.extend_from_slice(bytes);
        while let Some(piece) = self.splitter.next(&mut self.input)? {
            let released = match &piece {
                Piece::Frame(frame) => match decode(frame.clone(), self.version) {
                    Ok(Incoming::PubRel(answer)) => Some(answer.id),
                    _ => None,
                },
                Piece::Oversized(_) => None,
            };
            self.session.take(piece, self.now)?;
            self.look();
            released.map(|id| self.told.remove(&id));
        }
        Ok(())
    }

    /// The n-th of those that wait, so that they are taken in in any order.
    fn acknowledge(&mut self, number: usize) -> Result<(), End> {
        let place = number.min(self.receipts.len().saturating_sub(1));
        self.receipts.remove(place).map_or(Ok(()), |receipt| self.session.acknowledge(receipt))
    }

    fn publish(&mut self, much: usize) {
        let qos = QoS::from_number(much as u8 & 3).unwrap_or_default();
        let payload = vec![0; much >> 3 & 1];
        let publication = Publication { topic: "t".into(), qos, payload: payload.into(), ..Publication::default() };
        let quota = self.session.quota_left();
        let sent = if much & 4 == 4 {
            self.session.publish_ahead(publication, self.now.plus(Duration::from_secs(1)), self.now)
        } else {
            self.session.publish(publication, self.now)
        };
        match sent {
            Ok(ticket) => {
                assert!(self.is_up && (qos == QoS::AtMostOnce || quota > 0));
                assert!(self.open_tickets.insert(ticket), "{ticket:?} was given twice");
            }
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }

    fn pass(&mut self, time: Duration) -> Result<(), End> {
        self.now = self.now.plus(time);
        self.session.tick(self.now)?;
        let deadline = self.session.deadline();
        assert!(deadline.is_none_or(|deadline| deadline > self.now), "{deadline:?} is due for ever");
        assert_eq!(deadline.is_some(), self.is_open, "an open connection waits for something");
        Ok(())
    }

    fn socket_takes(&mut self, mut most: usize) {
        while most > 0 {
            let ready = self.session.outgoing();
            let taken = ready.len().min(most);
            if taken == 0 {
                return;
            }
            self.wire.extend_from_slice(&ready[..taken]);
            self.session.wrote(taken);
            most -= taken;
            self.look_at_wire();
        }
    }

    /// Whole packets leave, the first one a CONNECT, and none behind the last word.
    fn look_at_wire(&mut self) {
        while let Some((head, length)) = head(&self.wire) {
            if self.wire.len() < head + length {
                return;
            }
            let (kind, flags) = (self.wire[0] >> 4, self.wire[0] & 15);
            assert_eq!(kind == 1, self.packets == 0, "a CONNECT comes first, and once");
            assert!(!self.said_goodbye, "packet {kind} behind the last word");
            assert!(kind == 3 || flags == if matches!(kind, 6 | 8 | 10) { 2 } else { 0 }, "{kind} {flags}");
            if matches!(kind, 4..=8 | 10) {
                assert_ne!(&self.wire[head..head + 2], [0, 0], "packet identifier 0");
            }
            self.packets += 1;
            self.said_goodbye = kind == 14;
            self.wire.drain(..head + length);
        }
    }

    fn look(&mut self) {
        while let Some(event) = self.session.event() {
            match event {
                Event::Up { session_present, .. } => {
                    assert!(self.is_open && !std::mem::replace(&mut self.is_up, true), "up twice");
                    if !session_present {
                        self.told.clear();
                    }
                }
                Event::Ready => assert!(self.is_up && !std::mem::replace(&mut self.is_ready, true), "ready twice"),
                Event::Refused { filter, .. } => assert!(self.is_up && FILTERS.contains(&&*filter)),
                Event::Message(message) => {
                    assert!(self.is_up && !message.topic.is_empty());
                    assert_eq!(message.receipt.is_some(), message.qos != QoS::AtMostOnce);
                    if let Some(receipt) = message.receipt {
                        let is_news = receipt.step == Reply::Acknowledged
                            || self.told.insert(receipt.id, receipt.checksum) != Some(receipt.checksum);
                        assert!(is_news, "message {} of QoS 2 was told twice", receipt.id);
                        self.receipts.push_back(receipt);
                    }
                }
                Event::Exceeded(_) => assert!(self.is_up && self.version == Version::V5),
                Event::Released(receipt) => self.receipts.push_back(receipt),
                Event::SessionLost => self.told.clear(),
                Event::TooLarge { bytes, .. } => assert!(self.is_up && bytes > LIMIT),
                Event::Published(ticket, _) => assert!(self.open_tickets.remove(&ticket), "{ticket:?} ends twice"),
                Event::Down => {
                    assert!(std::mem::take(&mut self.is_open), "the end of a connection is told twice");
                    assert!(self.open_tickets.is_empty(), "outcomes come before the end");
                    self.is_up = false;
                }
            }
        }
        assert_eq!(self.session.is_up(), self.is_up);
    }
}

/// Bytes in front of a packet's body, and of the body.
fn head(wire: &[u8]) -> Option<(usize, usize)> {
    let mut length = 0;
    for place in 0..4 {
        let byte = *wire.get(1 + place)?;
        length |= usize::from(byte & 0x7F) << (7 * place);
        if byte & 0x80 == 0 {
            return Some((2 + place, length));
        }
    }
    None
}
