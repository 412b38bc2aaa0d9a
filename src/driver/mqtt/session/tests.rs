//! Scripts for the session: what the broker sends and what is asked of it, and what goes out and is told.

mod exactly_once;
mod kept;

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

/// A link that is slower than what is told: a socket that takes few bytes.
fn slow() -> Bench {
    let mut bench = Bench::new(options(V5, false));
    bench.step(&Open(TAKEN_5));
    bench.log.clear();
    for topic in ["one", "two", "three"] {
        let publication = Publication { topic: topic.into(), payload: vec![0; 2000].into(), ..Publication::default() };
        bench.session.publish(publication, bench.now).unwrap();
    }
    assert!(!bench.session.outgoing().is_empty());
    bench.session.wrote(10);
    bench
}

fn command(topic: &str) -> Publication {
    Publication { topic: topic.into(), qos: Q1, ..Publication::default() }
}

#[test]
fn a_command_goes_ahead_of_what_is_told_and_packets_stay_whole() {
    let mut bench = slow();
    assert!(bench.session.unsent() > 6000 && !bench.session.has_events(), "nothing was sent yet");
    let mut wire = Vec::new();
    bench.session.publish_ahead(command("command"), bench.now.plus(Duration::from_secs(1)), bench.now).unwrap();
    while !bench.session.has_events() {
        let part = bench.session.outgoing()[..1].to_vec();
        bench.session.wrote(1);
        wire.extend(part);
    }
    assert_eq!(wire.len(), 2000 + 3 + 2 + 3 + 1 - 10, "the socket has the whole of the first message");
    bench.note();
    let first = "published 1: Sent";
    let rest = [
        "> publish 1 command",
        "> publish 0 two",
        "> publish 0 three",
        first,
        "published 2: Sent",
        "published 3: Sent",
    ];
    assert_eq!(bench.log, rest);
    assert_eq!(bench.session.unsent(), 0);
}

#[test]
fn a_command_that_expires_before_it_leaves_is_not_sent() {
    let mut bench = slow();
    let expires = bench.now.plus(Duration::from_millis(500));
    bench.session.publish_ahead(command("command"), expires, bench.now).unwrap();
    let quota = bench.session.quota_left();
    assert_eq!(bench.session.deadline(), Some(expires));
    bench.now = expires;
    bench.session.tick(bench.now).unwrap();
    assert_eq!(bench.session.quota_left(), quota + 1);
    let said = bench.session.event().map(|event| told(&event)).unwrap_or_default();
    assert!(said.starts_with("published 4: NotSent(") && said.contains("expired"), "{said}");
    let rest = String::from_utf8_lossy(&drain(&mut bench.session)).into_owned();
    assert!(!rest.contains("command") && rest.contains("three"));
    assert_eq!(bench.session.unsent(), 0);
}

#[test]
fn what_had_not_begun_to_leave_was_not_sent() {
    let mut bench = slow();
    bench.session.publish_ahead(command("command"), bench.now.plus(Duration::from_secs(1)), bench.now).unwrap();
    bench.session.close();
    let told: Vec<_> = std::iter::from_fn(|| bench.session.event()).map(|event| told(&event)).collect();
    assert_eq!(told[0], "published 1: Unknown");
    assert!(told[1..4].iter().all(|one| one.contains("NotSent")), "{told:?}");
    assert_eq!((told.len(), told[4].as_str(), bench.session.unsent()), (5, "down", 0));
}

/// Behind our last word comes nothing; but who goes of their own will says everything before it.
#[test]
fn the_last_word_is_the_last() {
    let mut bench = slow();
    bench.session.leave();
    let bytes = drain(&mut bench.session);
    assert!(
        bytes.ends_with(&[0xE0, 0]) || bytes.ends_with(&[0xE0, 1, 0]) || bytes.ends_with(&[0xE0, 2, 0, 0]),
        "{:?}",
        &bytes[bytes.len() - 6..]
    );
    assert!(bytes.len() > 5900);
    let mut bench = slow();
    assert!(bench.take(TAKEN_5).is_err());
    assert!(drain(&mut bench.session).len() < 2020, "only what had begun, and the word");
}

