//! Scripts for the session: what the broker sends and what is asked of it, and what goes out and is told.

mod backlog;
mod exactly_once;
mod incoming;
mod kept;
mod outgoing;
mod random;
mod stored;

use super::*;
use crate::driver::mqtt::packet::{Splitter, Subscription};
use crate::tag::KnownMessage;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// One step.
#[derive(Clone, Debug)]
enum Step<'a> {
    /// A connection is opened, and the broker answers with these bytes.
    Open(&'a [u8]),
    /// The broker sends bytes.
    Get(&'a [u8]),
    Publish(&'a str, QoS),
    Want(&'a [&'a str]),
    /// The message that was told as the n-th, counted from 0, was taken in.
    Acknowledge(usize),
    /// Milliseconds pass.
    Wait(u64),
    Close,
}
use QoS::{AtLeastOnce as Q1, AtMostOnce as Q0, ExactlyOnce as Q2};
use Step::{Acknowledge, Close, Get, Open, Publish, Wait as Pass, Want};
use Version::{V3, V5};

const MESSAGE_1: &[u8] = b"\x32\x06\x00\x01a\x00\x051";
const MESSAGE_2: &[u8] = b"\x34\x06\x00\x01b\x00\x062";
const RELEASE_2: &[u8] = b"\x62\x02\x00\x06";
const TAKEN_3: &[u8] = b"\x20\x02\x00\x00";
const KNOWN_3: &[u8] = b"\x20\x02\x01\x00";
const TAKEN_5: &[u8] = b"\x20\x03\x00\x00\x00";
const KNOWN_5: &[u8] = b"\x20\x03\x01\x00\x00";

fn options(version: Version, persistent: bool) -> Options {
    Options {
        version,
        client_id: "polder".into(),
        login: Some(Login { user: "station".into(), password: None }),
        persistence: if persistent { Persistence::Persistent { expiry: None } } else { Persistence::Clean },
        keep_alive: Duration::from_secs(10),
        timeout: Duration::from_secs(5),
        receive_maximum: 2,
        acknowledge: super::Acknowledge::TakenIn,
        will: None,
    }
}

struct Bench {
    session: Session,
    now: Monotonic,
    receipts: Vec<Receipt>,
    log: Vec<String>,
}

impl Bench {
    fn new(options: Options) -> Self {
        Self { session: Session::new(options), now: Monotonic::default(), receipts: Vec::new(), log: Vec::new() }
    }

    fn take(&mut self, bytes: &[u8]) -> Result<(), End> {
        let mut stream = BytesMut::from(bytes);
        let mut splitter = Splitter::new(1000);
        while let Some(piece) = splitter.next(&mut stream)? {
            self.session.take(piece, self.now)?;
        }
        assert!(stream.is_empty(), "the script sends half a packet");
        Ok(())
    }

    fn step(&mut self, step: &Step<'_>) {
        let done = match step {
            Open(answer) => self.session.open(self.now).and_then(|()| {
                self.note();
                self.take(answer)
            }),
            Get(bytes) => self.take(bytes),
            Publish(topic, qos) => {
                let publication = Publication { topic: (*topic).into(), qos: *qos, ..Publication::default() };
                if let Err(error) = self.session.publish(publication, self.now) {
                    self.log.push(format!("not published: {error}"));
                }
                Ok(())
            }
            Want(filters) => {
                let list = filters.iter().map(|filter| Subscription::new(*filter, Q1)).collect();
                self.session.want(list, self.now)
            }
            Acknowledge(number) => self.session.acknowledge(self.receipts[*number]),
            Pass(millis) => {
                self.now = self.now.plus(Duration::from_millis(*millis));
                self.session.tick(self.now)
            }
            Close => {
                self.session.close();
                Ok(())
            }
        };
        self.note();
        if let Err(end) = done {
            self.log.push(format!("end: {end}"));
            self.session.close();
            self.note();
        }
    }

    fn note(&mut self) {
        let out = drain(&mut self.session);
        self.log.extend(sent(&out, self.session.options.version).iter().map(|line| format!("> {line}")));
        while let Some(event) = self.session.event() {
            match &event {
                Event::Message(message) => self.receipts.extend(message.receipt),
                Event::Released(receipt) => self.receipts.push(*receipt),
                _ => {}
            }
            self.log.push(told(&event));
        }
    }
}

/// The socket takes all.
fn drain(session: &mut Session) -> Vec<u8> {
    let mut all = Vec::new();
    loop {
        let part = session.outgoing().to_vec();
        if part.is_empty() {
            return all;
        }
        session.wrote(part.len());
        all.extend(part);
    }
}

fn told(event: &Event) -> String {
    match event {
        Event::Up { session_present, client_id } => format!("up {client_id} {session_present}"),
        Event::Ready => "ready".to_owned(),
        Event::Refused { why, .. } => format!("refused: {why}"),
        Event::Message(message) if message.queued => format!("held back {}", message.topic),
        Event::Message(message) => format!("message {} {}", message.topic, String::from_utf8_lossy(&message.payload)),
        Event::TooLarge { topic, bytes } => format!("too large: {topic} {bytes}"),
        Event::Published(Ticket(ticket), Outcome::Refused(why)) => format!("published {ticket}: {why}"),
        Event::Published(Ticket(ticket), outcome) => format!("published {ticket}: {outcome:?}"),
        Event::Exceeded(most) => format!("exceeded {most}"),
        Event::Released(receipt) => format!("released {}", receipt.id),
        Event::SessionLost => "session lost".to_owned(),
        Event::Down => "down".to_owned(),
    }
}

/// What a broker sees, as its reader of packets does.
fn sent(bytes: &[u8], version: Version) -> Vec<String> {
    let (mut at, mut lines) = (0, Vec::new());
    while at < bytes.len() {
        let (mut length, mut head) = (0, 1);
        loop {
            let byte = bytes[at + head];
            length |= usize::from(byte & 0x7F) << (7 * (head - 1));
            head += 1;
            if byte & 0x80 == 0 {
                break;
            }
        }
        let body = &bytes[at + head..at + head + length];
        let id = |at: usize| u16::from_be_bytes([body[at], body[at + 1]]);
        let properties = usize::from(version == V5);
        lines.push(match bytes[at] >> 4 {
            1 => format!("connect clean={}", body[7] >> 1 & 1),
            3 => {
                let topic = usize::from(id(0));
                let number = if bytes[at] & 6 == 0 { 0 } else { id(2 + topic) };
                assert_eq!(bytes[at] & 8, 0, "nothing is sent again");
                format!("publish {number} {}", String::from_utf8_lossy(&body[2..2 + topic]))
            }
            kind @ 4..=7 => {
                let name = ["puback", "pubrec", "pubrel", "pubcomp"][usize::from(kind) - 4];
                body.get(2).map_or(format!("{name} {}", id(0)), |code| format!("{name} {} {code:#x}", id(0)))
            }
            8 => format!("subscribe {} {}", id(0), filters(&body[2 + properties..], 1).join(" ")),
            10 => format!("unsubscribe {} {}", id(0), filters(&body[2 + properties..], 0).join(" ")),
            12 => "ping".to_owned(),
            14 => body.first().map_or("disconnect".to_owned(), |code| format!("disconnect {code:#x}")),
            other => panic!("packet {other}"),
        });
        at += head + length;
    }
    lines
}

fn filters(mut bytes: &[u8], behind: usize) -> Vec<String> {
    let mut list = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk::<2>() {
        let length = usize::from(u16::from_be_bytes(*length));
        list.push(String::from_utf8_lossy(&rest[..length]).into_owned());
        bytes = &rest[length + behind..];
    }
    list
}

#[track_caller]
fn check(options: Options, script: &[Step<'_>], expected: &[&str]) {
    let mut bench = Bench::new(options);
    for step in script {
        bench.step(step);
    }
    assert_eq!(bench.log, expected, "{script:?}");
}

#[test]
fn connecting() {
    check(options(V3, false), &[Open(TAKEN_3), Close], &["> connect clean=1", "up polder false", "ready", "down"]);
    check(
        options(V3, false),
        &[Open(b"\x20\x02\x00\x05")],
        &["> connect clean=1", "end: refused: not authorised (user station)", "down"],
    );
    check(
        options(V5, false),
        &[Open(b"\x20\x02\x00\x01")],
        &[
            "> connect clean=1",
            "end: refused: the broker does not speak MQTT 5; give \"version\": \"3.1.1\" for this connection",
            "down",
        ],
    );
    check(
        options(V5, false),
        &[Open(b"\x20\x0A\x00\x86\x07\x1F\x00\x04sure")],
        &["> connect clean=1", "end: refused: user name or password is wrong (user station): sure", "down"],
    );
    // The identifier that the broker gives; a session that it should not have.
    check(
        Options { client_id: "".into(), ..options(V5, false) },
        &[Open(b"\x20\x09\x00\x00\x06\x12\x00\x03abc")],
        &["> connect clean=1", "up abc false", "ready"],
    );
    check(
        options(V3, false),
        &[Open(KNOWN_3)],
        &[
            "> connect clean=1",
            "end: it sent a session that it kept although none was asked for, which may not come here",
            "down",
        ],
    );
    // Nothing before CONNACK, and no second one.
    check(
        options(V3, false),
        &[Open(b"\xD0\x00")],
        &["> connect clean=1", "end: it sent a packet before it took the connection, which may not come here", "down"],
    );
    check(
        options(V5, false),
        &[Open(TAKEN_5), Get(TAKEN_5)],
        &[
            "> connect clean=1",
            "up polder false",
            "ready",
            "> disconnect 0x82",
            "end: it sent a second CONNACK, which may not come here",
            "down",
        ],
    );
    check(
        options(V3, false),
        &[Open(b""), Pass(4999), Pass(1)],
        &["> connect clean=1", "end: it did not answer the request to connect within 5000 ms", "down"],
    );
    check(
        options(V5, false),
        &[Open(TAKEN_5), Get(b"\xE0\x01\x8E")],
        &[
            "> connect clean=1",
            "up polder false",
            "ready",
            "end: the broker ended the connection: another client took over with the same client identifier",
            "down",
        ],
    );
}

#[test]
fn signs_of_life() {
    // Whatever else moves, a ping goes out, and its answer has to come.
    check(
        options(V3, false),
        &[
            Open(TAKEN_3),
            Pass(9999),
            Pass(1),
            Get(b"\xD0\x00"),
            Pass(10_000),
            Get(b"\x30\x03\x00\x01a"),
            Pass(4999),
            Get(b"\x30\x03\x00\x01a"),
            Pass(1),
        ],
        &[
            "> connect clean=1",
            "up polder false",
            "ready",
            "> ping",
            "> ping",
            "message a ",
            "message a ",
            "end: it did not answer a ping within 5000 ms",
            "down",
        ],
    );
    // The broker may want it more often.
    check(
        options(V5, false),
        &[Open(b"\x20\x06\x00\x00\x03\x13\x00\x02"), Pass(2000)],
        &["> connect clean=1", "up polder false", "ready", "> ping"],
    );
}

#[test]
fn subscribing() {
    let up = ["> connect clean=1", "up polder false"];
    check(
        options(V3, false),
        &[
            Want(&["a/#", "b"]),
            Open(TAKEN_3),
            Get(b"\x90\x04\x00\x01\x01\x80"),
            Want(&["a/#", "c"]),
            Get(b"\xB0\x02\x00\x02"),
            Get(b"\x90\x03\x00\x03\x00"),
            Close,
            Open(TAKEN_3),
        ],
        &[
            up[0],
            "> subscribe 1 a/# b",
            up[1],
            "refused: user station may not subscribe to b: it gives no reason",
            "ready",
            "> unsubscribe 2 b",
            "> subscribe 3 c",
            "down",
            up[0],
            "> subscribe 4 a/# c",
            up[1],
        ],
    );
    // On every connection, also where the broker knows us; what nobody wants any more goes.
    check(
        options(V5, true),
        &[Want(&["a", "b"]), Open(TAKEN_5), Close, Want(&["b"]), Open(KNOWN_5), Get(b"\xB0\x04\x00\x02\x00\x00")],
        &[
            "> connect clean=0",
            "> subscribe 1 a b",
            "up polder false",
            "down",
            "> connect clean=0",
            "> unsubscribe 2 a",
            "> subscribe 3 b",
            "up polder true",
        ],
    );
    check(
        options(V5, false),
        &[Want(&["a"]), Open(TAKEN_5), Get(b"\x90\x04\x00\x01\x00\x87"), Pass(5000)],
        &[up[0], "> subscribe 1 a", up[1], "refused: user station may not subscribe to a: not authorised", "ready"],
    );
    check(
        options(V3, false),
        &[Want(&["a"]), Open(TAKEN_3), Pass(5000)],
        &[up[0], "> subscribe 1 a", up[1], "end: it did not answer a subscription within 5000 ms", "down"],
    );
    check(
        options(V3, false),
        &[Want(&["a"]), Open(TAKEN_3), Get(b"\x90\x04\x00\x01\x00\x00")],
        &[
            up[0],
            "> subscribe 1 a",
            up[1],
            "end: it sent an answer that does not fit the subscription, which may not come here",
            "down",
        ],
    );
}

#[test]
fn publishing() {
    let up3 = ["> connect clean=1", "up polder false", "ready"];
    let check_up = |version, script: &[Step<'_>], expected: &[&str]| {
        let first = Open(if version == V3 { TAKEN_3 } else { TAKEN_5 });
        let script: Vec<_> = std::iter::once(first).chain(script.iter().cloned()).collect();
        check(options(version, false), &script, &[&up3, expected].concat());
    };
    check_up(V3, &[Publish("a", Q0)], &["> publish 0 a", "published 1: Sent"]);
    check_up(V3, &[Publish("a", Q1), Get(b"\x40\x02\x00\x01"), Pass(5000)], &["> publish 1 a", "published 1: Taken"]);
    check_up(
        V3,
        &[Publish("a", Q2), Get(b"\x50\x02\x00\x01"), Get(b"\x70\x02\x00\x01")],
        &["> publish 1 a", "> pubrel 1", "published 1: Taken"],
    );
    check_up(
        V5,
        &[Publish("a", Q1), Get(b"\x40\x03\x00\x01\x87"), Publish("b", Q1), Get(b"\x40\x03\x00\x02\x10")],
        &[
            "> publish 1 a",
            "published 1: user station may not publish to a: not authorised",
            "> publish 2 b",
            "published 2: Nobody",
        ],
    );
    check_up(
        V5,
        &[Publish("a", Q2), Get(b"\x50\x03\x00\x01\x97")],
        &["> publish 1 a", "published 1: user station may not publish to a: a quota is used up"],
    );
    for step in [1, 2] {
        let script = [Publish("a", Q2), Get(b"\x50\x02\x00\x01"), Pass(4999), Pass(1)];
        let script = if step == 1 { vec![script[0].clone(), Pass(5000)] } else { script.to_vec() };
        let mut expected = vec!["> publish 1 a"];
        expected.extend((step == 2).then_some("> pubrel 1"));
        expected.extend(["end: it did not confirm a message within 5000 ms", "published 1: Unknown", "down"]);
        check_up(V3, &script, &expected);
    }
    check_up(V3, &[Publish("a/+", Q0)], &["not published: \"a/+\" is not a topic that can be published to"]);
    check(options(V3, false), &[Publish("a", Q0)], &["not published: the broker is not connected"]);
    check_up(
        V3,
        &[Get(b"\x40\x02\x00\x01")],
        &["end: it sent an acknowledgement of a message that was not sent, which may not come here", "down"],
    );
}

/// Hosts of Sparkplug have to say both.
#[test]
fn a_clean_session_says_so_in_both_versions() {
    for version in [V3, V5] {
        let mut session = Session::new(options(version, false));
        session.open(Monotonic::default()).unwrap();
        let bytes = session.outgoing().to_vec();
        let name = bytes.windows(4).position(|part| part == b"MQTT").unwrap();
        assert_eq!(bytes[name + 5] & 0b10, 0b10, "clean session, or clean start");
        let expires_at_once = bytes.windows(5).any(|part| part == [0x11, 0, 0, 0, 0]);
        assert_eq!(expires_at_once, version == V5, "a session expiry of 0");
    }
}

#[test]
fn what_is_to_be_repeated_is_subscribed_to_once_more() {
    let mut bench = Bench::new(options(V3, false));
    for step in [Want(&["a", "b"]), Open(TAKEN_3), Get(b"\x90\x04\x00\x01\x01\x01")] {
        bench.step(&step);
    }
    bench.log.clear();
    bench.session.repeat(&HashSet::from(["a".into(), "x".into()]));
    bench.step(&Want(&["a", "b"]));
    assert_eq!(bench.log, ["> subscribe 2 a"]);
}