/// Found by a fuzzer: what the broker sent on its way to us was answered behind our goodbye, and a mistake of it with a second one.
#[test]
fn behind_a_goodbye_comes_nothing() {
    for script in [&[Get(b"\x32\x06\x00\x01a\x00\x05\x00"), Acknowledge(0), Pass(10_000)][..], &[Get(b"\x00\x00")]] {
        let mut bench = Bench::new(options(V5, false));
        bench.step(&Open(TAKEN_5));
        bench.session.leave();
        bench.note();
        script.iter().for_each(|step| bench.step(step));
        let sent: Vec<_> = bench.log.iter().filter(|line| line.starts_with('>')).collect();
        assert_eq!(sent, ["> connect clean=1", "> disconnect"], "{:#?}", bench.log);
        assert_eq!(bench.session.unsent(), 0);
    }
}

/// Whoever watches the will knows of a station that is stopped as of one that is gone.
#[test]
fn who_goes_lets_the_will_be_known() {
    let will = Will { topic: "state".into(), payload: "gone".into(), qos: Q1, retain: true };
    for (version, answer, will, expected) in [
        (V3, TAKEN_3, Some(&will), &["publish 1 state", "disconnect"][..]),
        (V5, TAKEN_5, Some(&will), &["disconnect 0x4"]),
        (V3, TAKEN_3, None, &["disconnect"]),
        (V5, TAKEN_5, None, &["disconnect"]),
    ] {
        let mut bench = Bench::new(Options { will: will.cloned(), ..options(version, false) });
        bench.step(&Open(answer));
        bench.session.leave_with_will(bench.now);
        let out = drain(&mut bench.session);
        assert_eq!(sent(&out, version), expected, "{version:?}");
        if version == V3 && will.is_some() {
            assert!(out[0] == 0x33 && out.ends_with(b"gone\xE0\x00"), "as the will says it: {out:?}");
        }
    }
}

/// What is only told is given up when we go; the session's own packets, commands and the last word are not.
#[test]
fn who_goes_does_not_wait_for_what_is_only_told() {
    let mut bench = slow();
    bench.session.publish_ahead(command("command"), bench.now.plus(Duration::from_secs(1)), bench.now).unwrap();
    let before = bench.session.unsent();
    bench.session.give_up_unsent();
    assert!(bench.session.unsent() < before - 3000, "{before} {}", bench.session.unsent());
    bench.session.leave();
    let out = drain(&mut bench.session);
    assert!(out.ends_with(&[0xE0, 0]) && out.windows(7).any(|part| part == b"command"), "{} bytes", out.len());
    let told: Vec<_> = std::iter::from_fn(|| bench.session.event()).map(|event| told(&event)).collect();
    assert!(told.iter().any(|one| one.contains("NotSent")), "{told:?}");
}

/// A break: the outcome is not known, and nothing is sent again.
#[test]
fn nothing_is_sent_twice() {
    check(
        options(V3, true),
        &[Open(TAKEN_3), Publish("a", Q1), Publish("b", Q2), Close, Open(KNOWN_3), Publish("c", Q2), Pass(5000)],
        &[
            "> connect clean=0",
            "up polder false",
            "ready",
            "> publish 1 a",
            "> publish 2 b",
            "published 1: Unknown",
            "published 2: Unknown",
            "down",
            "> connect clean=0",
            "up polder true",
            "ready",
            // Not 2: the broker would take it for the message of before.
            "> publish 3 c",
            "end: it did not confirm a message within 5000 ms",
            "published 3: Unknown",
            "down",
        ],
    );
    // What was released is released again, or the broker would keep it for ever.
    check(
        options(V3, true),
        &[Open(TAKEN_3), Publish("b", Q2), Get(b"\x50\x02\x00\x01"), Close, Open(KNOWN_3), Get(b"\x70\x02\x00\x01")],
        &[
            "> connect clean=0",
            "up polder false",
            "ready",
            "> publish 1 b",
            "> pubrel 1",
            "published 1: Unknown",
            "down",
            "> connect clean=0",
            "> pubrel 1",
            "up polder true",
            "ready",
        ],
    );
}

/// Identifiers are used again after 65,535 others, but not one under which the broker still knows a message.
#[test]
fn an_identifier_of_a_message_that_was_left_half_way_is_not_used_again() {
    let mut bench = Bench::new(options(V3, true));
    for step in [Open(TAKEN_3), Publish("left", Q2), Close, Open(KNOWN_3)] {
        bench.step(&step);
    }
    for _ in 0..65_534 {
        bench.log.clear();
        bench.step(&Publish("a", Q1));
        let id: u16 = bench.log[0].trim_start_matches("> publish ").trim_end_matches(" a").parse().unwrap();
        bench.step(&Get(&[&[0x40, 2], &id.to_be_bytes()[..]].concat()));
    }
    bench.log.clear();
    bench.step(&Publish("b", Q1));
    assert_eq!(bench.log, ["> publish 2 b"]);
}

#[test]
fn the_broker_s_bounds_are_kept() {
    // Receive Maximum 1, Maximum QoS 1, no retained messages, packets of 30 bytes.
    let bounds = b"\x20\x0F\x00\x00\x0C\x21\x00\x01\x24\x01\x25\x00\x27\x00\x00\x00\x1E";
    let up = ["> connect clean=1", "up polder false", "ready"];
    check(
        options(V5, false),
        &[
            Open(bounds),
            Publish("a", Q1),
            Publish("b", Q1),
            Publish("c", Q0),
            Get(b"\x40\x02\x00\x01"),
            Publish("b", Q1),
            Publish("d", Q2),
            Publish("a-topic-that-is-far-too-long-for-it", Q0),
        ],
        &[
            &up[..],
            &[
                "> publish 1 a",
                "not published: 1 messages wait for the broker's confirmation already, and it allows no more",
                "> publish 0 c",
                "published 2: Sent",
                "published 1: Taken",
                "> publish 2 b",
                "not published: the broker takes messages of QoS 1 at most",
                "not published: the message has 40 bytes, and the broker takes 30 at most",
            ],
        ]
        .concat(),
    );
    let mut bench = Bench::new(options(V5, false));
    bench.step(&Open(bounds));
    let retained = Publication { topic: "a".into(), retain: true, ..Publication::default() };
    assert_eq!(bench.session.publish(retained, bench.now), Err(NotPublished::Retain));
}

const MESSAGE_1: &[u8] = b"\x32\x06\x00\x01a\x00\x051";
const MESSAGE_2: &[u8] = b"\x34\x06\x00\x01b\x00\x062";
const RELEASE_2: &[u8] = b"\x62\x02\x00\x06";

#[test]
fn messages_are_acknowledged_when_they_were_taken_in() {
    let up = ["> connect clean=0", "up polder false", "ready"];
    let check = |script: &[Step<'_>], expected: &[&str]| {
        let script: Vec<_> = std::iter::once(Open(TAKEN_3)).chain(script.iter().cloned()).collect();
        check(options(V3, true), &script, &[&up, expected].concat());
    };
    check(&[Get(MESSAGE_1), Pass(1), Acknowledge(0), Acknowledge(0)], &["message a 1", "> puback 5"]);
    check(
        &[Get(MESSAGE_2), Acknowledge(0), Get(RELEASE_2), Get(MESSAGE_2)],
        &["message b 2", "> pubrec 6", "> pubcomp 6", "message b 2"],
    );
    // Sent again before and after it was taken in: told once.
    check(
        &[Get(MESSAGE_2), Get(MESSAGE_2), Acknowledge(0), Get(MESSAGE_2)],
        &["message b 2", "> pubrec 6", "> pubrec 6"],
    );
    // Over a break, whenever it was taken in.
    let again = ["down", "> connect clean=0", "up polder true", "ready"];
    check(
        &[Get(MESSAGE_2), Acknowledge(0), Close, Open(KNOWN_3), Get(MESSAGE_2), Get(RELEASE_2)],
        &[&["message b 2", "> pubrec 6"][..], &again, &["> pubrec 6", "> pubcomp 6"]].concat(),
    );
    check(
        &[Get(MESSAGE_2), Close, Acknowledge(0), Open(KNOWN_3), Get(MESSAGE_2)],
        &[&["message b 2"][..], &again, &["> pubrec 6"]].concat(),
    );
    check(
        &[Get(MESSAGE_2), Close, Open(KNOWN_3), Get(MESSAGE_2), Acknowledge(0)],
        &[&["message b 2"][..], &again, &["> pubrec 6"]].concat(),
    );
    check(
        &[Get(MESSAGE_2), Close, Open(KNOWN_3), Acknowledge(0), Get(MESSAGE_2)],
        &[&["message b 2"][..], &again, &["> pubrec 6"]].concat(),
    );
    // A message of QoS 1 comes again, and its old receipt is worth nothing.
    check(
        &[Get(MESSAGE_1), Close, Open(KNOWN_3), Acknowledge(0), Get(MESSAGE_1), Acknowledge(1)],
        &[&["message a 1"][..], &again, &["held back a", "> puback 5"]].concat(),
    );
    // The broker forgot the session: the same identifier is another message.
    check(
        &[Get(MESSAGE_2), Acknowledge(0), Close, Open(TAKEN_3), Get(MESSAGE_2), Acknowledge(0), Acknowledge(1)],
        &[
            "message b 2",
            "> pubrec 6",
            "down",
            "> connect clean=0",
            "up polder false",
            "ready",
            "message b 2",
            "> pubrec 6",
        ],
    );
    check(&[Get(b"\x62\x02\x00\x09")], &["> pubcomp 9"]);
}

#[test]
fn more_messages_than_agreed_are_said_once_and_taken_in() {
    let message = |id: u8| [b"\x32\x06\x00\x01a\x00".as_slice(), &[id], b"\x00"].concat();
    let up = ["> connect clean=0", "up polder false", "ready"];
    check(
        options(V5, true),
        &[
            Open(TAKEN_5),
            Get(&message(1)),
            Get(&message(2)),
            Acknowledge(0),
            Get(&message(3)),
            Get(&message(4)),
            Get(&message(5)),
            Acknowledge(3),
            Close,
            Open(KNOWN_5),
            Get(&message(1)),
            Get(&message(3)),
            Get(&message(5)),
        ],
        &[
            &up[..],
            &[
                "message a ",
                "message a ",
                "> puback 1",
                "message a ",
                "exceeded 2",
                "message a ",
                "message a ",
                "> puback 4",
                "down",
                "> connect clean=0",
                "up polder true",
                "ready",
                "held back a",
                "held back a",
                "exceeded 2",
                "held back a",
            ],
        ]
        .concat(),
    );
}

#[test]
fn what_is_over_the_limit_is_answered_and_told() {
    let packet = |first: u8, id: &[u8]| {
        let body = [&[0, 1, b'a'], id, &[0; 1200]].concat();
        [&[first, (body.len() & 0x7F) as u8 | 0x80, (body.len() >> 7) as u8], &body[..]].concat()
    };
    for (version, first, id, expected) in [
        (V3, 0x30, &[][..], &["too large: a 1203"][..]),
        (V3, 0x32, &[0, 7], &["> puback 7", "too large: a 1205"]),
        (V5, 0x32, &[0, 7], &["> puback 7 0x83", "too large: a 1205"]),
        (V3, 0x34, &[0, 7], &["> pubrec 7", "too large: a 1205"]),
        (V5, 0x34, &[0, 7], &["> pubrec 7 0x83", "too large: a 1205"]),
    ] {
        let large = packet(first, id);
        let script = [Open(if version == V3 { TAKEN_3 } else { TAKEN_5 }), Get(&large)];
        check(
            options(version, false),
            &script,
            &[&["> connect clean=1", "up polder false", "ready"], expected].concat(),
        );
    }
}

#[test]
fn malformed_packets_end_the_connection_in_words() {
    let up = ["> connect clean=1", "up polder false", "ready"];
    check(
        options(V5, false),
        &[Open(TAKEN_5), Get(b"\x36\x05\x00\x01a\x00\x05")],
        &[&up[..], &["> disconnect 0x81", "end: it sent a PUBLISH with flags that do not exist (0b0110)", "down"]]
            .concat(),
    );
}

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

/// What the broker held back counts as old until a ping is answered that nothing came before.
#[test]
fn the_backlog_ends_when_a_ping_is_answered_alone() {
    let message = |id: u8| [0x32, 5, 0, 1, b'a', 0, id];
    let (first, second, third, fourth) = (message(7), message(8), message(9), message(10));
    let up = ["> connect clean=0", "> subscribe 1 a", "up polder true"];
    check(
        options(V3, true),
        &[
            Want(&["a"]),
            Open(KNOWN_3),
            Get(&first),
            Pass(0),
            Get(b"\x90\x03\x00\x01\x01"),
            Pass(0),
            // It waits for its acknowledgement until now, and the broker may wait for that.
            Acknowledge(0),
            Pass(0),
            Get(&second),
            Get(b"\xD0\x00"),
            Acknowledge(1),
            Pass(999),
            Pass(1),
            Get(b"\x31\x03\x00\x01a"),
            Get(b"\xD0\x00"),
            Get(&third),
            Close,
            Open(TAKEN_3),
            Get(&fourth),
        ],
        &[
            up[0],
            up[1],
            up[2],
            "held back a",
            "ready",
            "> puback 7",
            "> ping",
            "held back a",
            "> puback 8",
            "> ping",
            "message a ",
            "message a ",
            "down",
            up[0],
            "> subscribe 2 a",
            "up polder false",
            "message a ",
        ],
    );
}

/// Where messages never cease, nothing is proven; it is asked once a second, and not for ever.
#[test]
fn a_backlog_is_not_believed_in_for_ever() {
    let mut bench = Bench::new(options(V3, true));
    bench.step(&Open(KNOWN_3));
    for _ in 0..310 {
        bench.step(&Get(b"\x30\x03\x00\x01a"));
        bench.step(&Get(b"\xD0\x00"));
        bench.step(&Pass(1000));
    }
    let count = |words: &str| bench.log.iter().filter(|line| *line == words).count();
    assert_eq!((count("held back a"), count("message a ")), (300, 10));
    assert!((295..=305).contains(&count("> ping")), "{}", count("> ping"));
}

/// The broker sends the next one as soon as it has our word for one: while it holds any back, as many are under way as it has room for.
#[test]
fn the_backlog_is_over_when_fewer_are_under_way_than_there_is_room_for() {
    let message = |id: u8| [0x32, 5, 0, 1, b'a', 0, id];
    let (first, second, third, fourth, fifth) = (message(1), message(2), message(3), message(4), message(5));
    let up = ["> connect clean=0", "up polder true", "ready"];
    let old = "held back a";
    let begun =
        [Open(KNOWN_3), Get(&first), Get(&second), Get(&third), Pass(0), Acknowledge(0), Acknowledge(1), Pass(0)];
    let asked = [&up[..], &[old, old, old, "> puback 1", "> puback 2", "> ping"]].concat();
    // One of three was under way, and one more came: there was room for a third.
    let script = [&begun[..], &[Get(&fourth), Get(b"\xD0\x00"), Get(&fifth)]].concat();
    check(options(V3, true), &script, &[&asked[..], &[old, "message a "]].concat());
    // Two more came: perhaps there was none.
    let script = [&begun[..], &[Get(&fourth), Get(&fifth), Get(b"\xD0\x00"), Acknowledge(2), Get(&first)]].concat();
    check(options(V3, true), &script, &[&asked[..], &[old, old, "> puback 3", old]].concat());
}

/// A message of QoS 2 is not over before the broker has our last word for it.
#[test]
fn the_backlog_waits_for_the_end_of_an_exchange() {
    let log = |steps: &[Step<'_>]| {
        let mut bench = Bench::new(options(V3, true));
        for step in steps {
            bench.step(step);
        }
        bench.log
    };
    let begun = [Open(KNOWN_3), Get(b"\x34\x05\x00\x01a\x00\x07"), Acknowledge(0), Pass(500)];
    assert!(!log(&begun).contains(&"> ping".to_owned()));
    let ended: Vec<_> = begun.iter().cloned().chain([Get(b"\x62\x02\x00\x07"), Pass(0)]).collect();
    assert_eq!(log(&ended).last().unwrap(), "> ping");
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

/// A message of QoS 2 with the identifier 7, and its release.
const SEVEN: &[u8] = b"\x34\x06\x00\x01a\x00\x07x";
const RELEASE: &[u8] = b"\x62\x02\x00\x07";

#[track_caller]
fn check_kept(known: &[u16], script: &[Step<'_>], expected: &[&str]) {
    let mut bench = Bench::new(Options { acknowledge: super::Acknowledge::Stored, ..options(V3, true) });
    let seven = |id: &u16| KnownMessage { id: *id, checksum: crc32fast::hash(b"a\0x") };
    bench.session.know(&known.iter().map(seven).collect::<Vec<_>>());
    for step in script {
        bench.step(step);
    }
    assert_eq!(bench.log, expected, "{script:?}");
}

const UP: [&str; 3] = ["> connect clean=0", "up polder true", "ready"];

#[test]
fn what_an_earlier_run_took_in_is_not_told_again() {
    check_kept(&[7], &[Open(KNOWN_3), Get(SEVEN)], &[&UP[..], &["> pubrec 7"]].concat());
    check_kept(&[8], &[Open(KNOWN_3), Get(SEVEN)], &[&UP[..], &["held back a"]].concat());
}

#[test]
fn an_identifier_is_given_up_only_when_that_is_durable() {
    check_kept(
        &[],
        &[
            Open(KNOWN_3),
            Get(SEVEN),
            Acknowledge(0),
            Get(RELEASE),
            Get(RELEASE),
            Get(SEVEN),
            Acknowledge(1),
            Get(SEVEN),
        ],
        &[&UP[..], &["held back a", "> pubrec 7", "released 7", "> pubrec 7", "> pubcomp 7", "held back a"]].concat(),
    );
    // It became durable while there was no connection: the broker asks again, whatever it asks.
    check_kept(
        &[7],
        &[
            Open(KNOWN_3),
            Get(RELEASE),
            Close,
            Acknowledge(0),
            Open(KNOWN_3),
            Get(SEVEN),
            Get(RELEASE),
            Acknowledge(1),
            Get(SEVEN),
        ],
        &[&UP[..], &["released 7", "down"], &UP[..], &["> pubrec 7", "released 7", "> pubcomp 7", "held back a"]]
            .concat(),
    );
    // Or after the broker has asked again.
    check_kept(
        &[7],
        &[Open(KNOWN_3), Get(RELEASE), Close, Open(KNOWN_3), Get(RELEASE), Acknowledge(0), Acknowledge(1)],
        &[&UP[..], &["released 7", "down"], &UP[..], &["released 7", "> pubcomp 7"]].concat(),
    );
}

/// Found by killing the broker: it goes on where its last save stood, and gives identifiers again. The messages were answered and lost.
#[test]
fn another_message_under_an_identifier_that_was_not_released_is_told() {
    const OTHER: &[u8] = b"\x34\x06\x00\x01a\x00\x07y";
    check_kept(
        &[7],
        &[
            Open(KNOWN_3),
            Get(OTHER),
            Get(OTHER),
            Get(RELEASE),
            Get(SEVEN),
            Acknowledge(1),
            Acknowledge(0),
            Acknowledge(2),
        ],
        &[&UP[..], &["held back a", "released 7", "held back a", "> pubrec 7"]].concat(),
    );
    // Before the one before it was taken in: that says nothing of the other one.
    check_kept(
        &[],
        &[Open(KNOWN_3), Get(SEVEN), Close, Open(KNOWN_3), Get(OTHER), Acknowledge(0), Acknowledge(1)],
        &[&UP[..], &["held back a", "down"], &UP[..], &["held back a", "> pubrec 7"]].concat(),
    );
}

/// Its samples were dropped: it is told again, and its first receipt means nothing any more.
#[test]
fn a_message_that_was_given_back_is_told_again() {
    let mut bench = Bench::new(Options { acknowledge: super::Acknowledge::Stored, ..options(V3, true) });
    for step in [Open(KNOWN_3), Get(SEVEN)] {
        bench.step(&step);
    }
    bench.session.give_back(bench.receipts[0]);
    for step in [Close, Open(KNOWN_3), Get(SEVEN), Acknowledge(1), Get(SEVEN)] {
        bench.step(&step);
    }
    let told = [&UP[..], &["held back a", "down"], &UP[..], &["held back a", "> pubrec 7", "> pubrec 7"]].concat();
    assert_eq!(bench.log, told);
    // What was taken in is not given back.
    bench.session.give_back(bench.receipts[1]);
    bench.step(&Get(SEVEN));
    assert_eq!(bench.log.last().unwrap(), "> pubrec 7");
}

#[test]
fn a_new_session_gets_nothing_before_the_old_one_is_durably_forgotten() {
    check_kept(
        &[7],
        &[Want(&["a"]), Open(TAKEN_3), Open(KNOWN_3), Get(SEVEN)],
        &[
            "> connect clean=0",
            "> disconnect",
            "session lost",
            "end: the broker has lost the session; a new one is begun",
            "down",
            "> connect clean=0",
            "> subscribe 1 a",
            "up polder true",
            "held back a",
        ],
    );
}
